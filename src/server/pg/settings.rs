//! SET and SHOW: settings that tools set up a session with.
//!
//! Each is remembered and shown again; none but `search_path` changes anything. What would make
//! answers different from what they are (another encoding, another style of dates) is refused. A
//! time zone is taken, since tools set that of their machine: times are told in UTC all the same,
//! with their offset, so that they mean the same moment.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

/// The version that clients are told, by which they choose their questions.
pub const SERVER_VERSION: &str = "15.0";
/// The most settings of a session, and the most bytes of one.
const SETTINGS_MAX: usize = 1_000;
const SETTING_BYTES_MAX: usize = 64 << 10;

/// What is told at the start of a connection.
pub const REPORTED: [&str; 11] = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
];

/// What settings are when nobody has set them.
const DEFAULTS: [(&str, &str); 25] = [
    ("server_version", SERVER_VERSION),
    ("server_version_num", "150000"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("application_name", ""),
    ("is_superuser", "on"),
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("timezone", "UTC"),
    ("integer_datetimes", "on"),
    ("standard_conforming_strings", "on"),
    ("transaction_isolation", "read committed"),
    ("default_transaction_isolation", "read committed"),
    ("transaction_read_only", "off"),
    ("default_transaction_read_only", "off"),
    ("extra_float_digits", "1"),
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("client_min_messages", "notice"),
    ("bytea_output", "hex"),
    ("max_identifier_length", "222"),
    ("max_index_keys", "32"),
    ("lc_collate", "C"),
    ("lc_ctype", "C"),
    ("row_security", "on"),
];

/// The settings of a session.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, String>,
}

impl Settings {
    /// What a setting is.
    pub fn get(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        let set = self.values.get(&name).map(String::as_str);
        set.or_else(|| {
            let found = DEFAULTS.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| *value)
        })
    }

    /// All of them.
    pub fn all(&self) -> Vec<(String, String)> {
        let mut all: BTreeMap<String, String> = DEFAULTS
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.extend(self.values.clone());
        all.into_iter().collect()
    }

    /// Sets one; no value makes it what it was.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let name = name.to_ascii_lowercase();
        let Some(value) = value else {
            match name.as_str() {
                "all" => self.values.clear(),
                name => drop(self.values.remove(name)),
            }
            return Ok(());
        };
        check(&name, value)?;
        if name.len() + value.len() > SETTING_BYTES_MAX || self.values.len() >= SETTINGS_MAX {
            return Err(Error::invalid(format!(
                "parameter \"{name:.100}\": a session keeps {SETTINGS_MAX} settings of at most \
                 {SETTING_BYTES_MAX} bytes"
            )));
        }
        self.values.insert(name, value.to_owned());
        Ok(())
    }
}

/// Refuses what would change the form of answers.
fn check(name: &str, value: &str) -> Result<()> {
    let lower = value.to_ascii_lowercase();
    let allowed: &[&str] = match name {
        "client_encoding" | "names" => &["utf8", "utf-8", "unicode"],
        "datestyle" if lower.starts_with("iso") => return Ok(()),
        "datestyle" => &["iso"],
        "intervalstyle" => &["postgres"],
        "standard_conforming_strings" => &["on", "true", "1"],
        "bytea_output" => &["hex"],
        "server_version" | "server_encoding" | "is_superuser" | "integer_datetimes" => &[],
        _ => return Ok(()),
    };
    if allowed.contains(&lower.as_str()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "parameter \"{name}\" cannot be set to \"{value:.100}\" here{}",
        match allowed.first() {
            Some(first) => format!(": it is {first}"),
            None => String::new(),
        }
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_remembered_and_bounded() {
        let mut settings = Settings::default();
        settings.set("Application_Name", Some("x")).unwrap();
        assert_eq!(settings.get("application_name"), Some("x"));
        settings.set("all", None).unwrap();
        assert_eq!(settings.get("application_name"), Some(""));
        assert!(settings.set("client_encoding", Some("LATIN1")).is_err());
        assert!(settings.set("a", Some(&"x".repeat(1 << 20))).is_err());
        assert_eq!(settings.get("nothing"), None);
    }
}
