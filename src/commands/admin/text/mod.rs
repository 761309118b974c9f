//! Reports as nodetool prints them.
//!
//! Labels, order, units and blanks are those of nodetool 5.0: monitoring scripts cut fields out of
//! these texts. What helenus has no figure for is shown as 0 or NaN, as nodetool shows it where
//! nothing was counted.

mod node;
mod tables;
mod work;

pub use node::{info, node};
pub use tables::{check_format, table_stats};
pub use work::{autocompaction, clients, compactions, histograms, levels, stages};

use crate::commands::admin::names::{Command, DONE, Handling};
use serde_json::Value;
use std::fmt::Write as _;

/// A size as nodetool shows loads: `114.38 KiB`.
fn file_size(bytes: u64) -> String {
    match unit(bytes) {
        Some((size, unit)) => {
            let text = format!("{size:.2}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            format!("{text} {unit}")
        }
        None => format!("{bytes} bytes"),
    }
}

/// A size as nodetool shows others: `6.406KiB`.
fn memory(bytes: u64) -> String {
    match unit(bytes) {
        Some((size, unit)) => format!("{size:.3}{unit}"),
        None => format!("{bytes}B"),
    }
}

fn unit(bytes: u64) -> Option<(f64, &'static str)> {
    [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        .into_iter()
        .find(|(_, shift)| bytes >= 1 << shift)
        .map(|(unit, shift)| (bytes as f64 / (1_u64 << shift) as f64, unit))
}

/// Bytes as a number, or for people.
fn sized(bytes: u64, human: bool) -> String {
    match human {
        true => file_size(bytes),
        false => bytes.to_string(),
    }
}

/// Lays rows out in columns as wide as their widest value, `gap` apart.
fn columns(rows: &[Vec<String>], gap: &str) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widest = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..widest).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(&cells.collect::<Vec<_>>().join(gap));
        text.push('\n');
    }
    text
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// YAML of what JSON can say, in blocks.
fn yaml(value: &Value) -> String {
    let mut text = String::new();
    yaml_block(value, 0, &mut text);
    text.push('\n');
    text
}

fn yaml_block(value: &Value, depth: usize, text: &mut String) {
    let Value::Object(fields) = value else {
        let _ = writeln!(text, "{}", yaml_scalar(value));
        return;
    };
    for (name, value) in fields {
        let _ = write!(text, "{:1$}{2}:", "", depth * 2, yaml_text(name));
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push('\n');
                yaml_block(value, depth + 1, text);
            }
            _ => {
                let _ = writeln!(text, " {}", yaml_scalar(value));
            }
        }
    }
}

fn yaml_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => yaml_text(text),
        // JSON's empty ones and numbers are YAML's too.
        other => other.to_string(),
    }
}

/// A text, quoted where it would be read as something else.
fn yaml_text(text: &str) -> String {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        || (text.contains(' ') && text.starts_with(|c: char| c.is_ascii_digit()));
    let is_safe = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_. ".contains(c));
    if is_plain && is_safe && !is_word && !text.ends_with(' ') {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// What all commands do.
pub fn help() -> String {
    let mut text = String::from(
        "usage: helenus admin [-h HOST] [-p HTTP_PORT] [--data-dir DIR] COMMAND [OPTION…] \
         [KEYSPACE [TABLE…]]\n\n\
         -h, --host HOST   the host of the server; 127.0.0.1 unless given\n\
         -p, --port PORT   its HTTP port; 9180 unless given\n\
         --data-dir DIR    work on a data directory that no server has open\n\n\
         Commands:\n",
    );
    for command in DONE {
        let _ = writeln!(text, "  {:<22} {}", command.name, command.about);
    }
    text.push_str(
        "\nnodetool's other commands are known too: what only several nodes need is answered with \
         \"nothing to do\",\nwhat helenus cannot do fails and says what helps.\n\n\
         See `helenus admin help COMMAND`.\n",
    );
    text
}

/// What one command does.
pub fn help_for(command: &Command) -> String {
    let what = match command.handling {
        Handling::Does => command.about.to_owned(),
        Handling::Says(text) => format!("Always answers: {text}"),
        Handling::Nothing(why) => format!("Nothing to do: {why}."),
        Handling::Lacks(hint) => format!("Not supported. {hint}"),
    };
    let mut usage = format!("usage: helenus admin {}", command.name);
    for option in command.options.split_whitespace() {
        let value = if option.ends_with('=') { " VALUE" } else { "" };
        let _ = write!(
            usage,
            " [{}{value}]",
            option.trim_end_matches('=').replace(',', "|")
        );
    }
    if !command.operands.is_empty() {
        usage.push(' ');
        usage.push_str(command.operands);
    }
    format!("{usage}\n\n{what}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_shown_as_nodetool_shows_them() {
        assert_eq!(file_size(0), "0 bytes");
        assert_eq!(file_size(1_023), "1023 bytes");
        assert_eq!(file_size(117_126), "114.38 KiB");
        assert_eq!(file_size(24 << 20), "24 MiB");
        assert_eq!(memory(400), "400B");
        assert_eq!(memory(6_560), "6.406KiB");
        assert_eq!(sized(5, false), "5");
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [row(["a", "bb"]), row(["ccc", "d"])];
        assert_eq!(columns(&rows, " "), "a   bb\nccc d \n");
    }

    #[test]
    fn yaml_is_quoted_where_it_must() {
        let value = json!({"a": {"m": "1.5", "t": "37 bytes", "e": {}, "l": [], "z": null},
                           "true": 1, "x y'": "-"});
        let wanted = "a:\n  e: {}\n  l: []\n  m: '1.5'\n  t: 37 bytes\n  z: null\n\
                      'true': 1\n'x y''': '-'\n\n";
        assert_eq!(yaml(&value), wanted);
    }
}
