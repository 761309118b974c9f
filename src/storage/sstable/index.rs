//! The index: where each block starts, in the file and in the table.
//!
//! It has two levels. An *index unit* describes up to 64 blocks and carries the filter over their
//! partitions; it is read when a look-up comes its way, and then cached. The *root* describes the
//! index units. Beside each index unit stands a *zone unit* with the least and greatest values of
//! each block and column.
//!
//! ```text
//! index unit: filter kind u8 │ filter length varint, filter │ page
//! page:       entries varint │ tokens packed │ keys │ clusterings
//!             offsets packed │ lengths packed │ rows packed │ flags packed
//! zone unit:  page: columns varint, for each: place varint │ presence of blocks │ least packed
//!             │ greatest packed
//! root:       page: entries varint │ tokens packed │ keys │ clusterings
//!             offsets packed │ lengths packed │ zone offsets packed │ zone lengths packed
//! ```
//! A block's position is its first partition, with an empty clustering; or, where that partition
//! goes on from the block before, the clustering at which the block before was cut.

use crate::storage::row::PartitionKey;
use crate::storage::sstable::codec::{Damage, Input, Parsed, put_count, put_sized};
use crate::storage::sstable::filter::{self, Filter};
use crate::storage::sstable::packed::{Packed, put_packed};
use crate::storage::sstable::presence::{Presence, PresenceBuilder};
use crate::storage::sstable::unit::{Compressor, PageRef, put_page_ref};
use crate::storage::sstable::values::Values;
use crate::storage::sstable::values_builder::{ValuesBuilder, Zone};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;
use std::collections::BTreeMap;

/// How many blocks an index unit describes at most.
pub const UNIT_BLOCKS_MAX: usize = 64;

/// Collects positions.
#[derive(Debug, Default)]
struct PositionsBuilder {
    tokens: Vec<i64>,
    keys: ValuesBuilder,
    clusterings: ValuesBuilder,
}

impl PositionsBuilder {
    fn push(&mut self, key: &PartitionKey, clustering: &[u8]) {
        self.tokens.push(key.token);
        self.keys.push(&key.key);
        self.clusterings.push(clustering);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_count(out, self.tokens.len());
        put_packed(out, &self.tokens);
        self.keys.encode(out, PhysicalKind::Complex, &[]);
        self.clusterings.encode(out, PhysicalKind::Complex, &[]);
    }

    fn clear(&mut self) {
        self.tokens.clear();
        self.keys.clear();
        self.clusterings.clear();
    }
}

/// Collects the entries of an index unit.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    positions: PositionsBuilder,
    offsets: Vec<i64>,
    lengths: Vec<i64>,
    rows: Vec<i64>,
    flags: Vec<i64>,
    zones: BTreeMap<usize, Vec<(usize, Zone)>>,
    tokens: Vec<i64>,
    first: Option<(PartitionKey, Bytes)>,
}

impl IndexBuilder {
    /// Notes that a partition has a run in the next block.
    pub fn push_partition(&mut self, token: i64) {
        if self.tokens.last() != Some(&token) {
            self.tokens.push(token);
        }
    }

    /// Adds a block.
    pub fn push_block(
        &mut self,
        position: (&PartitionKey, &Bytes),
        place: (u64, usize),
        rows: usize,
        flags: u64,
        zones: Vec<(usize, Zone)>,
    ) {
        let (key, clustering) = position;
        if self.first.is_none() {
            self.first = Some((key.clone(), clustering.clone()));
        }
        for (column, zone) in zones {
            let list = self.zones.entry(column).or_default();
            list.push((self.offsets.len(), zone));
        }
        self.positions.push(key, clustering);
        self.offsets.push(place.0 as i64);
        self.lengths.push(place.1 as i64);
        self.rows.push(rows as i64);
        self.flags.push(flags as i64);
    }

    /// How many blocks it describes.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Where the first block starts in the table.
    pub fn first(&self) -> Option<(PartitionKey, Bytes)> {
        self.first.clone()
    }

    /// The index unit and the zone unit. Empties itself.
    pub fn encode(&mut self, fp_millionths: u32, compressor: &mut Compressor) -> [Vec<u8>; 2] {
        let mut page = Vec::new();
        self.positions.encode(&mut page);
        for list in [&self.offsets, &self.lengths, &self.rows, &self.flags] {
            put_packed(&mut page, list);
        }
        let (kind, filter) = filter::build(&self.tokens, fp_millionths);
        let mut unit = vec![kind];
        put_sized(&mut unit, &filter);
        put_whole_page(&mut unit, &page, compressor);
        page.clear();
        self.encode_zones(&mut page);
        let mut zones = Vec::new();
        put_whole_page(&mut zones, &page, compressor);
        self.clear();
        [unit, zones]
    }

