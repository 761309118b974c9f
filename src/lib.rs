//! helenus: Cassandra's twin in one binary.
//!
//! A wide-column, log-structured database that speaks CQL: a commit log feeds in-memory memtables
//! that are flushed to immutable, columnar SSTables, which tiered compaction merges and expires by
//! TTL. As a library, [`Database`] is the front door; its page has a runnable example. As a
//! program, `helenus` serves Cassandra's clients ([`server`]), has a shell, bulk import and export,
//! and tools ([`commands`]). The handbook is in [`manual`].
//!
//! It is not a cluster: there is no replication. It has no batch SQL yet.
//!
//! # The life of an INSERT
//!
//! 1. [`Session::execute`] gets the text; `cql::parser::parse_statement` makes a syntax tree of it,
//!    and `cql::bind::bind` holds that against the [`schema::Catalog`]: names become columns,
//!    constants become wire bytes, markers become slots. The result is a `cql::plan::Plan`.
//!    A [`Prepared`] statement keeps its plan and starts at step 2.
//! 2. `cql::execute::execute` fills in the values and makes a [`storage::mutation::Mutation`], with
//!    a timestamp from [`storage::Engine::next_timestamp`].
//! 3. [`storage::Engine::apply`] checks it and encodes it, once. The same bytes go to
//!    `storage::commitlog`, which gives them their place in the order of all writes, and into the
//!    table's memtable.
//! 4. The writer waits until its group of the log is synced. Then the INSERT is acknowledged.
//! 5. Later `storage::background` flushes the memtable to an SSTable, an edit of
//!    `storage::manifest` makes that SSTable part of the database, and the log gives up its space.
//! 6. Later still `storage::compaction` merges it with others, and drops what has expired.
//!
//! With IF the plan has a condition: `cql::execute::conditional` takes the partition's lock through
//! [`storage::Engine::read_modify_write`], reads, decides, and goes on at step 3 or not at all. If
//! the table has indexes, step 3 derives the changes of their entries and puts them into the same
//! record.
//!
//! # The life of a SELECT
//!
//! 1. Text becomes a plan, as above. The plan knows which partitions, which slices of their rows
//!    and which columns are wanted, and in which direction; or by which index rows are found.
//! 2. [`storage::Engine::read`] takes the table as of now: its memtables and SSTables. Those whose
//!    filter or range says no are left out.
//! 3. Each is a `storage::source::Source`; `storage::merge` walks them side by side,
//!    `storage::reconcile` decides between versions, `storage::live` leaves out what is deleted or
//!    expired at the read's moment.
//! 4. `cql::execute` filters, groups, computes and limits; [`Rows::next`] pulls one row at a time,
//!    so a LIMIT stops the whole chain.

pub mod manual;

pub mod clock;
pub mod config;
pub mod error;
pub mod limits;
pub mod random;

pub mod types;

pub mod schema;

pub mod protocol;

pub mod storage;

pub mod client;

pub mod access;

pub mod source;

pub mod cql;

#[cfg(feature = "analytics")]
pub mod analytics;

pub mod session;

pub mod database;

pub mod remote;

pub mod transfer;

pub mod server;

pub mod shell;

pub mod commands;

pub use cql::result::{BindValue, ColumnSpec, QueryResult, ResultRow, Rows};
pub use database::Database;
pub use error::{Error, ErrorKind, Result};
pub use session::{Prepared, Session};
