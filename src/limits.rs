//! Every bound on what comes from outside, in one place.
//!
//! A length that somebody else claims is checked against one of these before memory is spent on
//! it. Each limit has a test at its value and one above.

/// The longest statement, in bytes: a native-protocol frame as Cassandra bounds it.
pub const STATEMENT_BYTES_MAX: usize = 16 << 20;

/// The most tokens of one statement, the gaps between them included. Each may become a node of a
/// tree, which takes hundreds of times the bytes of its text.
pub const STATEMENT_TOKENS_MAX: usize = 1 << 20;

/// The bytes of long texts that are parsed and run at the same time: the trees of many together
/// must fit into memory. A longer one is run while no other is.
pub const TEXTS_AT_WORK_BYTES_MAX: usize = 512 << 10;

/// How deep literals, types and parentheses may nest.
pub const NESTING_MAX: usize = 64;

/// How deep JSON may nest: far deeper than any type does.
pub const JSON_NESTING_MAX: usize = 256;

/// The most values of one JSON text, names not counted: each takes many times its text in memory.
pub const JSON_VALUES_MAX: usize = 1 << 20;

/// How many operators one expression may chain. Each makes its tree a level deeper, and what walks
/// the tree must fit a thread's stack.
pub const OPERATORS_MAX: usize = 100;

/// The longest serialized partition key, in bytes (Cassandra: an unsigned short).
pub const KEY_BYTES_MAX: usize = 65_535;

/// The longest serialized clustering value, in bytes (Cassandra: an unsigned short).
pub const CLUSTERING_BYTES_MAX: usize = 65_535;

/// The longest value of a cell, in bytes.
pub const VALUE_BYTES_MAX: usize = 256 << 20;

/// The largest mutation that the commit log takes, in bytes.
pub const MUTATION_BYTES_MAX: usize = 16 << 20;

/// How many combinations of keys one SELECT may name by `IN`.
pub const IN_COMBINATIONS_MAX: usize = 262_144;

/// The largest TTL, in seconds: twenty years, as Cassandra's `Attributes.MAX_TTL`.
pub const TTL_SECONDS_MAX: i32 = 20 * 365 * 24 * 60 * 60;

/// The longest name of a keyspace (Cassandra: `SchemaConstants.NAME_LENGTH`).
pub const NAME_LENGTH_MAX: usize = 48;

/// The longest name of a table. Cassandra says 48 and takes what its file system takes, which with
/// the table's id behind the name is this.
pub const TABLE_NAME_LENGTH_MAX: usize = 222;

/// The most columns of a table.
pub const COLUMNS_MAX: usize = 4_096;

/// The largest vector dimension (Cassandra: `VectorType.MAX_DIMENSIONS`).
pub const VECTOR_DIMENSIONS_MAX: usize = 8_192;

/// The longest record of a CSV file, in bytes.
pub const CSV_RECORD_BYTES_MAX: usize = 16 << 20;

/// The largest page of a data block once decompressed, in bytes.
pub const PAGE_BYTES_MAX: usize = 512 << 20;

/// The longest varint, and the longest unscaled part of a decimal, in bytes.
pub const NUMBER_BYTES_MAX: usize = 16_384;

/// What all traces of requests may take together, in bytes: over it the oldest go.
pub const TRACES_BYTES_MAX: usize = 16 << 20;

/// What one trace may take, in bytes: past it no more events are noted.
pub const TRACE_BYTES_MAX: usize = 256 << 10;

/// The longest text in a trace, in bytes; what is longer is cut.
pub const TRACE_TEXT_BYTES_MAX: usize = 16 << 10;

/// The most connections of clients.
pub const CONNECTIONS_MAX: usize = 16_384;

/// The most connections of clients from one address: behind a proxy all have the same.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = CONNECTIONS_MAX;

/// The largest frame that is taken unless set otherwise, in bytes (Cassandra:
/// `native_transport_max_frame_size`).
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// The largest frame of a client that has not shown yet that it is one, in bytes.
pub const HANDSHAKE_FRAME_BYTES_MAX: usize = 64 << 10;

/// The most requests of one connection that are not answered: what a stream id can tell apart.
pub const STREAMS_MAX: usize = 32_768;

/// The most requests of one connection that worker threads have or shall have; over it the
/// connection is not read.
pub const WORKING_PER_CONNECTION_MAX: usize = 1_024;

/// The bytes of one connection's requests that worker threads have or shall have; over it the
/// connection is not read.
pub const IN_FLIGHT_BYTES_PER_CONNECTION_MAX: usize = 32 << 20;

/// The bytes of all connections' requests that worker threads have or shall have; one more is
/// answered OVERLOADED.
pub const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;

/// The answers that one connection may keep unsent, in bytes; over it the connection is not read.
pub const OUTPUT_BYTES_PER_CONNECTION_MAX: usize = 1 << 20;

/// The answers of all connections that may be unsent, in bytes; over it requests that need a
/// worker thread are answered OVERLOADED.
pub const OUTPUT_BYTES_MAX: usize = 64 << 20;

/// The most requests that wait for a worker thread.
pub const QUEUED_REQUESTS_MAX: usize = 4_096;

/// The most threads that do what must wait.
pub const WORKERS_MAX: usize = 32;

/// The most events that wait to be sent to one connection; one more closes it.
pub const QUEUED_EVENTS_MAX: usize = 1_024;

/// The most bind markers of a prepared statement: the protocol counts them in 16 bits.
pub const MARKERS_MAX: usize = u16::MAX as usize;

/// How much memory prepared statements may take, in bytes.
pub const PREPARED_BYTES_MAX: usize = 32 << 20;

/// A page of a result that has grown to this many bytes ends, however few rows it has.
pub const RESULT_PAGE_BYTES: usize = 4 << 20;

/// The largest answer to a SELECT that is not paged, and the largest row, in bytes.
pub const RESULT_BYTES_MAX: usize = 64 << 20;

/// The largest answer that is made on a thread for which others wait, in bytes.
pub const QUICK_RESULT_BYTES_MAX: usize = 256 << 10;

/// A batch over several partitions that is larger, in bytes, draws a warning (Cassandra:
/// `batch_size_warn_threshold`).
pub const BATCH_WARN_BYTES: usize = 5 << 10;

/// A batch over several partitions that is larger, in bytes, is refused (Cassandra:
/// `batch_size_fail_threshold`).
pub const BATCH_FAIL_BYTES: usize = 50 << 10;

/// An unlogged batch over more partitions draws a warning (Cassandra:
/// `unlogged_batch_across_partitions_warn_threshold`).
pub const UNLOGGED_BATCH_WARN_PARTITIONS: usize = 10;

/// The largest answer that the client takes, in bytes: what the protocol can say at most.
pub const RESPONSE_BYTES_MAX: usize = 256 << 20;

/// The most results of batch queries that wait for who reads them in pages; over it the one that
/// was not asked for the longest is forgotten.
pub const CURSORS_MAX: usize = 64;

/// How long such a result waits for its reader, in seconds.
pub const CURSOR_IDLE_SECONDS_MAX: i64 = 600;

/// The rows of one such result that stay in memory, in bytes; the rest goes to a temporary file.
pub const CURSOR_MEMORY_BYTES_MAX: usize = 1 << 20;

/// The largest such file, in bytes.
pub const CURSOR_FILE_BYTES_MAX: u64 = 4 << 30;

/// The most batch queries that are run for network clients at the same time; one more is answered
/// OVERLOADED.
pub const BATCH_QUERIES_MAX: usize = 16;
