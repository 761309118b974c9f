//! What `helenus inspect` and `helenus check` do with the commit log.

use crate::error::{Error, Result};
use crate::storage::commitlog::recovery::{Recovery, read_all};
use crate::storage::commitlog::segment::{self, Segment};
use crate::storage::disk::Disk;
use crate::storage::manifest::State;
use std::fmt::{self, Write};
use std::sync::Arc;

/// What a check of the whole log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many segments.
    pub segments: u64,
    /// How many records.
    pub records: u64,
    /// How many bytes at the end of segments were never acknowledged.
    pub torn: u64,
}

/// Prints the groups of the segment at `path`.
pub fn inspect(disk: &dyn Disk, path: &str, out: &mut dyn Write) -> Result<()> {
    let name = disk.display(path);
    let file = path.rsplit('/').next().unwrap_or(path);
    let number = segment::number_of(file)
        .ok_or_else(|| Error::invalid(format!("{name}: not named like a segment")))?;
    let bytes = read_all(disk, path)?;
    let mut print = |line: fmt::Arguments<'_>| {
        writeln!(out, "{line}").map_err(|_| Error::internal("the output cannot be written"))
    };
    let Some(prefix) = segment::prefix_of(&bytes, number, &name)? else {
        return print(format_args!("segment {number}, never used"));
    };
    let segment = Segment::read(bytes, prefix, None, &name)?;
    print(format_args!(
        "segment {number}, format version 1, behind segment {} ({} bytes, records up to {})",
        prefix.previous, prefix.previous_length, prefix.previous_sequence
    ))?;
    for group in &segment.groups {
        let records = segment.records(group)?;
        print(format_args!(
            "{:>10}  group of {} records from {} on, {} bytes; synced before: {}",
            group.offset, group.count, group.first, group.length, group.synced
        ))?;
        for (sequence, payload) in records {
            print(format_args!("{:>12}  {} bytes", sequence, payload.len()))?;
        }
    }
    if segment.torn > 0 {
        print(format_args!(
            "{:>10}  {} bytes behind the last whole group, never acknowledged",
            segment.end, segment.torn
        ))?;
    }
    Ok(())
}

/// Reads the whole log of a database whose manifest says `state`, and checks every checksum.
pub fn verify(disk: Arc<dyn Disk>, state: &State) -> Result<Summary> {
    let mut recovery = Recovery::start(disk, state)?;
    let mut summary = Summary {
        segments: recovery.segments() as u64,
        ..Summary::default()
    };
    while recovery.next()?.is_some() {
        summary.records += 1;
    }
    summary.torn = recovery.torn();
    Ok(summary)
}
