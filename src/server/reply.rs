//! What goes back to a client.
//!
//! The outcome of a request is written as an envelope's body right into the connection's buffer
//! where the request ran on the network's thread. Worker threads make a [`Reply`] of it, a body of
//! its own, that the connection takes up when it comes by.

use crate::cql::result::{ColumnSpec, Page, SchemaAction, SchemaEvent, SchemaTarget};
use crate::protocol::response::{
    self, Change, ColumnRef, PreparedMetadata, RowsOptions, SchemaChange,
    SchemaTarget as WireTarget,
};
use crate::protocol::{Opcode, Prefix, Version};
use crate::server::failure::Failure;
use crate::server::metrics::{Outcome as Counted, RequestKind};
use crate::server::room::AnswerRoom;
use crate::session::Prepared;
use crate::storage::Ticket;
use bytes::{BufMut, Bytes, BytesMut};
use std::cell::RefCell;
use std::sync::Arc;
use uuid::Uuid;

/// The largest scratch buffer that a thread keeps, in bytes.
const SCRATCH_BYTES_MAX: usize = 256 << 10;

thread_local! {
    /// Where rows are encoded before what comes in front of them is known.
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// An empty buffer for rows.
pub fn scratch() -> BytesMut {
    SCRATCH.with_borrow_mut(std::mem::take)
}

/// Gives the buffer back.
pub fn give_back(mut buffer: BytesMut) {
    buffer.clear();
    if buffer.capacity() <= SCRATCH_BYTES_MAX {
        SCRATCH.with_borrow_mut(|kept| *kept = buffer);
    }
}

/// What a request came to.
#[derive(Debug)]
pub struct Outcome {
    /// The answer.
    pub what: What,
    /// What the client should be warned of.
    pub warnings: Vec<String>,
    /// The trace that was made of it.
    pub trace: Option<Uuid>,
    /// What must be durable before it is told.
    pub ticket: Option<Ticket>,
    /// What sort of request it was.
    pub kind: RequestKind,
}

/// The answer to a request.
#[derive(Debug)]
pub enum What {
    /// Done.
    Void,
    /// The keyspace from now on.
    SetKeyspace(String),
    /// The schema was changed.
    SchemaChange(SchemaEvent),
    /// A statement was prepared.
    Prepared(Prepared),
    /// A page of rows.
    Rows(RowsReply),
    /// It failed.
    Failed(Failure),
}

/// A page of rows.
#[derive(Debug)]
pub struct RowsReply {
    /// Their columns.
    pub columns: Arc<[ColumnSpec]>,
    /// The number of rows and where the next page starts.
    pub page: Page,
    /// The rows, in a buffer that is to be given back.
    pub cells: BytesMut,
    /// What they take of the room for answers, until they are written.
    pub room: AnswerRoom,
    /// Whether the client knows the columns.
    pub skip_metadata: bool,
    /// The columns' new id, where the client knows others.
    pub new_metadata_id: Option<[u8; 16]>,
}

impl Outcome {
    /// A failed request.
    pub fn failed(kind: RequestKind, failure: Failure) -> Self {
        Self {
            what: What::Failed(failure),
            warnings: Vec::new(),
            trace: None,
            ticket: None,
            kind,
        }
    }

    /// The opcode and the flags of its envelope.
    pub fn header(&self, version: Version) -> (Opcode, u8) {
        let opcode = match self.what {
            What::Failed(_) => Opcode::Error,
            _ => Opcode::Result,
        };
        if self.is_plain() {
            return (opcode, 0);
        }
        (opcode, self.prefix().flags(version))
    }

    fn is_plain(&self) -> bool {
        self.trace.is_none() && self.warnings.is_empty()
    }

    fn prefix(&self) -> Prefix {
        Prefix {
            tracing_id: self.trace,
            warnings: self.warnings.clone(),
            payload: None,
        }
    }

    /// Whether it is a RESULT that says nothing at all.
    pub fn is_bare_void(&self) -> bool {
        matches!(self.what, What::Void) && self.is_plain()
    }

    /// How it counts.
    pub fn counted(&self) -> Counted {
        match &self.what {
            What::Failed(failure) => Counted::Failed(failure.body.code()),
            _ => Counted::Done,
        }
    }

    /// Appends the envelope's body.
    pub fn write(self, version: Version, out: &mut BytesMut) {
        if !self.is_plain() {
            self.prefix().write(version, out);
        }
        match self.what {
            What::Void => response::void(out),
            What::SetKeyspace(keyspace) => response::set_keyspace(out, &keyspace),
            What::SchemaChange(event) => response::schema_change(out, &wire_change(event)),
            What::Prepared(statement) => write_prepared(&statement, version, out),
            What::Rows(rows) => rows.write(version, out),
            What::Failed(failure) => {
                response::error(out, version, &failure.message, &failure.body);
            }
        }
    }
}

impl RowsReply {
    fn write(self, version: Version, out: &mut BytesMut) {
        let options = RowsOptions {
            skip_metadata: self.skip_metadata,
            paging_state: self.page.paging_state.as_deref(),
            new_metadata_id: self.new_metadata_id.as_ref().map(<[u8; 16]>::as_slice),
        };
        out.reserve(self.cells.len() + 64);
        response::rows_metadata(out, version, self.columns.iter().map(column), options);
        out.put_u32(self.page.rows);
        out.put_slice(&self.cells);
        give_back(self.cells);
    }
}

fn column(spec: &ColumnSpec) -> ColumnRef<'_> {
    ColumnRef {
        keyspace: &spec.keyspace,
        table: &spec.table,
        name: &spec.name,
        ty: &spec.ty,
    }
}

fn write_prepared(statement: &Prepared, version: Version, out: &mut BytesMut) {
    let variables = statement.variables();
    let columns = statement.result_columns();
    let metadata = PreparedMetadata {
        id: &statement.id(),
        result_metadata_id: &statement.result_metadata_id(),
        partition_key_indices: &statement.partition_key_indices(),
    };
    response::prepared(
        out,
        version,
        metadata,
        variables.iter().map(column),
        columns.iter().map(column),
    );
}

/// A change of the schema in the protocol's terms.
pub fn wire_change(event: SchemaEvent) -> SchemaChange {
    SchemaChange {
        change: match event.action {
            SchemaAction::Created => Change::Created,
            SchemaAction::Updated => Change::Updated,
            SchemaAction::Dropped => Change::Dropped,
        },
        target: match event.target {
            SchemaTarget::Keyspace => WireTarget::Keyspace,
            SchemaTarget::Table => WireTarget::Table(event.name),
            SchemaTarget::Type => WireTarget::Type(event.name),
        },
        keyspace: event.keyspace,
    }
}

/// The answer of a worker thread to a request.
#[derive(Debug)]
pub struct Reply {
    /// Which request it answers.
    pub stream: i16,
    /// What it is.
    pub opcode: Opcode,
    /// The envelope's flags.
    pub flags: u8,
    /// The envelope's body.
    pub body: Bytes,
    /// What must be durable before it is sent.
    pub ticket: Option<Ticket>,
    /// The keyspace of the connection from now on.
    pub keyspace: Option<String>,
    /// What sort of request it was.
    pub kind: RequestKind,
    /// How it ended.
    pub counted: Counted,
    /// When the request came, in microseconds of the monotonic clock.
    pub started_at_micros: i64,
    /// The request's bytes.
    pub request_bytes: usize,
}
