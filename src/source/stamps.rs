//! Timestamps and times to live that stand beside values: as columns of their own.
//!
//! | name | type | says |
//! |---|---|---|
//! | `__timestamp` | `bigint` | when the row was written, in microseconds |
//! | `__ttl` | `int` | the row's time to live, in seconds |
//! | `__expires` | `bigint` | when the row expires, in seconds since 1970 |
//! | `__timestamp(c)` … | `list<bigint>` | the same of column `c` alone |
//!
//! The second kind is what an exact copy needs, since each cell has its own; a multi-cell column
//! has one entry for each element, or a single one for all. Where a file has it, a row without
//! `__timestamp` has no marker, as after `UPDATE`.

use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::storage::cell::{Cell, Liveness, NEVER, NO_TTL};
use crate::storage::row::{ColumnData, Row};
use crate::types::{Type, collection};
use bytes::Bytes;
use std::sync::Arc;

/// What a stamp says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StampKind {
    /// The write timestamp, in microseconds.
    Timestamp,
    /// The time to live, in seconds.
    Ttl,
    /// The moment of expiry, in seconds since 1970.
    Expires,
}

impl StampKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Timestamp, Self::Ttl, Self::Expires];

    /// The name of a row's stamp.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "__timestamp",
            Self::Ttl => "__ttl",
            Self::Expires => "__expires",
        }
    }
}

/// A stamp of a row, or of one of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampColumn {
    /// What it says.
    pub kind: StampKind,
    /// The column; none for the row.
    pub of: Option<ColumnId>,
}

impl StampColumn {
    /// The stamp that `name` means for `table`, if it means one.
    pub fn by_name(table: &Table, name: &str) -> Option<Self> {
        StampKind::ALL.into_iter().find_map(|kind| {
            let rest = name.strip_prefix(kind.name())?;
            if rest.is_empty() {
                return Some(Self { kind, of: None });
            }
            let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
            let column = table.column(inner).filter(|column| !is_key(column))?;
            Some(Self {
                kind,
                of: Some(column.id),
            })
        })
    }

    /// Its name.
    pub fn name(&self, table: &Table) -> String {
        let column = self.of.and_then(|id| table.column_by_id(id));
        match column {
            Some(column) => format!("{}({})", self.kind.name(), column.name),
            None => self.kind.name().to_owned(),
        }
    }

    /// The type of its values.
    pub fn ty(&self) -> Type {
        match (self.of, self.kind) {
            (Some(_), _) => Type::List {
                element: Arc::new(Type::BigInt),
                frozen: true,
            },
            (None, StampKind::Ttl) => Type::Int,
            (None, _) => Type::BigInt,
        }
    }

    /// The stamps that keep `columns` of `table` as they are.
    pub fn preserving(table: &Table, columns: &[Column], kinds: &[StampKind]) -> Vec<Self> {
        let regular = !table.is_counter();
        let mut stamps = Vec::new();
        for kind in kinds {
            if regular {
                stamps.push(Self {
                    kind: *kind,
                    of: None,
                });
            }
            for column in columns.iter().filter(|column| !is_key(column)) {
                stamps.push(Self {
                    kind: *kind,
                    of: Some(column.id),
                });
            }
        }
        stamps
    }
}

fn is_key(column: &Column) -> bool {
    matches!(
        column.kind,
        ColumnKind::PartitionKey | ColumnKind::Clustering
    )
}

fn of_cell(kind: StampKind, cell: &Cell) -> Option<i64> {
    match kind {
        StampKind::Timestamp => Some(cell.timestamp),
        StampKind::Ttl => (cell.ttl_seconds != NO_TTL).then_some(i64::from(cell.ttl_seconds)),
        StampKind::Expires => (cell.expiry_seconds != NEVER).then_some(cell.expiry_seconds),
    }
}

/// The wire value of a row's stamp.
pub(super) fn row_stamp(kind: StampKind, row: &Row) -> Option<Bytes> {
    let Liveness {
        timestamp,
        ttl_seconds,
        expiry_seconds,
    } = row.liveness;
    if row.liveness.is_none() {
        return None;
    }
    match kind {
        StampKind::Timestamp => Some(Bytes::copy_from_slice(&timestamp.to_be_bytes())),
        StampKind::Ttl if ttl_seconds != NO_TTL => {
            Some(Bytes::copy_from_slice(&ttl_seconds.to_be_bytes()))
        }
        StampKind::Expires if expiry_seconds != NEVER => {
            Some(Bytes::copy_from_slice(&expiry_seconds.to_be_bytes()))
        }
        StampKind::Ttl | StampKind::Expires => None,
    }
}

/// The wire value of a column's stamp.
pub(super) fn column_stamp(kind: StampKind, data: &ColumnData) -> Option<Bytes> {
    let mut values: Vec<Option<i64>> = match data {
        ColumnData::Simple(cell) => vec![of_cell(kind, cell)],
        ColumnData::Complex { cells, .. } => {
            cells.iter().map(|path| of_cell(kind, &path.cell)).collect()
        }
    };
    if values.iter().all(Option::is_none) {
        return None;
    }
    let first = values.first().copied();
    if values.iter().all(|value| Some(*value) == first) {
        values.truncate(1);
    }
    // Zero says that this element has none.
    let packed = values
        .iter()
        .map(|value| value.unwrap_or(0).to_be_bytes())
        .collect::<Vec<_>>();
    Some(Bytes::from(collection::pack_elements(&packed)))
}

/// A stamp of a row from its wire value.
pub fn number(value: &[u8]) -> Result<i64> {
    if let Ok(bytes) = value.try_into() {
        return Ok(i64::from_be_bytes(bytes));
    }
    match value.try_into() {
        Ok(bytes) => Ok(i64::from(i32::from_be_bytes(bytes))),
        Err(_) => Err(Error::invalid("a timestamp or TTL without a value")),
    }
}

/// The stamps of a column's cells, from their wire value.
pub(super) fn numbers(value: &[u8]) -> Result<Vec<i64>> {
    collection::elements(value)?
        .into_iter()
        .map(number)
        .collect()
}

/// Why stamps cannot be those of what they stand beside.
pub fn check(kind: StampKind, value: i64) -> Result<(), String> {
    match kind {
        StampKind::Timestamp if value == i64::MIN => Err(format!("{value} is no write timestamp")),
        StampKind::Ttl if !(0..=i64::from(crate::limits::TTL_SECONDS_MAX)).contains(&value) => {
            Err(format!(
                "a TTL is from 0 to {} seconds, not {value}",
                crate::limits::TTL_SECONDS_MAX
            ))
        }
        StampKind::Expires if value < 0 => Err(format!("{value} is no moment of expiry")),
        _ => Ok(()),
    }
}

/// Checks the wire value of a stamp column.
pub fn check_value(stamp: &StampColumn, value: &[u8]) -> Result<(), String> {
    let values = match stamp.of {
        Some(_) => numbers(value),
        None => number(value).map(|value| vec![value]),
    };
    for value in values.map_err(|error| error.message)? {
        check(stamp.kind, value)?;
    }
    Ok(())
}
