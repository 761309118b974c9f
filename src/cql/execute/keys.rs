//! From values to keys: the partitions that a statement names, and the slices that it cuts.
//!
//! A slice is a range of clustering bytes. With the columns before it fixed to a prefix *p*, the
//! rows with `c > v` lie behind every row that starts with *p v*, and before everything that comes
//! after *p*; where the column is descending, its bytes are inverted and the sides change places:
//!
//! ```text
//! c ASC   before(p) ······ before(p v) [rows with c = v] after(p v) ······ after(p)
//!         └──────── c < v ────────────┘                 └──────── c > v ─────────┘
//! ```
//! A bound of several columns, `(a, b) > (1, 2)`, is the union of `a > 1` and `a = 1 AND b > 2`,
//! each of which is one slice whatever the columns' directions; slices that touch become one.

use crate::cql::evaluate::{Context, optional, term};
use crate::cql::plan::{Bound, Choice, ClusteringPart, PartitionPlan, Slot, Term, TupleChoice};
use crate::error::{Error, Result};
use crate::limits;
use crate::schema::{Column, Table};
use crate::storage::read::{PartitionBound, Slice};
use crate::storage::row::PartitionKey;
use crate::types::{Type, collection, key, token};
use bytes::Bytes;

/// What is said of a partition key without bytes.
pub const EMPTY: &str = "Key may not be empty";

/// The value of a term that restricts `column`.
pub fn restricting(of: &Term, column: &str, context: &Context<'_>) -> Result<Bytes> {
    match term(of, context)? {
        Slot::Bytes(bytes) => Ok(bytes),
        Slot::Null => Err(Error::invalid(format!(
            "Invalid null value in condition for column {column}"
        ))),
        Slot::Unset => Err(Error::invalid(format!(
            "Invalid unset value for column {column}"
        ))),
    }
}

/// The values of a choice.
fn choices(choice: &Choice, column: &str, context: &Context<'_>) -> Result<Vec<Bytes>> {
    match choice {
        Choice::One(one) => Ok(vec![restricting(one, column, context)?]),
        Choice::Many(terms) => {
            let values = terms.iter().map(|term| restricting(term, column, context));
            values.collect::<Result<_>>().map_err(|error| {
                // Of several values that are missing a null is told first.
                let null = terms
                    .iter()
                    .find(|it| matches!(term(it, context), Ok(Slot::Null)));
                let refused = null.and_then(|it| restricting(it, column, context).err());
                refused.unwrap_or(error)
            })
        }
        Choice::Listed(list) => {
            let list = match term(list, context)? {
                Slot::Null => {
                    return Err(Error::invalid(format!(
                        "Invalid null value for column {column}"
                    )));
                }
                _ => restricting(list, column, context)?,
            };
            let elements = collection::elements(&list)?;
            Ok(elements.into_iter().map(|e| list.slice_ref(e)).collect())
        }
    }
}

/// A partition's key from its serialized bytes.
pub fn partition_key(bytes: Bytes) -> Result<PartitionKey> {
    if bytes.is_empty() {
        return Err(Error::invalid(EMPTY));
    }
    if bytes.len() > limits::KEY_BYTES_MAX {
        return Err(Error::invalid(format!(
            "Key length of {} is longer than maximum of {}",
            bytes.len(),
            limits::KEY_BYTES_MAX
        )));
    }
    Ok(PartitionKey {
        token: token::murmur3_token(&bytes),
        key: bytes,
    })
}

fn composed(values: &[&[u8]]) -> Result<PartitionKey> {
    if let Some(long) = values.iter().find(|v| v.len() > limits::KEY_BYTES_MAX) {
        return Err(Error::invalid(format!(
            "Key length of {} is longer than maximum of {}",
            long.len(),
            limits::KEY_BYTES_MAX
        )));
    }
    partition_key(Bytes::from(key::compose_partition_key(values)))
}

fn too_many() -> Error {
    Error::invalid(format!(
        "The query cannot be completed because cartesian product of all values in IN conditions \
         is greater than {}",
        limits::IN_COMBINATIONS_MAX
    ))
}

