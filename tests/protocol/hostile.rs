//! Bad input: whatever arrives, nothing panics, nothing hangs, and memory stays within what
//! arrived.

use crate::generate;
use bytes::{Bytes, BytesMut};
use helenus::limits;
use helenus::protocol::request::RequestMessage;
use helenus::protocol::response::{Response, ResponseMessage, ResultBody};
use helenus::protocol::{Compression, Decoder, Encoder, Envelope, Fault, Limits, Opcode, Version};
use helenus::random::Random;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// The limit that the fuzz works with: small, so that overstepping it is common.
const BODY_BYTES_MAX: usize = 20_000;

/// What memory a decoder may take besides its input: a large envelope in pieces, a segment.
const HELD_BYTES_MAX: usize = 4 * BODY_BYTES_MAX + (1 << 18);

/// The framings that are there.
fn framings() -> Vec<(Version, Compression)> {
    let mut all = Vec::new();
    for version in Version::ALL {
        all.extend([(version, Compression::None), (version, Compression::Lz4)]);
    }
    all.extend([
        (Version::V3, Compression::Snappy),
        (Version::V4, Compression::Snappy),
    ]);
    all
}

fn runner(seed: u64) -> TestRunner {
    TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    })
}

/// A stream of a few valid messages.
fn valid_stream(
    runner: &mut TestRunner,
    (version, compression): (Version, Compression),
    responses: bool,
) -> Vec<u8> {
    let mut encoder = if responses {
        Encoder::new(version)
    } else {
        Encoder::client(version)
    };
    encoder.set_framing(version, compression);
    let (mut collected, mut sent) = (BytesMut::new(), BytesMut::new());
    for stream in 0..3 {
        if responses {
            let response = generate::response(version)
                .new_tree(runner)
                .unwrap()
                .current();
            encoder.frame(&mut collected, stream, response.opcode(), 0, |out| {
                generate::write(&response, version, out);
            });
        } else {
            let message = generate::request_message(version);
            let message = message.new_tree(runner).unwrap().current();
            let (opcode, flags) = (message.request.opcode(), message.flags());
            encoder.frame(&mut collected, stream, opcode, flags, |out| {
                message.encode(version, out);
                // Sometimes long enough to be compressed.
                out.extend_from_slice(&vec![7; usize::try_from(stream).unwrap() * 400]);
            });
        }
    }
    encoder.seal(&mut collected, &mut sent);
    sent.to_vec()
}

/// Changes bytes as an attacker or a broken network would.
fn mutate(bytes: &mut Vec<u8>, random: &Random) {
    for _ in 0..=random.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = usize::try_from(random.below(bytes.len() as u64)).unwrap();
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next_u64() as u8,
            2 => {
                let extreme: [u8; 4] = match random.below(5) {
                    0 => i32::MAX.to_be_bytes(),
                    1 => i32::MIN.to_be_bytes(),
                    2 => (-1_i32).to_be_bytes(),
                    3 => (1_i32 << 30).to_be_bytes(),
                    _ => 0_i32.to_be_bytes(),
                };
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&extreme[..end - at]);
            }
            3 => bytes.truncate(at),
            4 => bytes.insert(at, random.next_u64() as u8),
            _ => {
                bytes.remove(at);
            }
        }
    }
}

/// Reads a body as deep as its user would.
fn read(envelope: &Envelope) {
    if envelope.opcode.is_request() {
        let _ = RequestMessage::decode(envelope);
        return;
    }
    let Ok(message) = ResponseMessage::decode(envelope) else {
        return;
    };
    if let Response::Result(ResultBody::Rows(rows)) = message.response {
        for row in rows.rows() {
            if row.is_err() {
                return;
            }
        }
    }
}

/// Feeds bytes in pieces of random lengths, and holds the decoder to its bounds.
fn feed(decoder: &mut Decoder, bytes: &[u8], random: &Random) {
    let mut input = BytesMut::new();
    let mut rest = bytes;
    // Each turn takes a byte at least, or is the last.
    let mut turns_left = bytes.len() + 2;
    while !rest.is_empty() {
        let piece = 1 + usize::try_from(random.below(rest.len() as u64)).unwrap();
        input.extend_from_slice(&rest[..piece]);
        rest = &rest[piece..];
        loop {
            turns_left = turns_left.checked_sub(1).expect("it makes progress");
            match decoder.next(&mut input) {
                Ok(Some(envelope)) => read(&envelope),
                Ok(None) => {
                    turns_left += 1;
                    break;
                }
                Err(fault) if fault.fatal => return,
                Err(_) => {}
            }
            assert!(decoder.held_bytes() <= HELD_BYTES_MAX);
        }
        assert!(input.capacity() <= 4 * bytes.len() + (1 << 18));
        assert!(decoder.held_bytes() <= HELD_BYTES_MAX);
    }
}

