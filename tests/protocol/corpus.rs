//! Conversations that are kept: each file of `corpus/` tells what arrives and what is read of it.
//!
//! ```text
//! # the story
//! framing: plain | v4 none | v4 lz4 | v3 snappy | v5 none | v5 lz4 …
//! expect: QUERY
//! expect: error 9: Unknown opcode 119
//! expect: fatal -: …
//! 04 00 …                                 (hexadecimal bytes, after a # a comment)
//! ```
//!
//! The number is the stream that is answered. What a file expects is all that is read: what is
//! behind is waited for.

use bytes::BytesMut;
use helenus::protocol::request::RequestMessage;
use helenus::protocol::{Compression, Decoder, Limits, ProtocolError, Version};

struct Case {
    framing: Option<(Version, Compression)>,
    expected: Vec<String>,
    bytes: Vec<u8>,
}

fn parse(text: &str) -> Case {
    let mut case = Case {
        framing: None,
        expected: Vec::new(),
        bytes: Vec::new(),
    };
    for line in text.lines() {
        if let Some(framing) = line.strip_prefix("framing: ") {
            case.framing = framing.split_once(' ').map(|(version, compression)| {
                let number = version.trim_start_matches('v').parse().unwrap();
                let compression = Compression::from_name(compression).unwrap_or_default();
                (Version::from_number(number).unwrap(), compression)
            });
        } else if let Some(expected) = line.strip_prefix("expect: ") {
            case.expected.push(expected.to_owned());
        } else {
            let hex = line.split('#').next().unwrap_or_default();
            for byte in hex.split_whitespace() {
                case.bytes.push(u8::from_str_radix(byte, 16).unwrap());
            }
        }
    }
    case
}

fn told(fault: &ProtocolError) -> String {
    let kind = if fault.fatal { "fatal" } else { "error" };
    match fault.stream {
        Some(stream) => format!("{kind} {stream}: {fault}"),
        None => format!("{kind} -: {fault}"),
    }
}

/// All that is read of the bytes, which come in pieces of `piece`.
fn replay(case: &Case, piece: usize) -> Vec<String> {
    let mut decoder = Decoder::new(Limits::default());
    if let Some((version, compression)) = case.framing {
        decoder.set_framing(version, compression);
    }
    let (mut input, mut seen) = (BytesMut::new(), Vec::new());
    for piece in case.bytes.chunks(piece) {
        input.extend_from_slice(piece);
        loop {
            match decoder.next(&mut input) {
                Ok(Some(envelope)) => seen.push(match RequestMessage::decode(&envelope) {
                    Ok(message) => message.request.opcode().name().to_owned(),
                    Err(fault) => told(&fault),
                }),
                Ok(None) => break,
                Err(fault) => {
                    seen.push(told(&fault));
                    if fault.fatal {
                        return seen;
                    }
                }
            }
        }
    }
    seen
}

#[test]
fn corpus() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/protocol/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is gone");
    for file in files {
        let case = parse(&std::fs::read_to_string(&file).unwrap());
        for piece in [case.bytes.len().max(1), 1, 7] {
            let seen = replay(&case, piece);
            assert_eq!(
                seen,
                case.expected,
                "{} in pieces of {piece}",
                file.display()
            );
        }
    }
}
