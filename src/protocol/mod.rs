//! Cassandra's native protocol, versions 3, 4 and 5: bytes to messages and back, without I/O.
//!
//! A conversation is a stream of *envelopes* in each direction. A client numbers each of its
//! requests with a stream, and the answer carries the same number, so that many requests can be
//! under way at once and answers may come in any order:
//!
//! ```text
//!  0         1         2                   4         5                                       9
//! +---------+---------+-------------------+---------+---------------------------------------+---
//! | version | flags   | stream            | opcode  | length of the body                    | body
//! +---------+---------+-------------------+---------+---------------------------------------+---
//!  response: 0x80 set                                 all integers are big-endian
//! ```
//!
//! In versions 3 and 4 envelopes follow each other on the connection, and each body may be
//! compressed for itself. In version 5 that holds until the STARTUP is answered; from then on
//! both sides speak in *segments*, which are checksummed, compressed as wholes, and hold either
//! any number of whole envelopes or a piece of a large one ([`segment`] draws them).
//!
//! | module | concept |
//! |---|---|
//! | [`envelope`] | the header, and [`Decoder`]: bytes that arrived become envelopes |
//! | [`encoder`] | [`Encoder`]: envelopes become bytes to send |
//! | [`segment`] | the frames of version 5 |
//! | [`checksum`] | CRC24 and CRC32 as those frames use them |
//! | [`compress`] | LZ4 and Snappy of bodies and segments |
//! | [`primitive`] | strings, byte strings, maps, addresses: what bodies are made of |
//! | [`consistency`] | consistency levels |
//! | [`types`] | CQL types as option ids, and [`class_name`] for those that have none |
//! | [`request`] | what a client says |
//! | [`response`] | what a server says |
//! | [`fault`] | [`ProtocolError`]: what cannot be understood, and what to do about it |
//!
//! Two rules hold everywhere. Every length that the other side claims is held against
//! [`crate::limits`] and against the bytes that are there before anything is allocated for it.
//! And nothing here panics, whatever the bytes: the fuzz in `tests/protocol.rs` says so.
#![deny(clippy::indexing_slicing)]

pub mod checksum;
pub mod class_name;
pub mod compress;
pub mod consistency;
pub mod encoder;
pub mod envelope;
pub mod fault;
pub mod primitive;
pub mod request;
pub mod response;
pub mod segment;
pub mod types;
pub mod version;

pub use compress::Compression;
pub use consistency::Consistency;
pub use encoder::Encoder;
pub use envelope::{Decoder, Envelope, Limits};
pub use fault::{Fault, ProtocolError};
pub use request::{Request, RequestMessage};
pub use response::{ErrorBody, Prefix, Response, ResponseMessage};
pub use version::{Opcode, Version, flag};
