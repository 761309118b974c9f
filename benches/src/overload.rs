//! Ten times more than the server can do, within 512 MiB of memory.
//!
//! Run with `cargo run --release --manifest-path benches/Cargo.toml --bin overload -- HELENUS
//! [SECONDS]`, as root: the server is put into a control group that gives it a tenth of a core and
//! 512 MiB. The client sends pre-encoded frames of protocol v4 (prepared single-row INSERT and
//! SELECT, half and half):
//!
//! 1. *peak*: as many as are answered, 256 in flight over 8 connections;
//! 2. *overload*: ten times the peak rate over 64 connections, in an open loop, beside 1,000 idle
//!    connections, 200 that ask for 4 MiB each and never read, and 10,000 distinct prepares;
//! 3. *after*: the peak again.
//!
//! It tells the rate of good answers, how many were answered OVERLOADED, what the kernel held back
//! because the server did not read on, and the server's peak of memory.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ROWS: u64 = 10_000;
/// How many streams a connection of the client uses.
const STREAMS: usize = 4_096;
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// The row that silent clients ask for, and how often each does.
const LARGE_ROW_BYTES: usize = 64 << 10;
const LARGE_ROWS: usize = 64;

/// A frame of protocol v4.
fn frame(stream: u16, opcode: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![4, 0];
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.push(opcode);
    frame.extend_from_slice(&(body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

fn short_bytes(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn value(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn text(text: &str) -> Vec<u8> {
    value(text.as_bytes())
}

fn query(statement: &str) -> Vec<u8> {
    [text(statement), vec![0, 1, 0]].concat()
}

/// One answer in a blocking conversation: its opcode and body.
fn ask(socket: &mut TcpStream, opcode: u8, body: &[u8]) -> (u8, Vec<u8>) {
    socket.write_all(&frame(0, opcode, body)).expect("sends");
    let mut header = [0; 9];
    socket.read_exact(&mut header).expect("an answer");
    let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
    let mut body = vec![0; length];
    socket.read_exact(&mut body).expect("the whole answer");
    (header[4], body)
}

fn connect(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("connects");
    socket.set_nodelay(true).expect("is a socket");
    let options = [
        &[0, 1][..],
        &short_bytes(b"CQL_VERSION"),
        &short_bytes(b"3.0.0"),
    ]
    .concat();
    assert_eq!(ask(&mut socket, 1, &options).0, 2, "READY");
    socket
}

fn run(socket: &mut TcpStream, statement: &str) {
    let (opcode, body) = ask(socket, 7, &query(statement));
    assert_eq!(opcode, 8, "{statement}: {}", String::from_utf8_lossy(&body));
}

fn prepare(socket: &mut TcpStream, statement: &str) -> Vec<u8> {
    let (opcode, body) = ask(socket, 9, &text(statement));
    assert_eq!(opcode, 8, "{statement}");
    let length = u16::from_be_bytes([body[4], body[5]]) as usize;
    body[6..6 + length].to_vec()
}

/// The frames of one connection, one a stream, one behind the other.
struct Frames {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Frames {
    fn new(insert: &[u8], select: &[u8], seed: u64) -> Self {
        let mut frames = Self {
            bytes: Vec::new(),
            starts: vec![0],
        };
        for stream in 0..STREAMS {
            let mixed = (seed * STREAMS as u64 + stream as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let key = value(&((mixed >> 20) % ROWS).to_be_bytes());
            let body = if stream % 2 == 0 {
                let note = text("a note of some forty letters, or nearly so");
                [&short_bytes(insert)[..], &[0, 1, 1, 0, 2], &key, &note].concat()
            } else {
                [&short_bytes(select)[..], &[0, 1, 1, 0, 1], &key].concat()
            };
            frames.bytes.extend(frame(stream as u16, 10, &body));
            frames.starts.push(frames.bytes.len());
        }
        frames
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    good: u64,
    overloaded: u64,
    failed: u64,
    /// Frames that were due and that the kernel did not take, or whose stream was still in use.
    held: u64,
}

/// A connection that is driven without blocking.
struct Driven {
    socket: TcpStream,
    frames: Frames,
    /// The next stream, and the bytes of its frame that went out already.
    next: usize,
    partial: usize,
    in_flight: usize,
    busy: Vec<bool>,
    input: Vec<u8>,
}

impl Driven {
    fn new(address: SocketAddr, insert: &[u8], select: &[u8], seed: u64) -> Self {
        let socket = connect(address);
        socket.set_nonblocking(true).expect("is a socket");
        Self {
            socket,
            frames: Frames::new(insert, select, seed),
            next: 0,
            partial: 0,
            in_flight: 0,
            busy: vec![false; STREAMS],
            input: Vec::new(),
        }
    }

    /// Sends up to `due` frames in as few calls as it takes; answers how many went out.
    fn send(&mut self, due: usize) -> usize {
        let mut sent = 0;
        while sent < due {
            let free = self.busy[self.next..].iter().take(due - sent);
            let end = self.next + free.take_while(|busy| !**busy).count();
            if end == self.next {
                break;
            }
            let first = self.frames.starts[self.next] + self.partial;
            let bytes = &self.frames.bytes[first..self.frames.starts[end]];
            match self.socket.write(bytes) {
                Ok(0) => break,
                Ok(written) => {
                    let reached = first + written;
                    while self.next < end && self.frames.starts[self.next + 1] <= reached {
                        self.busy[self.next] = true;
                        self.in_flight += 1;
                        self.next += 1;
                        sent += 1;
                    }
                    self.partial = reached - self.frames.starts[self.next];
                    if self.next == STREAMS {
                        self.next = 0;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server hung up: {error}"),
            }
        }
        sent
    }

    fn receive(&mut self, counts: &mut Counts) {
        let mut chunk = [0; 64 << 10];
        loop {
            match self.socket.read(&mut chunk) {
                Ok(0) => panic!("the server hung up"),
                Ok(length) => self.input.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("the server hung up: {error}"),
            }
        }
        let mut at = 0;
        while let Some(header) = self.input.get(at..at + 9) {
            let length = u32::from_be_bytes([header[5], header[6], header[7], header[8]]) as usize;
            let Some(body) = self.input.get(at + 9..at + 9 + length) else {
                break;
            };
            let stream = usize::from(u16::from_be_bytes([header[2], header[3]]));
            match header[4] {
                8 => counts.good += 1,
                _ if body.starts_with(&[0, 0, 0x10, 0x01]) => counts.overloaded += 1,
                _ => counts.failed += 1,
            }
            self.busy[stream] = false;
            self.in_flight -= 1;
            at += 9 + length;
        }
        self.input.drain(..at);
    }
}

/// Drives the connections for a while: at `rate` frames a second in all, or with `window` in
/// flight on each.
fn drive(driven: &mut [Driven], rate: Option<f64>, window: usize, lasting: Duration) -> Counts {
    let mut counts = Counts::default();
    let began = Instant::now();
    let mut due_before = 0;
    while began.elapsed() < lasting {
        let due = match rate {
            Some(rate) => {
                let all = (rate * began.elapsed().as_secs_f64() / driven.len() as f64) as usize;
                let due = all - due_before;
                due_before = all;
                due
            }
            None => usize::MAX,
        };
        for one in driven.iter_mut() {
            let wanted = due.min(window.saturating_sub(one.in_flight));
            let sent = one.send(wanted);
            counts.sent += sent as u64;
            if rate.is_some() {
                counts.held += (due - sent) as u64;
            }
            one.receive(&mut counts);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    counts
}

/// The server in its control group.
struct Server {
    child: Child,
    groups: Vec<PathBuf>,
}

impl Server {
    fn start(helenus: &Path, folder: &Path) -> (Self, SocketAddr) {
        let mut child = Command::new(helenus)
            .args(["serve", "--listen", "127.0.0.1:0", "--http-listen"])
            .args(["127.0.0.1:0", "--data-dir"])
            .arg(folder.join("data"))
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let groups = confine(child.id());
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("piped")));
        let address = loop {
            let line = lines.next().expect("gets ready").expect("is text");
            if let Some((_, rest)) = line.split_once("ready: CQL ") {
                let end = rest.find(',').unwrap_or(rest.len());
                break rest[..end].trim().parse().expect("an address");
            }
        };
        std::thread::spawn(move || lines.for_each(|line| drop(line.map(|it| eprintln!("{it}")))));
        (Self { child, groups }, address)
    }

    fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the server lives");
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
            .expect("is told")
            / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for group in &self.groups {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// Puts a process into a control group with a tenth of a core and 512 MiB.
fn confine(process: u32) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let unified = root.join("cgroup.controllers").exists();
    let settings: &[(&str, &str, String)] = if unified {
        &[
            ("", "cpu.max", "10000 100000".into()),
            ("", "memory.max", MEMORY_BYTES_MAX.to_string()),
        ]
    } else {
        &[
            ("cpu", "cpu.cfs_quota_us", "10000".into()),
            (
                "memory",
                "memory.limit_in_bytes",
                MEMORY_BYTES_MAX.to_string(),
            ),
        ]
    };
    let mut groups = Vec::new();
    for (controller, file, text) in settings {
        let group = root
            .join(controller)
            .join(format!("helenus-overload-{process}"));
        let _ = std::fs::create_dir(&group);
        std::fs::write(group.join(file), text)
            .and_then(|()| std::fs::write(group.join("cgroup.procs"), process.to_string()))
            .unwrap_or_else(|error| panic!("{}: {error}; run it as root", group.display()));
        groups.push(group);
    }
    groups
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let helenus = PathBuf::from(arguments.next().expect("the helenus binary"));
    let seconds = arguments
        .next()
        .map_or(20, |it| it.parse().expect("seconds"));
    let lasting = Duration::from_secs(seconds);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (server, address) = Server::start(&helenus, folder.path());

    let mut control = connect(address);
    run(
        &mut control,
        "CREATE KEYSPACE o WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    run(
        &mut control,
        "CREATE TABLE o.t (id bigint PRIMARY KEY, note text)",
    );
    let note = "x".repeat(LARGE_ROW_BYTES);
    run(
        &mut control,
        &format!("INSERT INTO o.t (id, note) VALUES (-1, '{note}')"),
    );
    let insert = prepare(&mut control, "INSERT INTO o.t (id, note) VALUES (?, ?)");
    let select = prepare(&mut control, "SELECT note FROM o.t WHERE id = ?");
    let drivers = |count: u64| -> Vec<Driven> {
        (0..count)
            .map(|seed| Driven::new(address, &insert, &select, seed))
            .collect()
    };
    let per_second = |counts: &Counts| counts.good as f64 / lasting.as_secs_f64();

    let mut few = drivers(8);
    drive(&mut few, None, 32, Duration::from_secs(3));
    let peak = drive(&mut few, None, 32, lasting);
    println!("peak      {:>9.0} good/s  {peak:?}", per_second(&peak));

    let idle: Vec<TcpStream> = (0..1_000).map(|_| connect(address)).collect();
    let large = query("SELECT note FROM o.t WHERE id = -1");
    let silent: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
    for mut socket in &silent {
        for stream in 0..LARGE_ROWS {
            socket
                .write_all(&frame(stream as u16, 7, &large))
                .expect("sends");
        }
    }
    let preparer = std::thread::spawn(move || {
        let mut socket = connect(address);
        for number in 0..10_000 {
            prepare(
                &mut socket,
                &format!("SELECT note FROM o.t WHERE id = {number}"),
            );
        }
    });
    let mut many = drivers(64);
    let over = drive(&mut many, Some(10.0 * per_second(&peak)), STREAMS, lasting);
    println!("overload  {:>9.0} good/s  {over:?}", per_second(&over));
    println!(
        "goodput under ten times the peak: {:.0} %; peak of memory {:.0} MiB",
        100.0 * over.good as f64 / peak.good as f64,
        server.peak_mib()
    );
    drop(many);
    drop(silent);
    preparer.join().expect("every prepare is answered");
    drive(&mut few, None, 32, Duration::from_secs(3));
    let after = drive(&mut few, None, 32, lasting);
    println!("after     {:>9.0} good/s  {after:?}", per_second(&after));
    drop(idle);
    println!("peak of memory {:.0} MiB", server.peak_mib());
}
