//! A sorted run on disk: blocks of entries, compressed and checksummed.
//!
//! ```text
//! block   length before compression:4 ‖ length:4 ‖ CRC32C:4 ‖ entries (LZ4)
//! ```
//!
//! A run lives as long as its import and is read by nobody else, so that it needs neither a header
//! nor a version.

use crate::error::{Error, Result};
use crate::limits::PAGE_BYTES_MAX;
use crate::storage::disk::{Disk, ReadFile, WriteFile};
use crate::storage::format::{Reader, checksum, put_u32};
use crate::storage::ingest::entry::{Entry, EntrySource, Part};
use bytes::Bytes;
use std::sync::Arc;

const BLOCK_BYTES: usize = 128 << 10;
const HEADER_BYTES: usize = 12;

/// A finished run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Where it is.
    pub path: String,
    /// For each block how its first key begins, and where it starts.
    pub blocks: Vec<(u64, u64)>,
}

/// Writes a run.
pub(super) struct RunWriter {
    file: Box<dyn WriteFile>,
    run: Run,
    block: Vec<u8>,
    out: Vec<u8>,
}

impl RunWriter {
    pub(super) fn create(disk: &dyn Disk, path: &str) -> Result<Self> {
        Ok(Self {
            file: disk.create(path)?,
            run: Run {
                path: path.to_owned(),
                blocks: Vec::new(),
            },
            block: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Appends an entry whose key begins as `start` does; entries come in order.
    pub(super) fn push(&mut self, entry: &[u8], start: u64) -> Result<()> {
        if !self.block.is_empty() && self.block.len() + entry.len() > BLOCK_BYTES {
            self.flush()?;
        }
        if self.block.is_empty() {
            self.run.blocks.push((start, self.file.len()));
        }
        self.block.extend_from_slice(entry);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let length = |bytes: usize| {
            u32::try_from(bytes).map_err(|_| Error::invalid("a row of more than 4 GiB"))
        };
        let room = lz4_flex::block::get_maximum_output_size(self.block.len());
        self.out.resize(HEADER_BYTES + room, 0);
        let body = self.out.get_mut(HEADER_BYTES..).unwrap_or_default();
        let packed = lz4_flex::block::compress_into(&self.block, body)
            .map_err(|error| Error::internal(format!("compression: {error}")))?;
        self.out.truncate(HEADER_BYTES + packed);
        let sum = checksum(
            0,
            self.file.len(),
            self.out.get(HEADER_BYTES..).unwrap_or_default(),
        );
        let mut header = Vec::with_capacity(HEADER_BYTES);
        put_u32(&mut header, length(self.block.len())?);
        put_u32(&mut header, length(packed)?);
        put_u32(&mut header, sum);
        if let Some(room) = self.out.get_mut(..HEADER_BYTES) {
            room.copy_from_slice(&header);
        }
        self.file.append(&self.out)?;
        self.block.clear();
        Ok(())
    }

    /// Writes what is left. Nothing is synced: after a crash a run is worthless anyway.
    pub(super) fn finish(mut self) -> Result<Run> {
        if !self.block.is_empty() {
            self.flush()?;
        }
        Ok(self.run)
    }
}

/// Reads a run.
pub(super) struct RunReader {
    file: Arc<dyn ReadFile>,
    offset: u64,
    block: Bytes,
    at: usize,
    part: Part,
}

impl RunReader {
    /// Reads those of the run's entries whose keys begin within `part`.
    pub(super) fn open(disk: &dyn Disk, run: &Run, part: Part) -> Result<Self> {
        // Entries that begin as the part does may also end the block before.
        let behind = run.blocks.partition_point(|(start, _)| *start < part.low);
        let block = behind
            .checked_sub(1)
            .and_then(|before| run.blocks.get(before));
        Ok(Self {
            file: disk.open(&run.path)?,
            offset: block.map_or(0, |(_, offset)| *offset),
            block: Bytes::new(),
            at: 0,
            part,
        })
    }

    fn damaged(&self, what: &str) -> Error {
        Error::corrupt(self.file.name(), self.offset, what)
    }

    /// Reads the next block; false at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.offset >= self.file.len() {
            return Ok(false);
        }
        let header = self.file.read_at(self.offset, HEADER_BYTES)?;
        let mut reader = Reader::new(&header, self.file.name(), self.offset);
        let (length, packed, sum) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let left = self.file.len() - self.offset - HEADER_BYTES as u64;
        if length as usize > PAGE_BYTES_MAX || u64::from(packed) > left {
            return Err(self.damaged("a block that is longer than its file"));
        }
        let body = self
            .file
            .read_at(self.offset + HEADER_BYTES as u64, packed as usize)?;
        if checksum(0, self.offset, &body) != sum {
            return Err(self.damaged("wrong checksum"));
        }
        let block = lz4_flex::block::decompress(&body, length as usize)
            .map_err(|error| self.damaged(&format!("cannot be decompressed: {error}")))?;
        self.offset += HEADER_BYTES as u64 + u64::from(packed);
        self.block = Bytes::from(block);
        self.at = 0;
        Ok(true)
    }
}

impl EntrySource for RunReader {
    fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            if self.at >= self.block.len() && !self.fill()? {
                return Ok(None);
            }
            let (entry, next) = Entry::parse(&self.block, self.at)
                .ok_or_else(|| self.damaged("an entry that does not end"))?;
            self.at = next;
            let start = entry.start();
            if self.part.high.is_some_and(|high| start >= high) {
                return Ok(None);
            }
            if start >= self.part.low {
                return Ok(Some(entry));
            }
        }
    }
}
