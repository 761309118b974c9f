//! Multi-cell columns as whole values: from wire bytes to cells with paths and back.
//!
//! | column | path | cell's value |
//! |---|---|---|
//! | list | a timeuuid per element, rising | the element |
//! | set | the element | empty |
//! | map | the key | the value |
//! | user type | the field's number, two bytes, big-endian | the field |

use crate::error::{Error, Result};
use crate::schema::Column;
use crate::storage::cell::{Cell, Deletion};
use crate::storage::row::{ColumnData, PathCell};
use crate::types::{Type, collection, key, timeuuid};
use bytes::Bytes;

/// A column's path and value types are wrong for a multi-cell column: a defect.
fn not_multi_cell(ty: &Type) -> Error {
    Error::internal(format!("{ty} is not a multi-cell type"))
}

/// What replaces a multi-cell column by `value` (wire bytes): a deletion of what was there before,
/// at one microsecond less than `model`'s timestamp, and the elements as cells like `model`.
pub fn replace_collection(
    ty: &Type,
    value: &[u8],
    model: &Cell,
    now_seconds: i64,
) -> Result<ColumnData> {
    let deletion = Deletion {
        timestamp: model.timestamp.saturating_sub(1),
        deleted_at_seconds: now_seconds,
    };
    let cell = |value: &[u8]| Cell {
        value: Bytes::copy_from_slice(value),
        ..model.clone()
    };
    let keyed = |ty: &Type, path: &[u8], value: &[u8]| -> Result<PathCell> {
        let (encoded, lossy) = key::encode_path(ty, path)?;
        Ok(PathCell {
            path: Bytes::from(encoded),
            original: lossy.then(|| Bytes::copy_from_slice(path)),
            cell: cell(value),
        })
    };
    let mut cells: Vec<PathCell> = match ty {
        Type::List { frozen: false, .. } => collection::elements(value)?
            .into_iter()
            .zip(0..)
            .map(|(element, at)| {
                let path = timeuuid::numbered(model.timestamp, at);
                keyed(&Type::TimeUuid, &path, element)
            })
            .collect::<Result<_>>()?,
        Type::Set {
            element,
            frozen: false,
        } => collection::elements(value)?
            .into_iter()
            .map(|path| keyed(element, path, &[]))
            .collect::<Result<_>>()?,
        Type::Map {
            key, frozen: false, ..
        } => collection::entries(value)?
            .into_iter()
            .map(|(path, value)| keyed(key, path, value))
            .collect::<Result<_>>()?,
        Type::Udt { udt, frozen: false } => collection::fields(value, udt.fields.len())?
            .into_iter()
            .enumerate()
            .filter_map(|(at, field)| Some((u16::try_from(at).ok()?, field?)))
            .map(|(at, field)| PathCell {
                path: Bytes::copy_from_slice(&at.to_be_bytes()),
                original: None,
                cell: cell(field),
            })
            .collect(),
        _ => return Err(not_multi_cell(ty)),
    };
    cells.sort_by(|a, b| a.path.cmp(&b.path));
    // Of elements with the same path the last given wins.
    cells.reverse();
    cells.dedup_by(|a, b| a.path == b.path);
    cells.reverse();
    Ok(ColumnData::Complex { deletion, cells })
}

/// The wire bytes of a multi-cell column's elements; none where it has none, since an empty
/// collection and an absent one are the same.
pub fn collection_value(ty: &Type, cells: &[PathCell]) -> Result<Option<Bytes>> {
    if cells.is_empty() {
        return Ok(None);
    }
    let path = |ty: &Type, cell: &PathCell| match &cell.original {
        Some(original) => Ok(original.to_vec()),
        None => key::decode_path(ty, &cell.path),
    };
    let packed = match ty {
        Type::List { .. } => {
            let elements: Vec<&Bytes> = cells.iter().map(|cell| &cell.cell.value).collect();
            collection::pack_elements(&elements)
        }
        Type::Set { element, .. } => {
            let elements = cells.iter().map(|cell| path(element, cell));
            collection::pack_elements(&elements.collect::<Result<Vec<_>>>()?)
        }
        Type::Map { key, .. } => {
            let entries = cells
                .iter()
                .map(|cell| Ok((path(key, cell)?, &cell.cell.value)));
            collection::pack_entries(&entries.collect::<Result<Vec<_>>>()?)
        }
        Type::Udt { udt, .. } => {
            let mut fields: Vec<Option<&Bytes>> = vec![None; udt.fields.len()];
            for cell in cells {
                let number = <[u8; 2]>::try_from(&*cell.path).map(u16::from_be_bytes);
                let field = number.ok().and_then(|at| fields.get_mut(usize::from(at)));
                if let Some(field) = field {
                    *field = Some(&cell.cell.value);
                }
            }
            collection::pack_fields(&fields)
        }
        _ => return Err(not_multi_cell(ty)),
    };
    Ok(Some(Bytes::from(packed)))
}

/// A column's value as a reader sees it.
pub fn column_value(column: &Column, data: &ColumnData) -> Result<Option<Bytes>> {
    match data {
        ColumnData::Simple(cell) if column.ty == Type::Counter => {
            Ok(Some(cell.value.slice(..cell.value.len().min(8))))
        }
        ColumnData::Simple(cell) => Ok(Some(cell.value.clone())),
        ColumnData::Complex { cells, .. } => collection_value(&column.ty, cells),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Udt, text};
    use std::sync::Arc;

    #[test]
    fn a_whole_value_becomes_cells_and_comes_back() {
        let (int, words) = (Arc::new(Type::Int), Arc::new(Type::Text));
        let udt = Arc::new(Udt {
            keyspace: "k".to_owned(),
            name: "u".to_owned(),
            fields: vec![("a".to_owned(), Type::Int), ("b".to_owned(), Type::Text)],
        });
        let cases = [
            (
                Type::List {
                    element: int.clone(),
                    frozen: false,
                },
                "[3, 1, 2, 1]",
                4,
            ),
            (
                Type::Set {
                    element: int.clone(),
                    frozen: false,
                },
                "{-1, 2, 3}",
                3,
            ),
            (
                Type::Map {
                    key: words,
                    value: int,
                    frozen: false,
                },
                "{'a': 1, 'b': -2}",
                2,
            ),
            (Type::Udt { udt, frozen: false }, "{a: 7, b: null}", 1),
        ];
        let model = Cell::expiring(1_000, 60, 5, Bytes::new());
        for (ty, literal, count) in cases {
            let wire = text::parse(&ty, literal).unwrap();
            let data = replace_collection(&ty, &wire, &model, 5).unwrap();
            let ColumnData::Complex { deletion, cells } = data else {
                panic!("{ty}")
            };
            assert_eq!((deletion.timestamp, deletion.deleted_at_seconds), (999, 5));
            assert_eq!(cells.len(), count, "{ty}");
            assert!(cells.windows(2).all(|pair| pair[0].path < pair[1].path));
            assert!(cells.iter().all(|cell| cell.cell.expiry_seconds == 65));
            let back = collection_value(&ty, &cells).unwrap().unwrap();
            assert_eq!(text::format(&ty, &back), text::format(&ty, &wire), "{ty}");
        }
    }
}
