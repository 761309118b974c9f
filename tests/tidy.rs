//! The style that a machine can check: layers, cycles, sizes, headers, leftovers.
//!
//! The rules stand in the manual (architecture and decisions). A rule that is not checked is not a
//! rule; a planted fault of each kind is checked at the end, so that this test cannot go blind.
#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The layers from the ground up. A module uses lower layers only; inside layer 0 anything goes
/// that makes no cycle.
const LAYERS: &[&[&str]] = &[
    &["clock", "config", "error", "limits", "manual", "random"],
    &["types"],
    &["schema"],
    &["protocol"],
    &["storage"],
    &["client"],
    &["access", "source"],
    &["cql"],
    &["analytics"],
    &["session"],
    &["database"],
    &["remote"],
    &["transfer"],
    &["server", "shell"],
    &["commands"],
];

/// What the upper layers may name of storage: its door, and the plain data that passes through it.
const STORAGE_DOOR: &[&str] = &["cell", "mutation", "read", "row"];

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;

struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// The module path, `["storage", "sstable", "writer"]`; `mod.rs` stands for its folder.
    fn module(&self) -> Vec<String> {
        let inside = self
            .path
            .strip_prefix("src")
            .unwrap_or(&self.path)
            .with_extension("");
        let mut parts: Vec<String> = inside
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        parts
    }

    fn is_door(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "mod.rs")
    }
}

fn sources(folder: &str) -> Vec<Source> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(root, &path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(root).unwrap().to_path_buf();
                found.push(Source { path, text });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, &root.join(folder), &mut found);
    found
}

/// The code without line comments.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| line.find("//").map_or(line, |at| &line[..at]))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Every path that starts at `crate::`, groups spelled out, e.g. `storage::row::Row`.
fn crate_paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        rest = &rest[at + "crate::".len()..];
        expand(rest, &[], &mut found);
    }
    found
}

/// Reads one path or group at the start of `text`; answers how many bytes it took.
fn expand(text: &str, prefix: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if name.is_empty() {
            if rest.starts_with('{') {
                return at + expand_group(rest, &path, found);
            }
            break;
        }
        at += name.len();
        path.push(name);
        match text[at..].strip_prefix("::") {
            Some(_) => at += 2,
            None => break,
        }
    }
    if path.len() > prefix.len() {
        found.push(path);
    }
    at
}

fn expand_group(text: &str, path: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut at = 1;
    loop {
        let rest = &text[at..];
        let Some(next) = rest.chars().next() else {
            return at;
        };
        if next == '}' {
            return at + 1;
        }
        let took = if next.is_alphanumeric() || next == '_' || next == '{' {
            expand(rest, path, found)
        } else {
            0
        };
        at += took.max(next.len_utf8());
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn upward_uses(all: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in all {
        let module = source.module();
        let Some(own) = module
            .first()
            .filter(|own| !["lib", "main"].contains(&own.as_str()))
        else {
            continue;
        };
        let Some(own_layer) = layer(own) else {
            faults.push(format!(
                "{}: `{own}` stands in no layer",
                source.path.display()
            ));
            continue;
        };
        for path in crate_paths(&code(&source.text)) {
            let Some(used_layer) = layer(&path[0]) else {
                continue;
            };
            let lower = used_layer < own_layer || (own_layer == 0 && used_layer == 0);
            if path[0] != *own && !lower {
                faults.push(format!(
                    "{}: uses {}",
                    source.path.display(),
                    path.join("::")
                ));
            }
        }
    }
    faults
}

fn past_the_door(all: &[Source]) -> Vec<String> {
    let parts: BTreeSet<String> = all
        .iter()
        .map(Source::module)
        .filter(|module| module.len() > 1 && module[0] == "storage")
        .map(|module| module[1].clone())
        .collect();
    let mut faults = Vec::new();
    for source in all {
        if source.module().first().is_some_and(|own| own == "storage") {
            continue;
        }
        for path in crate_paths(&code(&source.text)) {
            if path[0] == "storage"
                && path.get(1).is_some_and(|part| {
                    parts.contains(part) && !STORAGE_DOOR.contains(&part.as_str())
                })
            {
                faults.push(format!(
                    "{}: goes past the door: {path:?}",
                    source.path.display()
                ));
            }
        }
    }
    faults
}

/// In every folder: which part uses which. A part is a child of the folder; the folder's own
/// `mod.rs` is the part `(door)`.
fn part_graphs(all: &[Source]) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let folders: BTreeSet<Vec<String>> = all
        .iter()
        .filter(|source| source.is_door())
        .map(Source::module)
        .collect();
    let modules: BTreeSet<Vec<String>> = all.iter().map(Source::module).collect();
    let mut graphs: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for source in all {
        let module = source.module();
        let paths = crate_paths(&code(&source.text));
        for folder in folders.iter().filter(|folder| module.starts_with(folder)) {
            let part = |path: &[String]| match path.get(folder.len()) {
                Some(child)
                    if modules
                        .iter()
                        .any(|m| m.starts_with(&path[..=folder.len()])) =>
                {
                    child.clone()
                }
                _ => "(door)".to_owned(),
            };
            let own = part(&module);
            for path in paths.iter().filter(|path| path.starts_with(folder)) {
                let used = part(path);
                if used != own {
                    graphs
                        .entry(folder.join("::"))
                        .or_default()
                        .entry(own.clone())
                        .or_default()
                        .insert(used);
                }
            }
        }
    }
    graphs
}

/// One cycle of the graph, if there is any.
fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn visit<'a>(
        at: &'a str,
        graph: &'a BTreeMap<String, BTreeSet<String>>,
        trail: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = trail.iter().position(|seen| *seen == at) {
            return Some(
                trail[start..]
                    .iter()
                    .map(|part| (*part).to_owned())
                    .collect(),
            );
        }
        if !done.insert(at) {
            return None;
        }
        trail.push(at);
        for next in graph.get(at).into_iter().flatten() {
            if let Some(found) = visit(next, graph, trail, done) {
                return Some(found);
            }
        }
        trail.pop();
        None
    }
    let mut done = BTreeSet::new();
    graph
        .keys()
        .find_map(|start| visit(start, graph, &mut Vec::new(), &mut done))
}