/// Refuses what is no value of a key, whether or not the values make a key.
pub fn check_partition_values(
    table: &Table,
    parts: &[Choice],
    context: &Context<'_>,
) -> Result<()> {
    let mut both = parts.iter().zip(&table.partition_key);
    both.try_for_each(|(part, column)| choices(part, &column.name, context).map(drop))
}

/// The partitions that these values name: in the order of the values, each once.
pub fn partition_keys(
    table: &Table,
    parts: &[Choice],
    context: &Context<'_>,
) -> Result<Vec<PartitionKey>> {
    if let ([Choice::One(only)], [column]) = (parts, table.partition_key.as_slice()) {
        let value = restricting(only, &column.name, context)?;
        return Ok(vec![partition_key(value)?]);
    }
    let mut values = Vec::with_capacity(parts.len());
    let mut combinations = 1_usize;
    for (part, column) in parts.iter().zip(&table.partition_key) {
        let mut found = choices(part, &column.name, context)?;
        found.sort_by(|a, b| column.ty.compare(a, b));
        // Values that are equal count once, also where their bytes differ.
        found.dedup_by(|a, b| column.ty.compare(a, b).is_eq());
        combinations = combinations.saturating_mul(found.len());
        values.push(found);
    }
    if combinations > limits::IN_COMBINATIONS_MAX {
        return Err(too_many());
    }
    let mut keys = Vec::with_capacity(combinations);
    let mut chosen: Vec<&[u8]> = Vec::with_capacity(values.len());
    combine(&values, &mut chosen, &mut keys)?;
    Ok(keys)
}

fn combine<'v>(
    values: &'v [Vec<Bytes>],
    chosen: &mut Vec<&'v [u8]>,
    keys: &mut Vec<PartitionKey>,
) -> Result<()> {
    let Some((first, rest)) = values.split_first() else {
        keys.push(composed(chosen)?);
        return Ok(());
    };
    for value in first {
        chosen.push(value);
        combine(rest, chosen, keys)?;
        chosen.pop();
    }
    Ok(())
}

/// The range of partitions that tokens bound; none where it is empty.
pub fn token_bounds(
    plan: &PartitionPlan,
    context: &Context<'_>,
) -> Result<Option<(PartitionBound, PartitionBound)>> {
    let PartitionPlan::Tokens { lower, upper } = plan else {
        return Ok(Some((PartitionBound::Open, PartitionBound::Open)));
    };
    let side = |bound: &Option<(Term, bool)>| -> Result<Option<(i64, bool)>> {
        let Some((term, inclusive)) = bound else {
            return Ok(None);
        };
        let invalid = || Error::invalid("Invalid null token value");
        let bytes = match optional(term, context)? {
            Some(bytes) => bytes,
            None => return Err(invalid()),
        };
        let token = <[u8; 8]>::try_from(&*bytes).map_err(|_| invalid())?;
        Ok(Some((i64::from_be_bytes(token), *inclusive)))
    };
    let lower = side(lower)?;
    // As in Cassandra, the lowest token as an upper bound means the end of the ring.
    let upper = side(upper)?.filter(|(token, _)| *token != i64::MIN);
    if let (Some((low, low_in)), Some((high, high_in))) = (lower, upper)
        && (low > high || (low == high && !(low_in && high_in)))
    {
        return Ok(None);
    }
    let start = match lower {
        None => PartitionBound::Open,
        Some((token, true)) => PartitionBound::BeforeToken(token),
        Some((token, false)) => PartitionBound::AfterToken(token),
    };
    let end = match upper {
        None => PartitionBound::Open,
        Some((token, true)) => PartitionBound::AfterToken(token),
        Some((token, false)) => PartitionBound::BeforeToken(token),
    };
    Ok(Some((start, end)))
}

/// An encoded prefix of clustering components.
#[derive(Clone, Debug)]
pub struct Prefix {
    bytes: Vec<u8>,
    /// The components' wire bytes, each with a u16 length before it, where they may be needed.
    original: Option<Vec<u8>>,
    lossy: bool,
}

