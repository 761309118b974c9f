//! A row as a SELECT sees it, and what its selectors make of it.

use crate::cql::ast::CellInfo;
use crate::cql::evaluate::{Context, optional, term};
use crate::cql::execute::cells::path_value;
use crate::cql::plan::{ColumnRef, Selected, Slot, Term};
use crate::error::{Error, Result};
use crate::schema::{ColumnKind, Table};
use crate::source::collection_value;
use crate::storage::cell::Cell;
use crate::storage::row::{ColumnData, PartitionKey, PathCell, Row};
use crate::types::{Type, collection, key};
use bytes::Bytes;
use std::cmp::Ordering;

/// A partition's key, taken apart.
#[derive(Clone, Debug)]
pub struct PartitionValues {
    /// Its token.
    pub token: i64,
    /// The partition key's values.
    pub values: Vec<Bytes>,
}

impl PartitionValues {
    /// The values of `key`.
    pub fn new(table: &Table, key: &PartitionKey) -> Result<Self> {
        let parts = key::split_partition_key(&key.key, table.partition_key.len())?;
        Ok(Self {
            token: key.token,
            values: parts.into_iter().map(|p| key.key.slice_ref(p)).collect(),
        })
    }
}

/// A row's clustering values, in a buffer that serves one row after the other.
#[derive(Clone, Debug, Default)]
pub struct Clustering {
    bytes: Vec<u8>,
    /// Where each value lies; none is null.
    values: Vec<Option<(usize, usize)>>,
}

impl Clustering {
    /// No values.
    pub const NONE: Self = Self {
        bytes: Vec::new(),
        values: Vec::new(),
    };

    /// Forgets the values.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.values.clear();
    }

    /// The value of the column at this position.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let (start, end) = (*self.values.get(at)?)?;
        self.bytes.get(start..end)
    }

    /// Takes the values of `row`.
    pub fn set(&mut self, row: &Row, types: &[(Type, bool)]) -> Result<()> {
        self.clear();
        match &row.original {
            None => self.decode(&row.clustering, types),
            Some(original) => self.split(original, types.len()),
        }
    }

    fn decode(&mut self, mut rest: &[u8], types: &[(Type, bool)]) -> Result<()> {
        let short = || Error::internal("a clustering is short");
        for (ty, descending) in types {
            let start = self.bytes.len();
            let (present, used) = key::decode_component_to(ty, *descending, rest, &mut self.bytes)?;
            rest = rest.get(used..).ok_or_else(short)?;
            let value = present.then_some((start, self.bytes.len()));
            self.values.push(value);
        }
        match rest {
            [key::TERMINATOR] => Ok(()),
            _ => Err(short()),
        }
    }

    fn split(&mut self, original: &[u8], count: usize) -> Result<()> {
        let short = || Error::internal("a clustering's original is short");
        self.bytes.extend_from_slice(original);
        let mut at = 0;
        for _ in 0..count {
            let rest = self.bytes.get(at..).unwrap_or_default();
            let length = u16::from_be_bytes(*rest.first_chunk::<2>().ok_or_else(short)?);
            at += 2;
            if length == u16::MAX {
                self.values.push(None);
                continue;
            }
            let end = at + usize::from(length);
            if end > self.bytes.len() {
                return Err(short());
            }
            self.values.push(Some((at, end)));
            at = end;
        }
        Ok(())
    }
}

/// A row, or a partition's static content alone.
#[derive(Clone, Copy, Debug)]
pub struct RowView<'a> {
    /// Its partition; none only where an aggregate saw no row.
    pub partition: Option<&'a PartitionValues>,
    /// The partition's static row.
    pub static_row: Option<&'a Row>,
    /// The row; none where there is only static content.
    pub row: Option<&'a Row>,
    /// The row's clustering values, if they are needed.
    pub clustering: &'a Clustering,
    /// The moment of the read, in seconds since 1970.
    pub now_seconds: i64,
}

