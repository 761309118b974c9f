//! What a query's conditions say about where its rows are.
//!
//! The planner hands down the conditions on a table, joined by AND. Three things are made of them:
//! *partitions* (keys, where every column of the partition key has an equality or an IN; else a
//! range of tokens), *slices* (the clustering's first columns by equality or IN, the next by a
//! range) and *zone tests* (a number's range proves that a block has nothing). All of them only
//! leave out what the conditions would refuse; the conditions themselves are still applied above
//! the scan, so nothing here decides an answer.

use super::build::ColumnBuilder;
use super::types;
use super::wire::WireEncoder;
use crate::error::{Error, Result};
use crate::schema::{Column, Table};
use crate::storage::read::{PartitionBound, Partitions, Slice, ZoneTest};
use crate::storage::row::PartitionKey;
use crate::types::{Type, key, token};
use bytes::Bytes;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// More combinations of an IN's values than these are not looked up one by one.
const KEYS_MAX: usize = 4_096;

/// Where a scan looks.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which partitions.
    pub partitions: Partitions,
    /// Which rows of each.
    pub slices: Vec<Slice>,
    /// What numbers say about blocks.
    pub zones: Vec<ZoneTest>,
}

/// A condition on one column.
#[derive(Clone, Debug)]
struct Condition<'a> {
    column: &'a str,
    operator: Operator,
    /// One value, or those of an IN (then the operator is `=`).
    values: Vec<&'a ScalarValue>,
}

/// Where the rows are that may pass all of `filters`.
pub fn place(table: &Table, filters: &[Expr]) -> Place {
    let conditions: Vec<Condition<'_>> = filters.iter().filter_map(condition).collect();
    let partitions = keys(table, &conditions).unwrap_or_else(|| tokens(table, filters));
    let mut zones = Vec::new();
    for condition in &conditions {
        let column = table.regulars.iter().find(|it| it.name == condition.column);
        zones.extend(column.and_then(|column| zone(column, condition)));
    }
    Place {
        partitions,
        slices: slices(table, &conditions),
        zones,
    }
}

/// Whether a condition can tell where rows are.
pub fn is_useful(table: &Table, filter: &Expr) -> bool {
    let one = std::slice::from_ref(filter);
    condition(filter).is_some_and(|it| table.column(it.column).is_some())
        || tokens(table, one) != Partitions::all()
}

fn column_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(&column.name),
        _ => None,
    }
}

fn literal_of(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) if !value.is_null() => Some(value),
        _ => None,
    }
}

fn condition(expr: &Expr) -> Option<Condition<'_>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => {
            let (left, right) = (condition(left)?, condition(right)?);
            let same = left.column == right.column
                && left.operator == Operator::Eq
                && right.operator == Operator::Eq;
            let values = left.values.into_iter().chain(right.values).collect();
            same.then_some(Condition {
                column: left.column,
                operator: Operator::Eq,
                values,
            })
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (column, operator, value) = match (column_of(left), column_of(right)) {
                (Some(column), None) => (column, *op, literal_of(right)?),
                (None, Some(column)) => (column, op.swap()?, literal_of(left)?),
                _ => return None,
            };
            let ranges = [
                Operator::Eq,
                Operator::Lt,
                Operator::LtEq,
                Operator::Gt,
                Operator::GtEq,
            ];
            let values = vec![value];
            ranges.contains(&operator).then_some(Condition {
                column,
                operator,
                values,
            })
        }
        Expr::InList(list) if !list.negated => {
            let values = list.list.iter().map(literal_of).collect::<Option<_>>()?;
            let column = column_of(&list.expr)?;
            Some(Condition {
                column,
                operator: Operator::Eq,
                values,
            })
        }
        _ => None,
    }
}

/// The wire bytes of a literal that is compared with a column; none where that is not certain.
fn wire(ty: &Type, value: &ScalarValue) -> Option<Bytes> {
    // A number's equals may differ in bytes (0.0 and -0.0, the scale of decimals).
    if matches!(
        ty,
        Type::Decimal | Type::Float | Type::Double | Type::VarInt
    ) {
        return None;
    }
    let array = value.to_array().ok()?;
    let encoder = WireEncoder::new(array.data_type(), ty).ok()?;
    let bytes = encoder.encode(&array, 0).ok()??;
    // What was lost on the way shows on the way back.
    let back = types::arrow_of(ty, None);
    let mut builder = ColumnBuilder::new(ty, &back).ok()?;
    builder.push(Some(&bytes)).ok()?;
    let again = ScalarValue::try_from_array(&builder.finish().ok()?, 0).ok()?;
    (again == value.cast_to(&back).ok()?).then_some(bytes)
}

