//! What an operator may ask of a node.
//!
//! A request is the name of a command and its arguments. Over HTTP the name stands in the path and
//! the arguments are the body: `POST /admin/flush` with `{"keyspace": "nyc"}`. An argument that no
//! such command has is refused rather than overlooked.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A command with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// The node, its addresses and its state; all that `status`, `ring`, `gossipinfo` and
    /// `describecluster` show.
    Node(Nothing),
    /// How the process is doing.
    Info(Nothing),
    /// Memtables to SSTables.
    Flush(Tables),
    /// SSTables merged into one a table.
    Compact(Compact),
    /// No compaction but on request.
    DisableAutocompaction(Tables),
    /// Compaction as the tables' strategies have it.
    EnableAutocompaction(Tables),
    /// Which tables compact by themselves.
    StatusAutocompaction(Tables),
    /// Statistics on tables.
    TableStats(Nothing),
    /// What compaction does and has done.
    CompactionStats(Nothing),
    /// `system.size_estimates` as of now.
    RefreshSizeEstimates(Nothing),
    /// No client connections any more.
    DisableBinary(Nothing),
    /// Client connections again.
    EnableBinary(Nothing),
    /// Whether clients may connect.
    StatusBinary(Nothing),
    /// Who is connected.
    ClientStats(Nothing),
    /// What is logged.
    GetLoggingLevels(Nothing),
    /// What is to be logged.
    SetLoggingLevel(LoggingLevel),
    /// No more clients, everything in SSTables: ready to be stopped.
    Drain(Nothing),
    /// Latencies of requests.
    Histograms(Nothing),
    /// How long requests may take.
    GetTimeout(Nothing),
}

/// No arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Tables of a keyspace, or all of it, or everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tables {
    /// The keyspace; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// The tables; none means all of the keyspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
}

/// What to compact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compact {
    /// The keyspace; none means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
    /// The tables; none means all of the keyspace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Whether memtables are flushed first, so that what they hold is compacted too.
    pub flush_memtables: bool,
}

/// A level for a part of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoggingLevel {
    /// The part, a module path; none resets all levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The level; none resets that part's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
}

impl Request {
    /// The request that `name` (the end of the path) and `body` (JSON, or nothing) make.
    pub fn parse(name: &str, body: &[u8]) -> Result<Self> {
        let arguments: Value = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_slice(body)
                .map_err(|error| Error::invalid(format!("{name}: the body is no JSON: {error}")))?
        };
        if !arguments.is_object() {
            let message = format!("{name}: the arguments are a JSON object");
            return Err(Error::invalid(message));
        }
        let request = Value::Object([(name.to_owned(), arguments)].into_iter().collect());
        serde_json::from_value(request).map_err(|error| Error::invalid(format!("{name}: {error}")))
    }

    /// The name and the body that make this request.
    pub fn parts(&self) -> Result<(String, String)> {
        let whole = serde_json::to_value(self);
        if let Ok(Value::Object(whole)) = whole
            && let Some((name, arguments)) = whole.into_iter().next()
        {
            return Ok((name, arguments.to_string()));
        }
        Err(Error::internal("a request that is no JSON object"))
    }

    /// Whether it changes nothing, and may be asked by GET.
    pub fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Node(_)
                | Self::Info(_)
                | Self::StatusAutocompaction(_)
                | Self::TableStats(_)
                | Self::CompactionStats(_)
                | Self::StatusBinary(_)
                | Self::ClientStats(_)
                | Self::GetLoggingLevels(_)
                | Self::Histograms(_)
                | Self::GetTimeout(_)
        )
    }

    /// Whether `name` is the name of any request.
    pub fn knows(name: &str) -> bool {
        NAMES.contains(&name)
    }
}

/// All names, as they stand in paths.
pub const NAMES: [&str; 19] = [
    "node",
    "info",
    "flush",
    "compact",
    "disableautocompaction",
    "enableautocompaction",
    "statusautocompaction",
    "tablestats",
    "compactionstats",
    "refreshsizeestimates",
    "disablebinary",
    "enablebinary",
    "statusbinary",
    "clientstats",
    "getlogginglevels",
    "setlogginglevel",
    "drain",
    "histograms",
    "gettimeout",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_name_and_its_arguments() {
        let flush = Request::Flush(Tables {
            keyspace: Some("nyc".to_owned()),
            tables: vec!["flights".to_owned()],
        });
        let (name, body) = flush.parts().unwrap();
        assert_eq!(name, "flush");
        assert_eq!(body, r#"{"keyspace":"nyc","tables":["flights"]}"#);
        assert_eq!(Request::parse(&name, body.as_bytes()).unwrap(), flush);
        let all = Request::parse("flush", b" \n").unwrap();
        assert_eq!(all, Request::Flush(Tables::default()));
        assert!(!flush.only_reads());
    }

    #[test]
    fn every_name_is_a_request() {
        for name in NAMES {
            let request = Request::parse(name, b"{}").unwrap();
            assert_eq!(request.parts().unwrap().0, name);
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let deep = "[".repeat(100_000);
        for (name, body) in [
            ("flush", r#"{"keyspace": 1}"#),
            ("flush", r#"{"keyspaces": "nyc"}"#),
            ("flush", "[]"),
            ("flush", "{"),
            ("flush", deep.as_str()),
            ("node", r#"{"x": 1}"#),
            ("format_disk", ""),
        ] {
            assert!(
                Request::parse(name, body.as_bytes()).is_err(),
                "{name} {body:.20}"
            );
        }
    }
}
