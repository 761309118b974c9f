//! The PostgreSQL door: tools that speak PostgreSQL's wire protocol ask batch SQL.
//!
//! A keyspace is a schema, the database's name is the keyspace of unqualified names. Each
//! connection has a thread of its own that reads a message, does what it says and writes the
//! answer: few analysts connect, and a client that reads slowly holds nobody but itself. Their
//! number is bounded. The door opens on loopback addresses alone, since nothing is encrypted.
//!
//! ```text
//! bytes ─► frame ─► connection ─► conversation ─┬─► pg_catalog   what tools ask of the schema
//!          (bounded)  (startup,   (statements,  └─► session      everything else
//!                      password)   portals)
//! ```
//!
//! | module | concept |
//! |---|---|
//! | [`frame`] | messages from the client, their lengths bounded before they are read |
//! | [`connection`] | one client: startup, password, its messages in order |
//! | [`conversation`] | its statements and portals |
//! | [`output`] | what is written to a client |
//! | [`statement`] | what a text is: a query, a setting, a transaction's word |
//! | [`settings`] | SET and SHOW |
//! | [`value`], [`numeric`] | values as PostgreSQL writes them, as text and as bytes |
//! | [`parameter`] | values as clients send them |
//! | [`failure`] | errors with their SQLSTATE and position |

pub mod connection;
pub mod conversation;
pub mod failure;
pub mod frame;
pub mod numeric;
pub mod output;
pub mod parameter;
pub mod settings;
pub mod statement;
pub mod value;

use crate::analytics::guard;
use crate::error::{Error, Result};
use crate::random::Random;
use crate::server::state::State;
use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most connections of this door.
const CONNECTIONS_MAX: usize = 100;

/// How long to wait when no connection can be taken in.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// What a connection is known by to those who cancel its statement, and to the door that closes.
#[derive(Debug)]
struct Entry {
    secret: i32,
    interrupt: Arc<AtomicBool>,
    stream: TcpStream,
}

/// The open connections, by the number that clients take for a process's.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<HashMap<i32, Entry>>,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a connection; none where there are too many.
    fn enter(
        &self,
        stream: TcpStream,
        interrupt: Arc<AtomicBool>,
        random: &Random,
    ) -> Option<(i32, i32)> {
        let mut open = self.lock();
        if open.len() >= CONNECTIONS_MAX {
            return None;
        }
        let [a, b, c, d, e, f, g, h] = random.next_u64().to_be_bytes();
        let mut pid = i32::from_be_bytes([a, b, c, d]) & i32::MAX;
        while pid == 0 || open.contains_key(&pid) {
            pid = pid.wrapping_add(1) & i32::MAX;
        }
        let secret = i32::from_be_bytes([e, f, g, h]);
        let entry = Entry {
            secret,
            interrupt,
            stream,
        };
        open.insert(pid, entry);
        Some((pid, secret))
    }

    /// Stops what the connection does now, if the secret is the one that it was told.
    pub fn cancel(&self, pid: i32, secret: i32) {
        if let Some(entry) = self.lock().get(&pid)
            && entry.secret == secret
        {
            entry.interrupt.store(true, Ordering::Relaxed);
        }
    }

    fn leave(&self, pid: i32) {
        self.lock().remove(&pid);
    }

    fn end_all(&self) {
        for entry in self.lock().values() {
            entry.interrupt.store(true, Ordering::Relaxed);
            // It may be gone already.
            let _ = entry.stream.shutdown(Shutdown::Both);
        }
    }
}

/// The open door.
#[derive(Debug)]
pub struct Door {
    address: SocketAddr,
    closing: Arc<AtomicBool>,
    connections: Arc<Connections>,
    thread: JoinHandle<()>,
}

impl Door {
    /// Opens the door; an address that others can reach is refused.
    pub fn open(address: SocketAddr, state: &Arc<State>) -> Result<Self> {
        if !address.ip().is_loopback() {
            return Err(Error::config(format!(
                "{address} can be reached from other machines: the PostgreSQL door encrypts \
                 nothing and opens on loopback addresses alone, such as 127.0.0.1"
            )));
        }
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AddrInUse => Error::config(format!(
                "{address} is in use: another process listens there"
            )),
            _ => Error::io(&address.to_string(), "listen", &error),
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let closing = Arc::<AtomicBool>::default();
        let connections = Arc::<Connections>::default();
        let accepting = Accepting {
            listener,
            closing: Arc::clone(&closing),
            connections: Arc::clone(&connections),
            state: Arc::clone(state),
            random: Random::from_system(),
        };
        let thread = std::thread::Builder::new()
            .name("pg".to_owned())
            .spawn(move || accepting.run())
            .map_err(failed)?;
        Ok(Self {
            address: bound,
            closing,
            connections,
            thread,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the door and ends its connections: their statements are stopped.
    pub fn close(self) {
        self.closing.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next one.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        self.connections.end_all();
        // A thread that panicked is gone as well.
        let _ = self.thread.join();
    }
}

struct Accepting {
    listener: TcpListener,
    closing: Arc<AtomicBool>,
    connections: Arc<Connections>,
    state: Arc<State>,
    random: Random,
}

impl Accepting {
    fn run(self) {
        for stream in self.listener.incoming() {
            if self.closing.load(Ordering::SeqCst) {
                return;
            }
            match stream {
                Ok(stream) => self.take_in(stream),
                Err(error) => {
                    tracing::warn!("cannot take in a PostgreSQL connection: {error}");
                    crate::clock::SystemClock::shared().sleep(EXHAUSTED_PAUSE);
                }
            }
        }
    }

    fn take_in(&self, stream: TcpStream) {
        // Answers are collected before they are written: to wait for more gains nothing.
        let _ = stream.set_nodelay(true);
        let Ok(other) = stream.try_clone() else {
            return;
        };
        let interrupt = Arc::<AtomicBool>::default();
        let entered = self
            .connections
            .enter(other, Arc::clone(&interrupt), &self.random);
        let Some((pid, secret)) = entered else {
            connection::refuse_as_full(stream);
            return;
        };
        let connections = Arc::clone(&self.connections);
        let state = Arc::clone(&self.state);
        let started = std::thread::Builder::new()
            .name("pg client".to_owned())
            // Questions about the schema are planned on it. What is not used costs nothing.
            .stack_size(guard::STACK_BYTES)
            .spawn(move || {
                let key = connection::Key { pid, secret };
                connection::serve(stream, key, interrupt, &connections, &state);
                connections.leave(pid);
            });
        if let Err(error) = started {
            tracing::warn!("cannot serve a PostgreSQL connection: {error}");
            self.connections.leave(pid);
        }
    }
}
