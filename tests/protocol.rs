//! The native protocol against itself, against another implementation, and against bad input.
//!
//! | file | asks |
//! |---|---|
//! | `roundtrip` | is what was written read as the same? |
//! | `oracle` | does another implementation read and write the same bytes? |
//! | `client` | does the client speak with the server, and stand bad ones? |
//! | `conversation` | does the server stand bad clients? |
//! | `hostile` | does any input make it panic, hang or take memory? Also replays `corpus/` |
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "protocol/client.rs"]
mod client;
#[path = "protocol/conversation.rs"]
mod conversation;
#[path = "protocol/corpus.rs"]
mod corpus;
#[path = "protocol/generate.rs"]
mod generate;
#[path = "protocol/hostile.rs"]
mod hostile;
#[path = "protocol/oracle.rs"]
mod oracle;
#[path = "protocol/roundtrip.rs"]
mod roundtrip;
