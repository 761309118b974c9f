//! How many digits a table's decimals have.
//!
//! A `decimal` of CQL has any scale and any number of digits; one of a batch query has a scale and
//! a precision for the whole column. Both are taken from what is stored: every SSTable says of each
//! column that holds decimals (by itself, in its key, or within collections, tuples and user types)
//! the greatest scale and the greatest number of digits before the point. What fits those fits any
//! value, exactly. A shape only grows: what was overwritten or deleted still counts.

use crate::schema::{ColumnId, Table};
use crate::storage::row::{ColumnData, PartitionKey, PathCell, Row};
use crate::types::number::Decimal;
use crate::types::{Type, collection, key};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What all decimals of a column fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecimalShape {
    /// The greatest scale; negative where all values are multiples of a power of ten.
    pub scale_max: i32,
    /// The most digits before the point; 0 where all values are below one.
    pub integer_digits_max: u32,
}

impl DecimalShape {
    /// What fits both.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            scale_max: self.scale_max.max(other.scale_max),
            integer_digits_max: self.integer_digits_max.max(other.integer_digits_max),
        }
    }

    /// The shape of one value, by its wire bytes; none where they are no decimal.
    pub fn of(value: &[u8]) -> Option<Self> {
        let (scale, unscaled) = value.split_first_chunk::<4>()?;
        let scale = i32::from_be_bytes(*scale);
        let digits = match unscaled.len() {
            0 => return None,
            1..=16 => {
                let negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
                let mut wide = if negative { [0xFF; 16] } else { [0; 16] };
                if let Some(tail) = wide.get_mut(16 - unscaled.len()..) {
                    tail.copy_from_slice(unscaled);
                }
                digits(i128::from_be_bytes(wide).unsigned_abs())
            }
            _ => {
                let (text, _) = Decimal::from_bytes(value)?.digits();
                text.trim_start_matches(['-', '0']).len() as u64
            }
        };
        let integer = (digits as i64).saturating_sub(i64::from(scale));
        let integer = if digits == 0 { 0 } else { integer.max(0) };
        Some(Self {
            scale_max: scale,
            integer_digits_max: u32::try_from(integer).unwrap_or(u32::MAX),
        })
    }
}

/// How many decimal digits a number has; zero has none.
fn digits(number: u128) -> u64 {
    let log = match u64::try_from(number) {
        Ok(small) => small.checked_ilog10(),
        Err(_) => number.checked_ilog10(),
    };
    log.map_or(0, |log| u64::from(log) + 1)
}

/// The columns of a table that hold decimals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecimalColumns {
    /// How many columns the partition key has, and those with decimals.
    partition: (usize, Vec<KeyPart>),
    /// The clustering columns with their orders, and those with decimals.
    clustering: (Vec<(Type, bool)>, Vec<KeyPart>),
    /// Static and regular columns, by id.
    cells: Vec<(ColumnId, Type)>,
}

/// A column of a key that holds decimals: its place, its number, its type.
type KeyPart = (usize, ColumnId, Type);

/// Whether a decimal may stand somewhere in a value.
fn holds_decimals(ty: &Type) -> bool {
    match ty {
        Type::Decimal => true,
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            holds_decimals(element)
        }
        Type::Map { key, value, .. } => holds_decimals(key) || holds_decimals(value),
        _ => ty.field_types().into_iter().any(holds_decimals),
    }
}

impl DecimalColumns {
    /// Those of a table.
    pub fn of(table: &Table) -> Self {
        let key = |columns: &[crate::schema::Column]| {
            let columns = columns.iter().enumerate();
            let columns = columns.filter(|(_, column)| holds_decimals(&column.ty));
            columns
                .map(|(at, column)| (at, column.id, column.ty.clone()))
                .collect()
        };
        let clustering = table.clustering.iter();
        let cells = table.statics.iter().chain(&table.regulars);
        let cells = cells.filter(|column| holds_decimals(&column.ty));
        let mut cells: Vec<_> = cells.map(|it| (it.id, it.ty.clone())).collect();
        cells.sort_by_key(|(id, _)| *id);
        Self {
            partition: (table.partition_key.len(), key(&table.partition_key)),
            clustering: (
                clustering
                    .map(|it| (it.ty.clone(), it.descending))
                    .collect(),
                key(&table.clustering),
            ),
            cells,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.partition.1.is_empty() && self.clustering.1.is_empty() && self.cells.is_empty()
    }

    /// The static and regular columns among them, in rising order.
    pub fn cell_ids(&self) -> Vec<ColumnId> {
        self.cells.iter().map(|(id, _)| *id).collect()
    }
}

/// The shapes of the decimals that went by.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    columns: Arc<DecimalColumns>,
    found: BTreeMap<ColumnId, DecimalShape>,
}

impl Shapes {
    /// None yet.
    pub fn new(columns: &Arc<DecimalColumns>) -> Self {
        Self {
            columns: Arc::clone(columns),
            found: BTreeMap::new(),
        }
    }

    /// What was found.
    pub fn found(&self) -> &BTreeMap<ColumnId, DecimalShape> {
        &self.found
    }

    fn add(&mut self, id: ColumnId, shape: Option<DecimalShape>) {
        if let Some(shape) = shape {
            let found = self.found.entry(id).or_insert(shape);
            *found = found.max(shape);
        }
    }

    /// A partition.
    pub fn partition(&mut self, partition: &PartitionKey) {
        let columns = Arc::clone(&self.columns);
        let (count, wanted) = &columns.partition;
        if wanted.is_empty() {
            return;
        }
        let Ok(parts) = key::split_partition_key(&partition.key, *count) else {
            return;
        };
        for (at, id, ty) in wanted {
            self.add(*id, parts.get(*at).and_then(|part| within(ty, part)));
        }
    }

