//! What a row's cells are stamped with: the run's timestamp and time to live, or the row's own.

use crate::clock::SharedClock;
use crate::error::{Error, Result};
use crate::limits::TTL_SECONDS_MAX;
use crate::schema::{Column, ColumnId, Table};
use crate::source::FrozenBatch;
use crate::source::collections::replace_collection;
use crate::source::stamps::{self, StampColumn, StampKind};
use crate::storage::cell::{Cell, Deletion, Liveness, NEVER, NO_TTL};
use crate::storage::row::ColumnData;
use bytes::Bytes;

/// What all rows of a run have in common.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    pub timestamp: i64,
    pub ttl_seconds: i32,
    pub expiry_seconds: i64,
    pub now_seconds: i64,
}

impl Stamp {
    pub(super) fn new(
        table: &Table,
        ttl_seconds: Option<i32>,
        timestamp: i64,
        clock: &SharedClock,
    ) -> Self {
        let ttl_seconds = ttl_seconds.unwrap_or(table.options.default_time_to_live_seconds);
        let now_seconds = clock.now_seconds();
        let (ttl_seconds, expiry_seconds) = if ttl_seconds > 0 {
            (
                ttl_seconds,
                now_seconds
                    .saturating_add(i64::from(ttl_seconds))
                    .min(NEVER - 1),
            )
        } else {
            (NO_TTL, NEVER)
        };
        Self {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            now_seconds,
        }
    }

    pub(super) fn cell(&self, value: Bytes) -> Cell {
        Cell {
            timestamp: self.timestamp,
            ttl_seconds: self.ttl_seconds,
            expiry_seconds: self.expiry_seconds,
            value,
        }
    }

    /// Takes over a time to live, a moment of expiry, or both.
    pub(super) fn expire(&mut self, ttl_seconds: Option<i64>, expires: Option<i64>) {
        match (ttl_seconds, expires) {
            (None, None) => {}
            (Some(0), None) => {
                self.ttl_seconds = NO_TTL;
                self.expiry_seconds = NEVER;
            }
            (ttl, expires) => {
                let now = self.now_seconds;
                let left = expires.map(|moment| moment.saturating_sub(now).max(1));
                let ttl = ttl.filter(|ttl| *ttl > 0).or(left).unwrap_or(1);
                self.ttl_seconds = i32::try_from(ttl).unwrap_or(TTL_SECONDS_MAX);
                let expiry = expires.unwrap_or_else(|| now.saturating_add(ttl));
                self.expiry_seconds = expiry.min(NEVER - 1);
            }
        }
    }

    pub(super) fn liveness(&self) -> Liveness {
        Liveness {
            timestamp: self.timestamp,
            ttl_seconds: self.ttl_seconds,
            expiry_seconds: self.expiry_seconds,
        }
    }
}

/// Where stamps stand in a batch: timestamp, TTL, expiry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places(pub [Option<usize>; 3]);

impl Places {
    /// Where the stamps of `of` stand, the first of them at `from`.
    pub(super) fn new(stamps: &[StampColumn], of: Option<ColumnId>, from: usize) -> Self {
        let place = |kind| {
            let at = stamps
                .iter()
                .position(|stamp| stamp.kind == kind && stamp.of == of)?;
            Some(from + at)
        };
        Self(StampKind::ALL.map(place))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    pub(super) fn value(self, batch: &FrozenBatch, row: usize, kind: StampKind) -> Option<&[u8]> {
        let at = StampKind::ALL.iter().position(|known| *known == kind)?;
        batch.slice(row, self.0.get(at).copied().flatten()?)
    }
}

/// A column's cells with stamps of their own; `stamp` is the row's.
pub(super) fn stamped(
    column: &Column,
    places: Places,
    batch: &FrozenBatch,
    row: usize,
    stamp: &Stamp,
    value: Bytes,
) -> Result<ColumnData> {
    let values = |kind| {
        let value = places.value(batch, row, kind);
        value.map_or(Ok(Vec::new()), stamps::numbers)
    };
    let timestamps = values(StampKind::Timestamp)?;
    let (ttls, expiries) = (values(StampKind::Ttl)?, values(StampKind::Expires)?);
    let [_, ttl_place, expiry_place] = places.0;
    let timed = ttl_place.is_some() || expiry_place.is_some();
    let of = |at: usize| {
        let pick = |values: &[i64]| match values {
            [only] => Some(*only),
            values => values.get(at).copied(),
        };
        let mut own = stamp.clone();
        own.timestamp = pick(&timestamps).unwrap_or(stamp.timestamp);
        if timed {
            own.ttl_seconds = NO_TTL;
            own.expiry_seconds = NEVER;
            let some = |value: Option<i64>| value.filter(|value| *value != 0);
            own.expire(some(pick(&ttls)), some(pick(&expiries)));
        }
        own
    };
    if !column.ty.is_multi_cell() {
        return Ok(ColumnData::Simple(of(0).cell(value)));
    }
    let model = of(0).cell(Bytes::new());
    let data = replace_collection(&column.ty, &value, &model, stamp.now_seconds)?;
    let ColumnData::Complex { mut cells, .. } = data else {
        return Ok(data);
    };
    let wrong = |values: &[i64]| values.len() > 1 && values.len() != cells.len();
    if wrong(&timestamps) || wrong(&ttls) || wrong(&expiries) {
        return Err(Error::invalid(format!(
            "column {}: {} elements, but another number of timestamps or TTLs",
            column.name,
            cells.len()
        )));
    }
    for (at, path) in cells.iter_mut().enumerate() {
        let Stamp {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            ..
        } = of(at);
        path.cell = Cell {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            value: path.cell.value.clone(),
        };
    }
    Ok(ColumnData::Complex {
        deletion: Deletion::NONE,
        cells,
    })
}
