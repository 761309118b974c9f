//! Batch SQL over the live tables, by DataFusion.
//!
//! A text is measured ([`guard`]) before any parser sees it, its markers are numbered, and the
//! tables it names are looked up. To run it, all its tables are pinned at one moment; the planner
//! sees them as providers, hands down what it wants of each (columns, conditions, filters that
//! become known while it runs), and a scan turns the engine's vectors into Arrow batches.
//!
//! ```text
//! text ─► guard ─► markers ─► parser ─► plan ─► optimizer ─► operators ─► QueryStream
//!                                 │                 │             ▲
//!                              catalog        prune (keys,     scan ◄── Engine (one snapshot)
//!                                             slices, zones)      └── build (vectors to Arrow)
//! ```
//!
//! It runs on threads of its own with lower priority, in a bounded memory, and spills to files
//! beyond that. Planning is done twice: when a statement is prepared, for its columns and markers,
//! and when it is run, since values and the tables' figures are known only then.
//!
//! | module | concept |
//! |---|---|
//! | [`build`] | CQL values as Arrow arrays |
//! | [`cursor`] | results in pages, for clients that come back |
//! | [`guard`] | which texts may reach the parser |
//! | [`jobs`] | statements that run again and again |
//! | [`pg_catalog`] | PostgreSQL's catalogs over our schema |
//! | [`statement`] | what frames a query and says where its rows go |
//! | [`types`] | CQL types as Arrow types, and back |
//! | [`wire`] | Arrow values as CQL wire values |
//! | [`mod@write`] | rows of a query written to tables |

pub mod build;
mod cancel;
mod context;
pub mod cursor;
mod errors;
mod explain;
mod files;
pub mod guard;
pub mod jobs;
mod markers;
pub mod pg_catalog;
mod provider;
mod prune;
mod query;
mod refused;
mod scan;
mod sieve;
pub mod statement;
mod stream;
mod token;
pub mod types;
pub mod wire;
pub mod write;

pub use context::{Analytics, AnalyticsOptions};
pub use query::{FileAccess, PreparedQuery, QueryOptions};
pub use stream::QueryStream;