fn decoder((version, compression): (Version, Compression), responses: bool) -> Decoder {
    let limits = Limits {
        body_bytes_max: BODY_BYTES_MAX,
    };
    let mut decoder = if responses {
        Decoder::client(limits)
    } else {
        Decoder::new(limits)
    };
    decoder.set_framing(version, compression);
    decoder
}

#[test]
fn changed_streams() {
    let random = Random::seeded(1);
    let mut runner = runner(1);
    for round in 0..80 {
        for framing in framings() {
            let responses = round % 2 == 1;
            let valid = valid_stream(&mut runner, framing, responses);
            for _ in 0..12 {
                let mut changed = valid.clone();
                mutate(&mut changed, &random);
                feed(&mut decoder(framing, responses), &changed, &random);
            }
        }
    }
}

/// Bodies alone, so that no checksum protects them.
#[test]
fn changed_bodies() {
    let random = Random::seeded(2);
    let mut runner = runner(2);
    for _ in 0..700 {
        for version in Version::ALL {
            let message = generate::request_message(version);
            let message = message.new_tree(&mut runner).unwrap().current();
            let response = generate::response(version)
                .new_tree(&mut runner)
                .unwrap()
                .current();
            let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
            message.encode(version, &mut asked);
            generate::write(&response, version, &mut answered);
            let opcodes = [message.request.opcode(), response.opcode()];
            for (opcode, body) in opcodes.into_iter().zip([asked, answered]) {
                let mut body = body.to_vec();
                mutate(&mut body, &random);
                read(&Envelope {
                    version,
                    flags: random.next_u64() as u8 & 0x1E,
                    stream: 1,
                    opcode,
                    body: Bytes::from(body),
                });
            }
        }
    }
}

#[test]
fn random_bytes() {
    let random = Random::seeded(3);
    for _ in 0..4_000 {
        let length = usize::try_from(random.below(300)).unwrap();
        let mut bytes: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
        // Mostly with a version that lets it in.
        if let Some(first) = bytes.first_mut().filter(|_| random.below(4) > 0) {
            *first = 3 + random.below(3) as u8;
        }
        let framings = framings();
        let framing = framings[usize::try_from(random.below(framings.len() as u64)).unwrap()];
        feed(&mut decoder(framing, false), &bytes, &random);
        let mut fresh = Decoder::new(Limits::default());
        feed(&mut fresh, &bytes, &random);
    }
}

/// A message that ends too early is waited for, and a body that ends too early is no message, or
/// one whose end does not matter.
#[test]
fn cut_at_every_byte() {
    let mut runner = runner(4);
    for framing in framings() {
        let valid = valid_stream(&mut runner, framing, false);
        let whole = count(&mut decoder(framing, false), &valid);
        assert_eq!(whole, 3);
        for end in 0..valid.len() {
            assert!(count(&mut decoder(framing, false), &valid[..end]) < 3);
        }
    }
    for _ in 0..100 {
        for version in Version::ALL {
            let message = generate::request_message(version);
            let message = message.new_tree(&mut runner).unwrap().current();
            let mut body = BytesMut::new();
            message.encode(version, &mut body);
            for end in 0..body.len() {
                read(&Envelope {
                    version,
                    flags: message.flags(),
                    stream: 1,
                    opcode: message.request.opcode(),
                    body: Bytes::copy_from_slice(&body[..end]),
                });
            }
        }
    }
}

/// How many envelopes there are; none of them at fault.
fn count(decoder: &mut Decoder, bytes: &[u8]) -> usize {
    let mut input = BytesMut::from(bytes);
    let mut count = 0;
    while decoder.next(&mut input).unwrap().is_some() {
        count += 1;
    }
    count
}

fn header(version: u8, length: u32) -> Vec<u8> {
    let mut bytes = vec![version, 0, 0, 9, Opcode::Query.number()];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes
}

