//! Rows that an index finds.
//!
//! The entries of a value come in the order of the rows that they stand for, so they can be taken
//! partition by partition, some at a time, and the rows be read where they are:
//!
//! ```text
//! entries of v   (p1, r1) (p1, r4) (p1, r4) (p7, r2) …
//!                └────────┬──────────────┘  └───┬──
//! reads          p1: r1, r4                 p7: r2      then all conditions are checked again
//! ```
//! An entry without a row is the static row's. Where a static column is indexed it stands for all
//! rows of its partition; where a part of the partition key is, just for what the row says itself.
//!
//! A page goes on behind the place of the last row, whatever has become of its entry.

use crate::cql::evaluate::{Context, term};
use crate::cql::execute::paging::{self, behind};
use crate::cql::execute::read;
use crate::cql::plan::{IndexPlan, Slot};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::storage::read::{Partitions, Projection, ReadCommand, ReadItem, ScanFigures, Slice};
use crate::storage::row::PartitionKey;
use crate::storage::{
    Engine, Place, RowStream, entries_between, entries_from, entries_of_partition, entry_key,
    pair_value,
};
use crate::types::collection;
use bytes::Bytes;
use std::sync::Arc;

/// How many rows of a partition are read at a time.
const ROWS_MAX: usize = 128;

/// Partitions and rows that an index finds, one after the other.
pub struct Indexed {
    engine: Engine,
    /// What is read of each row, and within which slices.
    base: ReadCommand,
    /// Whether an entry stands for a whole partition.
    whole: bool,
    entries: RowStream,
    figures: Option<Arc<ScanFigures>>,
    ahead: Option<Place>,
    /// The place of the entry that was taken last.
    taken: Option<Place>,
    present: Option<RowStream>,
    /// The partition that was handed out last.
    partition: Option<PartitionKey>,
    /// Where the page before ended.
    resumed: Option<paging::Place>,
}

/// The value that `plan` looks up; none where no entry can have it.
pub fn value(plan: &IndexPlan, context: &Context<'_>) -> Result<Option<Bytes>> {
    // Null and unset have been refused where the filter got its values.
    let Slot::Bytes(mut value) = term(&plan.value, context)? else {
        return Ok(None);
    };
    if plan.in_tuple {
        let field = collection::fields(&value, 1)?.first().copied().flatten();
        let Some(field) = field.map(|field| value.slice_ref(field)) else {
            return Ok(None);
        };
        value = field;
    }
    let too_long = || Error::invalid("Index expression values may not be larger than 64K");
    if value.len() > limits::KEY_BYTES_MAX {
        return Err(too_long());
    }
    let Some(key) = &plan.key else {
        return Ok(Some(value));
    };
    let Slot::Bytes(key) = term(key, context)? else {
        return Ok(None);
    };
    if key.len() + value.len() > limits::KEY_BYTES_MAX {
        return Err(too_long());
    }
    Ok(Some(Bytes::from(pair_value(&key, &value))))
}

impl Indexed {
    /// What `base` asks for, of the rows that have `value` by the index; behind `resumed` where
    /// a page goes on.
    pub fn new(
        engine: &Engine,
        plan: &IndexPlan,
        value: &[u8],
        base: ReadCommand,
        resumed: Option<&paging::Place>,
        figures: Option<&Arc<ScanFigures>>,
    ) -> Result<Self> {
        if !plan.index.built {
            return Err(Error::new(
                ErrorKind::ReadTimeout,
                format!(
                    "The secondary index '{}' is not yet available as it is building",
                    plan.index.name
                ),
            ));
        }
        let mut slices = match &base.partitions {
            Partitions::Keys(keys) => keys.iter().map(entries_of_partition).collect(),
            Partitions::Range { start, end } => vec![entries_between(start, end)],
        };
        if let Some(resumed) = resumed {
            let start = resume_at(resumed, plan.is_static);
            for slice in &mut slices {
                slice.start = slice.start.clone().max(start.clone());
            }
        }
        slices.retain(|slice| slice.start < slice.end);
        let of_entries = ReadCommand {
            table: plan.index.entries,
            partitions: Partitions::Keys(vec![entry_key(value)]),
            slices,
            reversed: false,
            columns: Projection::Columns(Vec::new()),
            now_seconds: base.now_seconds,
        };
        let entries = read(engine, figures, of_entries)?;
        Ok(Self {
            engine: engine.clone(),
            base,
            whole: plan.is_static,
            entries,
            figures: figures.cloned(),
            ahead: None,
            taken: None,
            present: None,
            partition: None,
            resumed: resumed.cloned(),
        })
    }