/// The wire bytes that a column must have one of; none where no condition says so.
fn wanted(column: &Column, conditions: &[Condition<'_>]) -> Option<Vec<Bytes>> {
    let equals = |it: &&Condition<'_>| it.column == column.name && it.operator == Operator::Eq;
    conditions.iter().filter(equals).find_map(|condition| {
        let values = condition.values.iter().map(|value| wire(&column.ty, value));
        let mut values = values.collect::<Option<Vec<_>>>()?;
        values.sort();
        values.dedup();
        Some(values)
    })
}

/// The keys, where each of the partition key's columns is known.
fn keys(table: &Table, conditions: &[Condition<'_>]) -> Option<Partitions> {
    let mut rows: Vec<Vec<Bytes>> = vec![Vec::new()];
    for column in &table.partition_key {
        let values = wanted(column, conditions)?;
        if rows.len().saturating_mul(values.len()) > KEYS_MAX {
            return None;
        }
        let longer = |row: &Vec<Bytes>, value: &Bytes| {
            let mut row = row.clone();
            row.push(value.clone());
            row
        };
        rows = rows
            .iter()
            .flat_map(|row| values.iter().map(move |value| longer(row, value)))
            .collect();
    }
    let short = |row: &Vec<Bytes>| row.iter().all(|value| value.len() <= usize::from(u16::MAX));
    let key = |row: Vec<Bytes>| {
        let parts: Vec<&[u8]> = row.iter().map(AsRef::as_ref).collect();
        let key = Bytes::from(key::compose_partition_key(&parts));
        PartitionKey {
            token: token::murmur3_token(&key),
            key,
        }
    };
    let mut keys: Vec<PartitionKey> = rows
        .into_iter()
        .filter(short)
        .map(key)
        .filter(|key| !key.key.is_empty())
        .collect();
    keys.sort();
    keys.dedup();
    Some(Partitions::Keys(keys))
}

/// The range of tokens that conditions on `token(partition key)` leave.
fn tokens(table: &Table, filters: &[Expr]) -> Partitions {
    let is_token = |expr: &Expr| match expr {
        Expr::ScalarFunction(call) if call.name() == "token" => {
            let columns: Option<Vec<&str>> = call.args.iter().map(column_of).collect();
            columns.is_some_and(|columns| {
                columns.into_iter().eq(table
                    .partition_key
                    .iter()
                    .map(|column| column.name.as_str()))
            })
        }
        _ => false,
    };
    let (mut least, mut greatest) = (i64::MIN, i64::MAX);
    for filter in filters {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else {
            continue;
        };
        let (operator, value) = match (literal_of(left), literal_of(right)) {
            (None, Some(ScalarValue::Int64(Some(value)))) if is_token(left) => (Some(*op), *value),
            (Some(ScalarValue::Int64(Some(value))), None) if is_token(right) => (op.swap(), *value),
            _ => continue,
        };
        match operator {
            Some(Operator::Eq) => (least, greatest) = (least.max(value), greatest.min(value)),
            Some(Operator::GtEq) => least = least.max(value),
            Some(Operator::Gt) => least = least.max(value.saturating_add(1)),
            Some(Operator::LtEq) => greatest = greatest.min(value),
            Some(Operator::Lt) => greatest = greatest.min(value.saturating_sub(1)),
            _ => {}
        }
    }
    if least > greatest {
        return Partitions::Keys(Vec::new());
    }
    let start = match least {
        i64::MIN => PartitionBound::Open,
        token => PartitionBound::BeforeToken(token),
    };
    let end = match greatest {
        i64::MAX => PartitionBound::Open,
        token => PartitionBound::AfterToken(token),
    };
    Partitions::Range { start, end }
}

/// The slices that conditions on the clustering leave.
fn slices(table: &Table, conditions: &[Condition<'_>]) -> Vec<Slice> {
    // A partition with static cells only makes a row too, which has no clustering.
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
    for column in &table.clustering {
        let Some(longer) = longer(column, &prefixes, conditions) else {
            return prefixes
                .into_iter()
                .map(|prefix| range(column, prefix, conditions))
                .collect();
        };
        prefixes = longer;
    }
    if table.clustering.is_empty() {
        return vec![Slice::all()];
    }
    let row = |mut prefix: Vec<u8>| {
        key::finish_clustering(&mut prefix);
        Slice::row(Bytes::from(prefix))
    };
    prefixes.into_iter().map(row).collect()
}

/// The prefixes with one column more, in order; none where no equality says which.
fn longer(
    column: &Column,
    prefixes: &[Vec<u8>],
    conditions: &[Condition<'_>],
) -> Option<Vec<Vec<u8>>> {
    let values = wanted(column, conditions)?;
    if prefixes.len().saturating_mul(values.len()) > KEYS_MAX {
        return None;
    }
    let mut made = Vec::new();
    for prefix in prefixes {
        for value in &values {
            let mut prefix = prefix.clone();
            key::encode_component(&column.ty, column.descending, Some(value), &mut prefix).ok()?;
            made.push(prefix);
        }
    }
    made.sort();
    made.dedup();
    Some(made)
}

/// The rows that begin with `prefix` and have a `column` within the conditions' bounds.
fn range(column: &Column, prefix: Vec<u8>, conditions: &[Condition<'_>]) -> Slice {
    let (mut start, mut end) = (prefix.clone(), prefix.clone());
    key::bound_before(&mut start);
    key::bound_after(&mut end);
    let ordered = is_ordered(&column.ty);
    let bounds = conditions
        .iter()
        .filter(|it| it.column == column.name && ordered);
    for condition in bounds {
        let [value] = condition.values.as_slice() else {
            continue;
        };
        let Some(value) = wire(&column.ty, value) else {
            continue;
        };
        let mut at = prefix.clone();
        if key::encode_component(&column.ty, column.descending, Some(&value), &mut at).is_err() {
            continue;
        }
        let greater = match condition.operator {
            Operator::Gt | Operator::GtEq => true,
            Operator::Lt | Operator::LtEq => false,
            _ => continue,
        };
        // Both ends are taken with what equals them: the condition itself is applied above.
        if greater != column.descending {
            key::bound_before(&mut at);
            start = start.max(at);
        } else {
            key::bound_after(&mut at);
            end = end.min(at);
        }
    }
    Slice {
        start: Bytes::from(start),
        end: Bytes::from(end.max(start_of(&prefix))),
    }
}

/// Whether the planner's order of these values is that of clusterings.
fn is_ordered(ty: &Type) -> bool {
    let numbers = [
        Type::TinyInt,
        Type::SmallInt,
        Type::Int,
        Type::BigInt,
        Type::Boolean,
    ];
    let others = [
        Type::Text,
        Type::Ascii,
        Type::Blob,
        Type::Date,
        Type::Time,
        Type::Timestamp,
    ];
    numbers.contains(ty) || others.contains(ty)
}

fn start_of(prefix: &[u8]) -> Vec<u8> {
    let mut start = prefix.to_vec();
    key::bound_before(&mut start);
    start
}

/// What a condition on a number says about blocks.
fn zone(column: &Column, condition: &Condition<'_>) -> Option<ZoneTest> {
    let numbers: Option<Vec<i64>> = condition
        .values
        .iter()
        .map(|value| number(&column.ty, value))
        .collect();
    let numbers = numbers?;
    let (least, greatest) = (*numbers.iter().min()?, *numbers.iter().max()?);
    let (least, greatest) = match condition.operator {
        Operator::Eq => (least, greatest),
        Operator::Gt | Operator::GtEq => (least, i64::MAX),
        Operator::Lt | Operator::LtEq => (i64::MIN, greatest),
        _ => return None,
    };
    if column.ty == Type::Date {
        let days = |value: i64| {
            let days = value.saturating_add(1 << 31);
            u32::try_from(days.clamp(0, i64::from(u32::MAX))).unwrap_or(u32::MAX)
        };
        return Some(ZoneTest::dates(column.id, days(least), days(greatest)));
    }
    Some(ZoneTest::integers(column.id, least, greatest))
}

fn number(ty: &Type, value: &ScalarValue) -> Option<i64> {
    match (ty, value) {
        (Type::TinyInt, ScalarValue::Int8(Some(value))) => Some(i64::from(*value)),
        (Type::SmallInt, ScalarValue::Int16(Some(value))) => Some(i64::from(*value)),
        (Type::Int, ScalarValue::Int32(Some(value)))
        | (Type::Date, ScalarValue::Date32(Some(value))) => Some(i64::from(*value)),
        (Type::BigInt, ScalarValue::Int64(Some(value)))
        | (Type::Time, ScalarValue::Time64Nanosecond(Some(value)))
        | (Type::Timestamp, ScalarValue::TimestampMillisecond(Some(value), _)) => Some(*value),
        _ => None,
    }
}

/// The wire bytes of one value as a scalar of the planner.
pub(super) fn scalar(ty: &Type, value: Option<&[u8]>) -> Result<ScalarValue> {
    let to = match (ty, value) {
        (Type::Decimal, Some(bytes)) => {
            let text = crate::types::text::format(ty, bytes);
            let digits = crate::types::number::Decimal::from_bytes(bytes)
                .ok_or_else(|| Error::invalid(format!("{text} is no decimal")))?;
            let (count, _) = digits.digits();
            let shape = crate::storage::DecimalShape {
                scale_max: digits.scale,
                integer_digits_max: u32::try_from(count.len()).unwrap_or(u32::MAX),
            };
            types::arrow_of(ty, Some(shape))
        }
        _ => types::arrow_of(ty, None),
    };
    let mut builder = ColumnBuilder::new(ty, &to)?;
    builder.push(value)?;
    ScalarValue::try_from_array(&builder.finish()?, 0)
        .map_err(|error| Error::invalid(format!("a bound value: {error}")))
}