    fn encode_zones(&self, page: &mut Vec<u8>) {
        put_count(page, self.zones.len());
        for (column, list) in &self.zones {
            put_count(page, *column);
            let mut presence = PresenceBuilder::default();
            list.iter().for_each(|(block, _)| presence.set(*block));
            presence.encode(page, self.offsets.len());
            let mut put = |part: fn(&(usize, Zone)) -> i64| {
                put_packed(page, &list.iter().map(part).collect::<Vec<_>>());
            };
            put(|(_, (min, _))| *min);
            put(|(_, (_, max))| *max);
        }
    }

    fn clear(&mut self) {
        self.positions.clear();
        self.offsets.clear();
        self.lengths.clear();
        self.rows.clear();
        self.flags.clear();
        self.zones.clear();
        self.tokens.clear();
        self.first = None;
    }
}

/// Collects the root.
#[derive(Debug, Default)]
pub struct RootBuilder {
    positions: PositionsBuilder,
    places: [Vec<i64>; 4],
}

impl RootBuilder {
    /// Adds an index unit and its zone unit, by offset and length.
    pub fn push(
        &mut self,
        position: (&PartitionKey, &Bytes),
        index: (u64, usize),
        zones: (u64, usize),
    ) {
        self.positions.push(position.0, position.1);
        let numbers = [
            index.0 as i64,
            index.1 as i64,
            zones.0 as i64,
            zones.1 as i64,
        ];
        for (list, number) in self.places.iter_mut().zip(numbers) {
            list.push(number);
        }
    }

    /// The root.
    pub fn encode(&self, compressor: &mut Compressor) -> Vec<u8> {
        let mut page = Vec::new();
        self.positions.encode(&mut page);
        for list in &self.places {
            put_packed(&mut page, list);
        }
        let mut unit = Vec::new();
        put_whole_page(&mut unit, &page, compressor);
        unit
    }
}

/// Appends a page's description and the page right behind it.
fn put_whole_page(unit: &mut Vec<u8>, page: &[u8], compressor: &mut Compressor) {
    let (codec, stored) = compressor.pack(page);
    put_page_ref(unit, codec, stored.len(), page.len());
    unit.extend_from_slice(stored);
}

/// Reads a page whose description stands at `at`, and which ends the unit.
fn whole_page(unit: &Bytes, at: usize) -> Parsed<Bytes> {
    let mut input = Input::new(unit);
    input.take(at)?;
    let mut page = PageRef::parse(&mut input)?;
    if page.place(input.at()) != unit.len() {
        return Err(Damage("the length of a unit"));
    }
    page.load(unit)
}

/// Positions in rising order.
#[derive(Debug)]
struct Positions {
    page: Bytes,
    tokens: Vec<i64>,
    keys: Values,
    clusterings: Values,
}

impl Positions {
    fn parse(page: &Bytes, input: &mut Input<'_>) -> Parsed<Self> {
        let count = input.count(page.len())?;
        let tokens = Packed::parse(input, count)?.all(page)?;
        let keys = Values::parse(input, count)?;
        let clusterings = Values::parse(input, count)?;
        let odd = |values: &Values| values.is_packed() || values.has_overflow();
        if count == 0 || odd(&keys) || odd(&clusterings) {
            return Err(Damage("the positions of an index"));
        }
        Ok(Self {
            page: page.clone(),
            tokens,
            keys,
            clusterings,
        })
    }

    fn count(&self) -> usize {
        self.tokens.len()
    }

    fn get(&self, i: usize) -> Parsed<(PartitionKey, Bytes)> {
        let token = *self.tokens.get(i).ok_or(Damage("an index entry"))?;
        let key = self.keys.share(&self.page, i)?;
        Ok((
            PartitionKey { token, key },
            self.clusterings.share(&self.page, i)?,
        ))
    }

    /// How many positions are at or before the given one.
    fn upper_bound(&self, key: &PartitionKey, clustering: &[u8]) -> Parsed<usize> {
        let mut start = self.tokens.partition_point(|token| *token < key.token);
        let equal = self.tokens.get(start..).unwrap_or_default();
        let mut end = start + equal.partition_point(|token| *token == key.token);
        while start < end {
            let middle = start + (end - start) / 2;
            let order = self
                .keys
                .bytes(&self.page, middle)?
                .cmp(&key.key)
                .then(self.clusterings.bytes(&self.page, middle)?.cmp(clustering));
            if order.is_le() {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(start)
    }
}

/// What the index says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// Its offset in the file.
    pub offset: u64,
    /// Its length without checksum.
    pub length: usize,
    /// How many rows it has, static ones included.
    pub rows: usize,
    /// What it holds beside plain live rows.
    pub flags: u64,
}

/// An index unit.
#[derive(Debug)]
pub struct Index {
    positions: Positions,
    entries: Vec<BlockEntry>,
    filter: Filter,
    bytes: usize,
}

fn unsigned(value: i64) -> Parsed<usize> {
    usize::try_from(value).map_err(|_| Damage("a negative length"))
}

impl Index {
    /// Reads an index unit.
    pub fn parse(unit: &Bytes) -> Parsed<Self> {
        let mut input = Input::new(unit);
        let kind = input.u8()?;
        let filter = Filter::parse(kind, input.sized()?)?;
        let page = whole_page(unit, input.at())?;
        let mut input = Input::new(&page);
        let positions = Positions::parse(&page, &mut input)?;
        let count = positions.count();
        let mut part = || Packed::parse(&mut input, count)?.all(&page);
        let (offsets, lengths, rows, flags) = (part()?, part()?, part()?, part()?);
        let mut entries = Vec::with_capacity(count);
        for (((offset, length), rows), flags) in offsets.iter().zip(lengths).zip(rows).zip(flags) {
            entries.push(BlockEntry {
                offset: *offset as u64,
                length: unsigned(length)?,
                rows: unsigned(rows)?,
                flags: flags as u64,
            });
        }
        let bytes = unit.len() + page.len() + count * 48;
        Ok(Self {
            positions,
            entries,
            filter,
            bytes,
        })
    }

