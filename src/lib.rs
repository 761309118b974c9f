//! helenus: Cassandra's twin in one binary.

pub mod manual;

pub mod clock;
pub mod config;
pub mod error;
pub mod limits;
pub mod random;

pub mod types;

pub mod schema;

pub mod storage;

pub mod source;

pub mod cql;

pub mod session;

pub mod database;

pub mod transfer;

pub mod shell;

pub mod commands;

pub use cql::result::{BindValue, ColumnSpec, QueryResult, ResultRow, Rows};
pub use database::Database;
pub use error::{Error, ErrorKind, Result};
pub use session::{Prepared, Session};
