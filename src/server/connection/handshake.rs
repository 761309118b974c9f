//! The messages that are no statements, and which of them may come when.
//!
//! ```text
//!            STARTUP, nobody is asked who he is
//! Startup ────────────────────────────────────▶ Ready ◀─ REGISTER
//!    │                                            ▲
//!    │ STARTUP          right AUTH_RESPONSE       │
//!    └────────▶ Authenticating ───────────────────┘
//!                  │     ▲
//!                  └─────┘ wrong: after a pause; too often: the end
//! ```
//!
//! OPTIONS may come at any time. What may not come is answered with a protocol error, and the
//! connection goes on. In version 5 the answer to STARTUP, be it READY or AUTHENTICATE, is the
//! last envelope that comes without a segment.

use crate::cql::virtual_tables::CQL_VERSION;
use crate::protocol::Version;
use crate::protocol::response::{auth_success, authenticate, ready, supported};
use crate::protocol::{Compression, Encoder, Envelope, ErrorBody, Opcode, Request, RequestMessage};
use crate::server::connection::{Connection, Pause};
use crate::server::events;
use crate::server::failure::{Asked, Failure};
use bytes::{Bytes, BytesMut};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long a client that gave the wrong password waits for the answer.
const FAILED_LOGIN_PAUSE: Duration = Duration::from_millis(500);
/// How often a client may give a wrong password on one connection.
const LOGIN_TRIES_MAX: u8 = 3;
/// The longest STARTUP option that is kept, in bytes.
const OPTION_BYTES_MAX: usize = 256;
/// The STARTUP options that are kept.
const OPTIONS_KEPT: [&str; 4] = ["CQL_VERSION", "DRIVER_NAME", "DRIVER_VERSION", "CLIENT_ID"];

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It has not been opened yet.
    Startup,
    /// The client has to say who it is; so often it said so wrongly.
    Authenticating(u8),
    /// It is open.
    Ready,
}

impl Connection {
    /// Answers a message that is no statement, or that may not come now.
    pub(super) fn shake_hands(&mut self, envelope: &Envelope) {
        if self.version.is_none() {
            self.encoder = Encoder::new(envelope.version);
        }
        if let Err(failure) = self.shake(envelope) {
            if failure.body == ErrorBody::Protocol {
                self.state.metrics.protocol_errors.increment();
            }
            self.fail(envelope.stream, failure);
        }
    }

    fn shake(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        let name = envelope.opcode.name();
        match (self.phase, envelope.opcode) {
            (_, Opcode::Options) => self.answer(envelope.stream, Opcode::Supported, |out| {
                supported(out, &supported_options());
            }),
            (Phase::Startup, Opcode::Startup) => return self.start(envelope),
            (Phase::Startup, _) => {
                return Err(Failure::protocol(format!(
                    "Unexpected message {name}, expecting STARTUP or OPTIONS"
                )));
            }
            (Phase::Authenticating(tries), Opcode::AuthResponse) => {
                return self.log_in(envelope, tries);
            }
            (Phase::Authenticating(_), _) => {
                return Err(Failure::protocol(format!(
                    "Unexpected message {name}, expecting SASL_RESPONSE"
                )));
            }
            (Phase::Ready, Opcode::Register) => return self.register(envelope),
            (Phase::Ready, Opcode::Startup | Opcode::AuthResponse) => {
                return Err(Failure::protocol(format!(
                    "Unexpected message {name}, the connection is already initialized"
                )));
            }
            (Phase::Ready, _) => {
                return Err(Failure::protocol(format!("Unexpected message {name}")));
            }
        }
        Ok(())
    }

    fn answer(&mut self, stream: i16, opcode: Opcode, write: impl FnOnce(&mut BytesMut)) {
        self.encoder
            .frame(&mut self.collected, stream, opcode, 0, write);
    }

