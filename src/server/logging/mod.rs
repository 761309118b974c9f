//! The server's log: what it says of itself while it runs.
//!
//! Code anywhere in the crate says `tracing::info!(…)`; this decides what of it is written, and
//! writes it to standard error, one event a line. Who runs the server by hand sees colours, a file
//! or a supervisor gets plain text. Levels can be changed while the server runs, for all or for a
//! part of it (`helenus admin setlogginglevel helenus::server DEBUG`): a part is a module path, and
//! the longest that fits an event decides, as with Cassandra's loggers.
//!
//! What clients send ends up in events (a statement, an address, a name). A control character in
//! it could forge lines or steer a terminal, so every one is written as its escape (`line`).

mod line;

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Registry, reload};

/// The name of the level that holds where no other does.
pub const ROOT: &str = "ROOT";

/// How many levels may be set at a time.
const LEVELS_MAX: usize = 1_000;

/// What logs: this crate, and those that it serves HTTP with.
const CRATES: [&str; 4] = ["helenus", "hyper", "hyper_util", "tokio"];

/// The parts of this crate, which may be named without it, as lines show them.
const PARTS: [&str; 10] = [
    "client", "commands", "cql", "database", "protocol", "server", "session", "shell", "storage",
    "transfer",
];

/// The levels in force, under the part of the server that they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Levels {
    initial: LevelFilter,
    root: LevelFilter,
    parts: BTreeMap<String, LevelFilter>,
}

impl Levels {
    fn new(root: LevelFilter) -> Self {
        Self {
            initial: root,
            root,
            parts: BTreeMap::new(),
        }
    }

    fn targets(&self) -> Targets {
        Targets::new().with_default(self.root).with_targets(
            self.parts
                .iter()
                .map(|(part, level)| (part.as_str(), *level)),
        )
    }

    fn shown(&self) -> Vec<(String, String)> {
        let parts = self.parts.iter();
        std::iter::once((ROOT.to_owned(), name(self.root)))
            .chain(parts.map(|(part, level)| (part.clone(), name(*level))))
            .collect()
    }

    /// Sets one level. Without a part all goes back to how the server was started; without a
    /// level, that part does.
    fn set(&mut self, part: Option<&str>, level: Option<LevelFilter>) -> Result<()> {
        match (part, level) {
            (None, _) => *self = Self::new(self.initial),
            (Some(ROOT), level) => self.root = level.unwrap_or(self.initial),
            (Some(part), None) => {
                self.parts.remove(part);
            }
            (Some(part), Some(level)) => {
                if self.parts.len() >= LEVELS_MAX && !self.parts.contains_key(part) {
                    return Err(Error::invalid(format!(
                        "{LEVELS_MAX} logging levels are set already"
                    )));
                }
                self.parts.insert(part.to_owned(), level);
            }
        }
        Ok(())
    }
}

struct Log {
    levels: Mutex<Levels>,
    filter: reload::Handle<Targets, Registry>,
}

/// The process has one log.
static LOG: OnceLock<Log> = OnceLock::new();

/// Starts the log of this process at `level` (`INFO`, …). A log that is on already keeps its
/// levels.
pub fn init(level: &str) -> Result<()> {
    let levels = Levels::new(parse(level)?);
    let (filter, handle) = reload::Layer::new(levels.targets());
    let color = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb");
    let subscriber = Registry::default()
        .with(filter)
        .with(line::Lines::new(color));
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        LOG.get_or_init(|| Log {
            levels: Mutex::new(levels),
            filter: handle,
        });
    }
    Ok(())
}

/// The levels in force: [`ROOT`] first, then every part that has one of its own.
pub fn levels() -> Vec<(String, String)> {
    let Some(log) = LOG.get() else {
        return Levels::new(LevelFilter::OFF).shown();
    };
    log.levels
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .shown()
}