    /// How many blocks it describes.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What it says of a block.
    pub fn entry(&self, at: usize) -> Parsed<BlockEntry> {
        self.entries
            .get(at)
            .copied()
            .ok_or(Damage("an index entry"))
    }

    /// Where a block starts in the table.
    pub fn position(&self, at: usize) -> Parsed<(PartitionKey, Bytes)> {
        self.positions.get(at)
    }

    /// The last block that starts at or before a position, or the first one.
    pub fn floor(&self, key: &PartitionKey, clustering: &[u8]) -> Parsed<usize> {
        let bound = self.positions.upper_bound(key, clustering)?;
        Ok(bound.saturating_sub(1))
    }

    /// Its filter.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }
}

/// What the root says of an index unit.
#[derive(Clone, Copy, Debug)]
pub struct RootEntry {
    /// The index unit's offset and length without checksum.
    pub index: (u64, usize),
    /// The zone unit's offset and length without checksum.
    pub zones: (u64, usize),
}

/// The root of the index.
#[derive(Debug)]
pub struct Root {
    positions: Positions,
    entries: Vec<RootEntry>,
}

impl Root {
    /// Reads the root.
    pub fn parse(unit: &Bytes) -> Parsed<Self> {
        let page = whole_page(unit, 0)?;
        let mut input = Input::new(&page);
        let positions = Positions::parse(&page, &mut input)?;
        let count = positions.count();
        let mut part = || Packed::parse(&mut input, count)?.all(&page);
        let (offsets, lengths, zone_offsets, zone_lengths) = (part()?, part()?, part()?, part()?);
        let mut entries = Vec::with_capacity(count);
        for (((offset, length), zone_offset), zone_length) in offsets
            .iter()
            .zip(lengths)
            .zip(zone_offsets)
            .zip(zone_lengths)
        {
            entries.push(RootEntry {
                index: (*offset as u64, unsigned(length)?),
                zones: (zone_offset as u64, unsigned(zone_length)?),
            });
        }
        Ok(Self { positions, entries })
    }

    /// How many index units there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// What it says of an index unit.
    pub fn entry(&self, at: usize) -> Parsed<RootEntry> {
        self.entries.get(at).copied().ok_or(Damage("a root entry"))
    }

    /// Where an index unit starts in the table.
    pub fn position(&self, at: usize) -> Parsed<(PartitionKey, Bytes)> {
        self.positions.get(at)
    }

    /// The last index unit that starts at or before a position, or the first one.
    pub fn floor(&self, key: &PartitionKey, clustering: &[u8]) -> Parsed<usize> {
        let bound = self.positions.upper_bound(key, clustering)?;
        Ok(bound.saturating_sub(1))
    }
}

/// The zones of one column: those of each block of an index unit, where it has one.
pub type ColumnZones = (usize, Vec<Option<Zone>>);

/// Reads a zone unit that goes with an index unit of `blocks`.
pub fn parse_zones(unit: &Bytes, blocks: usize) -> Parsed<Vec<ColumnZones>> {
    let page = whole_page(unit, 0)?;
    let mut input = Input::new(&page);
    let columns = input.count(page.len())?;
    let mut found = Vec::with_capacity(columns);
    for _ in 0..columns {
        let column = input.count(crate::limits::COLUMNS_MAX)?;
        let presence = Presence::parse(&mut input, blocks)?;
        let min = Packed::parse(&mut input, presence.count())?.all(&page)?;
        let max = Packed::parse(&mut input, presence.count())?.all(&page)?;
        let zones = (0..blocks)
            .map(|block| {
                let rank = presence.rank(block)?;
                Some((*min.get(rank)?, *max.get(rank)?))
            })
            .collect();
        found.push((column, zones));
    }
    Ok(found)
}
