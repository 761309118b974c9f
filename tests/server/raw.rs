//! Bytes on a socket: what may come when, and what no client would send.

use crate::support::{client, rows, start};
use helenus::random::Random;
use helenus::server::Server;
use helenus::server::options::ServerOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A frame of a client.
fn frame(version: u8, opcode: u8, stream: i16, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![version, 0];
    bytes.extend(stream.to_be_bytes());
    bytes.push(opcode);
    bytes.extend(i32::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

fn map(entries: &[(&str, &str)]) -> Vec<u8> {
    let string = |text: &str| {
        let length = u16::try_from(text.len()).unwrap();
        [&length.to_be_bytes(), text.as_bytes()].concat()
    };
    let count = u16::try_from(entries.len()).unwrap();
    let mut bytes = count.to_be_bytes().to_vec();
    for (name, value) in entries {
        bytes.extend(string(name));
        bytes.extend(string(value));
    }
    bytes
}

fn startup(version: u8) -> Vec<u8> {
    frame(version, 0x01, 1, &map(&[("CQL_VERSION", "3.0.0")]))
}

fn query(version: u8, stream: i16, text: &str) -> Vec<u8> {
    let length = i32::try_from(text.len()).unwrap();
    let body = [&length.to_be_bytes(), text.as_bytes(), &[0, 1, 0]].concat();
    frame(version, 0x07, stream, &body)
}

struct Raw(TcpStream);

/// What the server sent: version, stream, opcode, body.
type Answer = (u8, i16, u8, Vec<u8>);

impl Raw {
    fn connect(server: &Server) -> Self {
        let stream = TcpStream::connect(server.local_addr()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn answer(&mut self) -> Answer {
        let mut header = [0; 9];
        self.0.read_exact(&mut header).unwrap();
        let length = i32::from_be_bytes([header[5], header[6], header[7], header[8]]);
        let mut body = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (
            header[0],
            i16::from_be_bytes([header[2], header[3]]),
            header[4],
            body,
        )
    }

    /// The message of an ERROR with `code`.
    fn error(&mut self, code: i32) -> (i16, String) {
        let (_, stream, opcode, body) = self.answer();
        assert_eq!(opcode, 0, "{}", String::from_utf8_lossy(&body));
        assert_eq!(body[..4], code.to_be_bytes());
        (stream, String::from_utf8(body[6..].to_vec()).unwrap())
    }

    fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(0) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
            Ok(_) => false,
        }
    }
}

#[test]
fn what_may_come_when() {
    let server = start(ServerOptions::on_free_ports());
    let mut raw = Raw::connect(&server);
    let local = "SELECT key FROM system.local";
    raw.send(&query(4, 5, local));
    let expected = "Unexpected message QUERY, expecting STARTUP or OPTIONS";
    assert_eq!(raw.error(0x0A), (5, expected.to_owned()));
    raw.send(&frame(4, 0x05, 6, b""));
    let (version, stream, opcode, body) = raw.answer();
    assert_eq!((version, stream, opcode), (0x84, 6, 0x06));
    assert!(body.windows(11).any(|part| part == b"CQL_VERSION"));
    raw.send(&frame(4, 0x01, 7, &map(&[])));
    let expected = "Missing value CQL_VERSION in STARTUP message";
    assert_eq!(raw.error(0x0A), (7, expected.to_owned()));
    // None of this was the end.
    raw.send(&startup(4));
    assert_eq!(raw.answer().2, 0x02);
    raw.send(&startup(4));
    let expected = "Unexpected message STARTUP, the connection is already initialized";
    assert_eq!(raw.error(0x0A).1, expected);
    raw.send(&frame(4, 0x0F, 8, &(-1_i32).to_be_bytes()));
    assert!(
        raw.error(0x0A)
            .1
            .starts_with("Unexpected message AUTH_RESPONSE")
    );
    raw.send(&frame(4, 0x0B, 9, &[0, 1, 0, 3, b'F', b'O', b'O']));
    assert_eq!(
        raw.error(0x0A),
        (9, "Invalid value 'FOO' for Type".to_owned())
    );
    raw.send(&frame(4, 0x44, 10, b""));
    assert_eq!(raw.error(0x0A), (10, "Unknown opcode 68".to_owned()));
    raw.send(&query(3, 11, local));
    let expected = "Invalid message version. Got 3/v3 but previous messages on this connection \
                    had version 4/v4";
    assert_eq!(raw.error(0x0A).1, expected);
    raw.send(&frame(4, 0x07, 12, b"\0\0\0\xffabc"));
    assert_eq!(raw.error(0x0A).0, 12);
    raw.send(&query(4, 13, local));
    let (_, stream, opcode, _) = raw.answer();
    assert_eq!((stream, opcode), (13, 0x08));
    server.stop().unwrap();
}

#[test]
fn other_versions_are_refused() {
    let server = start(ServerOptions::on_free_ports());
    for version in [66, 65, 6, 2, 1] {
        let mut raw = Raw::connect(&server);
        raw.send(&frame(version, 0x05, 3, b""));
        let (newest, stream, opcode, body) = raw.answer();
        assert_eq!((newest, stream, opcode), (0x85, 3, 0x00));
        let expected = format!(
            "Invalid or unsupported protocol version ({version}); supported versions are (3/v3, \
             4/v4, 5/v5)"
        );
        assert_eq!(&body[6..], expected.as_bytes());
        assert!(raw.is_closed());
    }
    server.stop().unwrap();
}

#[test]
fn a_frame_that_is_too_large_is_passed_over() {
    let server = start(ServerOptions {
        frame_bytes_max: 64 << 10,
        ..ServerOptions::on_free_ports()
    });
    let mut raw = Raw::connect(&server);
    raw.send(&startup(4));
    assert_eq!(raw.answer().2, 0x02);
    // Whatever it claims, nothing is kept of it.
    raw.send(&query(4, 1, &"x".repeat(100 << 10)));
    assert!(raw.error(0x0A).1.contains("too big"));
    raw.send(&query(4, 2, "SELECT key FROM system.local"));
    assert_eq!(raw.answer().1, 2);
    let mut raw = Raw::connect(&server);
    raw.send(&[4, 0, 0, 1, 1, 0x3F, 0xFF, 0xFF, 0xFF]);
    assert_eq!(raw.answer().2, 0x00);
    assert!(raw.is_closed());
    server.stop().unwrap();
}

#[test]
fn noise_hurts_nobody_else() {
    let server = start(ServerOptions::on_free_ports());
    let random = Random::seeded(11);
    let byte = |random: &Random| random.below(256).to_le_bytes()[0];
    for round in 0..200_u64 {
        let mut raw = Raw::connect(&server);
        if round % 2 == 0 {
            raw.send(&startup(4));
            assert_eq!(raw.answer().2, 0x02);
        }
        let mut noise: Vec<u8> = (0..random.below(300)).map(|_| byte(&random)).collect();
        if round % 3 == 0 {
            // A frame that is right but for a few of its bytes.
            noise = query(4, 1, "SELECT key FROM system.local");
            for _ in 0..3 {
                let at = usize::try_from(random.below(noise.len() as u64)).unwrap();
                noise[at] = byte(&random);
            }
        }
        // The server may have closed the connection at the first bytes already.
        let _ = raw.0.write_all(&noise);
    }
    let mut client = client(&server);
    assert_eq!(rows(&mut client, "SELECT key FROM system.local").count, 1);
    server.stop().unwrap();
}

#[test]
fn who_does_not_start_is_sent_away() {
    let server = start(ServerOptions {
        handshake_timeout: Duration::from_millis(100),
        ..ServerOptions::on_free_ports()
    });
    let mut silent = Raw::connect(&server);
    let mut client = client(&server);
    assert!(silent.is_closed());
    assert_eq!(rows(&mut client, "SELECT key FROM system.local").count, 1);
    server.stop().unwrap();
}

#[test]
fn passwords_cannot_be_tried_at_will() {
    let one = helenus::access::OneUser::new("ann", "secret").unwrap();
    let server = start(ServerOptions {
        authenticator: std::sync::Arc::new(one),
        ..ServerOptions::on_free_ports()
    });
    let mut raw = Raw::connect(&server);
    raw.send(&startup(4));
    assert_eq!(raw.answer().2, 0x03);
    raw.send(&query(4, 2, "SELECT key FROM system.local"));
    assert!(raw.error(0x0A).1.ends_with("expecting SASL_RESPONSE"));
    let token = b"\0ann\0wrong";
    let length = i32::try_from(token.len()).unwrap().to_be_bytes();
    let login = frame(4, 0x0F, 3, &[&length[..], token].concat());
    for _ in 0..3 {
        raw.send(&login);
        let (_, words) = raw.error(0x0100);
        assert_eq!(words, "Provided username ann and/or password are incorrect");
    }
    assert!(raw.is_closed());
    server.stop().unwrap();
}

/// The start of a message that claims 16 MiB.
fn large_start(sent_bytes: usize) -> Vec<u8> {
    let mut message = frame(4, 0x07, 7, &[]);
    message[5..9].copy_from_slice(&(16_i32 << 20).to_be_bytes());
    message.resize(sent_bytes, b' ');
    message
}

#[test]
fn who_is_silent_within_a_large_message_is_sent_away() {
    let server = start(ServerOptions {
        silence_timeout: Duration::from_millis(100),
        ..ServerOptions::on_free_ports()
    });
    let mut silent = Raw::connect(&server);
    silent.send(&startup(4));
    assert_eq!(silent.answer().2, 0x02);
    silent.send(&large_start(1 << 20));
    assert!(silent.is_closed());
    server.stop().unwrap();
}

#[test]
fn too_much_of_large_messages_is_refused_and_given_up() {
    let server = start(ServerOptions::on_free_ports());
    let (mut holders, mut refused) = (Vec::new(), 0);
    for _ in 0..6 {
        let mut holder = Raw::connect(&server);
        holder.send(&startup(4));
        assert_eq!(holder.answer().2, 0x02);
        // Who is refused may find its connection closed already.
        let _ = holder.0.write_all(&large_start(15 << 20));
        holders.push(holder);
    }
    for holder in &mut holders {
        let wait = Duration::from_millis(200);
        holder.0.set_read_timeout(Some(wait)).unwrap();
        let mut header = [0; 9];
        if holder.0.read_exact(&mut header).is_ok() {
            assert_eq!(header[4], 0, "an ERROR");
            refused += 1;
        }
    }
    assert!(refused >= 1, "{refused}");
    drop(holders);
    // A request that needs room has it again once the others are gone.
    let mut client = client(&server);
    let text = format!("SELECT key FROM system.local{}", " ".repeat(8 << 20));
    for attempt in 0.. {
        match client.query(&text, &crate::support::plain()) {
            Ok(_) => break,
            Err(error) if attempt < 200 => {
                assert_eq!(error.kind, helenus::error::ErrorKind::Overloaded);
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    }
    server.stop().unwrap();
}
