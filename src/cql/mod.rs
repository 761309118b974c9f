//! CQL: text → tokens → tree → bound plan → execution.

pub mod result;
