//! The configuration file: TOML, its keys named as in `cassandra.yaml` where that has them.
//!
//! A key that nobody knows is refused, since it is a typing error or a setting that somebody relies
//! on; the message is one line that names file, line and key.

use crate::access::{AllowAll, OneUser};
use crate::config::{CommitlogSync, Config};
use crate::error::{Error, Result};
use crate::limits;
use crate::server::options::{CQL_PORT, ServerOptions};
use crate::session::Routing;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// All settings of `helenus serve`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where the database lies.
    pub data_dir: Option<PathBuf>,
    /// The server's.
    pub options: ServerOptions,
    /// The engine's.
    pub engine: Config,
}

/// The file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    cluster_name: Option<String>,
    data_dir: Option<PathBuf>,
    rpc_address: Option<IpAddr>,
    native_transport_port: Option<u16>,
    http_listen: Option<SocketAddr>,
    commitlog_sync: Option<Sync>,
    commitlog_sync_period_ms: Option<u64>,
    commitlog_segment_size_bytes: Option<u64>,
    memtable_space_bytes: Option<usize>,
    memtable_flush_bytes: Option<usize>,
    file_cache_size_bytes: Option<usize>,
    read_request_timeout_ms: Option<u64>,
    range_request_timeout_ms: Option<u64>,
    write_request_timeout_ms: Option<u64>,
    truncate_request_timeout_ms: Option<u64>,
    native_transport_max_frame_size_bytes: Option<usize>,
    native_transport_max_threads: Option<usize>,
    native_transport_max_concurrent_connections: Option<usize>,
    native_transport_max_concurrent_connections_per_ip: Option<usize>,
    authenticator: Option<AuthenticatorName>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    password_env: Option<String>,
    sql_routing: Option<RoutingName>,
    files_dir: Option<PathBuf>,
}

