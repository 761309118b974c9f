//! Names with `*`, `?` and `[…]`, for shells that don't expand them and for COPY.

use crate::error::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// Whether a name asks for expansion.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The files that match, sorted by name. A file of just that name is that file.
pub(super) fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    if Path::new(pattern).exists() {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let (mut found, rest) = match pattern.strip_prefix('/') {
        Some(rest) => (vec![PathBuf::from("/")], rest),
        None => (vec![PathBuf::new()], pattern),
    };
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for folder in &found {
            if is_pattern(part) {
                matching(folder, part, &mut next)?;
            } else if folder.join(part).exists() {
                next.push(folder.join(part));
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    if found.is_empty() {
        return Err(Error::new(
            ErrorKind::Input,
            format!("{pattern}: no file matches"),
        ));
    }
    found.sort();
    Ok(found)
}

fn matching(folder: &Path, pattern: &str, found: &mut Vec<PathBuf>) -> Result<()> {
    let place = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    if !place.is_dir() {
        return Ok(());
    }
    let failed = |error| Error::io(&place.to_string_lossy(), "list", &error);
    let pattern: Vec<char> = pattern.chars().collect();
    for entry in std::fs::read_dir(place).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(text) = name.to_str() else {
            continue;
        };
        let hidden = text.starts_with('.') && pattern.first() != Some(&'.');
        if !hidden && matches(&pattern, &text.chars().collect::<Vec<_>>()) {
            found.push(folder.join(&name));
        }
    }
    Ok(())
}

/// Whether a name matches, in time proportional to the product of the lengths: on a mismatch only
/// the last star gives way.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((p + 1, n + 1));
                p += 1;
                continue;
            }
            (Some(_), Some(c)) => {
                if let Some(used) = one(pattern.get(p..).unwrap_or_default(), *c) {
                    p += used;
                    n += 1;
                    continue;
                }
            }
            _ => {}
        }
        match retry {
            Some((behind, from)) if from <= name.len() => {
                (p, n) = (behind, from);
                retry = Some((behind, from + 1));
            }
            _ => return false,
        }
    }
}

/// How much of the pattern matches the one character, if it does.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] => {
            let (negated, set) = match set {
                ['!' | '^', rest @ ..] => (true, rest),
                _ => (false, set),
            };
            // A bracket that comes first stands for itself.
            let end = 1 + set.get(1..)?.iter().position(|c| *c == ']')?;
            let mut inside = false;
            let mut rest = set.get(..end)?;
            loop {
                rest = match rest {
                    [low, '-', high, rest @ ..] => {
                        inside |= (*low..=*high).contains(&c);
                        rest
                    }
                    [only, rest @ ..] => {
                        inside |= *only == c;
                        rest
                    }
                    [] => break,
                };
            }
            (inside != negated).then_some(2 + usize::from(negated) + end)
        }
        [only, ..] => (*only == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_patterns() {
        let check = |pattern: &str, name: &str| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            matches(&chars(pattern), &chars(name))
        };
        for (pattern, name) in [
            ("*.csv", "a.csv"),
            ("a?c", "abc"),
            ("*a*b*", "xxaxxb"),
            ("[a-c]1", "b1"),
            ("[!a-c]1", "d1"),
            ("[]]", "]"),
            ("*", ""),
            ("part-[0-9][0-9]*.gz", "part-07-x.gz"),
        ] {
            assert!(check(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.csv", "a.csv.gz"),
            ("a?c", "ac"),
            ("[a-c]1", "d1"),
            ("[!a-c]1", "b1"),
            ("", "a"),
        ] {
            assert!(!check(pattern, name), "{pattern} {name}");
        }
        // Exponential in a naive matcher.
        assert!(!check(&"*a".repeat(50), &"a".repeat(49)));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn files_come_sorted_and_none_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", ".hidden.csv", "c.txt", "x[1].csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let expand = |pattern: &str| {
            let found = expand(&format!("{}/{pattern}", folder.path().display()));
            found.map(|found| {
                found
                    .iter()
                    .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
                    .collect::<Vec<_>>()
            })
        };
        assert_eq!(expand("*.csv").unwrap(), ["a.csv", "b.csv", "x[1].csv"]);
        assert_eq!(expand("x[1].csv").unwrap(), ["x[1].csv"]);
        assert_eq!(expand("nothing*").unwrap_err().kind, ErrorKind::Input);
    }
}
