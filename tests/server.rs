//! The network server, end to end: real sockets, our own client, the `scylla` crate, and bytes that
//! no client would send.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests wait, start threads and write files of their own"
)]

#[path = "server/bounds.rs"]
mod bounds;
#[path = "server/conditional.rs"]
mod conditional;
#[path = "server/conversation.rs"]
mod conversation;
#[path = "server/lifecycle.rs"]
mod lifecycle;
#[path = "server/program.rs"]
mod program;
#[path = "server/raw.rs"]
mod raw;
#[path = "server/support.rs"]
mod support;
