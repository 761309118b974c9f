//! Whole hostile conversations with a running server: changed and cut streams, random bytes,
//! clients that vanish. No thread of the server panics, those who behave are answered meanwhile,
//! and memory stays bounded.

use crate::client::serve;
use crate::generate;
use bytes::BytesMut;
use helenus::client::{Client, ClientOptions};
use helenus::protocol::request::{QueryParameters, Request};
use helenus::protocol::{Compression, Encoder, Opcode, RequestMessage, Version};
use helenus::random::Random;
use helenus::server::options::ServerOptions;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const THREADS: u64 = 4;
const CONVERSATIONS_PER_THREAD: u64 = 90;

/// How much more memory the process may have after it than before.
const GROWTH_BYTES_MAX: usize = 256 << 20;

fn startup(encoder: &Encoder, compression: Compression, out: &mut BytesMut) {
    let mut options = vec![("CQL_VERSION".to_owned(), "3.0.0".to_owned())];
    if let Some(name) = compression.name() {
        options.push(("COMPRESSION".to_owned(), name.to_owned()));
    }
    let request = Request::Startup { options };
    encoder.frame(out, 0, Opcode::Startup, 0, |out| {
        request.encode(encoder.version, out)
    });
}

/// Requests that make sense, among them some that the server answers at length.
fn sensible(runner: &mut TestRunner, random: &Random, version: Version) -> RequestMessage {
    let query = |text: &str| {
        RequestMessage::from(Request::Query {
            text: text.into(),
            parameters: QueryParameters::default(),
        })
    };
    match random.below(5) {
        0 => query("SELECT * FROM system.local"),
        1 => query("SELECT * FROM system_schema.columns"),
        2 => query("BEGIN BATCH APPLY BATCH"),
        _ => generate::request_message(version)
            .new_tree(runner)
            .unwrap()
            .current(),
    }
}

/// One conversation's bytes: all of it at once, as a client that pipelines sends it.
fn conversation(runner: &mut TestRunner, random: &Random) -> Vec<u8> {
    let version = Version::ALL[usize::try_from(random.below(3)).unwrap()];
    let compression = match random.below(3) {
        0 => Compression::Lz4,
        1 if version < Version::V5 => Compression::Snappy,
        _ => Compression::None,
    };
    let mut encoder = Encoder::client(version);
    let (mut collected, mut sent) = (BytesMut::new(), BytesMut::new());
    startup(&encoder, compression, &mut collected);
    encoder.seal(&mut collected, &mut sent);
    let opened = sent.len();
    encoder.set_framing(version, compression);
    for stream in 0..random.below(40) {
        let message = sensible(runner, random, version);
        let opcode = message.request.opcode();
        let stream = i16::try_from(stream).unwrap();
        encoder.frame(&mut collected, stream, opcode, message.flags(), |out| {
            message.encode(version, out);
        });
        if random.below(3) == 0 {
            encoder.seal(&mut collected, &mut sent);
        }
    }
    encoder.seal(&mut collected, &mut sent);
    let mut bytes = sent.to_vec();
    match random.below(6) {
        0 => bytes.truncate(usize::try_from(random.below(bytes.len() as u64)).unwrap()),
        1 => {
            bytes = (0..random.below(500))
                .map(|_| random.next_u64() as u8)
                .collect()
        }
        2 => {}
        // Mostly behind the STARTUP, so that the conversation is open.
        _ => {
            let from = if random.below(8) == 0 { 0 } else { opened };
            for _ in 0..=random.below(3) {
                let at =
                    from + usize::try_from(random.below((bytes.len() - from + 1) as u64)).unwrap();
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = random.next_u64() as u8;
                }
            }
        }
    }
    bytes
}

/// Speaks, listens or not, and leaves in one of the ways that there are.
fn speak(address: SocketAddr, bytes: &[u8], random: &Random) {
    let Ok(mut socket) = TcpStream::connect(address) else {
        panic!("the server does not take connections any more");
    };
    socket
        .set_read_timeout(Some(Duration::from_millis(10)))
        .unwrap();
    let cut = usize::try_from(random.below(bytes.len() as u64 + 1)).unwrap();
    for part in [&bytes[..cut], &bytes[cut..]] {
        // The server may have closed it already.
        if socket.write_all(part).is_err() {
            return;
        }
    }
    match random.below(4) {
        0 => return,
        1 => drop(socket.shutdown(Shutdown::Write)),
        _ => {}
    }
    let mut answers = [0; 16 << 10];
    for _ in 0..3 {
        match socket.read(&mut answers) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The memory that the process has, where the system tells.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok());
    pages.map_or(0, |pages| pages * 4_096)
}

fn attack(address: SocketAddr, seed: u64) {
    let random = Random::seeded(seed);
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        ..Config::default()
    });
    for _ in 0..CONVERSATIONS_PER_THREAD {
        let bytes = conversation(&mut runner, &random);
        speak(address, &bytes, &random);
    }
}

#[test]
fn hostile_conversations() {
    let panics = Arc::new(AtomicUsize::new(0));
    let (counted, before) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        before(info);
    }));
    let server = serve(ServerOptions::on_free_ports());
    let address = server.local_addr();
    let options = ClientOptions {
        request_timeout: Some(Duration::from_secs(30)),
        ..ClientOptions::default()
    };
    let mut good = Client::connect(&address.to_string(), &options).unwrap();
    let memory = resident_bytes();
    #[expect(
        clippy::disallowed_methods,
        reason = "attackers beside one who behaves"
    )]
    let attackers: Vec<_> = (0..THREADS)
        .map(|seed| std::thread::spawn(move || attack(address, seed)))
        .collect();
    let mut answered = 0;
    while attackers.iter().any(|attacker| !attacker.is_finished()) || answered == 0 {
        good.query("SELECT key FROM system.local", &QueryParameters::default())
            .unwrap();
        answered += 1;
    }
    for attacker in attackers {
        attacker.join().unwrap();
    }
    // A new one is let in, and leaves in peace.
    let mut late = Client::connect(&address.to_string(), &options).unwrap();
    late.query("SELECT key FROM system.local", &QueryParameters::default())
        .unwrap();
    let growth = resident_bytes().saturating_sub(memory);
    assert!(growth < GROWTH_BYTES_MAX, "{growth} bytes more than before");
    drop((good, late));
    server.stop().unwrap();
    assert_eq!(
        panics.load(Ordering::SeqCst),
        0,
        "a thread of the server panicked"
    );
}
