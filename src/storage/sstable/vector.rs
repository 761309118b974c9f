//! Column pages to column vectors, in tight loops.

use crate::error::Result;
use crate::storage::read::{ColumnVector, VectorValues};
use crate::storage::sstable::block::UnitFile;
use crate::storage::sstable::cells::Cells;
use crate::storage::sstable::codec::{Damage, Input, Parsed};
use crate::storage::sstable::presence::Presence;
use crate::storage::sstable::values::{Place, Values};
use crate::types::physical::PhysicalKind;

/// The vector of a column that no row has.
pub fn absent(kind: PhysicalKind, rows: usize) -> ColumnVector {
    let values = match kind {
        PhysicalKind::Int8 => VectorValues::Int8(vec![0; rows]),
        PhysicalKind::Int16 => VectorValues::Int16(vec![0; rows]),
        PhysicalKind::Int32 => VectorValues::Int32(vec![0; rows]),
        PhysicalKind::Int64 | PhysicalKind::Counter => VectorValues::Int64(vec![0; rows]),
        PhysicalKind::Float32 => VectorValues::Float32(vec![0.0; rows]),
        PhysicalKind::Float64 => VectorValues::Float64(vec![0.0; rows]),
        PhysicalKind::Bool => VectorValues::Bool(vec![false; rows]),
        PhysicalKind::Bytes => VectorValues::Bytes {
            offsets: vec![0; rows + 1],
            data: Vec::new(),
        },
        PhysicalKind::Complex => VectorValues::Complex(vec![Vec::new(); rows]),
    };
    ColumnVector {
        present: vec![0; rows.div_ceil(64)],
        values,
    }
}

/// The vector of the rows `start..end` of a simple column whose page this is. None if the values
/// have not the form of the kind. `compact` values may come as dictionaries and scaled numbers.
pub fn decode(
    page: &[u8],
    rows: usize,
    (kind, compact): (PhysicalKind, bool),
    (start, end): (usize, usize),
    file: &UnitFile,
    offset: u64,
) -> Result<Option<ColumnVector>> {
    let damaged = |damage| file.damaged(offset, damage);
    let cells = Cells::parse(&mut Input::new(page), rows).map_err(damaged)?;
    let span = Span {
        page,
        presence: cells.presence(),
        values: cells.values(),
        words: cells.presence().words(start, end),
        start,
        end,
    };
    let values = match kind {
        PhysicalKind::Int8 => span
            .numbers(|b| i64::from(i8::from_be_bytes(b)), |v| v as i8)
            .map(|list| list.map(VectorValues::Int8)),
        PhysicalKind::Int16 => span
            .numbers(|b| i64::from(i16::from_be_bytes(b)), |v| v as i16)
            .map(|list| list.map(VectorValues::Int16)),
        PhysicalKind::Int32 => span
            .numbers(|b| i64::from(i32::from_be_bytes(b)), |v| v as i32)
            .map(|list| list.map(VectorValues::Int32)),
        PhysicalKind::Int64 => span
            .numbers(i64::from_be_bytes, |v| v)
            .map(|list| list.map(VectorValues::Int64)),
        PhysicalKind::Counter => span
            .numbers(|b: [u8; 16]| (i128::from_be_bytes(b) >> 64) as i64, |v| v)
            .map(|list| list.map(VectorValues::Int64)),
        PhysicalKind::Float32 => span
            .numbers(
                |b| i64::from(i32::from_be_bytes(b)),
                |v| f32::from_bits(v as u32),
            )
            .map(|list| list.map(VectorValues::Float32)),
        PhysicalKind::Float64 => span
            .numbers(i64::from_be_bytes, |v| f64::from_bits(v as u64))
            .map(|list| list.map(VectorValues::Float64)),
        PhysicalKind::Bool => span
            .numbers(|b| i64::from(u8::from_be_bytes(b)), |v| v != 0)
            .map(|list| list.map(VectorValues::Bool)),
        PhysicalKind::Bytes => {
            if compact && let Some(values) = span.compact().map_err(damaged)? {
                return Ok(Some(ColumnVector {
                    present: span.words,
                    values,
                }));
            }
            return span.bytes(file, offset);
        }
        PhysicalKind::Complex => return Ok(None),
    };
    let values = values.map_err(damaged)?;
    Ok(values.map(|values| ColumnVector {
        present: span.words,
        values,
    }))
}

struct Span<'a> {
    page: &'a [u8],
    presence: &'a Presence,
    values: &'a Values,
    words: Vec<u64>,
    start: usize,
    end: usize,
}

