//! What an operation writes into a column: cells, tombstones, deletions of collections.
//!
//! | column | path | cell's value |
//! |---|---|---|
//! | list | a timeuuid per element, rising | the element |
//! | set | the element | empty |
//! | map | the key | the value |
//! | user type | the field's number, two bytes, big-endian | the field |
//!
//! Replacing a whole collection deletes what was written up to the microsecond before, so that its
//! new elements, at the statement's own timestamp, survive.

use crate::cql::evaluate::{Context, term};
use crate::cql::functions::Scalar;
use crate::cql::plan::{ColumnOperation, ColumnRef, Operation, Slot, Term};
use crate::error::{Error, Result};
use crate::storage::cell::{Cell, Deletion, NEVER, NO_TTL};
use crate::storage::mutation::merge_rows;
use crate::storage::row::{ColumnData, PathCell, Row, RowColumn};
use crate::types::{Type, collection, key, timeuuid};
use bytes::Bytes;
use std::borrow::Cow;

/// The date before which prepended elements of lists count backwards: 2010-01-01, as Cassandra's.
const PREPEND_REFERENCE_MICROS: i64 = 1_262_304_000_000_000;

/// What all that one statement writes has in common.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// The write timestamp, in microseconds.
    pub timestamp: i64,
    /// The time to live, in seconds.
    pub ttl_seconds: i32,
    /// When it expires, in seconds since 1970.
    pub expiry_seconds: i64,
    /// The statement's time, in seconds since 1970.
    pub now_seconds: i64,
    /// The time of new list elements, in microseconds; no other statement's.
    pub list_micros: i64,
}

impl Stamp {
    /// A stamp that lives `ttl_seconds` (0: for ever) from `now_seconds` on.
    pub fn new(timestamp: i64, ttl_seconds: i32, now_seconds: i64, list_micros: i64) -> Self {
        let expiry_seconds = match ttl_seconds {
            NO_TTL => NEVER,
            ttl => now_seconds.saturating_add(i64::from(ttl)).min(NEVER - 1),
        };
        Self {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            now_seconds,
            list_micros,
        }
    }

    fn cell(&self, value: Bytes) -> Cell {
        Cell {
            timestamp: self.timestamp,
            ttl_seconds: self.ttl_seconds,
            expiry_seconds: self.expiry_seconds,
            value,
        }
    }

    fn tombstone(&self) -> Cell {
        Cell::tombstone(self.timestamp, self.now_seconds)
    }

    /// A deletion of all that was written up to now.
    pub fn deletion(&self) -> Deletion {
        Deletion {
            timestamp: self.timestamp,
            deleted_at_seconds: self.now_seconds,
        }
    }

    /// The deletion that a new whole value brings.
    fn overwrite(&self) -> Deletion {
        Deletion {
            timestamp: self.timestamp.saturating_sub(1),
            deleted_at_seconds: self.now_seconds,
        }
    }
}

/// The columns of a row that is being written.
pub struct ColumnCells<'a> {
    stamp: &'a Stamp,
    columns: Vec<RowColumn>,
    /// How many list elements were written, so that each has a path of its own.
    list_elements: u64,
}

/// Elements of a collection by path; the value is none for an element that goes.
type Changes = Vec<(PathKey, Option<Bytes>)>;

/// A path, encoded, with its original where that is needed.
type PathKey = (Bytes, Option<Bytes>);

impl<'a> ColumnCells<'a> {
    /// No column yet.
    pub fn new(stamp: &'a Stamp, capacity: usize) -> Self {
        Self {
            stamp,
            columns: Vec::with_capacity(capacity),
            list_elements: 0,
        }
    }

    /// The columns.
    pub fn finish(self) -> Vec<RowColumn> {
        self.columns
    }

