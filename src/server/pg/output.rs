//! What is written to a client: collected, so that many rows go out in one piece.

use crate::error::{Error, Result};
use bytes::BytesMut;
use pgwire::messages::PgWireBackendMessage as Backend;
use std::io::Write;
use std::net::TcpStream;

/// How many bytes of answers are collected before they are written.
const OUTPUT_BYTES: usize = 64 << 10;

/// What is written to a client.
#[derive(Debug)]
pub struct Output {
    /// Where it goes.
    pub stream: TcpStream,
    /// What has been collected.
    pub bytes: BytesMut,
}

impl Output {
    /// Nothing yet, to a client.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            bytes: BytesMut::new(),
        }
    }

    /// Appends a message, and writes what has been collected where that is enough.
    pub fn send(&mut self, message: Backend) -> Result<()> {
        message
            .encode(&mut self.bytes)
            .map_err(|error| Error::invalid(format!("an answer cannot be sent: {error}")))?;
        if self.bytes.len() >= OUTPUT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes what has been collected.
    pub fn flush(&mut self) -> Result<()> {
        let bytes = self.bytes.split();
        self.stream
            .write_all(&bytes)
            .map_err(|error| Error::io("the connection", "be written", &error))
    }
}
