//! A keyspace's `replication`: its strategy and how many copies there are to be.
//!
//! All data is on this machine whatever the factors say; they are stored and shown, so that a
//! schema can move to a cluster and back. The rules are Cassandra's on one node.

use crate::error::{Error, Result};
use crate::schema::option_maps::full_class;
use std::collections::BTreeMap;

type Map = BTreeMap<String, String>;

const LOCATOR_PACKAGE: &str = "org.apache.cassandra.locator";

/// The one data centre, as `system.local` names it.
pub const DATA_CENTER: &str = "datacenter1";

/// Checks a keyspace's `replication`. All data is on this machine whatever the factors say; they
/// are stored and shown.
pub fn replication(keyspace: &str, given: &Map) -> Result<Map> {
    let class = given.get("class").filter(|class| !class.is_empty());
    let Some(class) = class else {
        return Err(Error::config("Missing replication strategy class"));
    };
    let full = full_class(LOCATOR_PACKAGE, class);
    let short = full
        .strip_prefix(LOCATOR_PACKAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let mut stored = match short {
        "SimpleStrategy" => simple_strategy(keyspace, given)?,
        "NetworkTopologyStrategy" => network_topology_strategy(keyspace, given)?,
        "LocalStrategy" => {
            return Err(Error::invalid(
                "Unable to use given strategy class: LocalStrategy is reserved for internal use.",
            ));
        }
        _ => {
            return Err(Error::config(format!(
                "Unable to find replication strategy class '{full}'"
            )));
        }
    };
    stored.insert("class".to_owned(), full);
    Ok(stored)
}

fn simple_strategy(keyspace: &str, given: &Map) -> Result<Map> {
    let mut stored = Map::new();
    for (name, value) in given.iter().filter(|(name, _)| *name != "class") {
        if name != "replication_factor" {
            return Err(Error::config(format!(
                "Unrecognized strategy option {{{name}}} passed to SimpleStrategy for keyspace \
                 {keyspace}"
            )));
        }
        stored.insert(name.clone(), factor(value)?);
    }
    if stored.is_empty() {
        stored.insert("replication_factor".to_owned(), "1".to_owned());
    }
    Ok(stored)
}

fn network_topology_strategy(keyspace: &str, given: &Map) -> Result<Map> {
    let mut stored = Map::new();
    for (name, value) in given.iter().filter(|(name, _)| *name != "class") {
        let value = factor(value)?;
        if name == "replication_factor" {
            continue;
        }
        if name != DATA_CENTER {
            return Err(Error::config(format!(
                "Unrecognized strategy option {{{name}}} passed to NetworkTopologyStrategy for \
                 keyspace {keyspace}"
            ))
            .with_hint(format!("The one data centre is called {DATA_CENTER}.")));
        }
        stored.insert(name.clone(), value);
    }
    // The factor for all data centres, one unless given, stands for those that are not named.
    if stored.is_empty() {
        let value = given.get("replication_factor").map_or("1", String::as_str);
        stored.insert(DATA_CENTER.to_owned(), factor(value)?);
    }
    stored.retain(|_, value| value != "0");
    if stored.is_empty() {
        return Err(Error::config(
            "Configuration for at least one datacenter must be present",
        ));
    }
    Ok(stored)
}

/// A replication factor: a number that is not negative.
fn factor(value: &str) -> Result<String> {
    match value.parse::<i64>() {
        Ok(number) if number >= 0 && number <= i64::from(i32::MAX) => Ok(number.to_string()),
        Ok(number) => Err(Error::config(format!(
            "Replication factor must be non-negative, found {number}"
        ))),
        Err(_) => Err(Error::config(format!("For input string: \"{value}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, &str)]) -> Map {
        let owned = entries.iter();
        owned
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn message(result: Result<Map>) -> String {
        result.unwrap_err().message
    }

    #[test]
    fn replication_is_completed_and_checked() {
        let given = map(&[("class", "SimpleStrategy"), ("replication_factor", "3")]);
        let stored = replication("ks", &given).unwrap();
        assert_eq!(
            stored["class"],
            "org.apache.cassandra.locator.SimpleStrategy"
        );
        assert_eq!(stored["replication_factor"], "3");
        let given = map(&[
            ("class", "NetworkTopologyStrategy"),
            ("replication_factor", "2"),
        ]);
        assert_eq!(replication("ks", &given).unwrap()[DATA_CENTER], "2");
        assert!(message(replication("ks", &map(&[]))).contains("Missing replication strategy"));
        let bad = |name: &str, value: &str| {
            message(replication(
                "ks",
                &map(&[("class", "SimpleStrategy"), (name, value)]),
            ))
        };
        assert!(bad("dc1", "3").contains("Unrecognized strategy option {dc1}"));
        assert!(bad("replication_factor", "x").contains("For input string: \"x\""));
        assert!(bad("replication_factor", "-1").contains("must be non-negative"));
        assert!(message(replication("ks", &map(&[("class", "X")]))).contains("Unable to find"));
        // One copy unless said otherwise; a data centre must be the one there is.
        let simple = replication("ks", &map(&[("class", "SimpleStrategy")])).unwrap();
        assert_eq!(simple["replication_factor"], "1");
        let topology = |name: &str, value: &str| {
            replication(
                "ks",
                &map(&[("class", "NetworkTopologyStrategy"), (name, value)]),
            )
        };
        assert!(message(topology("dc1", "1")).contains("Unrecognized strategy option {dc1}"));
        assert!(message(topology(DATA_CENTER, "0")).contains("at least one datacenter"));
    }
}