impl Prefix {
    /// The prefix that every row of `table` starts with.
    pub fn new(table: &Table) -> Self {
        let may_lose = table
            .clustering
            .iter()
            .any(|column| key::may_lose(&column.ty));
        Self {
            bytes: Vec::with_capacity(16),
            original: may_lose.then(Vec::new),
            lossy: false,
        }
    }

    /// The clustering of the row with all these components, and its original where it is needed.
    pub fn finish(mut self) -> (Bytes, Option<Bytes>) {
        key::finish_clustering(&mut self.bytes);
        let original = self.original.filter(|_| self.lossy).map(Bytes::from);
        (Bytes::from(self.bytes), original)
    }

    /// Appends a component.
    pub fn push(&mut self, column: &Column, value: &[u8]) -> Result<()> {
        let length = u16::try_from(value.len())
            .ok()
            .filter(|length| *length < u16::MAX)
            .ok_or_else(|| {
                Error::invalid(format!(
                    "Key length of {} is longer than maximum of {}",
                    value.len(),
                    limits::CLUSTERING_BYTES_MAX.min(value.len() - 1)
                ))
            })?;
        self.lossy |=
            key::encode_component(&column.ty, column.descending, Some(value), &mut self.bytes)?;
        if let Some(original) = &mut self.original {
            original.extend_from_slice(&length.to_be_bytes());
            original.extend_from_slice(value);
        }
        Ok(())
    }

    fn before(&self) -> Bytes {
        let mut bytes = self.bytes.clone();
        key::bound_before(&mut bytes);
        Bytes::from(bytes)
    }

    fn after(&self) -> Bytes {
        let mut bytes = self.bytes.clone();
        key::bound_after(&mut bytes);
        Bytes::from(bytes)
    }

    /// The one row whose whole clustering it is.
    fn row(&self) -> Slice {
        let mut bytes = self.bytes.clone();
        key::finish_clustering(&mut bytes);
        Slice::row(Bytes::from(bytes))
    }

    /// Every row that starts with it.
    pub fn slice(&self) -> Slice {
        Slice {
            start: self.before(),
            end: self.after(),
        }
    }
}

/// The names of columns, as messages about tuples show them.
fn joined_names(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join(",")
}

/// The value of a term that restricts several columns at once.
fn tuple(of: &Term, columns: &[Column], context: &Context<'_>) -> Result<Bytes> {
    if let Term::Tuple(items) = of {
        for (number, item) in items.iter().enumerate() {
            if term(item, context)? == Slot::Unset {
                return Err(Error::invalid(format!(
                    "Invalid unset value for tuple field number {number}"
                )));
            }
        }
    }
    let how = match term(of, context)? {
        Slot::Bytes(bytes) => return Ok(bytes),
        Slot::Null => "null",
        Slot::Unset => "unset",
    };
    Err(Error::invalid(format!(
        "Invalid {how} value for tuple ({})",
        joined_names(columns)
    )))
}

/// The tuples of a choice, taken apart.
fn tuples(choice: &TupleChoice, columns: &[Column], context: &Context<'_>) -> Result<Vec<Bytes>> {
    match choice {
        TupleChoice::Many(terms) => terms
            .iter()
            .map(|term| tuple(term, columns, context))
            .collect(),
        TupleChoice::Listed(list) => {
            let list = match term(list, context)? {
                Slot::Bytes(bytes) => bytes,
                Slot::Null => {
                    return Err(Error::invalid("Invalid null value for IN restriction"));
                }
                Slot::Unset => {
                    return Err(Error::invalid(format!(
                        "Invalid unset value for in({})",
                        joined_names(columns)
                    )));
                }
            };
            let elements = collection::elements(&list)?;
            Ok(elements.into_iter().map(|e| list.slice_ref(e)).collect())
        }
    }
}

/// Refuses nulls within several tuples; a single one is refused by its column's name.
pub fn check_no_nulls<'c>(
    tuples: &[Bytes],
    columns: impl ExactSizeIterator<Item = &'c str> + Clone,
) -> Result<()> {
    if tuples.len() < 2 {
        return Ok(());
    }
    for tuple in tuples {
        if collection::fields(tuple, columns.len())?.contains(&None) {
            let names: Vec<&str> = columns.collect();
            return Err(Error::invalid(format!(
                "Invalid null value in condition for columns: [{}]",
                names.join(", ")
            )));
        }
    }
    Ok(())
}