    /// Adds what `operation` does; `current` is what stands in the column now, where it matters.
    /// Operations come in rising order of column id.
    pub fn add(
        &mut self,
        operation: &ColumnOperation,
        current: Option<&ColumnData>,
        context: &Context<'_>,
    ) -> Result<()> {
        let column = &operation.column;
        match &operation.operation {
            Operation::Set(value) => self.set(column, term(value, context)?),
            Operation::Append(value) => self.append(column, term(value, context)?, false),
            Operation::Prepend(value) => self.append(column, term(value, context)?, true),
            Operation::Discard(value) => self.discard(column, term(value, context)?, current),
            Operation::SetElement(at, value) => {
                let path = self.element_path(column, at, current, context, true)?;
                let value = match (term(value, context)?, &path) {
                    (Slot::Unset, _) | (_, None) => return Ok(()),
                    (Slot::Null, _) => None,
                    (Slot::Bytes(bytes), _) => Some(bytes),
                };
                let changes = path.into_iter().map(|path| (path, value.clone()));
                self.change(column, Deletion::NONE, changes.collect())
            }
            Operation::SetField(number, value) => {
                let value = match term(value, context)? {
                    Slot::Unset => return Ok(()),
                    Slot::Null => None,
                    Slot::Bytes(bytes) => Some(bytes),
                };
                self.change(column, Deletion::NONE, vec![(field_path(*number), value)])
            }
            Operation::Delete if column.ty.is_multi_cell() => {
                self.change(column, self.stamp.deletion(), Vec::new())
            }
            Operation::Delete => self.simple(column, self.stamp.tombstone()),
            Operation::DeleteElement(at) => {
                let path = self.element_path(column, at, current, context, false)?;
                let changes = path.into_iter().map(|path| (path, None));
                self.change(column, Deletion::NONE, changes.collect())
            }
            Operation::DeleteField(number) => {
                self.change(column, Deletion::NONE, vec![(field_path(*number), None)])
            }
            Operation::Sum(sum, value) => match term(value, context)? {
                Slot::Bytes(bytes) => self.sum(column, (sum, &bytes), current, context),
                Slot::Unset => Ok(()),
                Slot::Null => Err(Error::invalid(format!(
                    "Invalid null value to add to column {}",
                    column.name
                ))),
            },
            Operation::Count(value, negative) => {
                self.count(column, value, *negative, current, context)
            }
        }
    }

    fn simple(&mut self, column: &ColumnRef, cell: Cell) -> Result<()> {
        self.columns.push(RowColumn {
            id: column.id,
            data: ColumnData::Simple(cell),
        });
        Ok(())
    }

    fn set(&mut self, column: &ColumnRef, value: Slot) -> Result<()> {
        if !column.ty.is_multi_cell() {
            return match value {
                Slot::Unset => Ok(()),
                Slot::Null => self.simple(column, self.stamp.tombstone()),
                Slot::Bytes(bytes) => self.simple(column, self.stamp.cell(bytes)),
            };
        }
        let changes = match value {
            Slot::Unset => return Ok(()),
            Slot::Null => Vec::new(),
            Slot::Bytes(bytes) => self.elements(column, &bytes, false)?,
        };
        self.change(column, self.stamp.overwrite(), changes)
    }

    fn append(&mut self, column: &ColumnRef, value: Slot, before: bool) -> Result<()> {
        match value {
            Slot::Unset | Slot::Null => Ok(()),
            Slot::Bytes(bytes) => {
                let changes = self.elements(column, &bytes, before)?;
                self.change(column, Deletion::NONE, changes)
            }
        }
    }

    fn discard(
        &mut self,
        column: &ColumnRef,
        value: Slot,
        current: Option<&ColumnData>,
    ) -> Result<()> {
        let Slot::Bytes(bytes) = value else {
            return Ok(());
        };
        let unwanted = collection::elements(&bytes)?;
        let mut changes = Changes::new();
        match &column.ty {
            Type::List { element, .. } => {
                for cell in self.list_cells(column, current).iter() {
                    let gone = |other: &&[u8]| element.compare(&cell.cell.value, other).is_eq();
                    if unwanted.iter().any(gone) {
                        changes.push(((cell.path.clone(), None), None));
                    }
                }
            }
            Type::Set { element: ty, .. } | Type::Map { key: ty, .. } => {
                for element in unwanted {
                    changes.push((path_of(ty, element)?, None));
                }
            }
            _ => return Err(Error::internal("a subtraction of another type")),
        }
        self.change(column, Deletion::NONE, changes)
    }

    /// The elements of a whole value, each with its path.
    fn elements(&mut self, column: &ColumnRef, bytes: &Bytes, before: bool) -> Result<Changes> {
        let shared = |part: &[u8]| Some(bytes.slice_ref(part));
        let mut changes = Changes::new();
        match &column.ty {
            Type::List { .. } => {
                for element in collection::elements(bytes)? {
                    let path = self.new_list_path(before)?;
                    changes.push((path, shared(element)));
                }
            }
            Type::Set { element: ty, .. } => {
                for element in collection::elements(bytes)? {
                    changes.push((path_of(ty, element)?, Some(Bytes::new())));
                }
            }
            Type::Map { key: ty, .. } => {
                for (key, value) in collection::entries(bytes)? {
                    changes.push((path_of(ty, key)?, shared(value)));
                }
            }
            Type::Udt { udt, .. } => {
                let fields = collection::fields(bytes, udt.fields.len())?;
                for (number, field) in (0_u16..).zip(fields) {
                    if let Some(field) = field {
                        changes.push((field_path(number), shared(field)));
                    }
                }
            }
            _ => return Err(Error::internal("elements of a type that has none")),
        }
        Ok(changes)
    }

