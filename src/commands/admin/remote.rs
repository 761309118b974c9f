//! The HTTP port of a running server, from outside.

use crate::commands::admin::words::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::server::admin::{Report, Request};
use serde_json::Value;
use std::net::Ipv6Addr;
use std::time::Duration;

/// How long a server may take to be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take for an answer that only reads.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// An answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Has the server at `place` answer a request. One that changes something takes as long as it
/// takes: a compaction may run for hours.
pub fn ask(place: &Place, request: &Request) -> Result<Report> {
    let (name, body) = request.parts()?;
    let host = match place.host.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => place.host.clone(),
    };
    let server = format!("{host}:{}", place.port);
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .max_redirects(0)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_resolve(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(request.only_reads().then_some(READ_TIMEOUT))
        .build()
        .new_agent();
    let mut answer = agent
        .post(format!("http://{server}/admin/{name}"))
        .content_type("application/json")
        .send(body.as_bytes())
        .map_err(|error| unreachable(&server, &error))?;
    let status = answer.status();
    let text = answer
        .body_mut()
        .with_config()
        .limit(ANSWER_BYTES_MAX)
        .read_to_string()
        .map_err(|error| Error::new(ErrorKind::Io, format!("{server}: {error}")))?;
    if status.is_success() {
        return serde_json::from_str(&text).map_err(|error| no_helenus(&server, &error));
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(Value::Object(fields)) if fields.contains_key("error") => {
            let word = |name: &str| fields.get(name).and_then(Value::as_str).map(str::to_owned);
            let mut error = Error::invalid(word("error").unwrap_or_default());
            error.hint = word("hint");
            Err(error)
        }
        _ => Err(no_helenus(&server, &format!("HTTP status {status}"))),
    }
}

fn no_helenus(server: &str, what: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("{server} does not answer as helenus does: {what}"))
        .with_hint("-p is the server's HTTP port (9180 unless it was told otherwise).")
}

fn unreachable(server: &str, error: &ureq::Error) -> Error {
    let refused = match error {
        ureq::Error::ConnectionFailed => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    };
    let message = match (refused, error) {
        (true, _) => format!(
            "{server}: no server listens here; start one with `helenus serve`, or name a data \
             directory with --data-dir"
        ),
        (false, ureq::Error::HostNotFound) => format!("{server}: there is no such host"),
        (false, ureq::Error::Protocol(_)) => return no_helenus(server, error),
        (false, error) => format!("{server}: {error}"),
    };
    Error::new(ErrorKind::Io, message)
}
