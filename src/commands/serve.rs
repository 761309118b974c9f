//! `helenus serve`: the network server.

use crate::clock::SystemClock;
use crate::commands::DATA_DIR;
use crate::database::Database;
use crate::error::{Error, ErrorKind, Result};
use crate::server::Server;
use crate::server::logging;
use crate::server::settings::{Settings, needs_consent};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The largest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Serve CQL to the clients of Cassandra
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  helenus serve                                   serve ./helenus-data on 127.0.0.1:9042
  helenus serve --ephemeral --listen 127.0.0.1:0  keep everything in memory, on any free port
  helenus serve --config helenus.toml             settings named as in cassandra.yaml

The first SIGTERM or SIGINT lets the server finish what it accepted, a second ends it at once.")]
pub struct Args {
    /// The directory of the database, created if absent [default: ./helenus-data]
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data_dir: Option<PathBuf>,

    /// Where CQL is served [default: 127.0.0.1:9042]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = |text: &str| address(text, 9042))]
    listen: Option<SocketAddr>,

    /// Where metrics and administration are served [default: 127.0.0.1:9180]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = |text: &str| address(text, 9180))]
    http_listen: Option<SocketAddr>,

    /// Where PostgreSQL's protocol is served: a loopback address [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = |text: &str| address(text, 5432))]
    pg_listen: Option<SocketAddr>,

    /// Keep everything in memory, and forget it at the end
    #[arg(long)]
    ephemeral: bool,

    /// Settings in TOML; what the command line says goes before
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Serve other machines as well: nothing is encrypted
    #[arg(long)]
    insecure: bool,
}

impl Args {
    fn settings(&self) -> Result<Settings> {
        let mut settings = match &self.config {
            Some(file) => {
                let name = file.display().to_string();
                let text = read(file)?;
                Settings::parse(&name, &text, read_password)?
            }
            None => Settings::default(),
        };
        if let Some(listen) = self.listen {
            settings.options.listen = listen;
        }
        if let Some(listen) = self.http_listen {
            settings.options.http_listen = Some(listen);
            settings.options.http_required = true;
        }
        if self.pg_listen.is_some() {
            settings.options.pg_listen = self.pg_listen;
        }
        if let Some(directory) = &self.data_dir {
            settings.data_dir = Some(directory.clone());
        }
        Ok(settings)
    }
}

/// An address with or without a port; a host's name stands for its first address.
fn address(text: &str, default_port: u16) -> Result<SocketAddr, String> {
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, default_port));
    }
    let named = match text.contains(':') {
        true => text.to_socket_addrs(),
        false => (text, default_port).to_socket_addrs(),
    };
    let mut found = named.map_err(|error| format!("expected ADDRESS:PORT ({error})"))?;
    found
        .next()
        .ok_or_else(|| "no address has this name".to_owned())
}

/// A file that the person named.
fn read(file: &std::path::Path) -> Result<String> {
    use std::io::Read;
    let name = file.display().to_string();
    #[expect(
        clippy::disallowed_methods,
        reason = "settings and passwords are the person's files"
    )]
    let opened = std::fs::File::open(file).map_err(|error| Error::io(&name, "open", &error))?;
    let mut text = String::new();
    let read = opened.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text);
    match read {
        Ok(length) if length as u64 > CONFIG_BYTES_MAX => Err(Error::config(format!(
            "{name}: larger than {CONFIG_BYTES_MAX} bytes"
        ))),
        Ok(_) => Ok(text),
        Err(error) => Err(Error::io(&name, "read", &error)),
    }
}

/// A password: the first line of its file.
fn read_password(file: &std::path::Path) -> Result<String> {
    let text = read(file)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    logging::init("INFO")?;
    let settings = args.settings()?;
    let options = settings.options;
    for address in [Some(options.listen), options.http_listen]
        .into_iter()
        .flatten()
    {
        if needs_consent(address) && !args.insecure {
            return Err(Error::config(format!(
                "{address} can be reached from other machines, and nothing is encrypted: say \
                 --insecure if that is meant"
            )));
        }
    }
    let stopping = Arc::new(AtomicBool::new(false));
    let mut signals = watch_signals(&stopping)?;
    let directory = settings.data_dir.unwrap_or_else(|| DATA_DIR.into());
    let sync = settings.engine.commitlog_sync;
    let (database, place) = if args.ephemeral {
        let database = Database::in_memory(settings.engine, SystemClock::shared())?;
        (database, "in memory".to_owned())
    } else {
        let opened = Database::open_with(&directory, settings.engine, SystemClock::shared());
        let database = opened.map_err(|error| match error.kind {
            ErrorKind::Locked => error
                .with_hint("Stop the other process, or serve another directory with --data-dir."),
            _ => error,
        })?;
        (database, directory.display().to_string())
    };
    #[cfg(feature = "analytics")]
    database.start_jobs()?;
    let server = Server::start(database.clone(), options).inspect_err(|_| {
        // The refusal to start is what there is to tell.
        let _ = database.close();
    })?;
    let http = match server.http_addr() {
        Some(address) => format!("http {address}"),
        None => "no http".to_owned(),
    };
    let pg = match server.pg_addr() {
        Some(address) => format!("PostgreSQL {address}, "),
        None => String::new(),
    };
    say(&format!(
        "helenus {} ready: CQL {}, {pg}{http}, data {place}, commit log {}",
        env!("CARGO_PKG_VERSION"),
        server.local_addr(),
        format!("{sync:?}").to_lowercase(),
    ));
    signals.forever().next();
    stopping.store(true, Ordering::SeqCst);
    say("stopping: what was accepted is finished");
    server.stop()?;
    say("stopped");
    Ok(())
}

/// The first signal stops the server; the second one ends the process.
fn watch_signals(stopping: &Arc<AtomicBool>) -> Result<Signals> {
    use signal_hook::flag;
    let failed = |error: std::io::Error| Error::io("signals", "be handled", &error);
    for signal in [SIGTERM, SIGINT] {
        flag::register_conditional_shutdown(signal, 1, Arc::clone(stopping)).map_err(failed)?;
        flag::register(signal, Arc::clone(stopping)).map_err(failed)?;
    }
    Signals::new([SIGTERM, SIGINT]).map_err(failed)
}

fn say(line: &str) {
    // Nobody has to listen.
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_ports_or_get_them() {
        let shown = |text| address(text, 9042).map(|it| it.to_string());
        assert_eq!(shown("127.0.0.1"), Ok("127.0.0.1:9042".to_owned()));
        assert_eq!(shown("127.0.0.1:1"), Ok("127.0.0.1:1".to_owned()));
        assert_eq!(shown("[::1]:7"), Ok("[::1]:7".to_owned()));
        assert_eq!(shown("::1"), Ok("[::1]:9042".to_owned()));
        assert!(address("localhost:3", 1).is_ok_and(|it| it.ip().is_loopback() && it.port() == 3));
        assert!(address("localhost", 5).is_ok_and(|it| it.port() == 5));
        assert!(address("127.0.0.1:x", 1).is_err() && address("", 1).is_err());
    }
}