/// A gigabyte that is only claimed takes no memory, is told, and does not stop the connection
/// where the protocol allows such a length at all.
#[test]
fn claims_take_no_memory() {
    for version in Version::ALL {
        let mut decoder = Decoder::new(Limits::default());
        let mut input = BytesMut::from(&header(version.number(), 1 << 30)[..]);
        let fault = decoder.next(&mut input).unwrap_err();
        assert_eq!(
            (fault.fault, fault.stream, fault.fatal),
            (Fault::TooLarge, Some(9), true)
        );
        assert!(input.capacity() < 1_000 && decoder.held_bytes() == 0);
    }
    let large = u32::try_from(limits::RESPONSE_BYTES_MAX).unwrap();
    let mut decoder = Decoder::new(Limits::default());
    let mut input = BytesMut::from(&header(4, large)[..]);
    let fault = decoder.next(&mut input).unwrap_err();
    assert_eq!((fault.fault, fault.fatal), (Fault::TooLarge, false));
    // The body comes all the same, and is passed over without being kept.
    let piece = vec![1; 1 << 20];
    for _ in 0..large / (1 << 20) {
        input.extend_from_slice(&piece);
        assert_eq!(decoder.next(&mut input), Ok(None));
        assert!(input.is_empty() && input.capacity() < 4 << 20);
    }
    input.extend_from_slice(&header(4, 0));
    assert_eq!(decoder.next(&mut input).unwrap().unwrap().stream, 9);
}

/// The limit itself is taken, one more is not; also of bodies that only grow so long when they
/// are decompressed.
#[test]
fn limit_and_one_more() {
    let limits = Limits {
        body_bytes_max: 10_000,
    };
    for (version, compression) in framings() {
        for (length, taken) in [(10_000, true), (10_001, false)] {
            let mut encoder = Encoder::client(version);
            encoder.set_framing(version, compression);
            let (mut collected, mut sent) = (BytesMut::new(), BytesMut::new());
            for length in [length, 5] {
                encoder.frame(&mut collected, 4, Opcode::Query, 0, |out| {
                    out.extend_from_slice(&vec![0; length]);
                });
            }
            encoder.seal(&mut collected, &mut sent);
            let mut decoder = Decoder::new(limits);
            decoder.set_framing(version, compression);
            let first = decoder.next(&mut sent);
            if taken {
                assert_eq!(first.unwrap().unwrap().body.len(), length);
            } else {
                let fault = first.unwrap_err();
                assert_eq!((fault.fault, fault.fatal), (Fault::TooLarge, false));
            }
            assert_eq!(decoder.next(&mut sent).unwrap().unwrap().body.len(), 5);
        }
    }
}

/// A few bytes that claim to be many once decompressed.
#[test]
fn claims_of_compressed_bodies_take_no_memory() {
    // LZ4: the length, then a block. Snappy: the length as a varint, then a block.
    let claims: [(Compression, &[u8], &str); 4] = [
        (
            Compression::Lz4,
            &[0x7F, 0xFF, 0xFF, 0xFF, 0x10, 0x61],
            "too big",
        ),
        (
            Compression::Lz4,
            &[0x00, 0xFF, 0xFF, 0xFF, 0x10, 0x61],
            "Cannot decompress",
        ),
        (
            Compression::Snappy,
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00],
            "too big",
        ),
        (
            Compression::Snappy,
            &[0xFF, 0xFF, 0xFF, 0x07, 0x00],
            "Cannot decompress",
        ),
    ];
    for (compression, body, words) in claims {
        let mut decoder = Decoder::new(Limits::default());
        decoder.set_framing(Version::V4, compression);
        let mut bytes = header(4, u32::try_from(body.len()).unwrap());
        bytes[1] = 1;
        bytes.extend_from_slice(body);
        let fault = decoder.next(&mut BytesMut::from(&bytes[..])).unwrap_err();
        assert!(fault.message.contains(words), "{}", fault.message);
        assert!(!fault.fatal && fault.stream == Some(9));
    }
}

/// A large envelope that never comes holds what has arrived of it, not what it claims.
#[test]
fn pieces_hold_what_arrived() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.set_framing(Version::V5, Compression::None);
    let mut input = BytesMut::new();
    let mut first = header(5, 16 << 20);
    first.resize(1_000, 0);
    helenus::protocol::segment::Segment::encode(&first, false, false, &mut input);
    assert_eq!(decoder.next(&mut input), Ok(None));
    // The header of a segment that never comes.
    let mut longest = BytesMut::new();
    helenus::protocol::segment::Segment::encode(&[0; 131_071], false, false, &mut longest);
    input.extend_from_slice(&longest[..6]);
    assert_eq!(decoder.next(&mut input), Ok(None));
    assert!(decoder.held_bytes() < 8_000 && input.capacity() < 8_000);
}
