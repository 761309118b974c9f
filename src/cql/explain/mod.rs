//! EXPLAIN of a CQL statement: its plan in words.
//!
//! ```text
//! Read one partition of shop.orders
//!   key: customer = 'ann'
//!   rows: day >= 2013-01-01
//!   pruned: SSTables by key range and bloom filter; blocks by the rows' range
//!   columns read: total (1 of 3)
//!   estimated rows: 40 of 12000
//! ```
//!
//! The first line says how rows are found, from the cheapest way to the dearest: rows by full key,
//! one partition, a slice of it, several of them, an index, a range of tokens, the whole table.
//! What follows says what narrows it, what is left to check row by row, and what needs not be read.
//! The estimate rests on what the SSTables' statistics count; it knows nothing of values.

mod read;
mod write;

use crate::cql::plan::{Plan, Slot, Term};
use crate::cql::result::{ColumnSpec, RowValues, Rows};
use crate::storage::Engine;
use crate::storage::read::{LevelFigures, ScanFigures};
use crate::types::{Type, text};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// How large a table is, by what its files and memtables count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Rows, versions that will be merged included.
    pub rows: u64,
    /// Partitions.
    pub partitions: u64,
}

/// The words about a plan, a line each.
pub fn lines(engine: &Engine, plan: &Plan) -> Vec<String> {
    let size_of = |table| {
        let figures = engine.tables_figures();
        let found = figures.into_iter().find(|it| it.table == table);
        found.map_or(Size::default(), |it| Size {
            rows: it.rows.saturating_add(it.memtable_entries),
            partitions: it.partitions.max(u64::from(it.memtable_entries > 0)),
        })
    };
    match plan {
        Plan::Select(plan) => read::lines(plan, size_of(plan.table.id)),
        Plan::Write(plan) => write::lines(plan),
        Plan::Batch(plan) => write::batch_lines(plan),
        Plan::Truncate(table) => {
            let name = engine.catalog().tables.get(table).map(|it| it.full_name());
            vec![format!(
                "Empty {} at once: its files and memtables are dropped, nothing is read",
                name.unwrap_or_else(|| "a system table".to_owned())
            )]
        }
        Plan::Use(keyspace) => vec![format!("Unqualified names are of {keyspace} from now on")],
    }
}

/// What was read, level by level, a line each.
pub fn figure_lines(figures: &ScanFigures) -> Vec<String> {
    let mut lines = Vec::new();
    let one = |name: String, unit: &str, level: &LevelFigures| {
        let [blocks, pruned, rows, bytes] = [
            &level.blocks,
            &level.blocks_pruned,
            &level.rows,
            &level.bytes,
        ]
        .map(|figure| figure.load(Ordering::Relaxed));
        let mut line = format!(
            "  {name}: {} rows from {}",
            rows,
            counted(level.files(), unit)
        );
        if unit == "file" {
            line.push_str(&format!(", {} blocks, {bytes} bytes", blocks));
            if pruned > 0 {
                line.push_str(&format!(", {pruned} blocks pruned"));
            }
        }
        line
    };
    let memtables = figures.memtables();
    if memtables.files() > 0 {
        lines.push(one("memtables".to_owned(), "memtable", memtables));
    }
    for (number, level) in figures.levels() {
        lines.push(one(format!("level {number}"), "file", &level));
    }
    if lines.is_empty() {
        lines.push("  nothing: no file or memtable may have such rows".to_owned());
    }
    lines
}

/// `1 file`, `3 files`.
pub fn counted(number: usize, unit: &str) -> String {
    match number {
        1 => format!("1 {unit}"),
        number => format!("{number} {unit}s"),
    }
}

/// Lines as the rows of an answer.
pub fn rows(lines: Vec<String>) -> Rows {
    let rows: Vec<RowValues> = lines
        .into_iter()
        .map(|line| vec![Some(Bytes::from(line))])
        .collect();
    Rows::from_vec(columns(), rows)
}

/// The columns of such an answer.
pub fn columns() -> Arc<[ColumnSpec]> {
    Arc::from([ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: "plan".to_owned(),
        ty: Type::Text,
    }])
}

/// The longest value that a plan shows, in characters.
const VALUE_CHARS_MAX: usize = 60;

/// A term as a person would write it.
fn shown(term: &Term, ty: &Type) -> String {
    match term {
        Term::Constant(None) => "null".to_owned(),
        Term::Constant(Some(bytes)) => {
            let text = text::format(ty, bytes);
            let mut cut: String = text.chars().take(VALUE_CHARS_MAX).collect();
            if cut.len() < text.len() {
                cut.push('…');
            }
            match ty {
                Type::Text | Type::Ascii => format!("'{cut}'"),
                _ => cut,
            }
        }
        Term::Marker(_) => "?".to_owned(),
        Term::Call(..) => "a function's value".to_owned(),
        _ => "…".to_owned(),
    }
}

/// What a term says as a number, where that is known before it is run.
fn number(term: &Term) -> Option<u64> {
    let Term::Constant(Some(bytes)) = term else {
        return None;
    };
    let bytes = <[u8; 4]>::try_from(bytes.as_ref()).ok()?;
    u64::try_from(i32::from_be_bytes(bytes)).ok()
}

/// The same plan with these values for its markers, in words that name them.
pub fn values_line(variables: &[ColumnSpec], values: &[Slot]) -> Option<String> {
    let one = |(variable, slot): (&ColumnSpec, &Slot)| match slot {
        Slot::Null => format!("{} = null", variable.name),
        Slot::Unset => format!("{} unset", variable.name),
        Slot::Bytes(bytes) => {
            let term = Term::Constant(Some(bytes.clone()));
            format!("{} = {}", variable.name, shown(&term, &variable.ty))
        }
    };
    let listed: Vec<String> = variables.iter().zip(values).map(one).collect();
    (!listed.is_empty()).then(|| format!("  values: {}", listed.join(", ")))
}