    /// The next partition or row, or none at the end.
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        loop {
            while let Some(stream) = &mut self.present {
                match stream.next()? {
                    Some(ReadItem::Partition { key, .. })
                        if self.partition.as_ref() == Some(&key) => {}
                    Some(ReadItem::Partition { key, static_row }) => {
                        self.partition = Some(key.clone());
                        return Ok(Some(ReadItem::Partition { key, static_row }));
                    }
                    Some(row) => return Ok(Some(row)),
                    None => self.present = None,
                }
            }
            let Some(command) = self.command()? else {
                return Ok(None);
            };
            self.present = Some(read(&self.engine, self.figures.as_ref(), command)?);
        }
    }

    /// The next place that entries stand for. A list may have many entries of one value: they are
    /// neighbours.
    fn place(&mut self) -> Result<Option<Place>> {
        if let Some(place) = self.ahead.take() {
            return Ok(Some(place));
        }
        loop {
            match self.entries.next()? {
                Some(ReadItem::Row(row)) => {
                    let place = Place::decode(&row)?;
                    if self.taken.as_ref() != Some(&place) {
                        self.taken = Some(place.clone());
                        return Ok(Some(place));
                    }
                }
                Some(ReadItem::Partition { .. }) => {}
                None => return Ok(None),
            }
        }
    }

    /// What to read next: rows of one partition.
    fn command(&mut self) -> Result<Option<ReadCommand>> {
        while let Some(first) = self.place()? {
            let partition = first.partition.clone();
            let (mut rows, mut has_static) = (Vec::new(), false);
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(place) = next {
                if place.partition != partition || taken >= ROWS_MAX {
                    self.ahead = Some(place);
                    break;
                }
                taken += 1;
                match place.clustering {
                    Some(row) => rows.push(row),
                    None => has_static = true,
                }
                next = self.place()?;
            }
            let slices = if self.whole {
                self.rest_of(&partition)
            } else {
                let within = |row: &Bytes| {
                    let mut slices = self.base.slices.iter();
                    slices.any(|slice| slice.start <= *row && *row < slice.end)
                };
                rows.into_iter().filter(within).map(Slice::row).collect()
            };
            if slices.is_empty() && !has_static {
                continue;
            }
            return Ok(Some(ReadCommand {
                partitions: Partitions::Keys(vec![partition]),
                slices,
                ..self.base.clone()
            }));
        }
        Ok(None)
    }

    /// The slices of a partition that are wanted still.
    fn rest_of(&self, partition: &PartitionKey) -> Vec<Slice> {
        let resumed = self.resumed.as_ref();
        let resumed = resumed.filter(|resumed| resumed.partition == *partition);
        match resumed.and_then(|resumed| resumed.row.as_ref()) {
            Some(row) => behind(&self.base.slices, row, false),
            None => self.base.slices.clone(),
        }
    }
}

/// Where the entries of a page start.
fn resume_at(resumed: &paging::Place, whole: bool) -> Bytes {
    let partition = entries_of_partition(&resumed.partition);
    match &resumed.row {
        None => partition.end,
        Some(_) if whole => partition.start,
        Some(row) => {
            let place = Place {
                partition: resumed.partition.clone(),
                clustering: Some(row.clone()),
            };
            entries_from(&place, true)
        }
    }
}
