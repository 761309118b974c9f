//! Results that are read in pages, by clients that come back for the next one.
//!
//! ```text
//!  rows ──▶ filler ──▶ spool (memory, then a file) ──▶ page ──▶ client
//!            a thread                                   │
//!                       paging state: cursor, place ◀───┘
//! ```
//!
//! The query runs to its end at its own pace and lets go of the tables then; the rows wait in a
//! `spool`. A paging state names the cursor and a place in it, so that any connection can ask for
//! the page, also for one that it had already. There are at most
//! [`CURSORS_MAX`](limits::CURSORS_MAX) cursors; the one that nobody asked for the longest makes
//! room, and one that was idle for too long goes as well. Whoever comes for such a one, or comes
//! after a restart, is told to run the statement again.

mod spool;

use crate::clock::SharedClock;
use crate::cql::result::{ColumnSpec, RowSource, RowValues, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::random::Random;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use spool::{Spool, SpoolPlace};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

const VERSION: u8 = 0x51;
/// version(1) statement(8) cursor(16) chunk(4) byte(4) crc32c(4)
const STATE_BYTES: usize = 1 + 8 + 16 + 4 + 4 + 4;

/// Which cursor.
type CursorId = [u8; 16];

/// What a result is read with.
#[derive(Clone, Debug)]
pub struct Reading {
    /// How many rows a page has.
    pub page_size: usize,
    /// What tells the statement from others.
    pub statement: u64,
    /// Stops the query.
    pub interrupt: Arc<AtomicBool>,
}

/// The open cursors.
#[derive(Debug)]
pub struct Cursors {
    held: Mutex<HashMap<CursorId, Entry>>,
    clock: SharedClock,
    random: Random,
    directory: PathBuf,
}

#[derive(Debug)]
struct Entry {
    cursor: Arc<Cursor>,
    statement: u64,
    used_at_micros: i64,
}

/// A result on its way from the query to its reader.
#[derive(Debug)]
struct Cursor {
    columns: Arc<[ColumnSpec]>,
    filling: Mutex<Filling>,
    bell: Condvar,
    interrupt: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Filling {
    spool: Spool,
    /// How the query ended, once it has.
    ended: Option<Result<()>>,
}

impl Cursor {
    fn lock(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes rows until `enough` are there; whether the query has ended.
    fn fill(&self, rows: &mut dyn FnMut(&mut BytesMut) -> Result<bool>, enough: usize) -> bool {
        // The rows are made outside of the lock: a reader of earlier ones need not wait for them.
        let mut row = BytesMut::new();
        for _ in 0..enough {
            row.clear();
            let pulled = rows(&mut row);
            let mut filling = self.lock();
            let pushed = pulled.and_then(|more| {
                filling.spool.push(|out| {
                    out.extend_from_slice(&row);
                    Ok(more)
                })
            });
            match pushed {
                Ok(true) => {}
                Ok(false) => {
                    filling.ended = Some(filling.spool.seal());
                    drop(filling);
                    self.bell.notify_all();
                    return true;
                }
                Err(error) => {
                    filling.ended = Some(Err(error));
                    drop(filling);
                    self.bell.notify_all();
                    return true;
                }
            }
        }
        let mut filling = self.lock();
        if let Err(error) = filling.spool.seal() {
            filling.ended = Some(Err(error));
        }
        let ended = filling.ended.is_some();
        drop(filling);
        self.bell.notify_all();
        ended
    }

    /// The chunk with this number: waits until it is there, or the query has ended without it.
    fn chunk(&self, number: u32) -> Result<Option<Bytes>> {
        let mut filling = self.lock();
        loop {
            if let Some(chunk) = filling.spool.chunk(number)? {
                return Ok(Some(chunk));
            }
            match &filling.ended {
                Some(Ok(())) => return Ok(None),
                Some(Err(error)) => return Err(error.clone()),
                None => {}
            }
            filling = self
                .bell
                .wait(filling)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn abandon(&self) {
        self.interrupt.store(true, Ordering::Relaxed);
    }
}

fn unusable() -> Error {
    Error::new(ErrorKind::Protocol, "Invalid value for the paging state")
}

/// What a reader is told whose rows are not kept any more.
fn lost() -> Error {
    Error::invalid(format!(
        "The rows of this batch query are not kept any more: the server was started anew, nobody \
         asked for the next page for {} minutes, or more than {} results were being read at the \
         same time. Run the statement again.",
        limits::CURSOR_IDLE_SECONDS_MAX / 60,
        limits::CURSORS_MAX
    ))
}

impl Cursors {
    /// No cursors yet; their files would lie in `directory`.
    pub fn new(clock: SharedClock, random: Random, directory: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            clock,
            random,
            directory,
        })
    }

    /// How many results wait for their readers.
    pub fn open_count(&self) -> usize {
        self.lock().len()
    }

    /// The first page of `rows`; the others are kept for who asks with its paging state.
    pub fn first_page(self: &Arc<Self>, rows: Rows, reading: &Reading) -> Result<Rows> {
        let columns = rows.shared_columns();
        let cursor = Arc::new(Cursor {
            columns,
            filling: Mutex::new(Filling {
                spool: Spool::new(&self.directory),
                ended: None,
            }),
            bell: Condvar::new(),
            interrupt: Arc::clone(&reading.interrupt),
        });
        let mut rows = rows;
        // A short result needs no thread; the row behind the page tells that it is none.
        let enough = reading.page_size.saturating_add(1);
        if !cursor.fill(&mut |out| rows.encode_row(out), enough) {
            self.go_on(&cursor, rows)?;
        }
        Ok(self.page(cursor, None, SpoolPlace::default(), reading))
    }

    /// Has a thread take the rest of `rows`.
    fn go_on(&self, cursor: &Arc<Cursor>, mut rows: Rows) -> Result<()> {
        let filled = Arc::clone(cursor);
        let work = move || {
            while !filled.fill(&mut |out| rows.encode_row(out), ROWS_A_STEP) {}
        };
        let started = std::thread::Builder::new()
            .name("cursor".to_owned())
            .spawn(work);
        match started {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::new(
                ErrorKind::Overloaded,
                format!("no thread could be started to read the result: {error}"),
            )),
        }
    }

    /// The page behind `state`.
    pub fn next_page(self: &Arc<Self>, state: &Bytes, reading: &Reading) -> Result<Rows> {
        let (id, place) = decode(state, reading.statement)?;
        let now_micros = self.clock.monotonic_micros();
        let mut held = self.lock();
        sweep(&mut held, now_micros);
        let entry = held.get_mut(&id).ok_or_else(lost)?;
        if entry.statement != reading.statement {
            return Err(unusable());
        }
        entry.used_at_micros = now_micros;
        let cursor = Arc::clone(&entry.cursor);
        drop(held);
        Ok(self.page(cursor, Some(id), place, reading))
    }

    fn page(
        self: &Arc<Self>,
        cursor: Arc<Cursor>,
        id: Option<CursorId>,
        place: SpoolPlace,
        reading: &Reading,
    ) -> Rows {
        let columns = Arc::clone(&cursor.columns);
        let page = PageOf {
            cursors: Arc::clone(self),
            cursor,
            id,
            place,
            chunk: None,
            statement: reading.statement,
        };
        Rows::new(columns, Box::new(page)).paged(Some(reading.page_size))
    }

    /// Keeps a cursor whose reader will come back.
    fn keep(&self, cursor: &Arc<Cursor>, statement: u64) -> CursorId {
        let id = self.random.bytes_16();
        let now_micros = self.clock.monotonic_micros();
        let mut held = self.lock();
        sweep(&mut held, now_micros);
        while held.len() >= limits::CURSORS_MAX {
            let oldest = held.iter().min_by_key(|(_, entry)| entry.used_at_micros);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                break;
            };
            if let Some(entry) = held.remove(&oldest) {
                entry.cursor.abandon();
            }
        }
        held.insert(
            id,
            Entry {
                cursor: Arc::clone(cursor),
                statement,
                used_at_micros: now_micros,
            },
        );
        id
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CursorId, Entry>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many rows are taken between two looks of readers that wait.
const ROWS_A_STEP: usize = 4_096;

/// Forgets those that were idle for too long.
fn sweep(held: &mut HashMap<CursorId, Entry>, now_micros: i64) {
    let idle_micros = limits::CURSOR_IDLE_SECONDS_MAX.saturating_mul(1_000_000);
    held.retain(|_, entry| {
        let kept = now_micros.saturating_sub(entry.used_at_micros) <= idle_micros;
        if !kept {
            entry.cursor.abandon();
        }
        kept
    });
}

fn decode(state: &Bytes, statement: u64) -> Result<(CursorId, SpoolPlace)> {
    if state.len() != STATE_BYTES {
        return Err(unusable());
    }
    let mut rest = state.clone();
    let checksum = rest.split_off(STATE_BYTES - 4).get_u32();
    if crc32c::crc32c(&rest) != checksum || rest.get_u8() != VERSION || rest.get_u64() != statement
    {
        return Err(unusable());
    }
    let mut id = [0; 16];
    rest.copy_to_slice(&mut id);
    let (chunk, byte) = (rest.get_u32(), rest.get_u32());
    Ok((id, SpoolPlace { chunk, byte }))
}

fn encode(statement: u64, id: &CursorId, place: SpoolPlace) -> Bytes {
    let mut out = BytesMut::with_capacity(STATE_BYTES);
    out.put_u8(VERSION);
    out.put_u64(statement);
    out.put_slice(id);
    out.put_u32(place.chunk);
    out.put_u32(place.byte);
    let checksum = crc32c::crc32c(&out);
    out.put_u32(checksum);
    out.freeze()
}

/// A page of a cursor.
struct PageOf {
    cursors: Arc<Cursors>,
    cursor: Arc<Cursor>,
    /// The cursor's name, once somebody will come back.
    id: Option<CursorId>,
    place: SpoolPlace,
    /// The chunk of the place, once it was read.
    chunk: Option<(u32, Bytes)>,
    statement: u64,
}

impl PageOf {
    /// The bytes of the row at the place; none at the end.
    fn row(&mut self) -> Result<Option<Bytes>> {
        loop {
            let at = usize::try_from(self.place.byte).unwrap_or(usize::MAX);
            let bytes = match &self.chunk {
                Some((number, bytes)) if *number == self.place.chunk => bytes.clone(),
                _ => {
                    let Some(bytes) = self.cursor.chunk(self.place.chunk)? else {
                        return Ok(None);
                    };
                    self.chunk = Some((self.place.chunk, bytes.clone()));
                    bytes
                }
            };
            if at >= bytes.len() {
                self.place = SpoolPlace {
                    chunk: self.place.chunk.saturating_add(1),
                    byte: 0,
                };
                continue;
            }
            let mut row = bytes.slice(at..);
            let length = row.try_get_u32().map_err(|_| unusable())?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > row.len() {
                return Err(unusable());
            }
            return Ok(Some(row.split_to(length)));
        }
    }

    fn pass(&mut self, row: &Bytes) {
        let length = u32::try_from(row.len()).unwrap_or(u32::MAX);
        self.place.byte = self.place.byte.saturating_add(length).saturating_add(4);
    }
}

impl RowSource for PageOf {
    fn next(&mut self) -> Result<Option<RowValues>> {
        let Some(row) = self.row()? else {
            return Ok(None);
        };
        self.pass(&row);
        let mut rest = row;
        let mut values = Vec::with_capacity(self.cursor.columns.len());
        while rest.has_remaining() {
            let length = rest.try_get_i32().map_err(|_| unusable())?;
            values.push(match usize::try_from(length) {
                Ok(length) if length <= rest.len() => Some(rest.split_to(length)),
                Ok(_) => return Err(unusable()),
                Err(_) => None,
            });
        }
        Ok(Some(values))
    }

    fn encode(&mut self, out: &mut BytesMut) -> Result<bool> {
        let Some(row) = self.row()? else {
            return Ok(false);
        };
        self.pass(&row);
        out.extend_from_slice(&row);
        Ok(true)
    }

    fn paging_state(&mut self) -> Result<Option<Bytes>> {
        if self.row()?.is_none() {
            if let Some(id) = self.id.take() {
                self.cursors.lock().remove(&id);
            }
            return Ok(None);
        }
        let id = match self.id {
            Some(id) => id,
            None => self.cursors.keep(&self.cursor, self.statement),
        };
        self.id = Some(id);
        Ok(Some(encode(self.statement, &id, self.place)))
    }
}

impl Drop for PageOf {
    fn drop(&mut self) {
        if self.id.is_none() {
            // Nobody can come back for the rest.
            self.cursor.abandon();
        }
    }
}

#[cfg(test)]
mod tests;
