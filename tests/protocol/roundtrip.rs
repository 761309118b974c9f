//! What is written is read as the same, in every version, framing and compression.

use crate::generate;
use bytes::BytesMut;
use helenus::protocol::class_name::parse_class_name;
use helenus::protocol::primitive::Reader;
use helenus::protocol::response::ResponseMessage;
use helenus::protocol::types::{decode_type, encode_type};
use helenus::protocol::{
    Compression, Consistency, Decoder, Encoder, Envelope, ErrorBody, Limits, Opcode,
    RequestMessage, Version,
};
use helenus::types::Type;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

fn compression(version: Version) -> impl Strategy<Value = Compression> {
    let mut all = vec![Compression::None, Compression::Lz4];
    if version < Version::V5 {
        all.push(Compression::Snappy);
    }
    select(all)
}

/// Sends bodies to the other side in pieces of `piece` bytes, and answers what arrives.
fn send(
    version: Version,
    compression: Compression,
    opcode: Opcode,
    bodies: &[Vec<u8>],
    piece: usize,
) -> Vec<Envelope> {
    let response = !opcode.is_request();
    let (mut encoder, mut decoder) = if response {
        (Encoder::new(version), Decoder::client(Limits::default()))
    } else {
        (Encoder::client(version), Decoder::new(Limits::default()))
    };
    encoder.set_framing(version, compression);
    decoder.set_framing(version, compression);
    let (mut collected, mut sent) = (BytesMut::new(), BytesMut::new());
    for (stream, body) in bodies.iter().enumerate() {
        let stream = i16::try_from(stream).unwrap();
        encoder.frame(&mut collected, stream, opcode, 0, |out| {
            out.extend_from_slice(body)
        });
    }
    encoder.seal(&mut collected, &mut sent);
    assert!(collected.is_empty());
    let (mut input, mut envelopes) = (BytesMut::new(), Vec::new());
    for piece in sent.chunks(piece) {
        input.extend_from_slice(piece);
        while let Some(envelope) = decoder.next(&mut input).unwrap() {
            envelopes.push(envelope);
        }
    }
    assert!(input.is_empty());
    envelopes
}

proptest! {
    #![proptest_config(generate::config(400))]

    #[test]
    fn requests((version, message) in generate::version().prop_flat_map(|version| {
        (Just(version), generate::request_message(version))
    })) {
        let mut body = BytesMut::new();
        message.encode(version, &mut body);
        let envelope = Envelope {
            version,
            flags: message.flags(),
            stream: 7,
            opcode: message.request.opcode(),
            body: body.freeze(),
        };
        prop_assert_eq!(RequestMessage::decode(&envelope).unwrap(), message);
    }

    #[test]
    fn responses((version, prefix, response) in generate::version().prop_flat_map(|version| {
        (Just(version), generate::prefix(version), generate::response(version))
    })) {
        let mut body = BytesMut::new();
        prefix.write(version, &mut body);
        generate::write(&response, version, &mut body);
        let envelope = Envelope {
            version,
            flags: prefix.flags(version),
            stream: 7,
            opcode: response.opcode(),
            body: body.freeze(),
        };
        let message = ResponseMessage { prefix, response };
        prop_assert_eq!(ResponseMessage::decode(&envelope).unwrap(), message);
    }
}

proptest! {
    #![proptest_config(generate::config(40))]

    /// Bodies of any length, some much longer than a segment, arrive in pieces of any length.
    #[test]
    fn framing(
        (version, compression) in generate::version()
            .prop_flat_map(|version| (Just(version), compression(version))),
        sizes in vec(prop_oneof![0..200_usize, 130_900..131_200_usize, 0..400_000_usize], 1..6),
        piece in prop_oneof![1_000..200_000_usize, Just(usize::MAX)],
        plain in any::<bool>(),
        response in any::<bool>(),
    ) {
        let bodies: Vec<Vec<u8>> = sizes
            .iter()
            .map(|size| {
                let random = helenus::random::Random::seeded(*size as u64);
                (0..*size)
                    .map(|at| if plain { (at / 100) as u8 } else { random.next_u64() as u8 })
                    .collect()
            })
            .collect();
        let opcode = if response { Opcode::Result } else { Opcode::Query };
        let envelopes = send(version, compression, opcode, &bodies, piece);
        prop_assert_eq!(envelopes.len(), bodies.len());
        for (at, (envelope, body)) in envelopes.iter().zip(&bodies).enumerate() {
            prop_assert_eq!(usize::try_from(envelope.stream).unwrap(), at);
            prop_assert_eq!(envelope.opcode, opcode);
            prop_assert!(envelope.body == body);
        }
    }
}

