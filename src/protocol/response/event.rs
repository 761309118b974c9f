//! Events, and the change of a schema, which is both an event and an answer.

use crate::protocol::fault::{ProtocolError, Result};
use crate::protocol::primitive::{Reader, put_inet, put_string, put_string_list};
use bytes::BytesMut;
use std::net::SocketAddr;

/// Something that happened, told to those who registered for its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node came or went for good.
    Topology {
        /// Which of them.
        change: TopologyChange,
        /// The node.
        node: SocketAddr,
    },
    /// A node started or stopped to answer.
    Status {
        /// Which of them.
        change: StatusChange,
        /// The node.
        node: SocketAddr,
    },
    /// The schema was changed.
    Schema(SchemaChange),
}

/// What happened to the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopologyChange {
    /// A node joined.
    NewNode,
    /// A node left.
    RemovedNode,
    /// A node has other tokens.
    MovedNode,
}

/// What happened to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusChange {
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// What happened to the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// What was done.
    pub change: Change,
    /// To what.
    pub target: SchemaTarget,
    /// In which keyspace, or to which.
    pub keyspace: String,
}

/// What was done to a part of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Created,
    /// It was altered.
    Updated,
    /// It is gone.
    Dropped,
}

/// The part of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaTarget {
    /// The keyspace itself.
    Keyspace,
    /// A table or view.
    Table(String),
    /// A user type.
    Type(String),
    /// A function.
    Function {
        /// Its name.
        name: String,
        /// The types of its arguments.
        arguments: Vec<String>,
    },
    /// An aggregate.
    Aggregate {
        /// Its name.
        name: String,
        /// The types of its arguments.
        arguments: Vec<String>,
    },
}

fn unknown(what: &str, found: &str) -> ProtocolError {
    ProtocolError::malformed(format!("Unknown {what} {found}"))
}

impl SchemaChange {
    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        put_string(
            out,
            match self.change {
                Change::Created => "CREATED",
                Change::Updated => "UPDATED",
                Change::Dropped => "DROPPED",
            },
        );
        let target = match &self.target {
            SchemaTarget::Keyspace => "KEYSPACE",
            SchemaTarget::Table(_) => "TABLE",
            SchemaTarget::Type(_) => "TYPE",
            SchemaTarget::Function { .. } => "FUNCTION",
            SchemaTarget::Aggregate { .. } => "AGGREGATE",
        };
        put_string(out, target);
        put_string(out, &self.keyspace);
        match &self.target {
            SchemaTarget::Keyspace => {}
            SchemaTarget::Table(name) | SchemaTarget::Type(name) => put_string(out, name),
            SchemaTarget::Function { name, arguments }
            | SchemaTarget::Aggregate { name, arguments } => {
                put_string(out, name);
                put_string_list(out, arguments);
            }
        }
    }

    /// The change at the reader.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let change = match reader.str()? {
            "CREATED" => Change::Created,
            "UPDATED" => Change::Updated,
            "DROPPED" => Change::Dropped,
            other => return Err(unknown("schema change", other)),
        };
        let target = reader.str()?;
        let keyspace = reader.string()?;
        let target = match target {
            "KEYSPACE" => SchemaTarget::Keyspace,
            "TABLE" => SchemaTarget::Table(reader.string()?),
            "TYPE" => SchemaTarget::Type(reader.string()?),
            "FUNCTION" => SchemaTarget::Function {
                name: reader.string()?,
                arguments: reader.string_list()?,
            },
            "AGGREGATE" => SchemaTarget::Aggregate {
                name: reader.string()?,
                arguments: reader.string_list()?,
            },
            other => return Err(unknown("target of a schema change", other)),
        };
        Ok(Self {
            change,
            target,
            keyspace,
        })
    }
}

impl Event {
    /// The name of its kind, as REGISTER gives it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Topology { .. } => "TOPOLOGY_CHANGE",
            Self::Status { .. } => "STATUS_CHANGE",
            Self::Schema(_) => "SCHEMA_CHANGE",
        }
    }

    /// Appends it.
    pub fn encode(&self, out: &mut BytesMut) {
        put_string(out, self.kind());
        match self {
            Self::Topology { change, node } => {
                put_string(
                    out,
                    match change {
                        TopologyChange::NewNode => "NEW_NODE",
                        TopologyChange::RemovedNode => "REMOVED_NODE",
                        TopologyChange::MovedNode => "MOVED_NODE",
                    },
                );
                put_inet(out, *node);
            }
            Self::Status { change, node } => {
                put_string(
                    out,
                    match change {
                        StatusChange::Up => "UP",
                        StatusChange::Down => "DOWN",
                    },
                );
                put_inet(out, *node);
            }
            Self::Schema(change) => change.encode(out),
        }
    }

    /// The event at the reader.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(match reader.str()? {
            "TOPOLOGY_CHANGE" => Self::Topology {
                change: match reader.str()? {
                    "NEW_NODE" => TopologyChange::NewNode,
                    "REMOVED_NODE" => TopologyChange::RemovedNode,
                    "MOVED_NODE" => TopologyChange::MovedNode,
                    other => return Err(unknown("topology change", other)),
                },
                node: reader.inet()?,
            },
            "STATUS_CHANGE" => Self::Status {
                change: match reader.str()? {
                    "UP" => StatusChange::Up,
                    "DOWN" => StatusChange::Down,
                    other => return Err(unknown("status change", other)),
                },
                node: reader.inet()?,
            },
            "SCHEMA_CHANGE" => Self::Schema(SchemaChange::decode(reader)?),
            other => return Err(unknown("event", other)),
        })
    }
}
