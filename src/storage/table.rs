//! A table as the engine holds it: its definition, its memtables, its files.
//!
//! A [`TableState`] never changes: a freeze, a flush, a compaction or a schema change puts a new
//! one into the engine's [`State`]. A reader keeps the state that it started with, and so what
//! that names: a file is deleted when nobody names it any more ([`Garbage`]).

use crate::error::Result;
use crate::schema::{Catalog, ColumnId, Table, TableId};
use crate::storage::blocking;
use crate::storage::disk::Disk;
use crate::storage::figures::{TableCounters, add};
use crate::storage::live::Hidden;
use crate::storage::memtable::Memtable;
use crate::storage::meta::FileMeta;
use crate::storage::shapes::{DecimalColumns, DecimalShape};
use crate::storage::sstable::{BlockCache, ColumnEntry, Reader, WriterOptions};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// All tables at one moment.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Rises whenever what writers go by (definitions, indexes, a table's being emptied) changes:
    /// who prepared a write under an older one prepares it again.
    pub epoch: u64,
    /// The catalog.
    pub catalog: Arc<Catalog>,
    /// The tables.
    pub tables: BTreeMap<TableId, Arc<TableState>>,
}

/// A table at one moment.
#[derive(Clone, Debug)]
pub struct TableState {
    /// Its definition.
    pub schema: Arc<Table>,
    /// Whether it is one of counters.
    pub counter: bool,
    /// What its dropped columns hide.
    pub hidden: Arc<Hidden>,
    /// What takes its writes.
    pub active: Arc<Memtable>,
    /// What waits to be flushed, oldest first.
    pub frozen: Vec<Arc<Memtable>>,
    /// What is counted of its use.
    pub counters: Arc<TableCounters>,
    /// Its files, by number.
    pub files: Arc<Vec<Arc<FileHandle>>>,
}

impl TableState {
    /// A table without data.
    pub fn new(schema: &Arc<Table>, shards: usize, volatile: bool) -> Self {
        Self {
            schema: Arc::clone(schema),
            counter: schema.is_counter(),
            hidden: Arc::new(Hidden::of(schema)),
            active: Arc::new(Memtable::new(shards, volatile)),
            frozen: Vec::new(),
            counters: Arc::default(),
            files: Arc::default(),
        }
    }

    /// The same data under a new definition.
    #[must_use]
    pub fn with_schema(&self, schema: &Arc<Table>) -> Self {
        Self {
            schema: Arc::clone(schema),
            counter: schema.is_counter(),
            hidden: Arc::new(Hidden::of(schema)),
            ..self.clone()
        }
    }

    /// Sets the active memtable aside and takes a fresh one; nothing where it is empty.
    pub fn freeze(&mut self, shards: usize, volatile: bool) {
        let fresh = Arc::new(Memtable::new(shards, volatile));
        let active = std::mem::replace(&mut self.active, fresh);
        if !active.is_empty() {
            self.frozen.push(active);
            add(&self.counters.switches, 1);
        }
    }

    /// All memtables, the active one first.
    pub fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.active).chain(self.frozen.iter().rev())
    }

    /// The files without those numbered `gone`, and with `added`.
    pub fn replace_files(&mut self, gone: &[u64], added: &[Arc<FileHandle>]) {
        let mut files: Vec<_> = self
            .files
            .iter()
            .filter(|file| !gone.contains(&file.meta.id))
            .chain(added)
            .cloned()
            .collect();
        files.sort_by_key(|file| file.meta.id);
        self.files = Arc::new(files);
    }
}

/// What a writer of the table's SSTables must know.
pub fn writer_options(schema: &Table, file: u64, block_bytes: usize) -> WriterOptions {
    let mut columns: Vec<ColumnEntry> = schema
        .statics
        .iter()
        .chain(&schema.regulars)
        .map(|column| ColumnEntry {
            id: column.id,
            kind: column.ty.physical(),
            name: column.name.clone(),
        })
        .collect();
    columns.sort_by_key(|column| column.id);
    let enabled = schema.options.compression.get("enabled");
    WriterOptions {
        table: schema.id,
        file,
        columns,
        block_bytes,
        bloom_filter_fp_millionths: schema.options.bloom_filter_fp_millionths,
        decimals: Arc::new(DecimalColumns::of(schema)),
        compression: enabled.is_none_or(|enabled| enabled != "false"),
    }
}

/// Files that are to be deleted: nobody names them any more.
#[derive(Debug, Default)]
pub struct Garbage {
    files: Mutex<Vec<(TableId, u64)>>,
    /// Files that only readers hold still, in bytes.
    held: Mutex<BTreeMap<TableId, u64>>,
}

