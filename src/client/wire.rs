//! The connection itself: a socket with its buffers.
//!
//! Writing never waits for a server that itself waits for us to read: when the socket takes no
//! more, what arrived meanwhile is read into the input buffer, and then it is tried again.

use crate::clock::{SharedClock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::protocol::{
    Compression, Decoder, Encoder, Envelope, Limits, ProtocolError, RequestMessage, Version,
};
use bytes::BytesMut;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// Requests are collected up to here before they are written.
const COLLECTED_BYTES_MAX: usize = 64 << 10;

/// How long a full socket is waited for before the other direction is looked at.
const TURN: Duration = Duration::from_millis(20);

/// How often somebody who waits looks whether he was interrupted.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(50);

/// A socket with its buffers.
pub(super) struct Wire {
    address: String,
    socket: TcpStream,
    clock: SharedClock,
    interrupt: Option<Arc<AtomicBool>>,
    encoder: Encoder,
    decoder: Decoder,
    /// Envelopes that are not sealed yet.
    collected: BytesMut,
    /// What goes out next.
    output: BytesMut,
    input: BytesMut,
    scratch: Box<[u8]>,
}

/// A moment to give up at, in the clock's microseconds.
pub(super) type Deadline = Option<i64>;

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

/// What the server sent is no message.
pub(super) fn broken(address: &str, fault: &ProtocolError) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("{address}: the server's answer cannot be understood: {fault}"),
    )
}

impl Wire {
    /// Opens a socket to `address` and makes it ready for the first request.
    pub fn connect(
        address: &str,
        version: Version,
        timeout: Duration,
        interrupt: Option<Arc<AtomicBool>>,
    ) -> Result<Self> {
        let hosts = address.to_socket_addrs().map_err(|error| {
            Error::io(address, "find the host", &error)
                .with_hint("an address is written host:port, for example 127.0.0.1:9042")
        })?;
        let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
        for host in hosts {
            match TcpStream::connect_timeout(&host, timeout) {
                Ok(socket) => return Self::new(address, socket, version, interrupt),
                Err(error) => last = error,
            }
        }
        Err(Error::io(address, "connect", &last)
            .with_hint("is a server running there? `helenus serve` starts one"))
    }

    fn new(
        address: &str,
        socket: TcpStream,
        version: Version,
        interrupt: Option<Arc<AtomicBool>>,
    ) -> Result<Self> {
        socket
            .set_nodelay(true)
            .and_then(|()| socket.set_write_timeout(Some(TURN)))
            .map_err(|error| Error::io(address, "set up the connection", &error))?;
        let limits = Limits {
            body_bytes_max: limits::RESPONSE_BYTES_MAX,
        };
        Ok(Self {
            address: address.to_owned(),
            socket,
            clock: SystemClock::shared(),
            interrupt,
            encoder: Encoder::client(version),
            decoder: Decoder::client(limits),
            collected: BytesMut::new(),
            output: BytesMut::new(),
            input: BytesMut::new(),
            scratch: vec![0; READ_BYTES].into_boxed_slice(),
        })
    }

    /// The server's address, as it was given.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The version of the requests.
    pub fn version(&self) -> Version {
        self.encoder.version
    }

    /// How answers are read from now on.
    pub fn set_input_framing(&mut self, version: Version, compression: Compression) {
        self.decoder.set_framing(version, compression);
    }

    /// How requests are written from now on.
    pub fn set_output_framing(&mut self, version: Version, compression: Compression) {
        self.encoder.set_framing(version, compression);
    }

    /// The moment after `timeout` from now.
    pub fn deadline(&self, timeout: Option<Duration>) -> Deadline {
        let micros = i64::try_from(timeout?.as_micros()).ok()?;
        self.clock.monotonic_micros().checked_add(micros)
    }

    /// Collects a request, to be written with others. A statement that no server takes is refused
    /// here.
    pub fn write(
        &mut self,
        stream: i16,
        message: &RequestMessage,
        deadline: Deadline,
    ) -> Result<()> {
        let before = self.collected.len();
        let version = self.encoder.version;
        self.encoder.frame(
            &mut self.collected,
            stream,
            message.request.opcode(),
            message.flags(),
            |out| message.encode(version, out),
        );
        if self.collected.len() - before > limits::RESPONSE_BYTES_MAX {
            self.collected.truncate(before);
            return Err(Error::invalid(format!(
                "The request is longer than the protocol allows: {} bytes at most",
                limits::RESPONSE_BYTES_MAX
            )));
        }
        if self.collected.len() >= COLLECTED_BYTES_MAX {
            self.flush(deadline)?;
        }
        Ok(())
    }

    /// Writes all that was collected.
    pub fn flush(&mut self, deadline: Deadline) -> Result<()> {
        if !self.collected.is_empty() {
            self.encoder.seal(&mut self.collected, &mut self.output);
        }
        while !self.output.is_empty() {
            match self.socket.write(&self.output) {
                Ok(0) => return Err(self.closed()),
                Ok(written) => {
                    let _ = self.output.split_to(written);
                }
                Err(error) if is_timeout(&error) => {
                    self.check(deadline)?;
                    if self.input.len() < limits::RESPONSE_BYTES_MAX {
                        self.fill(Duration::from_millis(1))?;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&self.address, "write", &error)),
            }
        }
        Ok(())
    }

    fn closed(&self) -> Error {
        Error::new(
            ErrorKind::Io,
            format!("{}: the server has closed the connection", self.address),
        )
    }

    /// Whether to go on waiting.
    fn check(&self, deadline: Deadline) -> Result<()> {
        if self.is_interrupted() {
            return Err(Error::new(ErrorKind::Cancelled, "Interrupted"));
        }
        match deadline {
            Some(deadline) if self.clock.monotonic_micros() >= deadline => Err(Error::new(
                ErrorKind::ReadTimeout,
                format!("{}: the server did not answer in time", self.address),
            )),
            _ => Ok(()),
        }
    }

    fn is_interrupted(&self) -> bool {
        self.interrupt
            .as_ref()
            .is_some_and(|interrupt| interrupt.load(Ordering::Relaxed))
    }

    /// Reads what arrives within `timeout`, which may be nothing.
    fn fill(&mut self, timeout: Duration) -> Result<()> {
        let timeout = timeout.max(Duration::from_millis(1));
        self.socket
            .set_read_timeout(Some(timeout))
            .map_err(|error| Error::io(&self.address, "read", &error))?;
        match self.socket.read(&mut self.scratch) {
            Ok(0) => Err(self.closed()),
            Ok(read) => {
                let read = self.scratch.get(..read).unwrap_or_default();
                self.input.extend_from_slice(read);
                Ok(())
            }
            Err(error) if is_timeout(&error) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(Error::io(&self.address, "read", &error)),
        }
    }

    /// The next envelope, waited for until the deadline.
    pub fn read(&mut self, deadline: Deadline) -> Result<Envelope> {
        self.flush(deadline)?;
        loop {
            match self.decoder.next(&mut self.input) {
                Ok(Some(envelope)) => return Ok(envelope),
                Ok(None) => {}
                Err(fault) => return Err(broken(&self.address, &fault)),
            }
            self.check(deadline)?;
            let left = deadline.map(|deadline| {
                let micros = deadline.saturating_sub(self.clock.monotonic_micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            });
            self.fill(left.map_or(INTERRUPT_INTERVAL, |left| left.min(INTERRUPT_INTERVAL)))?;
        }
    }
}
