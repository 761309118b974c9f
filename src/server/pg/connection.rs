//! One client: startup, password, then its messages in order.

use crate::error::{Error, Result};
use crate::server::pg::conversation::Conversation;
use crate::server::pg::frame::{self, Fields, Message};
use crate::server::pg::output::Output;
use crate::server::pg::settings::REPORTED;
use crate::server::pg::{Connections, failure};
use crate::server::state::State;
use bytes::BufMut;
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::response::{ReadyForQuery, TransactionStatus};
use pgwire::messages::startup::{Authentication, BackendKeyData, ParameterStatus, SecretKey};
use std::collections::HashMap;
use std::io::BufReader;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const SSL_REQUEST: i32 = 80_877_103;
const GSS_REQUEST: i32 = 80_877_104;
const CANCEL_REQUEST: i32 = 80_877_102;
/// The protocol's major version.
const MAJOR_VERSION: i32 = 3;
/// How many packets may come before the one that starts.
const REQUESTS_MAX: usize = 4;
/// How long a client may leave an answer unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(600);

/// By what a client can ask for its statement to be stopped.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The connection's number.
    pub pid: i32,
    /// What only its client knows.
    pub secret: i32,
}

/// Tells a client that there are too many.
pub fn refuse_as_full(stream: TcpStream) {
    let mut output = Output::new(stream);
    let error = Error::invalid("sorry, too many clients already");
    let told = output.send(Backend::ErrorResponse(failure::fatal("53300", &error)));
    // It may have gone already.
    let _ = told.and_then(|()| output.flush());
}

/// Serves a client until it goes.
pub fn serve(
    stream: TcpStream,
    key: Key,
    interrupt: Arc<AtomicBool>,
    connections: &Connections,
    state: &State,
) {
    let served = Connection::new(stream, interrupt, state).and_then(|mut connection| {
        let ended = connection.run(key, connections);
        if let Err(error) = &ended {
            let state = failure::sqlstate(error);
            let told = Backend::ErrorResponse(failure::fatal(state, error));
            // Who has gone is told nothing.
            let _ = connection.output.send(told);
            let _ = connection.output.flush();
        }
        ended
    });
    if let Err(error) = served {
        tracing::debug!("a PostgreSQL connection ended: {error}");
    }
}

struct Connection<'a> {
    input: BufReader<TcpStream>,
    output: Output,
    interrupt: Arc<AtomicBool>,
    state: &'a State,
}

impl<'a> Connection<'a> {
    fn new(stream: TcpStream, interrupt: Arc<AtomicBool>, state: &'a State) -> Result<Self> {
        let failed = |error: std::io::Error| Error::io("the connection", "be used", &error);
        let patience = Some(state.options.handshake_timeout);
        stream.set_read_timeout(patience).map_err(failed)?;
        let patience = Some(WRITE_TIMEOUT);
        stream.set_write_timeout(patience).map_err(failed)?;
        let input = BufReader::new(stream.try_clone().map_err(failed)?);
        let output = Output::new(stream);
        Ok(Self {
            input,
            output,
            interrupt,
            state,
        })
    }

    fn run(&mut self, key: Key, connections: &Connections) -> Result<()> {
        let Some(parameters) = self.startup(connections)? else {
            return Ok(());
        };
        let user = parameters.get("user").cloned().unwrap_or_default();
        if user.is_empty() {
            return Err(frame::malformed("no PostgreSQL user name specified"));
        }
        if !self.authenticate(&user)? {
            return Ok(());
        }
        let shared = self.state.shared.clone();
        let interrupt = Arc::clone(&self.interrupt);
        let mut conversation = Conversation::new(shared, interrupt, user, &parameters)?;
        self.welcome(key, &conversation)?;
        self.output
            .stream
            .set_read_timeout(None)
            .map_err(|error| Error::io("the connection", "be used", &error))?;
        self.messages(&mut conversation)
    }

    /// What the client says of itself; none where it wanted something else.
    fn startup(&mut self, connections: &Connections) -> Result<Option<HashMap<String, String>>> {
        for _ in 0..REQUESTS_MAX {
            let Some(packet) = frame::read_startup(&mut self.input)? else {
                return Ok(None);
            };
            let mut fields = Fields::of(&packet);
            match fields.int()? {
                // Nothing is encrypted; the client decides whether it goes on.
                SSL_REQUEST | GSS_REQUEST => {
                    self.output.bytes.put_u8(b'N');
                    self.output.flush()?;
                }
                CANCEL_REQUEST => {
                    connections.cancel(fields.int()?, fields.int()?);
                    return Ok(None);
                }
                version if version >> 16 == MAJOR_VERSION => {
                    let parameters = parameters(&mut fields)?;
                    self.negotiate(version & 0xffff, &parameters);
                    return Ok(Some(parameters));
                }
                version => {
                    return Err(frame::malformed(&format!(
                        "unsupported frontend protocol {}.{}: server supports 3.0",
                        version >> 16,
                        version & 0xffff
                    )));
                }
            }
        }
        Err(frame::malformed("too many requests before the start"))
    }