    /// A path behind all those of the list's present elements, or before them.
    fn new_list_path(&mut self, before: bool) -> Result<PathKey> {
        let mut micros = self.stamp.list_micros;
        if before {
            micros = PREPEND_REFERENCE_MICROS
                .saturating_mul(2)
                .saturating_sub(micros);
        }
        let uuid = timeuuid::numbered(micros, self.list_elements);
        self.list_elements += 1;
        path_of(&Type::TimeUuid, &uuid)
    }

    /// The path of the element that a key or index names; none where nothing is deleted, because
    /// what to delete is not set.
    fn element_path(
        &self,
        column: &ColumnRef,
        at: &Term,
        current: Option<&ColumnData>,
        context: &Context<'_>,
        sets: bool,
    ) -> Result<Option<PathKey>> {
        let at = term(at, context)?;
        match &column.ty {
            Type::Map { key: ty, .. } => match at {
                Slot::Bytes(bytes) => path_of(ty, &bytes).map(Some),
                Slot::Null => Err(Error::invalid("Invalid null map key")),
                Slot::Unset => Err(Error::invalid("Invalid unset map key")),
            },
            Type::Set { element: ty, .. } => match at {
                Slot::Bytes(bytes) => path_of(ty, &bytes).map(Some),
                Slot::Null => Err(Error::invalid("Invalid null set element")),
                Slot::Unset => Ok(None),
            },
            Type::List { .. } => {
                let bytes = match at {
                    Slot::Bytes(bytes) => bytes,
                    Slot::Null => return Err(Error::invalid("Invalid null value for list index")),
                    Slot::Unset if !sets => return Ok(None),
                    Slot::Unset => {
                        return Err(Error::invalid("Invalid unset value for list index"));
                    }
                };
                let index = <[u8; 4]>::try_from(&*bytes).map(i32::from_be_bytes);
                let index = index.map_err(|_| Error::invalid("Invalid list index"))?;
                let cells = self.list_cells(column, current);
                if cells.is_empty() {
                    return Err(Error::invalid(match sets {
                        true => "Attempted to set an element on a list which is null",
                        false => "Attempted to delete an element from a list which is null",
                    }));
                }
                let found = usize::try_from(index).ok().and_then(|at| cells.get(at));
                let cell = found.ok_or_else(|| {
                    Error::invalid(format!(
                        "List index {index} out of bound, list has size {}",
                        cells.len()
                    ))
                })?;
                Ok(Some((cell.path.clone(), None)))
            }
            _ => Err(Error::internal("an element of a type that has none")),
        }
    }

