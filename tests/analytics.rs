//! Batch SQL through the library: what needs Rust to be tested, by area.
#![cfg(feature = "analytics")]
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "analytics/answers.rs"]
mod answers;
#[path = "analytics/flights.rs"]
mod flights;
#[path = "analytics/pushdown.rs"]
mod pushdown;
#[path = "analytics/tpch.rs"]
mod tpch;
#[path = "analytics/tpch_data.rs"]
mod tpch_data;
#[path = "analytics/write.rs"]
mod write;