impl RowView<'_> {
    /// What stands in a static or regular column.
    pub fn data(&self, column: &ColumnRef) -> Option<&ColumnData> {
        match column.kind {
            ColumnKind::Static => self.static_row?.column(column.id),
            _ => self.row?.column(column.id),
        }
    }

    /// The value of a column that is no multi-cell one, where it is at hand.
    pub fn simple(&self, column: &ColumnRef) -> Option<&[u8]> {
        match column.kind {
            ColumnKind::Clustering => self.clustering.get(column.position),
            _ => self.kept(column).map(|bytes| &**bytes),
        }
    }

    /// The value of a column that is neither a multi-cell nor a clustering one.
    fn kept(&self, column: &ColumnRef) -> Option<&Bytes> {
        match column.kind {
            ColumnKind::PartitionKey => self.partition?.values.get(column.position),
            ColumnKind::Clustering => None,
            ColumnKind::Static | ColumnKind::Regular => match self.data(column)? {
                ColumnData::Simple(cell) => Some(&cell.value),
                ColumnData::Complex { .. } => None,
            },
        }
    }

    /// The value of a column.
    pub fn value(&self, column: &ColumnRef) -> Result<Option<Bytes>> {
        if let Some(ColumnData::Complex { cells, .. }) = match column.kind {
            ColumnKind::Static | ColumnKind::Regular => self.data(column),
            _ => None,
        } {
            return collection_value(&column.ty, cells);
        }
        if column.kind == ColumnKind::Clustering {
            return Ok(self.simple(column).map(Bytes::copy_from_slice));
        }
        Ok(self.kept(column).map(|bytes| {
            // Behind a counter's count stands its clock.
            match column.ty == Type::Counter && bytes.len() > 8 {
                true => bytes.slice(..8),
                false => bytes.clone(),
            }
        }))
    }

    /// What `selected` is for this row; `aggregates` are the values of the plan's aggregates.
    pub fn select(
        &self,
        selected: &Selected,
        aggregates: &[Option<Bytes>],
        context: &Context<'_>,
    ) -> Result<Option<Bytes>> {
        match selected {
            Selected::Column(column) => self.value(column),
            Selected::Term(term) => optional(term, context),
            Selected::Token => Ok(self
                .partition
                .map(|partition| Bytes::copy_from_slice(&partition.token.to_be_bytes()))),
            Selected::CellInfo(info, column) => Ok(self.column_info(*info, column)),
            Selected::PathInfo(info, column, path) => {
                let Some(path) = optional(path, context)? else {
                    return Ok(None);
                };
                self.path_info(*info, column, &path)
            }
            Selected::SliceInfo(info, column, bounds) => {
                let (from, to) = ends(bounds.0.as_ref(), bounds.1.as_ref(), &column.name, context)?;
                self.slice_info(*info, column, &from, &to)
            }
            Selected::Element(ty, of, at, shown) => {
                let value = self.select(of, aggregates, context)?;
                let at = match term(at, context)? {
                    Slot::Bytes(at) => at,
                    Slot::Null => return Err(no_place("null", "element", shown)),
                    Slot::Unset => return Err(no_place("unset", "element", shown)),
                };
                match value {
                    Some(value) => element(ty, &value, &at),
                    None => Ok(None),
                }
            }
            Selected::Slice(ty, of, from, to, shown) => {
                let value = self.select(of, aggregates, context)?;
                let (from, to) = ends(from.as_ref(), to.as_ref(), shown, context)?;
                match value {
                    Some(value) => slice(ty, &value, from.as_deref(), to.as_deref()),
                    None => Ok(None),
                }
            }
            Selected::Field(at, of) => match self.select(of, aggregates, context)? {
                Some(value) => {
                    let fields = collection::fields(&value, usize::from(u16::MAX))?;
                    let field = fields.get(*at).copied().flatten();
                    Ok(field.map(|field| value.slice_ref(field)))
                }
                None => Ok(None),
            },
            Selected::Literal(ty, parts) => {
                let parts: Result<Vec<Option<Bytes>>> = parts
                    .iter()
                    .map(|part| self.select(part, aggregates, context))
                    .collect();
                literal(ty, parts?)
            }
            Selected::Call(function, arguments) => {
                let values: Result<Vec<Option<Bytes>>> = arguments
                    .iter()
                    .map(|argument| self.select(argument, aggregates, context))
                    .collect();
                let values = values?;
                let borrowed: Vec<Option<&[u8]>> = values.iter().map(Option::as_deref).collect();
                function.call(&borrowed, &context.env)
            }
            Selected::Aggregate(at) => Ok(aggregates.get(*at).cloned().flatten()),
        }
    }

    fn column_info(&self, info: CellInfo, column: &ColumnRef) -> Option<Bytes> {
        match self.data(column)? {
            ColumnData::Simple(cell) => self.cell_info(info, cell),
            ColumnData::Complex { cells, .. } => match &column.ty {
                Type::Udt { udt, .. } if !cells.is_empty() => {
                    let field = |number: u16| {
                        let path = number.to_be_bytes();
                        cells.iter().find(|cell| *cell.path == path)
                    };
                    let fields: Vec<_> = (0..).map(field).take(udt.fields.len()).collect();
                    self.info_of_several(info, &fields)
                }
                _ => self.info_of_several(info, &cells.iter().map(Some).collect::<Vec<_>>()),
            },
        }
    }

    /// The list of what is asked of each of these cells, or the newest write time.
    fn info_of_several(&self, info: CellInfo, cells: &[Option<&PathCell>]) -> Option<Bytes> {
        if info == CellInfo::MaxWriteTime {
            let newest = cells
                .iter()
                .flatten()
                .map(|cell| cell.cell.timestamp)
                .max()?;
            return Some(Bytes::copy_from_slice(&newest.to_be_bytes()));
        }
        if cells.is_empty() {
            return None;
        }
        let mut packed = Vec::new();
        let count = i32::try_from(cells.len()).unwrap_or(i32::MAX);
        packed.extend_from_slice(&count.to_be_bytes());
        for cell in cells {
            let value = cell.and_then(|cell| self.cell_info(info, &cell.cell));
            packed.extend_from_slice(&collection::pack_fields(&[value]));
        }
        Some(Bytes::from(packed))
    }

    fn slice_info(
        &self,
        info: CellInfo,
        column: &ColumnRef,
        from: &Option<Bytes>,
        to: &Option<Bytes>,
    ) -> Result<Option<Bytes>> {
        let (Type::Map { key: ty, .. } | Type::Set { element: ty, .. }) = &column.ty else {
            return Err(Error::internal("a slice of a type that has none"));
        };
        let mut within = Vec::new();
        for cell in self.cells(column) {
            let key = path_value(ty, cell)?;
            let below = from
                .as_ref()
                .is_some_and(|end| ty.compare(&key, end).is_lt());
            let above = to.as_ref().is_some_and(|end| ty.compare(&key, end).is_gt());
            if !below && !above {
                within.push(Some(cell));
            }
        }
        Ok(self.info_of_several(info, &within))
    }

    fn cell_info(&self, info: CellInfo, cell: &Cell) -> Option<Bytes> {
        match info {
            CellInfo::WriteTime | CellInfo::MaxWriteTime => {
                Some(Bytes::copy_from_slice(&cell.timestamp.to_be_bytes()))
            }
            CellInfo::Ttl if cell.is_expiring() => {
                let left = cell.expiry_seconds.saturating_sub(self.now_seconds);
                let left = i32::try_from(left).unwrap_or(i32::MAX);
                Some(Bytes::copy_from_slice(&left.to_be_bytes()))
            }
            CellInfo::Ttl => None,
        }
    }

    fn path_info(&self, info: CellInfo, column: &ColumnRef, path: &[u8]) -> Result<Option<Bytes>> {
        let Some(ColumnData::Complex { cells, .. }) = self.data(column) else {
            return Ok(None);
        };
        for cell in cells {
            let same = match &column.ty {
                Type::Map { key: ty, .. } | Type::Set { element: ty, .. } => {
                    ty.compare(&path_value(ty, cell)?, path).is_eq()
                }
                _ => cell.path == path,
            };
            if same {
                return Ok(self.cell_info(info, &cell.cell));
            }
        }
        Ok(None)
    }

    /// Whether a multi-cell column has this element or key, or (in a list or map) this value.
    pub fn cells(&self, column: &ColumnRef) -> &[PathCell] {
        match self.data(column) {
            Some(ColumnData::Complex { cells, .. }) => cells,
            _ => &[],
        }
    }
}

