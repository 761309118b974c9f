//! Files of columns: Parquet and Arrow IPC.
//!
//! | file | does |
//! |---|---|
//! | `read` | files → Arrow batches → wire values |
//! | `arrays` | vectors of wire values → Arrow arrays |
//! | `write` | frames → row groups → files |
//!
//! A `uuid` is `FixedSizeBinary(16)` with Parquet's UUID logical type, a `timestamp` milliseconds
//! in UTC, a `date` Date32, a `time` nanoseconds, collections are lists and maps, tuples and user
//! types structs. What Arrow has no exact form for stands as text: `decimal` and `varint` of any
//! size, `inet`, `duration`. Each field says its CQL type in its metadata (`cql_type`), and the
//! file has the table's CQL under `helenus.cql`.

mod arrays;
mod read;
mod write;

pub(super) use read::{Columns, Reader, cql_columns, schema};
pub(super) use write::{File, Group, GroupWriter, Shape};

/// The metadata key of a field's CQL type.
const CQL_TYPE: &str = "cql_type";
/// The metadata key of the table's CQL.
const CQL_TABLE: &str = "helenus.cql";