impl Garbage {
    /// Takes what has come together.
    pub fn take(&self) -> Vec<(TableId, u64)> {
        std::mem::take(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How much of a table only readers hold still, in bytes.
    pub fn held_bytes(&self, table: TableId) -> u64 {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get(&table).copied().unwrap_or(0)
    }

    fn hold(&self, table: TableId, change: impl FnOnce(u64) -> u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = held.entry(table).or_default();
        *bytes = change(*bytes);
        if *bytes == 0 {
            held.remove(&table);
        }
    }

    /// Puts a file on the list.
    pub fn put(&self, table: TableId, id: u64) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push((table, id));
    }
}

/// The shapes of these columns' decimals.
type KnownShapes = (Arc<DecimalColumns>, Arc<BTreeMap<ColumnId, DecimalShape>>);

/// A table's file, shared by all who read it.
#[derive(Debug)]
pub struct FileHandle {
    /// The table.
    pub table: TableId,
    /// What the manifest says of it.
    pub meta: Arc<FileMeta>,
    shared: Arc<FileShared>,
    reader: OnceLock<Arc<Reader>>,
    shapes: OnceLock<KnownShapes>,
    obsolete: AtomicBool,
}

/// What all files of an engine share.
#[derive(Debug)]
pub struct FileShared {
    /// Where they lie.
    pub disk: Arc<dyn Disk>,
    /// The cache of their blocks.
    pub cache: Arc<BlockCache>,
    /// Those that are to be deleted.
    pub garbage: Arc<Garbage>,
}

impl FileHandle {
    /// A file of the manifest. It is opened when first read.
    pub fn new(table: TableId, meta: FileMeta, shared: &Arc<FileShared>) -> Arc<Self> {
        Arc::new(Self {
            table,
            meta: Arc::new(meta),
            shared: Arc::clone(shared),
            reader: OnceLock::new(),
            shapes: OnceLock::new(),
            obsolete: AtomicBool::new(false),
        })
    }

    /// The open file.
    pub fn reader(&self) -> Result<&Arc<Reader>> {
        if let Some(reader) = self.reader.get() {
            return Ok(reader);
        }
        blocking::may_block("an SSTable to be opened")?;
        let reader = Reader::open(
            self.shared.disk.as_ref(),
            &FileMeta::path(self.table, self.meta.id),
            Arc::clone(&self.meta),
            Arc::clone(&self.shared.cache),
        )?;
        Ok(self.reader.get_or_init(|| reader))
    }

    /// The shapes of these columns' decimals, if they are known.
    pub fn shapes(
        &self,
        of: &Arc<DecimalColumns>,
    ) -> Option<Arc<BTreeMap<ColumnId, DecimalShape>>> {
        let (columns, shapes) = self.shapes.get()?;
        (columns == of).then(|| Arc::clone(shapes))
    }

    /// Keeps the shapes of these columns' decimals, unless some are kept already.
    pub fn keep_shapes(
        &self,
        of: &Arc<DecimalColumns>,
        shapes: BTreeMap<ColumnId, DecimalShape>,
    ) -> Arc<BTreeMap<ColumnId, DecimalShape>> {
        let shapes = Arc::new(shapes);
        let _ = self.shapes.set((Arc::clone(of), Arc::clone(&shapes)));
        shapes
    }

    /// A file that was just written: opened, and its index and filters in the cache as far as
    /// that is reasonable, so that reads which it has nothing for need not wait for the disk.
    pub fn warmed(table: TableId, meta: FileMeta, shared: &Arc<FileShared>) -> Arc<Self> {
        let file = Self::new(table, meta, shared);
        // Whoever reads it next has the same trouble, and says so.
        let _ = file.reader().and_then(|reader| reader.warm());
        file
    }

    /// The file, if it was opened already.
    pub fn opened(&self) -> Option<&Arc<Reader>> {
        self.reader.get()
    }

    /// Says that no manifest names the file any more: it goes with its last reader.
    pub fn retire(&self) {
        if !self.obsolete.swap(true, Ordering::SeqCst) {
            let bytes = self.meta.bytes;
            self.shared
                .garbage
                .hold(self.table, |held| held.saturating_add(bytes));
        }
    }
}

impl Drop for FileHandle {
    fn drop(&mut self) {
        if *self.obsolete.get_mut() {
            let bytes = self.meta.bytes;
            let garbage = &self.shared.garbage;
            garbage.hold(self.table, |held| held.saturating_sub(bytes));
            garbage.put(self.table, self.meta.id);
        }
    }
}