/// Sets the level of one part of the server (a module path, or [`ROOT`]). Without a level the part
/// goes back to what it was when the server was started, without a part all of them do.
pub fn set_level(part: Option<&str>, level: Option<&str>) -> Result<()> {
    let level = level.map(parse).transpose()?;
    let Some(log) = LOG.get() else {
        return Err(Error::invalid("the log of this process is not on"));
    };
    let mut levels = log.levels.lock().unwrap_or_else(PoisonError::into_inner);
    let mut changed = levels.clone();
    let part = part.filter(|part| !part.is_empty()).map(path).transpose()?;
    changed.set(part.as_deref(), level)?;
    log.filter
        .reload(changed.targets())
        .map_err(|error| Error::internal(format!("the log takes no new level: {error}")))?;
    *levels = changed;
    Ok(())
}

/// The module path that a part is known by. What names nothing here (a class of Cassandra's) is
/// refused: it would change nothing and say nothing.
fn path(part: &str) -> Result<String> {
    if part.eq_ignore_ascii_case(ROOT) {
        return Ok(ROOT.to_owned());
    }
    let is_path = part.split("::").all(|name| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    let first = part.split("::").next().unwrap_or_default();
    match is_path && part.len() <= 200 {
        true if CRATES.contains(&first) => Ok(part.to_owned()),
        true if PARTS.contains(&first) => Ok(format!("helenus::{part}")),
        true if first == "compaction" => Ok("helenus::storage".to_owned()),
        _ => Err(Error::invalid(format!(
            "{part:?} is no part of helenus; parts are {ROOT}, helenus, and module paths such as \
             helenus::server"
        ))),
    }
}

fn name(level: LevelFilter) -> String {
    level.to_string().to_uppercase()
}

/// A level by its name, Cassandra's `ALL` included.
fn parse(level: &str) -> Result<LevelFilter> {
    if level.eq_ignore_ascii_case("all") {
        return Ok(LevelFilter::TRACE);
    }
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    match level.parse() {
        Ok(parsed) if known.iter().any(|name| level.eq_ignore_ascii_case(name)) => Ok(parsed),
        _ => Err(Error::invalid(format!(
            "{level:?} is no logging level; there are ALL, TRACE, DEBUG, INFO, WARN, ERROR, OFF"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_set_and_taken_back() {
        let mut levels = Levels::new(LevelFilter::INFO);
        let part = "helenus::server";
        levels.set(Some(part), Some(LevelFilter::DEBUG)).unwrap();
        levels.set(Some(ROOT), Some(LevelFilter::WARN)).unwrap();
        let shown = levels.shown();
        assert_eq!(shown[0], (ROOT.to_owned(), "WARN".to_owned()));
        assert_eq!(shown[1], (part.to_owned(), "DEBUG".to_owned()));
        let debug = &tracing::Level::DEBUG;
        assert!(
            levels
                .targets()
                .would_enable("helenus::server::http", debug)
        );
        assert!(!levels.targets().would_enable("helenus::storage", debug));
        levels.set(Some(part), None).unwrap();
        assert_eq!(levels.shown().len(), 1);
        levels.set(None, None).unwrap();
        assert_eq!(levels, Levels::new(LevelFilter::INFO));
    }

    #[test]
    fn the_number_of_levels_is_bounded() {
        let mut levels = Levels::new(LevelFilter::INFO);
        for n in 0..LEVELS_MAX {
            levels
                .set(Some(&n.to_string()), Some(LevelFilter::WARN))
                .unwrap();
        }
        assert!(levels.set(Some("x"), Some(LevelFilter::WARN)).is_err());
        levels.set(Some("0"), Some(LevelFilter::OFF)).unwrap();
    }

    #[test]
    fn parts_are_module_paths() {
        assert_eq!(path("root").unwrap(), ROOT);
        assert_eq!(path("helenus").unwrap(), "helenus");
        assert_eq!(path("server::http").unwrap(), "helenus::server::http");
        assert_eq!(path("compaction").unwrap(), "helenus::storage");
        for wrong in [
            "org.apache.cassandra.db",
            "",
            "helenus::",
            "nosuch",
            "helenus::a b",
        ] {
            assert!(path(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn level_names_are_cassandras() {
        assert_eq!(parse("Debug").unwrap(), LevelFilter::DEBUG);
        assert_eq!(parse("ALL").unwrap(), LevelFilter::TRACE);
        for wrong in ["", "3", "loud"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