/// Every byte by itself: nothing depends on how much arrives at once.
#[test]
fn byte_by_byte() {
    for version in Version::ALL {
        for compression in [Compression::None, Compression::Lz4] {
            let bodies = [vec![1; 700], Vec::new(), vec![2; 3]];
            let envelopes = send(version, compression, Opcode::Query, &bodies, 1);
            assert_eq!(envelopes.len(), 3);
        }
    }
}

/// Small envelopes share segments, so that a flush of many costs few checksums.
#[test]
fn many_envelopes_share_a_segment() {
    let mut encoder = Encoder::new(Version::V5);
    encoder.set_framing(Version::V5, Compression::None);
    let (mut collected, mut sent) = (BytesMut::new(), BytesMut::new());
    for stream in 0..100 {
        encoder.frame(&mut collected, stream, Opcode::Result, 0, |out| {
            helenus::protocol::response::void(out);
        });
    }
    let payload = collected.len();
    encoder.seal(&mut collected, &mut sent);
    assert_eq!(sent.len(), payload + 6 + 4);
}

/// A client that does not know a code gets the nearest that it knows.
#[test]
fn errors_that_old_versions_do_not_know() {
    let consistency = Consistency::Quorum;
    let (received, block_for) = (1, 2);
    let cas = ErrorBody::CasWriteUnknown {
        consistency,
        received,
        block_for,
    };
    let write_failure = ErrorBody::WriteFailure {
        consistency,
        received,
        block_for,
        failures: Vec::new(),
        write_type: "SIMPLE".to_owned(),
    };
    let read_failure = ErrorBody::ReadFailure {
        consistency,
        received,
        block_for,
        failures: Vec::new(),
        data_present: true,
    };
    let function = ErrorBody::FunctionFailure {
        keyspace: "k".to_owned(),
        function: "f".to_owned(),
        arguments: Vec::new(),
    };
    for (body, codes) in [
        (cas, [0x1100, 0x1100, 0x1700]),
        (write_failure, [0x1100, 0x1500, 0x1500]),
        (read_failure, [0x1200, 0x1300, 0x1300]),
        (function, [0x2200, 0x1400, 0x1400]),
        (ErrorBody::CdcWriteFailure, [0x2200, 0x2200, 0x1600]),
    ] {
        for (version, code) in Version::ALL.into_iter().zip(codes) {
            let mut out = BytesMut::new();
            helenus::protocol::response::error(&mut out, version, "no", &body);
            let bytes = out.freeze();
            let (message, read) = ErrorBody::decode(version, &mut Reader::new(&bytes)).unwrap();
            assert_eq!((message.as_str(), read.code()), ("no", code));
        }
    }
}

/// Types without an option id, as Cassandra 5.0 sends them.
#[test]
fn custom_types() {
    let int_list = Type::List {
        element: Arc::new(Type::Int),
        frozen: true,
    };
    let cases = [
        (
            Type::Vector {
                element: Arc::new(Type::Float),
                dimensions: 3,
            },
            "org.apache.cassandra.db.marshal.VectorType(\
             org.apache.cassandra.db.marshal.FloatType , 3)",
        ),
        (
            Type::Vector {
                element: Arc::new(int_list),
                dimensions: 2,
            },
            "org.apache.cassandra.db.marshal.VectorType(\
             org.apache.cassandra.db.marshal.FrozenType(\
             org.apache.cassandra.db.marshal.ListType(\
             org.apache.cassandra.db.marshal.Int32Type)) , 2)",
        ),
        (
            Type::Duration,
            "org.apache.cassandra.db.marshal.DurationType",
        ),
    ];
    for (ty, name) in cases {
        let mut out = BytesMut::new();
        encode_type(&ty, Version::V4, &mut out);
        assert_eq!(out[..2], [0, 0]);
        assert_eq!(out[4..], *name.as_bytes());
        let bytes = out.freeze();
        assert_eq!(decode_type(&mut Reader::new(&bytes)).unwrap(), ty);
    }
    for broken in [
        "ListType(",
        "VectorType(Int32Type)",
        "UserType(k,zz)",
        "Nope",
        "Int32Type x",
    ] {
        assert!(parse_class_name(broken).is_err(), "{broken}");
    }
    assert!(parse_class_name(&"ListType(".repeat(100_000)).is_err());
}
