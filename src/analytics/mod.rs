//! Batch SQL over the live tables, by DataFusion.
//!
//! | module | concept |
//! |---|---|
//! | [`cursor`] | results in pages, for clients that come back |
//! | [`jobs`] | statements that run again and again |
//! | [`statement`] | what frames a query and says where its rows go |
//! | [`wire`] | Arrow values as CQL wire values |
//! | [`write`] | rows of a query written to tables |

pub mod cursor;
pub mod jobs;
pub mod statement;
pub mod wire;
pub mod write;
