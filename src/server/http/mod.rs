//! The HTTP port: metrics for a monitoring system, administration for an operator.
//!
//! | request | answer |
//! |---|---|
//! | `GET /metrics` | Prometheus text |
//! | `GET /health` | 200 when CQL is served, 503 when it is not |
//! | `GET /admin/NAME` | a report as JSON, where NAME only reads |
//! | `POST /admin/NAME` | does it; arguments and report are JSON |
//!
//! The port listens on the loopback address and asks for no password, so whoever is on the machine
//! may administer the database. A web page in a browser on the machine must not: it can reach
//! loopback ports, under its own name (`Origin`) or under one that its owner points there
//! (`Host`). So what stands under `/admin` is only for those who call the port by its address or as
//! `localhost`, come from no origin, and send JSON, which a form cannot (`guard`).
//!
//! Everything is bounded: connections, headers, bodies, and the time that a client may take to send
//! them. What a request asks of the engine runs on a thread of its own.

mod guard;
mod page;

#[cfg(test)]
mod tests;

pub use page::metrics_page;

use crate::error::{Error, ErrorKind, Result};
use crate::server::admin::{self, Request as Operation};
use crate::server::control::Control;
use crate::server::metrics::CONTENT_TYPE;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE as TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// The most connections at a time; more are closed at once.
const CONNECTIONS_MAX: usize = 64;
/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// The headers of a request, in bytes.
const HEADER_BYTES_MAX: usize = 16 << 10;
/// The body of a request, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How long a client may take to send its headers, and between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait when the process has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

const JSON: &str = "application/json";

type Answer = Response<Full<Bytes>>;

/// Serves the port until the runtime ends.
pub async fn serve(listener: TcpListener, control: Control) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!("cannot take in an HTTP connection: {error}");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!("{CONNECTIONS_MAX} HTTP connections are open: one more is refused");
            continue;
        };
        let control = control.clone();
        tokio::spawn(async move {
            converse(stream, control, HEADER_TIMEOUT).await;
            drop(place);
        });
    }
}

/// All requests of one connection.
async fn converse(stream: TcpStream, control: Control, patience: Duration) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let answers = service_fn(move |request| {
        let control = control.clone();
        async move { Ok::<_, Infallible>(answer(request, local, &control).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), answers);
    if let Err(error) = conversation.await {
        tracing::debug!("an HTTP connection ended: {error}");
    }
}

async fn answer(request: Request<Incoming>, local: SocketAddr, control: &Control) -> Answer {
    control.metrics().http_requests.increment();
    let path = request.uri().path().to_owned();
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    match path.as_str() {
        "/metrics" if read => match page(control).await {
            Ok(page) => reply(StatusCode::OK, CONTENT_TYPE, page),
            Err(error) => refusal(&error),
        },
        "/health" if read => health(control).await,
        "/metrics" | "/health" => not_allowed("GET, HEAD"),
        "/" if read => {
            let paths = "helenus: /metrics, /health, /admin/NAME\n".to_owned();
            reply(StatusCode::OK, "text/plain; charset=utf-8", paths)
        }
        _ => match path.strip_prefix("/admin/") {
            Some(name) => administer(request, name, local, control).await,
            None => fault(StatusCode::NOT_FOUND, &format!("there is no {path}")),
        },
    }
}

async fn page(control: &Control) -> Result<String> {
    let binary = control.is_binary_enabled().await;
    let control = control.clone();
    admin::blocking(move || Ok(metrics_page(&control, binary))).await
}

async fn health(control: &Control) -> Answer {
    let up = control.is_binary_enabled().await && !control.is_drained();
    let (status, word) = match up {
        true => (StatusCode::OK, "up"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "down"),
    };
    let body = json!({"status": word, "version": env!("CARGO_PKG_VERSION")});
    reply(status, JSON, format!("{body}\n"))
}

async fn administer(
    request: Request<Incoming>,
    name: &str,
    local: SocketAddr,
    control: &Control,
) -> Answer {
    if let Err(reason) = guard::check(&request, local) {
        tracing::warn!(name, reason, "refused an administration request");
        return fault(StatusCode::FORBIDDEN, reason);
    }
    if !Operation::knows(name) {
        return fault(StatusCode::NOT_FOUND, &format!("there is no /admin/{name}"));
    }
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    if !read && request.method() != Method::POST {
        return not_allowed("GET, HEAD, POST");
    }
    let body = match body(request).await {
        Ok(body) => body,
        Err((status, reason)) => return fault(status, &reason),
    };
    let operation = match Operation::parse(name, &body) {
        Ok(operation) if read && !operation.only_reads() => return not_allowed("POST"),
        Ok(operation) => operation,
        Err(error) => return refusal(&error),
    };
    if !operation.only_reads() {
        tracing::info!("administration: {operation:?}");
    }
    match admin::answer(control, operation).await {
        Ok(report) => match serde_json::to_string(&report) {
            Ok(text) => reply(StatusCode::OK, JSON, text + "\n"),
            Err(error) => refusal(&Error::internal(format!("{name}: {error}"))),
        },
        Err(error) => refusal(&error),
    }
}

async fn body(request: Request<Incoming>) -> Result<Bytes, (StatusCode, String)> {
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => {
            let reason = format!("the body does not end within {BODY_BYTES_MAX} bytes");
            Err((StatusCode::PAYLOAD_TOO_LARGE, reason))
        }
        Err(_) => {
            let reason = "the body did not arrive in time".to_owned();
            Err((StatusCode::REQUEST_TIMEOUT, reason))
        }
    }
}

fn reply(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // A browser shall not take an answer for something to run.
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", nosniff);
    answer
}

fn refusal(error: &Error) -> Answer {
    let status = match error.kind {
        ErrorKind::Invalid | ErrorKind::Config | ErrorKind::Syntax => StatusCode::BAD_REQUEST,
        ErrorKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = json!({"error": error.message, "hint": error.hint});
    reply(status, JSON, format!("{body}\n"))
}

fn fault(status: StatusCode, message: &str) -> Answer {
    let body = json!({"error": message});
    reply(status, JSON, format!("{body}\n"))
}

fn not_allowed(allowed: &'static str) -> Answer {
    let message = format!("only {allowed} here");
    let mut answer = fault(StatusCode::METHOD_NOT_ALLOWED, &message);
    let allowed = HeaderValue::from_static(allowed);
    answer.headers_mut().insert(ALLOW, allowed);
    answer
}
