//! JSON: its text read and written, and turned into wire values of CQL's types and back.
//!
//! JSON knows six kinds of values, CQL two dozen types, so each type says which JSON it takes: a
//! number may stand as text (`"12"`), a date must, a map's key always does, and a collection may
//! be text that holds JSON in turn. Cassandra's rules are the rules here, and so are its words for
//! what is wrong, down to the names of Java's classes: programs match on them.
//!
//! ```text
//! INSERT JSON '…', from_json('…')          text ─ parse ─► Json ─ decode ─► wire bytes
//! SELECT JSON …, to_json(…)                wire bytes ─ print ─► text
//! ```
//!
//! | file | does |
//! |---|---|
//! | `parse` | text → [`Json`]; nothing is read past the value's end |
//! | `fail` | what is said of text that is no JSON, and where it went wrong |
//! | `value` | [`Json`], and how messages show it |
//! | `decode` | [`Json`] → wire bytes of a type |
//! | `print` | wire bytes → text |
//! | `insert` | the columns that INSERT JSON fills |
//! | `function` | `to_json`, `from_json`, and the one column of SELECT JSON |
//!
//! Texts come from anywhere, so their depth, the number of their values and the digits of their
//! numbers are bounded before memory is spent on them.

mod decode;
mod fail;
mod function;
mod insert;
mod parse;
mod print;
mod value;

#[cfg(test)]
mod tests;

pub use decode::{Mismatch, decode};
pub use fail::Malformed;
pub use function::{from_json, row_as_json, to_json};
pub use insert::{Columns, JsonInsert, null_row};
pub use parse::{parse, parse_object};
pub use print::print;
pub use value::Json;