/// A tuple's fields, none of which may be null; `what` says of what, in words.
fn fields<'b>(tuple: &'b [u8], columns: &[Column], what: &str) -> Result<Vec<&'b [u8]>> {
    let found = collection::fields(tuple, columns.len())?;
    if found.len() != columns.len() {
        return Err(Error::invalid(format!(
            "Expected {} elements in value tuple, but got {}",
            columns.len(),
            found.len()
        )));
    }
    found
        .into_iter()
        .zip(columns)
        .map(|(field, column)| {
            field.ok_or_else(|| {
                Error::invalid(format!("Invalid null {what} for column {}", column.name))
            })
        })
        .collect()
}

/// The prefixes that `=` and IN fix, and the number of columns that they cover.
pub fn prefixes(
    table: &Table,
    parts: &[ClusteringPart],
    context: &Context<'_>,
) -> Result<(Vec<Prefix>, usize)> {
    prefixes_from(table, parts, 0, context)
}

/// The same, as if the parts before `first` were not there.
pub fn prefixes_from(
    table: &Table,
    parts: &[ClusteringPart],
    first: usize,
    context: &Context<'_>,
) -> Result<(Vec<Prefix>, usize)> {
    let mut found = vec![Prefix::new(table)];
    let width = |part: &ClusteringPart| match part {
        ClusteringPart::Tuple(width, _) => *width,
        _ => 1,
    };
    let mut at = parts.iter().take(first).map(width).sum();
    for part in parts.iter().skip(first) {
        let columns = table.clustering.get(at..).unwrap_or_default();
        let (next, width) = match (part, columns) {
            (ClusteringPart::Column(Choice::One(one)), [column, ..]) => {
                let value = restricting(one, &column.name, context)?;
                for prefix in &mut found {
                    prefix.push(column, &value)?;
                }
                at += 1;
                continue;
            }
            (ClusteringPart::Column(choice), [column, ..]) => {
                let values = choices(choice, &column.name, context)?;
                (
                    extended(&found, &values, std::slice::from_ref(column), false)?,
                    1,
                )
            }
            (ClusteringPart::Tuple(width, choice), _) => {
                let covered = columns.get(..*width).unwrap_or(columns);
                let values = tuples(choice, covered, context)?;
                check_no_nulls(&values, covered.iter().map(|it| it.name.as_str()))?;
                (extended(&found, &values, covered, true)?, *width)
            }
            (ClusteringPart::Slice { .. } | ClusteringPart::Column(_), _) => break,
        };
        found = next;
        at += width;
    }
    Ok((found, at))
}

fn extended(
    prefixes: &[Prefix],
    values: &[Bytes],
    columns: &[Column],
    tuple: bool,
) -> Result<Vec<Prefix>> {
    if prefixes.len().saturating_mul(values.len()) > limits::IN_COMBINATIONS_MAX {
        return Err(too_many());
    }
    let null_among = |error: Error| match values.len() > 1 && error.message.contains("null") {
        true => Error::invalid(format!(
            "Invalid null value in condition for columns: [{}]",
            joined_names(columns).replace(',', ", ")
        )),
        false => error,
    };
    let mut found = Vec::with_capacity(prefixes.len() * values.len());
    for prefix in prefixes {
        for value in values {
            let mut next = prefix.clone();
            if tuple {
                let fields = fields(value, columns, "value").map_err(null_among)?;
                for (field, column) in fields.into_iter().zip(columns) {
                    next.push(column, field)?;
                }
            } else if let [column] = columns {
                next.push(column, value)?;
            }
            found.push(next);
        }
    }
    Ok(found)
}

