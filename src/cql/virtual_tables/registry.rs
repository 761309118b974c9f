//! What only the layers above know, told to the system's tables.
//!
//! `system_views.clients` is about connections, which this layer has never heard of. So whoever
//! knows registers itself for a table ([`Registry::register`]), and is asked when the table is
//! read. The same goes for the node's addresses ([`NodeFacts`]), which the server sets when it
//! starts to listen.

use crate::clock::SharedClock;
use crate::cql::trace::Traces;
use crate::cql::virtual_tables::node;
use crate::error::Result;
use crate::random::Random;
use crate::schema::{DATA_CENTER, Table};
use crate::storage::Engine;
use crate::types::Value;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

/// A row by column names; columns that are not named are null.
pub type NamedValues = Vec<(&'static str, Value)>;

/// Who knows the rows of a table.
pub trait VirtualRows: Send + Sync {
    /// The rows of `table` as of now, in any order.
    fn rows(&self, engine: &Engine, table: &Table) -> Result<Vec<NamedValues>>;
}

impl<F> VirtualRows for F
where
    F: Fn(&Engine, &Table) -> Result<Vec<NamedValues>> + Send + Sync,
{
    fn rows(&self, engine: &Engine, table: &Table) -> Result<Vec<NamedValues>> {
        self(engine, table)
    }
}

/// What the node is called and where it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// The cluster's name.
    pub cluster_name: String,
    /// The data center's name.
    pub data_center: String,
    /// The rack's name.
    pub rack: String,
    /// Where clients reach the node. Never `0.0.0.0`: they connect to what this says.
    pub rpc_address: IpAddr,
    /// The port that clients connect to.
    pub rpc_port: u16,
    /// The address that other nodes would reach it at.
    pub listen_address: IpAddr,
    /// The port that other nodes would reach it at.
    pub storage_port: u16,
    /// When the node was started, in seconds since 1970.
    pub started_at_seconds: i64,
}

impl Default for NodeFacts {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self {
            cluster_name: node::CLUSTER_NAME.to_owned(),
            data_center: DATA_CENTER.to_owned(),
            rack: node::RACK.to_owned(),
            rpc_address: loopback,
            rpc_port: 9042,
            listen_address: loopback,
            storage_port: 7000,
            started_at_seconds: 0,
        }
    }
}

/// Who knows what of the system's tables.
#[derive(Default)]
pub struct Registry {
    providers: RwLock<HashMap<(String, String), Arc<dyn VirtualRows>>>,
    facts: RwLock<Arc<NodeFacts>>,
    traces: Traces,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("facts", &self.node_facts())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// A registry whose traces take times from `clock` and ids from `random`.
    pub fn new(clock: SharedClock, random: Arc<Random>) -> Self {
        let facts = NodeFacts {
            started_at_seconds: clock.now_seconds(),
            ..NodeFacts::default()
        };
        Self {
            providers: RwLock::default(),
            facts: RwLock::new(Arc::new(facts)),
            traces: Traces::new(clock, random),
        }
    }

    /// From now on `provider` is asked for the rows of `keyspace.table`, instead of whoever was
    /// asked before. What it tells comes beside the rows that this layer knows of; of two with
    /// the same primary key the provider's counts.
    pub fn register(&self, keyspace: &str, table: &str, provider: Arc<dyn VirtualRows>) {
        let name = (keyspace.to_owned(), table.to_owned());
        let mut providers = self
            .providers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        providers.insert(name, provider);
    }

    /// Nobody is asked for the rows of `keyspace.table` any more.
    pub fn unregister(&self, keyspace: &str, table: &str) {
        let name = (keyspace.to_owned(), table.to_owned());
        let mut providers = self
            .providers
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        providers.remove(&name);
    }

    /// Who knows the rows of `table`, if somebody registered.
    pub fn provider(&self, table: &Table) -> Option<Arc<dyn VirtualRows>> {
        let providers = self.providers.read();
        let providers = providers.unwrap_or_else(PoisonError::into_inner);
        let name = (table.keyspace.clone(), table.name.clone());
        providers.get(&name).cloned()
    }

    /// What the node is called and where it is reached.
    pub fn node_facts(&self) -> Arc<NodeFacts> {
        Arc::clone(&self.facts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sets what the node is called and where it is reached.
    pub fn set_node_facts(&self, facts: NodeFacts) {
        *self.facts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(facts);
    }

    /// The traces of requests.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }
}
