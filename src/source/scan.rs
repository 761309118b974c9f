//! The engine's rows as wire values.

use crate::error::{Error, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::source::RowScan;
use crate::source::collections::column_value;
use crate::source::stamps::{self, StampColumn, StampKind};
use crate::storage::RowStream;
use crate::storage::read::ReadItem;
use crate::storage::row::{PartitionKey, Row};
use crate::types::{Type, key};
use bytes::Bytes;

/// Where a wanted column's value is found in a row.
#[derive(Clone, Copy, Debug)]
enum Place {
    PartitionKey(usize),
    Clustering(usize),
    Static,
    Regular,
    /// A stamp of the row, or of a column of the row or of the static row.
    Stamp(StampKind, Option<(ColumnId, bool)>),
}

/// A scan of the engine's rows.
pub(super) struct EngineScan {
    /// With the column, unless it is a stamp.
    wanted: Vec<(Option<Column>, Place)>,
    key_columns: usize,
    clustering: Vec<(Type, bool)>,
    stream: RowStream,
    key_values: Vec<Bytes>,
    static_row: Option<Row>,
    /// A static row that no row has been shown with yet.
    static_alone: bool,
    /// A partition that was come upon while looking for rows of the one before.
    ahead: Option<(PartitionKey, Option<Row>)>,
    ended: bool,
}

impl EngineScan {
    pub(super) fn new(
        table: &Table,
        wanted: &[Column],
        stamps: &[StampColumn],
        stream: RowStream,
    ) -> Self {
        let place = |column: &Column| match column.kind {
            ColumnKind::PartitionKey => Place::PartitionKey(column.position),
            ColumnKind::Clustering => Place::Clustering(column.position),
            ColumnKind::Static => Place::Static,
            ColumnKind::Regular => Place::Regular,
        };
        let stamp = |stamp: &StampColumn| {
            let of = stamp.of.map(|id| {
                let fixed = table.statics.iter().any(|column| column.id == id);
                (id, fixed)
            });
            Place::Stamp(stamp.kind, of)
        };
        Self {
            wanted: wanted
                .iter()
                .map(|column| (Some(column.clone()), place(column)))
                .chain(stamps.iter().map(|given| (None, stamp(given))))
                .collect(),
            key_columns: table.partition_key.len(),
            clustering: clustering_types(table),
            stream,
            key_values: Vec::new(),
            static_row: None,
            static_alone: false,
            ahead: None,
            ended: false,
        }
    }

    fn start_partition(&mut self, key: &PartitionKey, static_row: Option<Row>) -> Result<()> {
        self.key_values = key::split_partition_key(&key.key, self.key_columns)?
            .into_iter()
            .map(|part| key.key.slice_ref(part))
            .collect();
        self.static_alone = static_row.is_some();
        self.static_row = static_row;
        Ok(())
    }

    fn show(&self, row: Option<&Row>, out: &mut Vec<Option<Bytes>>) -> Result<()> {
        out.clear();
        let clustering = match row {
            Some(row) => clustering_values(row, &self.clustering)?,
            None => Vec::new(),
        };
        for (column, place) in &self.wanted {
            let cells = |row: Option<&Row>| {
                let Some((row, column)) = row.zip(column.as_ref()) else {
                    return Ok(None);
                };
                match row.column(column.id) {
                    Some(data) => column_value(column, data),
                    None => Ok(None),
                }
            };
            out.push(match place {
                Place::PartitionKey(at) => self.key_values.get(*at).cloned(),
                Place::Clustering(at) => clustering.get(*at).cloned().flatten(),
                Place::Static => cells(self.static_row.as_ref())?,
                Place::Regular => cells(row)?,
                Place::Stamp(kind, None) => row.and_then(|row| stamps::row_stamp(*kind, row)),
                Place::Stamp(kind, Some((id, fixed))) => {
                    let row = if *fixed {
                        self.static_row.as_ref()
                    } else {
                        row
                    };
                    row.and_then(|row| row.column(*id))
                        .and_then(|data| stamps::column_stamp(*kind, data))
                }
            });
        }
        Ok(())
    }
}

impl RowScan for EngineScan {
    fn next(&mut self, out: &mut Vec<Option<Bytes>>) -> Result<bool> {
        loop {
            if let Some((key, static_row)) = self.ahead.take() {
                self.start_partition(&key, static_row)?;
            }
            let item = if self.ended {
                None
            } else {
                self.stream.next()?
            };
            match item {
                Some(ReadItem::Row(row)) => {
                    self.static_alone = false;
                    self.show(Some(&row), out)?;
                    return Ok(true);
                }
                Some(ReadItem::Partition { key, static_row }) => {
                    self.ahead = Some((key, static_row));
                }
                None => self.ended = true,
            }
            if self.static_alone {
                self.static_alone = false;
                self.show(None, out)?;
                return Ok(true);
            }
            if self.ended {
                return Ok(false);
            }
        }
    }
}

fn clustering_types(table: &Table) -> Vec<(Type, bool)> {
    table
        .clustering
        .iter()
        .map(|column| (column.ty.clone(), column.descending))
        .collect()
}

fn clustering_values(row: &Row, types: &[(Type, bool)]) -> Result<Vec<Option<Bytes>>> {
    let Some(original) = &row.original else {
        let values = key::decode_clustering(types, &row.clustering)?;
        return Ok(values
            .into_iter()
            .map(|value| value.map(Bytes::from))
            .collect());
    };
    let mut rest = original.clone();
    let mut values = Vec::with_capacity(types.len());
    for _ in types {
        let length = rest
            .first_chunk::<2>()
            .map(|bytes| u16::from_be_bytes(*bytes));
        let length = length.ok_or_else(|| Error::internal("a clustering's original is short"))?;
        rest = rest.slice(2..);
        if length == u16::MAX {
            values.push(None);
        } else if rest.len() < usize::from(length) {
            return Err(Error::internal("a clustering's original is short"));
        } else {
            values.push(Some(rest.split_to(usize::from(length))));
        }
    }
    Ok(values)
}