    /// A row, or a static row.
    pub fn row(&mut self, row: &Row) {
        let columns = Arc::clone(&self.columns);
        if !columns.clustering.1.is_empty() && !row.clustering.is_empty() {
            self.clustering(&columns, row);
        }
        let mut given = row.columns.iter().peekable();
        for (id, ty) in &columns.cells {
            while given.next_if(|column| column.id < *id).is_some() {}
            let Some(column) = given.next_if(|column| column.id == *id) else {
                continue;
            };
            match &column.data {
                ColumnData::Simple(cell) if cell.is_tombstone() => {}
                ColumnData::Simple(cell) => self.add(*id, within(ty, &cell.value)),
                ColumnData::Complex { cells, .. } => {
                    for cell in cells {
                        self.add(*id, within_element(ty, cell));
                    }
                }
            }
        }
    }

    fn clustering(&mut self, columns: &DecimalColumns, row: &Row) {
        let (types, wanted) = &columns.clustering;
        let values = match &row.original {
            Some(original) => originals(original),
            None => key::decode_clustering(types, &row.clustering).unwrap_or_default(),
        };
        for (at, id, ty) in wanted {
            let value = values.get(*at).and_then(|value| value.as_deref());
            self.add(*id, value.and_then(|value| within(ty, value)));
        }
    }
}

/// The clustering values' wire bytes, each with its length before it.
fn originals(mut original: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut values = Vec::new();
    while let Some((length, rest)) = original.split_first_chunk::<2>() {
        let length = u16::from_be_bytes(*length);
        if length == u16::MAX {
            values.push(None);
            original = rest;
        } else if let Some((value, rest)) = rest.split_at_checked(usize::from(length)) {
            values.push(Some(value.to_vec()));
            original = rest;
        } else {
            break;
        }
    }
    values
}

fn most(shapes: impl Iterator<Item = Option<DecimalShape>>) -> Option<DecimalShape> {
    shapes.flatten().reduce(DecimalShape::max)
}

/// The shape of the decimals within a value.
fn within(ty: &Type, value: &[u8]) -> Option<DecimalShape> {
    match ty {
        Type::Decimal => DecimalShape::of(value),
        _ if !holds_decimals(ty) => None,
        Type::List { element, .. } | Type::Set { element, .. } => {
            let elements = collection::elements(value).ok()?;
            most(elements.into_iter().map(|it| within(element, it)))
        }
        Type::Map { key, value: to, .. } => {
            let entries = collection::entries(value).ok()?;
            let pair = |(from, value)| [within(key, from), within(to, value)];
            most(entries.into_iter().flat_map(pair))
        }
        Type::Vector {
            element,
            dimensions,
        } => {
            let elements = collection::vector(element, *dimensions, value).ok()?;
            most(elements.into_iter().map(|it| within(element, it)))
        }
        _ => {
            let types = ty.field_types();
            let fields = collection::fields(value, types.len()).ok()?;
            let pairs = types.into_iter().zip(fields);
            most(pairs.map(|(ty, field)| within(ty, field?)))
        }
    }
}

/// The shape of the decimals within an element of a multi-cell column.
fn within_element(ty: &Type, cell: &PathCell) -> Option<DecimalShape> {
    if cell.cell.is_tombstone() {
        return None;
    }
    let path = |ty: &Type| {
        if !holds_decimals(ty) {
            return None;
        }
        let path = match &cell.original {
            Some(original) => original.clone(),
            None => Bytes::from(key::decode_path(ty, &cell.path).ok()?),
        };
        within(ty, &path)
    };
    let value = &cell.cell.value;
    match ty {
        Type::List { element, .. } => within(element, value),
        Type::Set { element, .. } => path(element),
        Type::Map { key, value: to, .. } => most([path(key), within(to, value)].into_iter()),
        _ => {
            let number = <[u8; 2]>::try_from(&*cell.path).ok()?;
            let types = ty.field_types();
            let ty = types.get(usize::from(u16::from_be_bytes(number)))?;
            within(ty, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text;

    fn shape(text: &str) -> (i32, u32) {
        let bytes = text::parse(&Type::Decimal, text).unwrap();
        let shape = DecimalShape::of(&bytes).unwrap();
        (shape.scale_max, shape.integer_digits_max)
    }

    #[test]
    fn shapes_of_values() {
        assert_eq!(shape("0"), (0, 0));
        assert_eq!(shape("0.00"), (2, 0));
        assert_eq!(shape("-1.50"), (2, 1));
        assert_eq!(shape("0.001"), (3, 0));
        assert_eq!(shape("99.9"), (1, 2));
        assert_eq!(shape("1E+3"), (-3, 4));
        assert_eq!(shape("-170141183460469231731687303715884105728"), (0, 39));
        let wide = format!("-{}.{}", "7".repeat(60), "1".repeat(5));
        assert_eq!(shape(&wide), (5, 60));
        assert_eq!(DecimalShape::of(&[0, 0, 0, 1]), None);
        assert_eq!(DecimalShape::of(&[]), None);
    }

    #[test]
    fn decimals_within_values_count() {
        let ty = Type::Map {
            key: Arc::new(Type::Int),
            value: Arc::new(Type::Tuple(Arc::from([Type::Text, Type::Decimal]))),
            frozen: true,
        };
        assert!(holds_decimals(&ty) && !holds_decimals(&Type::Tuple(Arc::from([Type::Int]))));
        let value = text::parse(&ty, "{1: ('a', 1.25), 2: ('b', 300.5)}").unwrap();
        let found = within(&ty, &value).unwrap();
        assert_eq!((found.scale_max, found.integer_digits_max), (2, 3));
    }
}