/// `value[at]` of a set or map.
fn element(ty: &Type, value: &Bytes, at: &[u8]) -> Result<Option<Bytes>> {
    let found = match ty {
        Type::Map { key, .. } => collection::entries(value)?
            .into_iter()
            .find(|(k, _)| key.compare(k, at).is_eq())
            .map(|(_, v)| v),
        Type::Set { element, .. } => collection::elements(value)?
            .into_iter()
            .find(|e| element.compare(e, at).is_eq()),
        _ => None,
    };
    Ok(found.map(|found| value.slice_ref(found)))
}

fn no_place(value: &str, what: &str, shown: &str) -> Error {
    Error::invalid(format!(
        "Invalid {value} value for {what} selection on {shown}"
    ))
}

/// The ends of a slice; one that is not set is open.
type Ends = (Option<Bytes>, Option<Bytes>);

fn ends(
    from: Option<&Term>,
    to: Option<&Term>,
    shown: &str,
    context: &Context<'_>,
) -> Result<Ends> {
    let end = |of: Option<&Term>| match of.map(|of| term(of, context)).transpose()? {
        Some(Slot::Bytes(bytes)) => Ok(Some(bytes)),
        Some(Slot::Null) => Err(no_place("null", "slice", shown)),
        Some(Slot::Unset) | None => Ok(None),
    };
    Ok((end(from)?, end(to)?))
}

