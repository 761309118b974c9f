//! What an operator asks of a node, and its answers.
//!
//! A [`Request`] is a command with its arguments, a [`Report`] is what comes of it; both are plain
//! data. A running server answers requests at its HTTP port ([`answer`]); where none runs, the
//! command line opens the data directory and answers them itself ([`answer_locally`]). What only a
//! server has (clients, a log, a port to close) is refused there by name.
//!
//! ```text
//! helenus admin ── HTTP ──▶ server::http ─▶ answer ─────────┬─▶ Control: the CQL port, clients
//!       │                                                   ▼
//!       └── --data-dir ───────────────────▶ answer_locally ─▶ Engine: flush, compact, figures
//! ```

mod operations;
pub mod process;
pub mod report;
pub mod request;

pub use report::Report;
pub use request::Request;

use crate::database::Database;
use crate::error::{Error, Result};
use crate::server::control::Control;
use crate::server::logging;
use crate::server::metrics::RequestKind;
use crate::server::peer::Peer;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::Ordering;

/// What a running server adds to what its database knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// Whether clients may connect.
    pub binary: bool,
    /// Whether it was drained.
    pub drained: bool,
    /// How long the server has been running, in seconds.
    pub uptime_seconds: u64,
    /// Requests that failed by a defect of the server.
    pub exceptions: u64,
}

/// Answers a request to a running server.
pub async fn answer(control: &Control, request: Request) -> Result<Report> {
    match request {
        Request::DisableBinary(_) => {
            let control = control.clone();
            let closed = async move {
                control.disable_binary().await;
                Ok(Report::Done(None))
            };
            to_the_end(closed).await
        }
        Request::EnableBinary(_) => {
            let control = control.clone();
            let opened = async move {
                control.enable_binary().await?;
                Ok(Report::Done(None))
            };
            to_the_end(opened).await
        }
        Request::Drain(_) => {
            let control = control.clone();
            let drained = async move {
                control.drain().await?;
                Ok(Report::Done(None))
            };
            to_the_end(drained).await
        }
        Request::StatusBinary(_) => Ok(Report::Binary(control.is_binary_enabled().await)),
        Request::ClientStats(_) => Ok(Report::Clients(clients(control))),
        Request::GetLoggingLevels(_) => Ok(Report::LoggingLevels(logging::levels())),
        Request::SetLoggingLevel(wanted) => {
            logging::set_level(wanted.target.as_deref(), wanted.level.as_deref())?;
            Ok(Report::Done(None))
        }
        Request::Histograms(_) => Ok(Report::Histograms(histograms(control))),
        Request::GetTimeout(_) => Ok(Report::Timeouts(timeouts(control))),
        other => {
            let surroundings = surroundings(control).await;
            let database = control.database().clone();
            blocking(move || operations::run(&database, &surroundings, &other)).await
        }
    }
}

/// Answers a request to a database that no server has open.
pub fn answer_locally(database: &Database, request: &Request) -> Result<Report> {
    match request {
        Request::StatusBinary(_) => Ok(Report::Binary(false)),
        Request::Drain(_) => {
            database.engine().flush(None)?;
            Ok(Report::Done(None))
        }
        Request::DisableBinary(_)
        | Request::EnableBinary(_)
        | Request::ClientStats(_)
        | Request::GetLoggingLevels(_)
        | Request::SetLoggingLevel(_)
        | Request::Histograms(_)
        | Request::GetTimeout(_)
        | Request::DisableAutocompaction(_)
        | Request::EnableAutocompaction(_) => {
            let (name, _) = request.parts()?;
            Err(Error::invalid(format!("{name} is about a running server"))
                .with_hint("Leave out --data-dir to reach the one on this machine."))
        }
        other => operations::run(database, &Surroundings::default(), other),
    }
}

/// What a running server adds to what its database knows.
pub async fn surroundings(control: &Control) -> Surroundings {
    let mut errors = control.metrics().errors();
    Surroundings {
        binary: control.is_binary_enabled().await,
        drained: control.is_drained(),
        uptime_seconds: control.uptime().as_secs(),
        exceptions: errors
            .find(|(code, _, _)| *code == 0)
            .map_or(0, |(_, _, count)| count),
    }
}

/// Runs what may wait for a disk or a lock.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::internal("the work was interrupted"))?
}

/// Runs what must not stop halfway when the one who asked hangs up.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work)
        .await
        .map_err(|_| Error::internal("the work was interrupted"))?
}

fn clients(control: &Control) -> Vec<report::Client> {
    control
        .connections()
        .iter()
        .map(|peer| client(peer))
        .collect()
}

fn client(peer: &Peer) -> report::Client {
    let facts = peer.facts();
    let option = |name: &str| facts.option(name).unwrap_or_default().to_owned();
    report::Client {
        address: peer.address.to_string(),
        protocol_version: facts.protocol_version,
        user: facts.user.clone().unwrap_or_else(|| "anonymous".to_owned()),
        keyspace: facts.keyspace.as_deref().unwrap_or_default().to_owned(),
        requests: peer.requests.load(Ordering::Relaxed),
        driver_name: option("DRIVER_NAME"),
        driver_version: option("DRIVER_VERSION"),
        options: facts.options.iter().cloned().collect::<BTreeMap<_, _>>(),
    }
}

fn histograms(control: &Control) -> report::Histograms {
    let metrics = control.metrics();
    let requests = RequestKind::ALL
        .iter()
        .map(|kind| (kind.name().to_owned(), metrics.latency(*kind)));
    let count = |gauge: i64| u64::try_from(gauge).unwrap_or(0);
    let figures = control.database().engine().figures();
    let under_way = control.database().engine().compactions().len() as u64;
    let stage = |name: &str, active, pending, completed, refused| report::Stage {
        name: name.to_owned(),
        active,
        pending,
        completed,
        refused,
    };
    let all = RequestKind::ALL
        .iter()
        .map(|kind| metrics.latency(*kind).count());
    report::Histograms {
        requests: requests.collect(),
        stages: vec![
            stage(
                "Native-Transport-Requests",
                count(metrics.requests_in_flight.get()),
                0,
                all.sum(),
                metrics.overloaded.get(),
            ),
            stage(
                "Workers",
                count(metrics.requests_working.get()),
                count(metrics.requests_queued.get()),
                metrics.requests_worked.get(),
                0,
            ),
            stage(
                "MemtableFlushWriter",
                0,
                figures.flushes.pending,
                figures.flushes.done,
                0,
            ),
            stage(
                "CompactionExecutor",
                under_way,
                figures.compactions.pending.saturating_sub(under_way),
                figures.compactions.done,
                0,
            ),
        ],
    }
}

fn timeouts(control: &Control) -> report::Timeouts {
    let options = control.options();
    let millis = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    report::Timeouts {
        read: millis(options.read_timeout),
        range: millis(options.range_timeout),
        write: millis(options.write_timeout),
        truncate: millis(options.truncate_timeout),
    }
}
