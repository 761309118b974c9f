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

/// Checks a keyspace's `replication`, and completes it as it is stored and shown. `before` is what
/// an altered keyspace has: factors that are not given again are taken from there.
pub fn replication(keyspace: &str, given: &Map, before: Option<&Map>) -> Result<Map> {
    let Some(class) = given.get("class") else {
        return Err(Error::config("Missing replication strategy class"));
    };
    let full = full_class(LOCATOR_PACKAGE, class);
    let short = full
        .strip_prefix(LOCATOR_PACKAGE)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or_default();
    let nothing = Map::new();
    let before = before.unwrap_or(&nothing);
    let mut stored = match short {
        "SimpleStrategy" => simple_strategy(keyspace, given, before)?,
        "NetworkTopologyStrategy" => network_topology_strategy(keyspace, given, before)?,
        "LocalStrategy" => {
            return Err(Error::invalid(
                "Unable to use given strategy class: LocalStrategy is reserved for internal use.",
            ));
        }
        "OldNetworkTopologyStrategy" => {
            return Err(Error::config(
                "The support for the OldNetworkTopologyStrategy has been removed in C* version \
                 4.0. The keyspace strategy should be switch to NetworkTopologyStrategy",
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

const FACTOR: &str = "replication_factor";

/// What is given besides the class.
fn factors(given: &Map) -> impl Iterator<Item = (&String, &String)> {
    given.iter().filter(|(name, _)| *name != "class")
}

fn simple_strategy(keyspace: &str, given: &Map, before: &Map) -> Result<Map> {
    for (name, value) in factors(given) {
        if name != FACTOR {
            return Err(unrecognized(name, "SimpleStrategy", keyspace));
        }
        factor(value)?;
    }
    let one = "1".to_owned();
    let value = given.get(FACTOR).or(before.get(FACTOR)).unwrap_or(&one);
    Ok(Map::from([(FACTOR.to_owned(), value.clone())]))
}

fn network_topology_strategy(keyspace: &str, given: &Map, before: &Map) -> Result<Map> {
    let centers = |map: &Map| -> Map {
        let named = factors(map).filter(|(name, _)| *name != FACTOR);
        named.map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let mut stored = centers(given);
    // The factor for all stands for data centres that are not named, now or before.
    if stored.is_empty() || given.contains_key(FACTOR) {
        let one = "1".to_owned();
        let for_all = given.get(FACTOR).or(before.get(FACTOR)).unwrap_or(&one);
        for (name, value) in centers(before) {
            stored.entry(name).or_insert(value);
        }
        // One that is no number stands for nothing.
        if let Ok(number) = factor(for_all) {
            let value = || number.to_string();
            stored.entry(DATA_CENTER.to_owned()).or_insert_with(value);
        }
    }
    stored.retain(|_, value| value != "0");
    if stored.is_empty() {
        return Err(Error::config(
            "Configuration for at least one datacenter must be present",
        ));
    }
    for value in stored.values() {
        factor(value)?;
    }
    match stored.keys().find(|name| *name != DATA_CENTER) {
        Some(name) => Err(unrecognized(name, "NetworkTopologyStrategy", keyspace)
            .with_hint(format!("The one data centre is called {DATA_CENTER}."))),
        None => Ok(stored),
    }
}

fn unrecognized(name: &str, strategy: &str, keyspace: &str) -> Error {
    Error::config(format!(
        "Unrecognized strategy option {{{name}}} passed to {strategy} for keyspace {keyspace}"
    ))
}

/// A replication factor: a number that is not negative; `3/1` would mean that one of three copies
/// is transient, which is switched off.
fn factor(value: &str) -> Result<i32> {
    let number = |text: &str| -> Result<i32> {
        text.parse()
            .map_err(|_| Error::config(format!("For input string: \"{text}\"")))
    };
    let total = match value.trim_end_matches('/').split('/').collect::<Vec<_>>()[..] {
        [total, transient] => {
            let total = number(total)?;
            if number(transient)? != 0 {
                return Err(Error::config(
                    "Transient replication is not enabled on this node",
                ));
            }
            total
        }
        [total] if total == value => number(total)?,
        _ => {
            return Err(Error::config(
                "Replication factor format is <replicas> or <replicas>/<transient>",
            ));
        }
    };
    if total < 0 {
        return Err(Error::config(format!(
            "Replication factor must be non-negative, found {total}"
        )));
    }
    Ok(total)
}

/// The copies that `replication` asks for, and in which data centre.
fn copies(replication: &Map) -> Option<(i32, Option<&str>)> {
    let (name, value) = factors(replication).next()?;
    let center = (name != FACTOR).then_some(name.as_str());
    Some((factor(value).ok()?, center))
}

/// What whoever creates or alters a keyspace should know of its copies: there is one node.
pub fn replication_warnings(keyspace: &str, before: Option<&Map>, after: &Map) -> Vec<String> {
    let mut warnings = Vec::new();
    let Some((number, center)) = copies(after) else {
        return warnings;
    };
    if number > 1 {
        let place = center.map_or(String::new(), |center| format!(" for datacenter {center}"));
        warnings.push(format!(
            "Your replication factor {number} for keyspace {keyspace} is higher than the number \
             of nodes 1{place}"
        ));
    }
    if before
        .and_then(copies)
        .is_some_and(|(earlier, _)| number > earlier)
    {
        warnings.push(
            "When increasing replication factor you need to run a full (-full) repair to \
             distribute the data."
                .to_owned(),
        );
    }
    warnings
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
        let stored = replication("ks", &given, None).unwrap();
        assert_eq!(
            stored["class"],
            "org.apache.cassandra.locator.SimpleStrategy"
        );
        assert_eq!(stored["replication_factor"], "3");
        let given = map(&[
            ("class", "NetworkTopologyStrategy"),
            ("replication_factor", "2"),
        ]);
        assert_eq!(replication("ks", &given, None).unwrap()[DATA_CENTER], "2");
        assert!(
            message(replication("ks", &map(&[]), None)).contains("Missing replication strategy")
        );
        let bad = |name: &str, value: &str| {
            message(replication(
                "ks",
                &map(&[("class", "SimpleStrategy"), (name, value)]),
                None,
            ))
        };
        assert!(bad("dc1", "3").contains("Unrecognized strategy option {dc1}"));
        assert!(bad("replication_factor", "x").contains("For input string: \"x\""));
        assert!(bad("replication_factor", "-1").contains("must be non-negative"));
        assert!(
            message(replication("ks", &map(&[("class", "X")]), None)).contains("Unable to find")
        );
        // One copy unless said otherwise; a data centre must be the one there is.
        let simple = replication("ks", &map(&[("class", "SimpleStrategy")]), None).unwrap();
        assert_eq!(simple["replication_factor"], "1");
        let topology = |name: &str, value: &str| {
            replication(
                "ks",
                &map(&[("class", "NetworkTopologyStrategy"), (name, value)]),
                None,
            )
        };
        assert!(message(topology("dc1", "1")).contains("Unrecognized strategy option {dc1}"));
        assert!(message(topology(DATA_CENTER, "0")).contains("at least one datacenter"));
    }
    #[test]
    fn factors_that_are_not_given_again_stay() {
        let topology =
            |factor: &str| map(&[("class", "NetworkTopologyStrategy"), (DATA_CENTER, factor)]);
        let bare = map(&[("class", "NetworkTopologyStrategy")]);
        let kept = replication("ks", &bare, Some(&topology("3"))).unwrap();
        assert_eq!(kept[DATA_CENTER], "3");
        let from_simple = map(&[("class", "SimpleStrategy"), (FACTOR, "2")]);
        let kept = replication("ks", &bare, Some(&from_simple)).unwrap();
        assert_eq!(kept[DATA_CENTER], "2");
        let warnings = replication_warnings("ks", Some(&topology("1")), &topology("3"));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(replication_warnings("ks", None, &topology("1")).is_empty());
    }
}