fn is_within(ty: &Type, at: &[u8], from: Option<&[u8]>, to: Option<&[u8]>) -> bool {
    from.is_none_or(|from| ty.compare(at, from) != Ordering::Less)
        && to.is_none_or(|to| ty.compare(at, to) != Ordering::Greater)
}

/// `value[from..to]` of a set or map, both ends included. A slice of nothing is nothing, unless the
/// value is frozen.
fn slice(ty: &Type, value: &[u8], from: Option<&[u8]>, to: Option<&[u8]>) -> Result<Option<Bytes>> {
    let within = |ty: &Type, at: &[u8]| is_within(ty, at, from, to);
    let packed = match ty {
        Type::Map { key, .. } => {
            let mut entries = collection::entries(value)?;
            entries.retain(|(k, _)| within(key, k));
            if entries.is_empty() && ty.is_multi_cell() {
                return Ok(None);
            }
            collection::pack_entries(&entries)
        }
        Type::Set { element, .. } => {
            let mut elements = collection::elements(value)?;
            elements.retain(|e| within(element, e));
            if elements.is_empty() && ty.is_multi_cell() {
                return Ok(None);
            }
            collection::pack_elements(&elements)
        }
        _ => return Err(Error::internal("a slice of a type that has none")),
    };
    Ok(Some(Bytes::from(packed)))
}

/// A collection, tuple or user type of these values.
fn literal(ty: &Type, parts: Vec<Option<Bytes>>) -> Result<Option<Bytes>> {
    if let Type::Tuple(_) | Type::Udt { .. } = ty {
        return Ok(Some(Bytes::from(collection::pack_fields(&parts))));
    }
    if let Type::Vector { element, .. } = ty {
        let parts: Option<Vec<Bytes>> = parts.into_iter().collect();
        let parts = parts.ok_or_else(|| Error::invalid("null is not supported inside vectors"))?;
        let packed = collection::pack_vector(element, &parts);
        return Ok(Some(Bytes::from(packed)));
    }
    let parts: Option<Vec<Bytes>> = parts.into_iter().collect();
    let mut parts =
        parts.ok_or_else(|| Error::invalid("null is not supported inside collections"))?;
    if let Type::Map { key, .. } = ty {
        let mut entries: Vec<(Bytes, Bytes)> = Vec::with_capacity(parts.len() / 2);
        let mut parts = parts.into_iter();
        while let (Some(k), Some(v)) = (parts.next(), parts.next()) {
            entries.retain(|(known, _)| key.compare(known, &k).is_ne());
            entries.push((k, v));
        }
        entries.sort_by(|(a, _), (b, _)| key.compare(a, b));
        return Ok(Some(Bytes::from(collection::pack_entries(&entries))));
    }
    if let Type::Set { element, .. } = ty {
        parts.sort_by(|a, b| element.compare(a, b));
        parts.dedup();
    }
    Ok(Some(Bytes::from(collection::pack_elements(&parts))))
}