    /// The elements of a list as the statement's operations up to now leave them.
    fn list_cells<'c>(
        &self,
        column: &ColumnRef,
        current: Option<&'c ColumnData>,
    ) -> Cow<'c, [PathCell]> {
        let there: &'c [PathCell] = match current {
            Some(ColumnData::Complex { cells, .. }) => cells,
            _ => &[],
        };
        let Some(written) = self.columns.last().filter(|last| last.id == column.id) else {
            return Cow::Borrowed(there);
        };
        let row = |data: Option<&ColumnData>| {
            let mut row = Row::new(Bytes::new());
            let id = column.id;
            row.columns = data
                .cloned()
                .map(|data| RowColumn { id, data })
                .into_iter()
                .collect();
            row
        };
        let merged = merge_rows(false, row(current), row(Some(&written.data)));
        let Some(ColumnData::Complex { deletion, cells }) = merged.column(column.id) else {
            return Cow::Borrowed(&[]);
        };
        let live = |cell: &&PathCell| {
            cell.cell.is_live(self.stamp.now_seconds) && !deletion.covers(cell.cell.timestamp)
        };
        Cow::Owned(cells.iter().filter(live).cloned().collect())
    }

    /// Adds to a number or a text; what is added to nothing is nothing.
    fn sum(
        &mut self,
        column: &ColumnRef,
        (sum, value): (&Scalar, &[u8]),
        current: Option<&ColumnData>,
        context: &Context<'_>,
    ) -> Result<()> {
        let Some(ColumnData::Simple(there)) = current else {
            return Ok(());
        };
        if !there.is_live(self.stamp.now_seconds) {
            return Ok(());
        }
        match sum.call(&[Some(&*there.value), Some(value)], &context.env)? {
            Some(bytes) => self.simple(column, self.stamp.cell(bytes)),
            None => Ok(()),
        }
    }

    fn count(
        &mut self,
        column: &ColumnRef,
        value: &Term,
        negative: bool,
        current: Option<&ColumnData>,
        context: &Context<'_>,
    ) -> Result<()> {
        let bytes = match term(value, context)? {
            Slot::Bytes(bytes) => bytes,
            Slot::Unset => return Ok(()),
            Slot::Null => {
                return Err(Error::invalid("Invalid null value for counter increment"));
            }
        };
        let delta = <[u8; 8]>::try_from(&*bytes).map(i64::from_be_bytes);
        let delta = delta.map_err(|_| Error::invalid("Invalid counter value"))?;
        let delta = match (negative, delta) {
            (true, i64::MIN) => {
                return Err(Error::invalid(format!(
                    "The negation of {delta} overflows supported counter precision (signed 8 \
                     bytes integer)"
                )));
            }
            (true, delta) => -delta,
            (false, delta) => delta,
        };
        let (count, clock) = match current {
            Some(ColumnData::Simple(cell)) => counter(&cell.value),
            _ => (0, 0),
        };
        // Two operations of one statement on the same counter add up.
        let (count, clock) = match self.columns.last() {
            Some(RowColumn {
                id,
                data: ColumnData::Simple(cell),
            }) if *id == column.id => {
                let written = counter(&cell.value);
                self.columns.pop();
                written
            }
            _ => (count, clock),
        };
        let clock = clock.saturating_add(1).max(self.stamp.timestamp);
        let mut value = Vec::with_capacity(16);
        value.extend_from_slice(&count.wrapping_add(delta).to_be_bytes());
        value.extend_from_slice(&clock.to_be_bytes());
        self.simple(
            column,
            Cell::plain(self.stamp.timestamp, Bytes::from(value)),
        )
    }

    /// Adds changes to a multi-cell column, which other operations may have changed before.
    fn change(&mut self, column: &ColumnRef, new: Deletion, changes: Changes) -> Result<()> {
        if new.is_none() && changes.is_empty() {
            return Ok(());
        }
        if self.columns.last().is_none_or(|last| last.id != column.id) {
            self.columns.push(RowColumn {
                id: column.id,
                data: ColumnData::Complex {
                    deletion: Deletion::NONE,
                    cells: Vec::new(),
                },
            });
        }
        let Some(RowColumn {
            data: ColumnData::Complex { deletion, cells },
            ..
        }) = self.columns.last_mut()
        else {
            return Err(Error::internal("a collection's change in a simple column"));
        };
        *deletion = (*deletion).max(new);
        for ((path, original), value) in changes {
            let cell = match value {
                Some(value) => self.stamp.cell(value),
                None => self.stamp.tombstone(),
            };
            let at = cells.partition_point(|other| other.path < path);
            let cell = PathCell {
                path,
                original,
                cell,
            };
            match cells.get_mut(at) {
                Some(same) if same.path == cell.path => *same = cell,
                _ => cells.insert(at, cell),
            }
        }
        Ok(())
    }
}

/// A counter's count and clock.
pub fn counter(value: &[u8]) -> (i64, i64) {
    let part = |at: usize| {
        value
            .get(at..at + 8)
            .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
            .map_or(0, i64::from_be_bytes)
    };
    (part(0), part(8))
}

/// The path of an element or key.
pub fn path_of(ty: &Type, value: &[u8]) -> Result<PathKey> {
    let (path, lossy) = key::encode_path(ty, value)?;
    let original = lossy.then(|| Bytes::copy_from_slice(value));
    Ok((Bytes::from(path), original))
}

/// The path of a user type's field.
pub fn field_path(number: u16) -> PathKey {
    (Bytes::copy_from_slice(&number.to_be_bytes()), None)
}

/// The wire bytes of an element's path.
pub fn path_value(ty: &Type, cell: &PathCell) -> Result<Vec<u8>> {
    match &cell.original {
        Some(original) => Ok(original.to_vec()),
        None => key::decode_path(ty, &cell.path),
    }
}
