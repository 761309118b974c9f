//! Values that are too long for an index are refused when they are written.

use crate::error::{Error, Result};
use crate::limits::KEY_BYTES_MAX;
use crate::schema::{ColumnKind, Index, IndexPart, Table};
use crate::storage::mutation::PartitionUpdate;
use crate::storage::row::{ColumnData, PathCell, Row};
use crate::types::{Type, key};

/// Refuses an update of `table` that writes a value which one of its indexes cannot hold. (What
/// keys can hold is shorter anyway.)
pub fn check(table: &Table, update: &PartitionUpdate) -> Result<()> {
    for index in &table.indexes {
        let Some(column) = table.column_by_id(index.column) else {
            continue;
        };
        if !matches!(column.kind, ColumnKind::Static | ColumnKind::Regular) {
            continue;
        }
        for row in update.static_row.iter().chain(&update.rows) {
            let bytes = longest(index, &column.ty, row)?;
            if bytes >= KEY_BYTES_MAX {
                return Err(Error::invalid(format!(
                    "Cannot index value of size {bytes} for index {} on {}({}) (maximum allowed \
                     size={KEY_BYTES_MAX})",
                    index.name,
                    table.full_name(),
                    column.name
                )));
            }
        }
    }
    Ok(())
}

/// The length of the longest value of a row that `index` would hold.
fn longest(index: &Index, ty: &Type, row: &Row) -> Result<usize> {
    match row.column(index.column) {
        Some(ColumnData::Simple(cell)) => Ok(cell.value.len()),
        Some(ColumnData::Complex { cells, .. }) => {
            let mut longest = 0;
            for element in cells.iter().filter(|element| !element.cell.is_tombstone()) {
                longest = longest.max(indexed_bytes(index.part, ty, element)?);
            }
            Ok(longest)
        }
        None => Ok(0),
    }
}

/// The length of what is indexed of an element.
fn indexed_bytes(part: IndexPart, ty: &Type, element: &PathCell) -> Result<usize> {
    let path = |ty: &Type| match &element.original {
        Some(original) => Ok(original.len()),
        None => key::decode_path(ty, &element.path).map(|path| path.len()),
    };
    let value = element.cell.value.len();
    match (part, ty) {
        (IndexPart::Keys, Type::Map { key, .. }) => path(key),
        (IndexPart::Entries, Type::Map { key, .. }) => Ok(path(key)? + value),
        (_, Type::Set { element, .. }) => path(element),
        _ => Ok(value),
    }
}
