//! Batch SQL through the library: what needs Rust to be tested, by area.
#![cfg(feature = "analytics")]
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "analytics/write.rs"]
mod write;
