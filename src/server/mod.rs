//! The network server.

pub mod logging;
pub mod metrics;
