//! CQL: text → tokens → tree → bound plan → execution.

pub mod ast;
pub mod bind;
pub mod ddl;
pub mod describe;
pub mod evaluate;
pub mod execute;
pub mod explain;
pub mod functions;
pub mod json;
pub mod lexer;
pub mod parser;
pub mod plan;
pub mod result;
pub mod trace;
pub mod virtual_tables;
