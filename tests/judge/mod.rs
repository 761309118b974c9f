//! The judge: scripts of CQL, what Apache Cassandra answered to them, and what helenus answers.
//!
//! | module | concept |
//! |---|---|
//! | [`script`] | statements and the directives between them |
//! | [`side`] | who answers: a server of ours in this process, or a Cassandra |
//! | [`show`] | answers as text: the one form in which both are written |
//! | [`recorded`] | scripts and recordings as files, and their comparison |
//! | [`count`] | how many distinct statements the scripts have |
//! | [`generate`] | random statements, asked of both |
//!
//! Both sides are asked by the same client through the same code, so whatever differs in the text
//! is a difference between the servers. Time is pinned: every request says what time it is
//! (`now_in_seconds`), [`START_SECONDS`] at first, later by what the script waits; our own
//! server's clock shows the same. Default timestamps are each server's own.

pub mod count;
pub mod generate;
pub mod recorded;
pub mod script;
pub mod show;
pub mod side;

/// When every script starts, in seconds: 2030-01-01. It is later than the real time, in which a
/// Cassandra that records purges what is deleted, and early enough for TTLs of years to end
/// before 2038.
pub const START_SECONDS: i64 = 1_893_456_000;
