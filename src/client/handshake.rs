//! How a conversation is opened: STARTUP, an older version if the server wants one, and who we are.
//!
//! In version 5 the answer to STARTUP is the last that comes without segments; what we say to an
//! AUTHENTICATE is in one already.

use crate::client::ClientOptions;
use crate::client::wire::{Deadline, Wire, broken};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{
    Compression, ErrorBody, Request, RequestMessage, Response, ResponseMessage, Version,
};
use bytes::Bytes;

/// Connects and opens the conversation, in the newest version that both sides speak.
pub(super) fn open(address: &str, options: &ClientOptions) -> Result<Wire> {
    let mut version = options.version;
    loop {
        let mut wire = Wire::connect(
            address,
            version,
            options.connect_timeout,
            options.interrupt.clone(),
        )?;
        match startup(&mut wire, options)? {
            None => return Ok(wire),
            Some((refusal, answered)) => {
                // The refusal comes in the version that the server would like.
                let older = Version::ALL
                    .into_iter()
                    .rev()
                    .find(|older| *older < version && (answered >= version || *older <= answered));
                version = older.ok_or(refusal)?;
            }
        }
    }
}

/// Opens the conversation. Answers the refusal and its version where the server does not speak
/// ours.
fn startup(wire: &mut Wire, options: &ClientOptions) -> Result<Option<(Error, Version)>> {
    let version = wire.version();
    let compression = options.compression;
    if compression == Compression::Snappy && version >= Version::V5 {
        return Err(Error::config(
            "Version 5 of the protocol does not know Snappy: choose LZ4 or version 4",
        ));
    }
    let deadline = wire.deadline(Some(options.connect_timeout));
    let mut settings = vec![
        ("CQL_VERSION".to_owned(), "3.0.0".to_owned()),
        ("DRIVER_NAME".to_owned(), "helenus".to_owned()),
        (
            "DRIVER_VERSION".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
    ];
    if let Some(name) = compression.name() {
        settings.push(("COMPRESSION".to_owned(), name.to_owned()));
    }
    let request = RequestMessage::from(Request::Startup { options: settings });
    wire.write(0, &request, deadline)?;
    if version < Version::V5 {
        wire.flush(deadline)?;
        wire.set_input_framing(version, compression);
    }
    let envelope = wire.read(deadline)?;
    let answered = envelope.version;
    let message =
        ResponseMessage::decode(&envelope).map_err(|fault| broken(wire.address(), &fault))?;
    match message.response {
        Response::Ready => {
            wire.set_input_framing(version, compression);
            wire.set_output_framing(version, compression);
            Ok(None)
        }
        Response::Authenticate { authenticator } => {
            wire.set_input_framing(version, compression);
            wire.set_output_framing(version, compression);
            authenticate(wire, options, &authenticator, deadline)?;
            Ok(None)
        }
        Response::Error { message, body } => {
            let error = body.to_error(message);
            let is_version = answered != version || error.message.contains("protocol version");
            if body == ErrorBody::Protocol && is_version {
                Ok(Some((error, answered)))
            } else {
                Err(error)
            }
        }
        other => Err(unexpected(wire, &other)),
    }
}

fn unexpected(wire: &Wire, response: &Response) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!(
            "{}: the server answered {} where that means nothing",
            wire.address(),
            response.opcode().name()
        ),
    )
}

/// Says who we are, by SASL PLAIN.
fn authenticate(
    wire: &mut Wire,
    options: &ClientOptions,
    authenticator: &str,
    deadline: Deadline,
) -> Result<()> {
    let Some((user, password)) = &options.credentials else {
        return Err(Error::new(
            ErrorKind::BadCredentials,
            format!(
                "{}: the server asks for a name and a password ({authenticator})",
                wire.address()
            ),
        ));
    };
    let token = Bytes::from(format!("\0{user}\0{password}"));
    let request = Request::AuthResponse { token: Some(token) };
    wire.write(0, &RequestMessage::from(request), deadline)?;
    let envelope = wire.read(deadline)?;
    let message =
        ResponseMessage::decode(&envelope).map_err(|fault| broken(wire.address(), &fault))?;
    match message.response {
        Response::AuthSuccess { .. } => Ok(()),
        Response::Error { message, body } => Err(body.to_error(message)),
        other => Err(unexpected(wire, &other)),
    }
}
