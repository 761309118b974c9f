//! CQL: text → tokens → tree → bound plan → execution.

pub mod ast;
pub mod parser;
pub mod result;
