//! Batch SQL over the live tables, by DataFusion.
//!
//! | module | concept |
//! |---|---|
//! | [`wire`] | Arrow values as CQL wire values |

pub mod wire;