fn cycles(all: &[Source]) -> Vec<String> {
    part_graphs(all)
        .into_iter()
        .filter_map(|(folder, graph)| {
            cycle(&graph).map(|parts| format!("{folder}: cycle {}", parts.join(" -> ")))
        })
        .collect()
}

fn shape(all: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for source in all {
        let path = source.path.display();
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{path}: {lines} lines, more than {LINES_MAX}"));
        }
        if !source.text.starts_with("//!") {
            faults.push(format!("{path}: does not open with //!"));
        }
        for (number, line) in source.text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                faults.push(format!("{path}:{}: longer than {COLUMNS_MAX}", number + 1));
            }
        }
        for leftover in [
            concat!("todo", "!("),
            concat!("unimplemented", "!("),
            "#[ignore",
        ] {
            if source.text.contains(leftover) && !source.path.ends_with("tidy.rs") {
                faults.push(format!("{path}: has {leftover}"));
            }
        }
    }
    faults
}

fn clean(faults: &[String]) {
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[test]
fn layers_hold() {
    clean(&upward_uses(&sources("src")));
}

#[test]
fn storage_has_one_door() {
    clean(&past_the_door(&sources("src")));
}

#[test]
fn no_module_cycles() {
    clean(&cycles(&sources("src")));
}

#[test]
fn files_have_shape() {
    clean(&shape(&sources("src")));
    clean(&shape(&sources("tests")));
}

#[test]
fn top_level_is_fixed() {
    let allowed = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "src",
        "sql",
        "tests",
    ];
    let also = ["benches", "tools", "target"];
    let mut faults = Vec::new();
    for entry in std::fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let known = allowed.contains(&name.as_str()) || also.contains(&name.as_str());
        if !known && !name.starts_with('.') && name != "helenus-data" {
            faults.push(format!("{name}: no other top-level entry"));
        }
    }
    clean(&faults);
}

#[test]
fn planted_faults_are_found() {
    let plant = |path: &str, text: &str| Source {
        path: path.into(),
        text: text.to_owned(),
    };
    let upward = plant(
        "src/types/bad.rs",
        "//! x\nuse crate::{error::Error, cql::ast::Name};\n",
    );
    assert_eq!(upward_uses(&[upward]).len(), 1);
    let stranger = plant("src/stranger.rs", "//! x\n");
    assert_eq!(upward_uses(&[stranger]).len(), 1);
    let inside = plant(
        "src/storage/memtable.rs",
        "//! x\nuse crate::storage::row::Row;\n",
    );
    let past = plant(
        "src/cql/bad.rs",
        "//! x\nfn f() { crate::storage::memtable::get(); }\n",
    );
    assert_eq!(past_the_door(&[inside, past]).len(), 1);
    let circle = [
        plant("src/storage/mod.rs", "//! x\n"),
        plant("src/storage/a.rs", "//! x\nuse crate::storage::{b::B};\n"),
        plant("src/storage/b.rs", "//! x\nuse crate::storage::a::A;\n"),
    ];
    assert_eq!(cycles(&circle).len(), 1);
    let long = format!("fn f() {{}} {}\n{}", "x".repeat(100), "\n".repeat(601));
    assert_eq!(shape(&[plant("src/long.rs", &long)]).len(), 3);
}
