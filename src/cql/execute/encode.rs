//! Columns written straight into a response: from the storage's cells to `[bytes]`, with nothing
//! in between.

use crate::cql::evaluate::Context;
use crate::cql::execute::view::RowView;
use crate::cql::plan::{ColumnRef, Selected};
use crate::cql::result::put_value;
use crate::error::{Error, Result};
use crate::limits;
use crate::schema::ColumnKind;
use crate::storage::row::{ColumnData, PathCell};
use crate::types::{Type, key};
use bytes::{BufMut, BytesMut};

/// Appends a row's values.
pub fn encode_row(
    selected: &[Selected],
    view: &RowView<'_>,
    context: &Context<'_>,
    out: &mut BytesMut,
) -> Result<()> {
    for selected in selected {
        match selected {
            Selected::Column(column) => encode_column(column, view, out)?,
            computed => put_value(view.select(computed, &[], context)?.as_deref(), out),
        }
    }
    Ok(())
}

fn encode_column(column: &ColumnRef, view: &RowView<'_>, out: &mut BytesMut) -> Result<()> {
    if let ColumnKind::Static | ColumnKind::Regular = column.kind
        && let Some(ColumnData::Complex { cells, .. }) = view.data(column)
    {
        return encode_cells(&column.ty, cells, out);
    }
    let value = view.simple(column).map(|bytes| match column.ty {
        // Behind a counter's count stands its clock.
        Type::Counter => bytes.get(..8).unwrap_or(bytes),
        _ => bytes,
    });
    put_value(value, out);
    Ok(())
}

/// Appends a multi-cell column; null where it has no element.
fn encode_cells(ty: &Type, cells: &[PathCell], out: &mut BytesMut) -> Result<()> {
    if cells.is_empty() {
        put_value(None, out);
        return Ok(());
    }
    let start = out.len();
    out.put_i32(0);
    match ty {
        Type::List { .. } => {
            put_count(cells.len(), out);
            for cell in cells {
                put_value(Some(&cell.cell.value), out);
            }
        }
        Type::Set { element, .. } => {
            put_count(cells.len(), out);
            for cell in cells {
                put_path(element, cell, out)?;
            }
        }
        Type::Map { key, .. } => {
            put_count(cells.len(), out);
            for cell in cells {
                put_path(key, cell, out)?;
                put_value(Some(&cell.cell.value), out);
            }
        }
        Type::Udt { udt, .. } => {
            let mut cells = cells.iter().peekable();
            for number in 0..u16::try_from(udt.fields.len()).unwrap_or(u16::MAX) {
                let field = cells.next_if(|cell| *cell.path == number.to_be_bytes());
                put_value(field.map(|cell| &*cell.cell.value), out);
            }
        }
        ty => return Err(Error::internal(format!("{ty} is not a multi-cell type"))),
    }
    let length = out.len() - start - 4;
    if length > limits::RESULT_BYTES_MAX {
        return Err(Error::invalid(format!(
            "A collection of {length} bytes is larger than an answer may be"
        )));
    }
    let length = i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length);
    }
    Ok(())
}

fn put_count(count: usize, out: &mut BytesMut) {
    out.put_i32(i32::try_from(count).unwrap_or(i32::MAX));
}

/// Appends the value that a path stands for.
fn put_path(ty: &Type, cell: &PathCell, out: &mut BytesMut) -> Result<()> {
    match &cell.original {
        Some(original) => put_value(Some(original), out),
        None => put_value(Some(&key::decode_path(ty, &cell.path)?), out),
    }
    Ok(())
}