/// The slices that restrict a partition's rows, in clustering order and apart.
pub fn slices(
    table: &Table,
    parts: &[ClusteringPart],
    context: &Context<'_>,
) -> Result<Vec<Slice>> {
    if parts.is_empty() && !table.clustering.is_empty() {
        return Ok(vec![Slice::all()]);
    }
    let (prefixes, at) = prefixes(table, parts, context)?;
    let mut found = Vec::with_capacity(prefixes.len());
    let columns = table.clustering.get(at..).unwrap_or_default();
    match parts.last() {
        Some(ClusteringPart::Slice { lower, upper }) => {
            let lower = bound_values(lower.as_ref(), columns, context)?;
            let upper = bound_values(upper.as_ref(), columns, context)?;
            for prefix in &prefixes {
                let low = bound_slices(prefix, columns, lower.as_ref(), true)?;
                let high = bound_slices(prefix, columns, upper.as_ref(), false)?;
                found.extend(intersection(&low, &high));
            }
        }
        _ if columns.is_empty() => found.extend(prefixes.iter().map(Prefix::row)),
        _ => found.extend(prefixes.iter().map(Prefix::slice)),
    }
    Ok(joined(found))
}

/// A bound's values, one a column, and whether they are within.
type BoundValues = (Vec<Bytes>, bool);

fn bound_values(
    bound: Option<&Bound>,
    columns: &[Column],
    context: &Context<'_>,
) -> Result<Option<BoundValues>> {
    let (Some(bound), Some(column)) = (bound, columns.first()) else {
        return Ok(None);
    };
    let values = if bound.tuple {
        let covered = columns.get(..bound.width).unwrap_or(columns);
        let bytes = tuple(&bound.term, covered, context)?;
        let found = fields(&bytes, covered, "value in condition")?;
        found
            .into_iter()
            .map(|field| bytes.slice_ref(field))
            .collect()
    } else {
        vec![restricting(&bound.term, &column.name, context)?]
    };
    Ok(Some((values, bound.inclusive)))
}

/// The rows behind (or, for an upper bound, before) a bound, within a prefix.
fn bound_slices(
    prefix: &Prefix,
    columns: &[Column],
    bound: Option<&BoundValues>,
    is_lower: bool,
) -> Result<Vec<Slice>> {
    let Some((values, inclusive)) = bound else {
        return Ok(vec![prefix.slice()]);
    };
    let mut found = Vec::with_capacity(values.len() + 1);
    let mut prefix = prefix.clone();
    for (value, column) in values.iter().zip(columns) {
        let mut with = prefix.clone();
        with.push(column, value)?;
        // Greater values come later in ascending order, earlier in descending order.
        found.push(if is_lower != column.descending {
            Slice {
                start: with.after(),
                end: prefix.after(),
            }
        } else {
            Slice {
                start: prefix.before(),
                end: with.before(),
            }
        });
        prefix = with;
    }
    if *inclusive {
        found.push(prefix.slice());
    }
    Ok(joined(found))
}

/// What lies in both of two lists of slices that are in order and apart.
fn intersection(left: &[Slice], right: &[Slice]) -> Vec<Slice> {
    let mut found = Vec::new();
    for l in left {
        for r in right {
            let slice = Slice {
                start: l.start.clone().max(r.start.clone()),
                end: l.end.clone().min(r.end.clone()),
            };
            if slice.start < slice.end {
                found.push(slice);
            }
        }
    }
    found
}

/// Slices in order, those that touch or overlap made one.
fn joined(mut slices: Vec<Slice>) -> Vec<Slice> {
    slices.retain(|slice| slice.start < slice.end);
    slices.sort_by(|a, b| a.start.cmp(&b.start));
    let mut found: Vec<Slice> = Vec::with_capacity(slices.len());
    for slice in slices {
        match found.last_mut() {
            Some(last) if slice.start <= last.end => {
                if slice.end > last.end {
                    last.end = slice.end;
                }
            }
            _ => found.push(slice),
        }
    }
    found
}

/// The clustering columns' types and directions, as the key codec wants them.
pub fn clustering_types(table: &Table) -> Vec<(Type, bool)> {
    table
        .clustering
        .iter()
        .map(|column| (column.ty.clone(), column.descending))
        .collect()
}