    fn start(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        let message = RequestMessage::decode(envelope)?;
        let Request::Startup { options } = message.request else {
            return Err(Failure::protocol("Expected STARTUP"));
        };
        let compression = agree(&options, envelope.version)?;
        self.peer.update_facts(|facts| {
            facts.protocol_version = envelope.version.number();
            facts.options = options
                .into_iter()
                .filter(|(name, value)| {
                    OPTIONS_KEPT.contains(&name.as_str()) && value.len() <= OPTION_BYTES_MAX
                })
                .collect();
        });
        match self.state.options.authenticator.class_name() {
            None => {
                self.answer(envelope.stream, Opcode::Ready, ready);
                self.become_ready();
            }
            Some(class) => {
                self.answer(envelope.stream, Opcode::Authenticate, |out| {
                    authenticate(out, class);
                });
                self.phase = Phase::Authenticating(0);
            }
        }
        self.set_framing(envelope.version, compression);
        Ok(())
    }

    fn become_ready(&mut self) {
        self.phase = Phase::Ready;
        if !self.peer.ready.swap(true, Ordering::SeqCst) {
            self.state.peers.handshakes.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn log_in(&mut self, envelope: &Envelope, tries: u8) -> Result<(), Failure> {
        let message = RequestMessage::decode(envelope)?;
        let Request::AuthResponse { token } = message.request else {
            return Err(Failure::protocol("Expected AUTH_RESPONSE"));
        };
        let (user, password) = plain(token.as_ref())?;
        let judged = self
            .state
            .options
            .authenticator
            .authenticate(&user, &password);
        match judged {
            Ok(()) => {
                self.state.metrics.logins.increment();
                self.peer.update_facts(|facts| facts.user = Some(user));
                self.answer(envelope.stream, Opcode::AuthSuccess, |out| {
                    auth_success(out, None);
                });
                self.become_ready();
                Ok(())
            }
            Err(error) => {
                self.state.metrics.logins_failed.increment();
                let tries = tries.saturating_add(1);
                tracing::warn!("{}: login of {user:?} failed", self.peer.address);
                self.phase = Phase::Authenticating(tries);
                self.pause = Some(Pause {
                    end: Box::pin(tokio::time::sleep(FAILED_LOGIN_PAUSE)),
                    stream: envelope.stream,
                    failure: Failure::of(error, Asked::default(), None),
                    is_last: tries >= LOGIN_TRIES_MAX,
                });
                Ok(())
            }
        }
    }

    fn register(&mut self, envelope: &Envelope) -> Result<(), Failure> {
        let message = RequestMessage::decode(envelope)?;
        let Request::Register { events: wanted } = message.request else {
            return Err(Failure::protocol("Expected REGISTER"));
        };
        let mut bits = 0;
        for name in wanted {
            bits |= events::bit(&name.to_ascii_uppercase())
                .ok_or_else(|| Failure::protocol(format!("Invalid value '{name}' for Type")))?;
        }
        self.peer.events.fetch_or(bits, Ordering::SeqCst);
        self.answer(envelope.stream, Opcode::Ready, ready);
        Ok(())
    }
}

/// What SUPPORTED says.
fn supported_options() -> Vec<(&'static str, Vec<&'static str>)> {
    vec![
        (
            "PROTOCOL_VERSIONS",
            Version::ALL.map(Version::label).to_vec(),
        ),
        ("COMPRESSION", vec!["snappy", "lz4"]),
        ("CQL_VERSION", vec![CQL_VERSION]),
    ]
}

/// Holds the options of STARTUP against what is spoken here; answers the compression.
fn agree(options: &[(String, String)], version: Version) -> Result<Compression, Failure> {
    let option = |wanted: &str| {
        let found = options
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let cql = option("CQL_VERSION")
        .ok_or_else(|| Failure::protocol("Missing value CQL_VERSION in STARTUP message"))?;
    let major = cql
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok());
    match major {
        None => return Err(Failure::protocol(format!("Invalid version value: {cql}"))),
        Some(0..=2) => {
            return Err(Failure::protocol(format!(
                "CQL version {cql} is not supported by the binary protocol (supported version \
                 are >= 3.0.0)"
            )));
        }
        Some(_) => {}
    }
    let Some(name) = option("COMPRESSION").filter(|name| !name.is_empty()) else {
        return Ok(Compression::None);
    };
    match Compression::from_name(name) {
        None => Err(Failure::protocol(format!(
            "Unknown compression algorithm: {name}"
        ))),
        Some(Compression::Snappy) if version >= Version::V5 => Err(Failure::protocol(
            "Snappy compression is not supported in protocol V5",
        )),
        Some(compression) => Ok(compression),
    }
}

/// Name and password out of a token of SASL PLAIN: `authorization NUL name NUL password`.
fn plain(token: Option<&Bytes>) -> Result<(String, Vec<u8>), Failure> {
    let refused = |words: &str| Failure::new(ErrorBody::BadCredentials, words);
    let token = token.ok_or_else(|| refused("The token of the login is missing"))?;
    let mut parts = token.splitn(3, |byte| *byte == 0);
    let (_, name, password) = (parts.next(), parts.next(), parts.next());
    let password = password.filter(|password| !password.is_empty());
    let password = password.ok_or_else(|| refused("Password must not be null"))?;
    let name = name
        .filter(|name| !name.is_empty())
        .and_then(|name| std::str::from_utf8(name).ok())
        .ok_or_else(|| refused("Authentication ID must not be null"))?;
    Ok((name.to_owned(), password.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreed(options: &[(&str, &str)], version: Version) -> Result<Compression, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let options: Vec<_> = options.iter().map(owned).collect();
        agree(&options, version).map_err(|failure| failure.message)
    }

    #[test]
    fn startup_is_held_against_what_is_spoken() {
        let cql = ("CQL_VERSION", "3.0.0");
        assert_eq!(agreed(&[cql], Version::V4), Ok(Compression::None));
        assert_eq!(
            agreed(&[("cql_version", "4.0.0")], Version::V3),
            Ok(Compression::None)
        );
        let lz4 = [cql, ("COMPRESSION", "LZ4")];
        assert_eq!(agreed(&lz4, Version::V5), Ok(Compression::Lz4));
        let snappy = [cql, ("COMPRESSION", "snappy")];
        assert_eq!(agreed(&snappy, Version::V4), Ok(Compression::Snappy));
        for (options, version, words) in [
            (
                vec![],
                Version::V4,
                "Missing value CQL_VERSION in STARTUP message",
            ),
            (
                vec![("CQL_VERSION", "x")],
                Version::V4,
                "Invalid version value: x",
            ),
            (
                vec![("CQL_VERSION", "2.0.0")],
                Version::V4,
                "CQL version 2.0.0 is not supported by the binary protocol (supported version \
                 are >= 3.0.0)",
            ),
            (
                snappy.to_vec(),
                Version::V5,
                "Snappy compression is not supported in protocol V5",
            ),
            (
                vec![cql, ("COMPRESSION", "zstd")],
                Version::V4,
                "Unknown compression algorithm: zstd",
            ),
        ] {
            assert_eq!(agreed(&options, version), Err(words.to_owned()));
        }
    }

    #[test]
    fn plain_tokens() {
        let read = |token: &'static [u8]| plain(Some(&Bytes::from_static(token))).ok();
        assert_eq!(
            read(b"\0ann\0secret"),
            Some(("ann".into(), b"secret".to_vec()))
        );
        assert_eq!(
            read(b"other\0ann\0s\0t"),
            Some(("ann".into(), b"s\0t".to_vec()))
        );
        for wrong in [
            &b""[..],
            b"ann",
            b"\0ann",
            b"\0ann\0",
            b"\0\0secret",
            b"\0\xFF\0x",
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
        assert!(plain(None).is_err());
    }
}