impl Span<'_> {
    /// The numbers of the values that the span's rows have.
    fn ranks(&self) -> (usize, usize) {
        (
            self.presence.before(self.start).0,
            self.presence.before(self.end).0,
        )
    }

    /// The values as numbers, zero where there is none.
    fn numbers<const N: usize, T: Copy + Default>(
        &self,
        form: impl Fn([u8; N]) -> i64,
        convert: impl Fn(i64) -> T,
    ) -> Parsed<Option<Vec<T>>> {
        let (from, to) = self.ranks();
        let rows = self.end - self.start;
        let mut list = Vec::with_capacity(rows);
        let fits = self
            .values
            .each_integer(self.page, from, to, form, |value| list.push(convert(value)))?;
        if !fits {
            return Ok(None);
        }
        Ok(Some(self.spread(list)))
    }

    /// One entry a row of what the rows with a value have.
    fn spread<T: Copy + Default>(&self, list: Vec<T>) -> Vec<T> {
        let rows = self.end - self.start;
        if list.len() == rows {
            return list;
        }
        let mut spread = vec![T::default(); rows];
        for (slot, value) in set_bits(&self.words).zip(list) {
            if let Some(place) = spread.get_mut(slot) {
                *place = value;
            }
        }
        spread
    }

    /// The values as a dictionary or scaled numbers, if the page has them so.
    fn compact(&self) -> Parsed<Option<VectorValues>> {
        if self.values.has_overflow() {
            return Ok(None);
        }
        let (from, to) = self.ranks();
        if let Some((scale, packed)) = self.values.scaled() {
            let mut list = Vec::with_capacity(to - from);
            packed.each(self.page, from, to, |number| list.push(number))?;
            let list = self.spread(list);
            return Ok(Some(VectorValues::Scaled { scale, list }));
        }
        let Some(entries) = self.values.dictionary(self.page)? else {
            return Ok(None);
        };
        let codes = match entries.codes {
            None => vec![0; self.end - self.start],
            Some(codes) => {
                let codes = codes.get(from..to).ok_or(Damage("a code"))?;
                self.spread(codes.iter().map(|code| u16::from(*code)).collect())
            }
        };
        let mut offsets = Vec::with_capacity(entries.ends.len() + 1);
        offsets.push(0);
        offsets.extend(entries.ends);
        Ok(Some(VectorValues::Dictionary {
            codes,
            offsets,
            data: entries.data.to_vec(),
        }))
    }

    /// Ends for each row from those of the values: a row without one ends where it starts.
    fn stretch(&self, offsets: Vec<u32>) -> Vec<u32> {
        let rows = self.end - self.start;
        if offsets.len() == rows + 1 {
            return offsets;
        }
        let mut ends = offsets.into_iter();
        let mut last = ends.next().unwrap_or(0);
        let mut all = vec![last];
        for slot in 0..rows {
            let word = self.words.get(slot / 64).copied().unwrap_or(0);
            if word >> (slot % 64) & 1 == 1 {
                last = ends.next().unwrap_or(last);
            }
            all.push(last);
        }
        all
    }

    /// The values as bytes, empty where there is none.
    fn bytes(self, file: &UnitFile, offset: u64) -> Result<Option<ColumnVector>> {
        let damaged = |damage| file.damaged(offset, damage);
        if self.values.packed_length().is_some() {
            return Ok(None);
        }
        let (from, to) = self.ranks();
        let rows = self.end - self.start;
        let mut offsets = Vec::with_capacity(rows + 1);
        let mut data = Vec::new();
        offsets.push(0);
        if self.values.scaled().is_some() {
            let ranks = (from, to);
            self.values
                .append_scaled(self.page, ranks, &mut offsets, &mut data)
                .map_err(damaged)?;
            offsets = self.stretch(offsets);
        } else if to - from == rows && !self.values.has_overflow() {
            self.values
                .append_to(self.page, from, to, &mut offsets, &mut data)
                .map_err(damaged)?;
        } else {
            let mut rank = from;
            for slot in 0..rows {
                let word = self.words.get(slot / 64).copied().unwrap_or(0);
                if word >> (slot % 64) & 1 == 1 {
                    match self.values.place(self.page, rank).map_err(damaged)? {
                        Place::Inside(start, end) => {
                            let value = self.page.get(start..end);
                            let value = value.ok_or(Damage("a value beyond its page"));
                            data.extend_from_slice(value.map_err(damaged)?);
                        }
                        Place::Overflow(place) => data.extend_from_slice(&file.overflow(&place)?),
                    }
                    rank += 1;
                }
                let Ok(end) = u32::try_from(data.len()) else {
                    return Ok(None);
                };
                offsets.push(end);
            }
        }
        Ok(Some(ColumnVector {
            present: self.words,
            values: VectorValues::Bytes { offsets, data },
        }))
    }
}

/// The places of the bits that are set.
fn set_bits(words: &[u64]) -> impl Iterator<Item = usize> {
    words.iter().enumerate().flat_map(|(at, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let bit = left.trailing_zeros() as usize;
            left &= left - 1;
            Some(at * 64 + bit)
        })
    })
}
