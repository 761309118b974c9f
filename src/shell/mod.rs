//! The shell.

pub mod split;