/// A key, its value if the file has one, and what it may be.
type Bounded = (&'static str, Option<u64>, RangeInclusive<u64>);

/// What timeouts may be, in milliseconds.
const TIMEOUT_MS: RangeInclusive<u64> = 10..=86_400_000;
/// What numbers of connections may be.
const CONNECTIONS: RangeInclusive<u64> = 1..=1 << 20;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Sync {
    Group,
    Batch,
    Periodic,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoutingName {
    Explicit,
    Auto,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum AuthenticatorName {
    AllowAllAuthenticator,
    PasswordAuthenticator,
}

/// Whether it takes a person's consent to serve at this address: others can reach it.
pub fn needs_consent(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

impl Settings {
    /// The settings in `text`, the contents of the file called `name`. `password_of` reads the
    /// password in a file.
    pub fn parse(
        name: &str,
        text: &str,
        password_of: impl Fn(&Path) -> Result<String>,
    ) -> Result<Self> {
        let file: File = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            Error::config(format!(
                "{name}, line {}: {}",
                line_at(text, start),
                error.message().replace('\n', " ")
            ))
        })?;
        let mut settings = Self {
            data_dir: file.data_dir.clone(),
            ..Self::default()
        };
        let wrong = |key: &str, what: &str| {
            let line = line_of(text, key);
            Error::config(format!("{name}, line {line}: `{key}` {what}"))
        };
        file.check(&wrong)?;
        file.set_options(&mut settings.options);
        file.set_engine(&mut settings.engine);
        file.set_authenticator(&mut settings.options, &wrong, password_of)?;
        Ok(settings)
    }
}

/// The number of the line that has the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// The number of the line that sets `key`.
fn line_of(text: &str, key: &str) -> usize {
    let sets = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    1 + text.lines().position(sets).unwrap_or(0)
}

/// Replaces a setting that the file has.
fn set<T>(setting: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *setting = value;
    }
}

fn set_millis(setting: &mut Duration, value: Option<u64>) {
    set(setting, value.map(Duration::from_millis));
}

impl File {
    /// Refuses what cannot be meant.
    fn check(&self, wrong: &impl Fn(&str, &str) -> Error) -> Result<()> {
        for (key, value, allowed) in self.sizes().into_iter().chain(self.times()) {
            if value.is_some_and(|value| !allowed.contains(&value)) {
                let (least, most) = (allowed.start(), allowed.end());
                return Err(wrong(key, &format!("must be from {least} to {most}")));
            }
        }
        Ok(())
    }

    fn sizes(&self) -> [Bounded; 8] {
        let count = |number: Option<usize>| number.map(|number| number as u64);
        let frame = count(self.native_transport_max_frame_size_bytes);
        let connections = count(self.native_transport_max_concurrent_connections);
        let own = count(self.native_transport_max_concurrent_connections_per_ip);
        let threads = count(self.native_transport_max_threads);
        let segment = self.commitlog_segment_size_bytes;
        [
            (
                "native_transport_max_frame_size_bytes",
                frame,
                4 << 10..=limits::IN_FLIGHT_BYTES_PER_CONNECTION_MAX as u64,
            ),
            (
                "native_transport_max_concurrent_connections",
                connections,
                CONNECTIONS,
            ),
            (
                "native_transport_max_concurrent_connections_per_ip",
                own,
                CONNECTIONS,
            ),
            ("native_transport_max_threads", threads, 1..=1_024),
            ("commitlog_segment_size_bytes", segment, 1 << 20..=1 << 30),
            (
                "memtable_space_bytes",
                count(self.memtable_space_bytes),
                1 << 20..=1 << 40,
            ),
            (
                "memtable_flush_bytes",
                count(self.memtable_flush_bytes),
                1 << 16..=1 << 40,
            ),
            (
                "file_cache_size_bytes",
                count(self.file_cache_size_bytes),
                0..=1 << 40,
            ),
        ]
    }

    fn times(&self) -> [Bounded; 5] {
        [
            (
                "commitlog_sync_period_ms",
                self.commitlog_sync_period_ms,
                1..=600_000,
            ),
            (
                "read_request_timeout_ms",
                self.read_request_timeout_ms,
                TIMEOUT_MS,
            ),
            (
                "range_request_timeout_ms",
                self.range_request_timeout_ms,
                TIMEOUT_MS,
            ),
            (
                "write_request_timeout_ms",
                self.write_request_timeout_ms,
                TIMEOUT_MS,
            ),
            (
                "truncate_request_timeout_ms",
                self.truncate_request_timeout_ms,
                TIMEOUT_MS,
            ),
        ]
    }

    fn set_options(&self, options: &mut ServerOptions) {
        options.cluster_name = self.cluster_name.clone();
        let ip = self.rpc_address.unwrap_or(options.listen.ip());
        let port = self.native_transport_port.unwrap_or(CQL_PORT);
        options.listen = SocketAddr::new(ip, port);
        if let Some(listen) = self.http_listen {
            options.http_listen = Some(listen);
            options.http_required = true;
        }
        let routing = self.sql_routing.map(|routing| match routing {
            RoutingName::Explicit => Routing::Explicit,
            RoutingName::Auto => Routing::Auto,
        });
        set(&mut options.sql_routing, routing);
        options.files_dir = self.files_dir.clone();
        set_millis(&mut options.read_timeout, self.read_request_timeout_ms);
        set_millis(&mut options.range_timeout, self.range_request_timeout_ms);
        set_millis(&mut options.write_timeout, self.write_request_timeout_ms);
        set_millis(
            &mut options.truncate_timeout,
            self.truncate_request_timeout_ms,
        );
        set(
            &mut options.frame_bytes_max,
            self.native_transport_max_frame_size_bytes,
        );
        set(&mut options.workers_max, self.native_transport_max_threads);
        set(
            &mut options.connections_max,
            self.native_transport_max_concurrent_connections,
        );
        set(
            &mut options.connections_per_address_max,
            self.native_transport_max_concurrent_connections_per_ip,
        );
    }

    fn set_engine(&self, engine: &mut Config) {
        set(
            &mut engine.commitlog_sync,
            self.commitlog_sync.map(|sync| match sync {
                Sync::Group => CommitlogSync::Group,
                Sync::Batch => CommitlogSync::Batch,
                Sync::Periodic => CommitlogSync::Periodic,
            }),
        );
        set(
            &mut engine.commitlog_sync_period_ms,
            self.commitlog_sync_period_ms,
        );
        set(
            &mut engine.commitlog_segment_bytes,
            self.commitlog_segment_size_bytes,
        );
        set(&mut engine.memtable_bytes_max, self.memtable_space_bytes);
        set(&mut engine.memtable_flush_bytes, self.memtable_flush_bytes);
        set(
            &mut engine.block_cache_bytes_max,
            self.file_cache_size_bytes,
        );
    }

    fn set_authenticator(
        &self,
        options: &mut ServerOptions,
        wrong: &impl Fn(&str, &str) -> Error,
        password_of: impl Fn(&Path) -> Result<String>,
    ) -> Result<()> {
        let asked = self.authenticator == Some(AuthenticatorName::PasswordAuthenticator);
        let Some(user) = &self.user else {
            if asked {
                return Err(wrong("authenticator", "needs a `user` and its password"));
            }
            if self.password_file.is_some() {
                return Err(wrong("password_file", "needs a `user`"));
            }
            if self.password_env.is_some() {
                return Err(wrong("password_env", "needs a `user`"));
            }
            options.authenticator = Arc::new(AllowAll);
            return Ok(());
        };
        if self.authenticator == Some(AuthenticatorName::AllowAllAuthenticator) {
            return Err(wrong(
                "authenticator",
                "lets everybody in, also without `user`",
            ));
        }
        let password = match (&self.password_file, &self.password_env) {
            (Some(file), None) => password_of(file)?,
            (None, Some(variable)) => std::env::var(variable).map_err(|_| {
                wrong(
                    "password_env",
                    &format!("names {variable}, which is not set"),
                )
            })?,
            _ => {
                return Err(wrong(
                    "user",
                    "needs its password: by `password_file` or by `password_env`",
                ));
            }
        };
        let one = OneUser::new(user, password)
            .map_err(|_| wrong("user", "and its password must not be empty"))?;
        options.authenticator = Arc::new(one);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Files;

    fn parse(text: &str) -> Result<Settings> {
        Settings::parse("helenus.toml", text, |_| Ok("secret".to_owned()))
    }

    fn refusal(text: &str) -> String {
        parse(text).unwrap_err().message
    }

    #[test]
    fn settings_are_taken() {
        let settings = parse(
            "cluster_name = 'nyc'\nnative_transport_port = 9043\ncommitlog_sync = 'periodic'\n\
             read_request_timeout_ms = 250\nhttp_listen = '127.0.0.1:0'\ndata_dir = '/x'\n\
             memtable_space_bytes = 10_000_000\nuser = 'ann'\npassword_file = 'p'\n",
        )
        .unwrap();
        assert_eq!(settings.options.cluster_name.as_deref(), Some("nyc"));
        assert_eq!(settings.options.listen.to_string(), "127.0.0.1:9043");
        assert_eq!(settings.options.read_timeout, Duration::from_millis(250));
        assert!(settings.options.http_required);
        assert_eq!(settings.engine.commitlog_sync, CommitlogSync::Periodic);
        assert_eq!(settings.engine.memtable_bytes_max, 10_000_000);
        assert_eq!(settings.data_dir, Some(PathBuf::from("/x")));
        assert_eq!(settings.options.door().routing, Routing::Explicit);
        assert_eq!(settings.options.door().files, Files::None);
        let opened = parse("sql_routing = 'auto'\nfiles_dir = '/data'\n").unwrap();
        assert_eq!(opened.options.door().routing, Routing::Auto);
        assert_eq!(opened.options.door().files, Files::Below("/data".into()));
        assert!(refusal("sql_routing = 'never'").starts_with("helenus.toml, line 1: "));
        let judged = settings
            .options
            .authenticator
            .authenticate("ann", b"secret");
        assert_eq!(judged, Ok(()));
        assert!(
            parse("")
                .unwrap()
                .options
                .authenticator
                .class_name()
                .is_none()
        );
    }

    #[test]
    fn a_bad_key_is_told_in_one_line() {
        let unknown = refusal("cluster_name = 'x'\n\nread_timeout = 5\n");
        assert!(
            unknown.starts_with("helenus.toml, line 3: unknown field `read_timeout`"),
            "{unknown}"
        );
        let wrong = refusal("commitlog_sync = 'never'\n");
        assert!(wrong.starts_with("helenus.toml, line 1: "), "{wrong}");
        let range = refusal("# x\nread_request_timeout_ms = 0\n");
        assert_eq!(
            range,
            "helenus.toml, line 2: `read_request_timeout_ms` must be from 10 to 86400000"
        );
        let syntax = refusal("a = = 1");
        assert!(
            syntax.starts_with("helenus.toml, line 1: ") && !syntax.contains('\n'),
            "{syntax}"
        );
        let user = refusal("user = 'ann'\n");
        assert!(user.contains("password_file"), "{user}");
        assert!(refusal("authenticator = 'PasswordAuthenticator'").contains("needs a `user`"));
        assert!(refusal("password_env = 'X'").contains("needs a `user`"));
    }

    #[test]
    fn only_loopback_is_taken_without_consent() {
        for (address, needs) in [
            ("127.0.0.1:9042", false),
            ("127.1.2.3:1", false),
            ("[::1]:9042", false),
            ("0.0.0.0:9042", true),
            ("[::]:9042", true),
            ("10.0.0.1:9042", true),
        ] {
            assert_eq!(needs_consent(address.parse().unwrap()), needs, "{address}");
        }
    }
}
