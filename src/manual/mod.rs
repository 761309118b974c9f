//! The handbook.
//!
//! | page | for whom |
//! |---|---|
//! | [`architecture`] | who reads or changes the code |
//! | [`decisions`] | who asks "why is it so?" |
//! | [`formats`] | who must know what stands on disk |
//! | [`format_sstable`] | who must know it of SSTables, byte by byte |
//! | [`cql_support`] | who brings an application from Cassandra |
//! | [`cql_differences`] | who gets another answer than from Cassandra |
//! | [`batch_sql`] | who asks for more than CQL answers |
//! | [`protocol`] | who writes a client, or reads its bytes |
//! | [`system_tables`] | who looks at the node and its schema through CQL |
//! | [`clients`] | who connects an application or a tool of Cassandra |
//! | [`shell`] | who types statements |
//! | [`postgres`] | who asks by a tool of PostgreSQL |
//! | [`server`] | who lets clients connect |
//! | [`operations`] | who runs it |
//! | [`performance`] | who measures |
//! | [`changelog`] | who upgrades |

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("decisions.md")]
pub mod decisions {}

#[doc = include_str!("formats.md")]
pub mod formats {}

#[doc = include_str!("format_sstable.md")]
pub mod format_sstable {}

#[doc = include_str!("cql_support.md")]
pub mod cql_support {}

#[doc = include_str!("cql_differences.md")]
pub mod cql_differences {}

#[doc = include_str!("batch_sql.md")]
pub mod batch_sql {}

#[doc = include_str!("protocol.md")]
pub mod protocol {}

#[doc = include_str!("system_tables.md")]
pub mod system_tables {}

#[doc = include_str!("clients.md")]
pub mod clients {}

#[doc = include_str!("shell.md")]
pub mod shell {}

#[doc = include_str!("postgres.md")]
pub mod postgres {}

#[doc = include_str!("server.md")]
pub mod server {}

#[doc = include_str!("import_export.md")]
pub mod import_export {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("changelog.md")]
pub mod changelog {}
