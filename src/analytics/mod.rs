//! Batch SQL over the live tables, by DataFusion.
//!
//! | module | concept |
//! |---|---|
//! | [`statement`] | what frames a query and says where its rows go |
//! | [`wire`] | Arrow values as CQL wire values |
//! | [`write`] | rows of a query written to tables |

pub mod statement;
pub mod wire;
pub mod write;