    /// Tells a client that asks for more than version 3.0 that there is no more.
    fn negotiate(&mut self, minor: i32, parameters: &HashMap<String, String>) {
        let unknown: Vec<&String> = parameters
            .keys()
            .filter(|name| name.starts_with("_pq_."))
            .collect();
        if minor == 0 && unknown.is_empty() {
            return;
        }
        let length: usize = unknown.iter().map(|name| name.len() + 1).sum();
        self.output.bytes.put_u8(b'v');
        // A startup packet has at most `STARTUP_BYTES_MAX` bytes.
        self.output.bytes.put_u32((length + 12) as u32);
        self.output.bytes.put_i32(0);
        self.output.bytes.put_u32(unknown.len() as u32);
        for name in unknown {
            self.output.bytes.put_slice(name.as_bytes());
            self.output.bytes.put_u8(0);
        }
    }

    /// Asks for the password, where one is wanted; false where the client has gone.
    fn authenticate(&mut self, user: &str) -> Result<bool> {
        let authenticator = &self.state.options.authenticator;
        if authenticator.class_name().is_some() {
            let ask = Authentication::CleartextPassword;
            self.output.send(Backend::Authentication(ask))?;
            self.output.flush()?;
            let Some(message) = frame::read(&mut self.input, true)? else {
                return Ok(false);
            };
            if message.kind != b'p' {
                return Err(frame::malformed("expected a password"));
            }
            let password = Fields::of(&message.body).text()?.to_owned();
            authenticator.authenticate(user, password.as_bytes())?;
        }
        self.output
            .send(Backend::Authentication(Authentication::Ok))?;
        Ok(true)
    }

    fn welcome(&mut self, key: Key, conversation: &Conversation) -> Result<()> {
        for name in REPORTED {
            let value = conversation.setting(name);
            let status = ParameterStatus::new(name.to_owned(), value);
            self.output.send(Backend::ParameterStatus(status))?;
        }
        let data = BackendKeyData::new(key.pid, SecretKey::I32(key.secret));
        self.output.send(Backend::BackendKeyData(data))?;
        self.ready(conversation.status())
    }

    fn ready(&mut self, status: TransactionStatus) -> Result<()> {
        let ready = Backend::ReadyForQuery(ReadyForQuery::new(status));
        self.output.send(ready)?;
        self.output.flush()
    }

    /// Reads messages and answers them. After an error within the extended protocol all is passed
    /// over until the client says Sync.
    fn messages(&mut self, conversation: &mut Conversation) -> Result<()> {
        let mut skipping = false;
        while let Some(message) = frame::read(&mut self.input, false)? {
            match message.kind {
                b'X' => return Ok(()),
                b'S' => {
                    skipping = false;
                    conversation.sync();
                    self.ready(conversation.status())?;
                }
                b'H' => self.output.flush()?,
                _ if skipping => {}
                b'Q' => {
                    let answered = self.simple(&message, conversation);
                    self.told(answered, conversation)?;
                    self.ready(conversation.status())?;
                }
                // What a COPY that was refused sends still.
                b'd' | b'c' | b'f' => {}
                b'P' | b'B' | b'D' | b'E' | b'C' => {
                    let answered = conversation.extended(&message, &mut self.output);
                    skipping = !self.told(answered, conversation)?;
                }
                kind => {
                    return Err(frame::malformed(&format!(
                        "invalid frontend message type {kind}"
                    )));
                }
            }
        }
        Ok(())
    }

    fn simple(&mut self, message: &Message, conversation: &mut Conversation) -> Result<()> {
        let text = Fields::of(&message.body).text()?;
        conversation.simple(text, &mut self.output)
    }

    /// Tells the client an error; whether there was none. One of the connection itself ends it.
    fn told(&mut self, answered: Result<()>, conversation: &mut Conversation) -> Result<bool> {
        let Err(error) = answered else {
            return Ok(true);
        };
        if error.kind == crate::error::ErrorKind::Io && error.message.starts_with("the connection")
        {
            return Err(error);
        }
        let response = failure::response(&error, conversation.text());
        conversation.failed();
        self.output.send(Backend::ErrorResponse(response))?;
        Ok(false)
    }
}

/// Names and values, up to an empty name.
fn parameters(fields: &mut Fields<'_>) -> Result<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    loop {
        let name = fields.text()?;
        if name.is_empty() {
            return Ok(parameters);
        }
        parameters.insert(name.to_owned(), fields.text()?.to_owned());
    }
}
