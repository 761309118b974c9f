//! What a block stores of its rows beside their columns.
//!
//! Each row has a *base*: the metadata of its marker, or without one that of its first cell. Cells
//! that are like it store nothing of their own.
//!
//! ```text
//! base timestamps packed │ presence of markers
//! 0, or 1 and base TTLs packed, base expiries packed
//! row deletions │ shadowable row deletions │ presence of originals │ originals
//! ```

use crate::storage::cell::{Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::row::{ColumnData, Row, RowDeletion};
use crate::storage::sstable::cells::{CellMeta, time_code, time_of};
use crate::storage::sstable::codec::{Damage, Input, Parsed};
use crate::storage::sstable::deletions::{Deletions, put_deletions};
use crate::storage::sstable::packed::{Packed, put_packed};
use crate::storage::sstable::presence::{Presence, PresenceBuilder};
use crate::storage::sstable::values::Values;
use crate::storage::sstable::values_builder::ValuesBuilder;
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// Collects rows.
#[derive(Debug, Default)]
pub struct RowsBuilder {
    timestamps: Vec<i64>,
    markers: PresenceBuilder,
    expiring: Vec<(usize, i32, i64)>,
    deletions: Vec<(u32, Deletion)>,
    shadowables: Vec<(u32, Deletion)>,
    original_presence: PresenceBuilder,
    originals: ValuesBuilder,
}

impl RowsBuilder {
    /// Adds a row; answers its base.
    #[inline]
    pub fn push(&mut self, row: &Row) -> CellMeta {
        let slot = self.timestamps.len();
        let base = if row.liveness.is_none() {
            self.base_of_cells(row)
        } else {
            self.markers.set(slot);
            CellMeta {
                timestamp: row.liveness.timestamp,
                ttl_seconds: row.liveness.ttl_seconds,
                expiry_seconds: row.liveness.expiry_seconds,
            }
        };
        self.timestamps.push(base.timestamp);
        if base.ttl_seconds != NO_TTL || base.expiry_seconds != NEVER {
            self.expiring
                .push((slot, base.ttl_seconds, base.expiry_seconds));
        }
        if !row.deletion.deletion.is_none() {
            self.deletions.push((slot as u32, row.deletion.deletion));
        }
        if !row.deletion.shadowable.is_none() {
            self.shadowables
                .push((slot as u32, row.deletion.shadowable));
        }
        if let Some(original) = &row.original {
            self.original_presence.set(slot);
            self.originals.push(original);
        }
        base
    }

    fn base_of_cells(&self, row: &Row) -> CellMeta {
        let first = row.columns.iter().find_map(|column| match &column.data {
            ColumnData::Simple(cell) => Some(cell),
            ColumnData::Complex { cells, .. } => cells.first().map(|cell| &cell.cell),
        });
        match first.map(CellMeta::of) {
            Some(meta) if !meta.is_tombstone() => meta,
            Some(meta) => CellMeta {
                timestamp: meta.timestamp,
                ttl_seconds: NO_TTL,
                expiry_seconds: NEVER,
            },
            // No cell: any number does, and the last one packs best.
            None => CellMeta {
                timestamp: self.timestamps.last().copied().unwrap_or(0),
                ttl_seconds: NO_TTL,
                expiry_seconds: NEVER,
            },
        }
    }

    /// How many rows.
    pub fn count(&self) -> usize {
        self.timestamps.len()
    }

    /// How many of them have markers.
    pub fn markers(&self) -> usize {
        self.markers.count()
    }

    /// Whether rows expire (or rather their bases do).
    pub fn has_expiring(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// Whether rows are deleted.
    pub fn has_deletions(&self) -> bool {
        !self.deletions.is_empty() || !self.shadowables.is_empty()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.markers.clear();
        self.expiring.clear();
        self.deletions.clear();
        self.shadowables.clear();
        self.original_presence.clear();
        self.originals.clear();
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let rows = self.timestamps.len();
        put_packed(out, &self.timestamps);
        self.markers.encode(out, rows);
        out.push(u8::from(self.has_expiring()));
        if self.has_expiring() {
            let mut ttls = vec![i64::from(NO_TTL); rows];
            let mut expiries = vec![time_code(NEVER); rows];
            for (slot, ttl, expiry) in &self.expiring {
                if let (Some(t), Some(e)) = (ttls.get_mut(*slot), expiries.get_mut(*slot)) {
                    *t = i64::from(*ttl);
                    *e = time_code(*expiry);
                }
            }
            put_packed(out, &ttls);
            put_packed(out, &expiries);
        }
        put_deletions(out, &self.deletions);
        put_deletions(out, &self.shadowables);
        self.original_presence.encode(out, rows);
        self.originals.encode(out, PhysicalKind::Bytes, &[]);
    }
}

/// What stands in a block's page of rows.
#[derive(Clone, Debug)]
pub struct Rows {
    page: Bytes,
    timestamps: Packed,
    markers: Presence,
    expiring: Option<(Packed, Packed)>,
    deletions: Deletions,
    shadowables: Deletions,
    original_presence: Presence,
    originals: Values,
}

impl Rows {
    /// Reads the heads of a page of `rows`.
    pub fn parse(page: Bytes, rows: usize) -> Parsed<Self> {
        let mut input = Input::new(&page);
        let timestamps = Packed::parse(&mut input, rows)?;
        let markers = Presence::parse(&mut input, rows)?;
        let expiring = match input.u8()? {
            0 => None,
            1 => Some((
                Packed::parse(&mut input, rows)?,
                Packed::parse(&mut input, rows)?,
            )),
            _ => return Err(Damage("a form of rows")),
        };
        let deletions = Deletions::parse(&mut input, rows)?;
        let shadowables = Deletions::parse(&mut input, rows)?;
        let original_presence = Presence::parse(&mut input, rows)?;
        let originals = Values::parse(&mut input, original_presence.count())?;
        Ok(Self {
            page,
            timestamps,
            markers,
            expiring,
            deletions,
            shadowables,
            original_presence,
            originals,
        })
    }

    /// The base of a row, and whether it is that of its marker.
    #[inline]
    pub fn base(&self, row: usize) -> Parsed<(CellMeta, bool)> {
        let mut base = CellMeta {
            timestamp: self.timestamps.get(&self.page, row)?,
            ttl_seconds: NO_TTL,
            expiry_seconds: NEVER,
        };
        if let Some((ttls, expiries)) = &self.expiring {
            let ttl = ttls.get(&self.page, row)?;
            base.ttl_seconds = i32::try_from(ttl).map_err(|_| Damage("a time to live"))?;
            base.expiry_seconds = time_of(expiries.get(&self.page, row)?);
        }
        Ok((base, self.markers.rank(row).is_some()))
    }

    /// The marker that a base stands for.
    pub fn marker(base: &CellMeta) -> Liveness {
        Liveness {
            timestamp: base.timestamp,
            ttl_seconds: base.ttl_seconds,
            expiry_seconds: base.expiry_seconds,
        }
    }

    /// The deletion of a row.
    #[inline]
    pub fn deletion(&self, row: usize) -> Parsed<RowDeletion> {
        if self.deletions.is_empty() && self.shadowables.is_empty() {
            return Ok(RowDeletion::NONE);
        }
        Ok(RowDeletion {
            deletion: self.deletions.find(&self.page, row)?,
            shadowable: self.shadowables.find(&self.page, row)?,
        })
    }

    /// Whether some row has an original form of its clustering.
    pub fn has_originals(&self) -> bool {
        self.original_presence.count() > 0
    }

    /// The original form of a row's clustering, where it has one.
    #[inline]
    pub fn original(&self, row: usize) -> Parsed<Option<Bytes>> {
        match self.original_presence.rank(row) {
            None => Ok(None),
            Some(rank) => Ok(Some(self.originals.share(&self.page, rank)?)),
        }
    }
}
