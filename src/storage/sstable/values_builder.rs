//! Collects values and encodes them in the form that suits them best; the forms are described in
//! [`values`](super::values).

use crate::storage::sstable::codec::{put_count, put_varint};
use crate::storage::sstable::packed::{put_packed_within, width_of};
use crate::storage::sstable::unit::OVERFLOW_BYTES;
use crate::storage::sstable::values::{
    CONSTANT, DICTIONARY, EMPTY, FIXED, INTEGER, LONG, OverflowRef, SCALED, SHORT, WITH_OVERFLOW,
    shortest_number,
};
use crate::types::physical::PhysicalKind;
use bytes::Bytes;

/// The most entries of a dictionary.
const DICTIONARY_MAX: usize = 128;
/// The fewest values for which a dictionary is tried.
const DICTIONARY_VALUES_MIN: usize = 16;
/// The scales of decimals that are packed.
const SCALES: std::ops::Range<i32> = -0x1_0000..0x1_0000;

/// The wire length of the values of a kind, where it is fixed.
pub fn fixed_width(kind: PhysicalKind) -> Option<usize> {
    match kind {
        PhysicalKind::Int8 | PhysicalKind::Bool => Some(1),
        PhysicalKind::Int16 => Some(2),
        PhysicalKind::Int32 | PhysicalKind::Float32 => Some(4),
        PhysicalKind::Int64 | PhysicalKind::Float64 => Some(8),
        PhysicalKind::Counter => Some(16),
        PhysicalKind::Bytes | PhysicalKind::Complex => None,
    }
}

/// Whether a kind's values are whole numbers in big-endian bytes.
fn is_integer(kind: PhysicalKind) -> bool {
    matches!(
        kind,
        PhysicalKind::Int8 | PhysicalKind::Int16 | PhysicalKind::Int32 | PhysicalKind::Int64
    )
}

/// The least and greatest value of a page: integers as they are, floats by their total order
/// (see [`float_order`]).
pub type Zone = (i64, i64);

/// Maps a float's bits to a number of the same order (that of `f64::total_cmp`).
pub fn float_order(bits: i64) -> i64 {
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn float_order_32(bits: i32) -> i64 {
    i64::from(bits ^ (((bits >> 31) as u32) >> 1) as i32)
}

/// Collects values.
#[derive(Debug, Default)]
pub struct ValuesBuilder {
    data: Vec<u8>,
    ends: Vec<u32>,
    length: usize,
    mixed: bool,
    large: Vec<(u32, Bytes)>,
}

impl ValuesBuilder {
    /// Adds a value, which is kept here whatever its length.
    #[inline]
    pub fn push(&mut self, value: &[u8]) {
        if self.ends.is_empty() {
            self.length = value.len();
        } else if value.len() != self.length {
            self.mixed = true;
        }
        self.data.extend_from_slice(value);
        // A block ends long before its pages reach 4 GiB; `Writer` checks what goes in.
        self.ends.push(self.data.len() as u32);
    }

    /// Adds a value that may go to an overflow unit.
    #[inline]
    pub fn push_value(&mut self, value: &Bytes) {
        if value.len() > OVERFLOW_BYTES {
            self.large.push((self.ends.len() as u32, value.clone()));
            self.push(&[]);
        } else {
            self.push(value);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Whether all have `width` bytes.
    pub fn is_uniform(&self, width: usize) -> bool {
        !self.mixed && (self.ends.is_empty() || self.length == width)
    }

    /// The values that go to overflow units, in order.
    pub fn large(&self) -> &[(u32, Bytes)] {
        &self.large
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
        self.large.clear();
        self.mixed = false;
        self.length = 0;
    }

    /// The values, one after the other.
    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let value = self.data.get(start..end).unwrap_or_default();
            start = end;
            value
        })
    }

    /// Appends the list of some cells' values; answers the zone of a fixed kind. `overflow` says
    /// where the large values were put.
    pub fn encode_cells(
        &self,
        out: &mut Vec<u8>,
        kind: PhysicalKind,
        overflow: &[OverflowRef],
    ) -> Option<Zone> {
        if kind == PhysicalKind::Bytes && overflow.is_empty() && self.encode_scaled(out) {
            return None;
        }
        self.encode(out, kind, overflow)
    }

    /// Appends the list as scaled numbers, if the values are such and it is shorter so.
    fn encode_scaled(&self, out: &mut Vec<u8>) -> bool {
        if !self.mixed && self.ends.len() < DICTIONARY_VALUES_MIN {
            return false;
        }
        let Some(scale) = self.each().next().and_then(<[u8]>::first_chunk::<4>) else {
            return false;
        };
        // What has another scale than these is rather a text.
        if !SCALES.contains(&i32::from_be_bytes(*scale)) {
            return false;
        }
        let number = |value: &[u8]| shortest_number(value.strip_prefix(scale)?);
        let Some(numbers) = self.each().map(number).collect::<Option<Vec<i64>>>() else {
            return false;
        };
        let Some((min, max)) = bounds(numbers.iter().copied()) else {
            return false;
        };
        let each = width_of(min, max);
        let ends = if self.mixed { 2 } else { 0 };
        let packed = each * numbers.len();
        if min == max || packed >= self.data.len() + ends * numbers.len() {
            return false;
        }
        if each > 1 && self.dictionary_bytes().is_some_and(|bytes| bytes < packed) {
            return false;
        }
        out.push(SCALED);
        out.extend_from_slice(scale);
        put_packed_within(out, numbers.iter().copied(), min, max);
        true
    }

    /// Appends the list; answers the zone of a fixed kind. `overflow` says where the large values
    /// were put.
    pub fn encode(
        &self,
        out: &mut Vec<u8>,
        kind: PhysicalKind,
        overflow: &[OverflowRef],
    ) -> Option<Zone> {
        let start = out.len();
        let uniform = !self.mixed && !self.ends.is_empty();
        let regular = uniform && fixed_width(kind) == Some(self.length);
        let zone = regular.then(|| self.zone(kind)).flatten();
        out.push(0);
        if !overflow.is_empty() {
            put_overflow(out, &self.large, overflow);
        }
        let mut form = self.encode_body(out, kind, uniform, zone.filter(|_| is_integer(kind)));
        if !overflow.is_empty() {
            form |= WITH_OVERFLOW;
        }
        if let Some(head) = out.get_mut(start) {
            *head = form;
        }
        zone
    }

    fn encode_body(
        &self,
        out: &mut Vec<u8>,
        kind: PhysicalKind,
        uniform: bool,
        integers: Option<Zone>,
    ) -> u8 {
        if self.data.is_empty() {
            return EMPTY;
        }
        if uniform {
            let (first, rest) = self.data.split_at(self.length);
            if rest.chunks_exact(self.length).all(|value| value == first) {
                put_count(out, self.length);
                out.extend_from_slice(first);
                return CONSTANT;
            }
        }
        if let Some((min, max)) = integers.filter(|(min, max)| width_of(*min, *max) < self.length) {
            out.push(self.length as u8);
            match self.length {
                2 => put_packed_within(out, integers_of(&self.data, i16::from_be_bytes), min, max),
                4 => put_packed_within(out, integers_of(&self.data, i32::from_be_bytes), min, max),
                _ => put_packed_within(out, integers_of(&self.data, i64::from_be_bytes), min, max),
            }
            return INTEGER;
        }
        let worthwhile = kind == PhysicalKind::Bytes
            && self.ends.len() >= DICTIONARY_VALUES_MIN
            && (!uniform || self.length > 2);
        if worthwhile && self.encode_dictionary(out) {
            return DICTIONARY;
        }
        if uniform {
            put_count(out, self.length);
            out.extend_from_slice(&self.data);
            return FIXED;
        }
        let short = u16::try_from(self.data.len()).is_ok();
        for end in &self.ends {
            if short {
                out.extend_from_slice(&(*end as u16).to_le_bytes());
            } else {
                out.extend_from_slice(&end.to_le_bytes());
            }
        }
        put_count(out, self.data.len());
        out.extend_from_slice(&self.data);
        if short { SHORT } else { LONG }
    }

    /// How long a dictionary would be, if there could be one.
    fn dictionary_bytes(&self) -> Option<usize> {
        if self.ends.len() < DICTIONARY_VALUES_MIN {
            return None;
        }
        let (entries, codes) = self.dictionary()?;
        let data: usize = entries.iter().map(|entry| entry.len()).sum();
        Some(data + 4 * entries.len() + codes.len())
    }

    /// The distinct values, and for each value the number of its own; none if there are too many.
    fn dictionary(&self) -> Option<(Vec<&[u8]>, Vec<u8>)> {
        const SLOTS: usize = 512;
        let entries_max = DICTIONARY_MAX.min(self.ends.len() / 4);
        let mut slots = [0u16; SLOTS];
        let mut entries: Vec<&[u8]> = Vec::new();
        let mut codes = Vec::with_capacity(self.ends.len());
        for value in self.each() {
            let mut at = (hash(value) >> 32) as usize % SLOTS;
            let code = loop {
                let slot = slots.get_mut(at)?;
                if *slot == 0 {
                    if entries.len() == entries_max {
                        return None;
                    }
                    entries.push(value);
                    *slot = entries.len() as u16;
                    break *slot - 1;
                }
                if entries.get(usize::from(*slot - 1)) == Some(&value) {
                    break *slot - 1;
                }
                at = (at + 1) % SLOTS;
            };
            codes.push(code as u8);
        }
        Some((entries, codes))
    }

    /// Appends a dictionary if that is shorter.
    fn encode_dictionary(&self, out: &mut Vec<u8>) -> bool {
        let Some((entries, codes)) = self.dictionary() else {
            return false;
        };
        let data: usize = entries.iter().map(|entry| entry.len()).sum();
        if data + 4 * entries.len() + codes.len() >= self.data.len() {
            return false;
        }
        out.push(entries.len() as u8);
        let mut end = 0u32;
        for entry in &entries {
            end += entry.len() as u32;
            out.extend_from_slice(&end.to_le_bytes());
        }
        put_count(out, data);
        for entry in &entries {
            out.extend_from_slice(entry);
        }
        out.extend_from_slice(&codes);
        true
    }

    fn zone(&self, kind: PhysicalKind) -> Option<Zone> {
        let data = &self.data;
        match kind {
            PhysicalKind::Int8 => bounds(integers_of(data, i8::from_be_bytes)),
            PhysicalKind::Int16 => bounds(integers_of(data, i16::from_be_bytes)),
            PhysicalKind::Int32 => bounds(integers_of(data, i32::from_be_bytes)),
            PhysicalKind::Int64 => bounds(integers_of(data, i64::from_be_bytes)),
            PhysicalKind::Bool => bounds(integers_of(data, u8::from_be_bytes)),
            PhysicalKind::Float32 => {
                bounds(integers_of(data, |b| float_order_32(i32::from_be_bytes(b))))
            }
            PhysicalKind::Float64 => {
                bounds(integers_of(data, |b| float_order(i64::from_be_bytes(b))))
            }
            PhysicalKind::Counter | PhysicalKind::Bytes | PhysicalKind::Complex => None,
        }
    }
}

fn put_overflow(out: &mut Vec<u8>, large: &[(u32, Bytes)], overflow: &[OverflowRef]) {
    put_count(out, overflow.len());
    for ((index, _), place) in large.iter().zip(overflow) {
        put_varint(out, u64::from(*index));
        put_varint(out, place.offset);
        put_varint(out, u64::from(place.stored));
        out.push(place.codec);
        put_varint(out, u64::from(place.raw));
    }
}

fn integers_of<const N: usize, T: Into<i64>>(
    data: &[u8],
    form: impl Fn([u8; N]) -> T,
) -> impl ExactSizeIterator<Item = i64> {
    data.chunks_exact(N)
        .map(move |chunk| form(chunk.try_into().unwrap_or([0; N])).into())
}

fn bounds(values: impl Iterator<Item = i64>) -> Option<Zone> {
    values.fold(None, |zone, value| match zone {
        None => Some((value, value)),
        Some((min, max)) => Some((min.min(value), max.max(value))),
    })
}

fn hash(value: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut state = value.len() as u64;
    let mut chunks = value.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        state = (state ^ word).wrapping_mul(MULTIPLIER).rotate_left(29);
    }
    for byte in chunks.remainder() {
        state = (state.rotate_left(8) ^ u64::from(*byte)).wrapping_mul(MULTIPLIER);
    }
    state.wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::sstable::codec::Input;
    use crate::storage::sstable::values::Values;

    fn round_trip(kind: PhysicalKind, values: &[Vec<u8>], form: u8) {
        let mut builder = ValuesBuilder::default();
        for value in values {
            builder.push(value);
        }
        let mut page = vec![7; 5];
        builder.encode_cells(&mut page, kind, &[]);
        assert_eq!(page[5], form, "{values:?}");
        page.push(7);
        let mut input = Input::new(&page);
        input.take(5).unwrap();
        let list = Values::parse(&mut input, values.len()).unwrap();
        assert_eq!(input.left(), 1);
        let (mut ends, mut wire) = (Vec::new(), Vec::new());
        let all = (0, values.len());
        if list
            .append_scaled(&page, all, &mut ends, &mut wire)
            .unwrap()
        {
            assert_eq!(wire, values.concat());
            let lengths = values.iter().map(|value| value.len() as u32);
            let wanted: Vec<u32> = lengths
                .scan(0, |end, it| {
                    *end += it;
                    Some(*end)
                })
                .collect();
            assert_eq!(ends, wanted);
            return;
        }
        if let Some(length) = list.packed_length() {
            let wire = list.unpack(&page).unwrap();
            let found: Vec<&[u8]> = wire.chunks(length).collect();
            assert_eq!(found, values.iter().map(Vec::as_slice).collect::<Vec<_>>());
            return;
        }
        for (i, value) in values.iter().enumerate() {
            assert_eq!(list.bytes(&page, i).unwrap(), value);
        }
        let (mut offsets, mut data) = (Vec::new(), vec![1, 2, 3]);
        let from = values.len() / 3;
        list.append_to(&page, from, values.len(), &mut offsets, &mut data)
            .unwrap();
        assert_eq!(&data[3..], values[from..].concat());
        assert_eq!(offsets.last().copied().unwrap_or(3) as usize, data.len());
    }

    #[test]
    fn every_form_comes_back() {
        let texts = |list: &[&str]| -> Vec<Vec<u8>> {
            list.iter().map(|text| text.as_bytes().to_vec()).collect()
        };
        let bytes = PhysicalKind::Bytes;
        round_trip(bytes, &[], EMPTY);
        round_trip(bytes, &texts(&["", "", ""]), EMPTY);
        round_trip(bytes, &texts(&["a", "bcd", ""]), SHORT);
        round_trip(bytes, &texts(&["a", "bcd", "quite long"]), SHORT);
        // Decimals of one scale, and one with a byte too many; varints are no such values.
        let scaled = |scale: &[u8], number: &[u8]| [scale, number].concat();
        let cents = [0, 0, 0, 2];
        let prices = [
            scaled(&cents, &[0x00, 0x80]),
            scaled(&cents, &[0x80]),
            scaled(&cents, &[0x00]),
            scaled(&cents, &[0x12, 0x34, 0x56]),
            scaled(&cents, &[0xFF, 0x7F]),
        ];
        round_trip(bytes, &prices, SCALED);
        round_trip(bytes, &[vec![0x05], vec![0xFE, 0x00], vec![0x7F, 1]], SHORT);
        round_trip(bytes, &[vec![0x05], vec![0x00, 0x05]], SHORT);
        round_trip(bytes, &[prices[0].clone(), scaled(&cents, &[0, 5])], FIXED);
        round_trip(bytes, &texts(&["abc", "def", "ghi"]), FIXED);
        round_trip(bytes, &texts(&["abc", "abc"]), CONSTANT);
        let long: Vec<Vec<u8>> = (0..30u32)
            .map(|i| vec![i as u8; 4_000 + i as usize])
            .collect();
        round_trip(bytes, &long, LONG);
        let few: Vec<Vec<u8>> = (0..64)
            .map(|i| texts(&["red", "green", "cornflower"])[i % 3].clone())
            .collect();
        round_trip(bytes, &few, DICTIONARY);
        let near: Vec<Vec<u8>> = [5i64, -300, 77]
            .iter()
            .map(|value| value.to_be_bytes().to_vec())
            .collect();
        round_trip(PhysicalKind::Int64, &near, INTEGER);
        let far: Vec<Vec<u8>> = [i32::MIN, i32::MAX]
            .iter()
            .map(|value| value.to_be_bytes().to_vec())
            .collect();
        round_trip(PhysicalKind::Int32, &far, FIXED);
        round_trip(PhysicalKind::Int32, &texts(&["", "abcd"]), SHORT);
    }

    #[test]
    fn zones_follow_the_order_of_floats() {
        let values = [-1.5f64, f64::NEG_INFINITY, 0.0, -0.0, 3.25, f64::INFINITY];
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let keys: Vec<i64> = sorted
            .iter()
            .map(|value| float_order(value.to_bits() as i64))
            .collect();
        assert!(keys.is_sorted());
        let mut builder = ValuesBuilder::default();
        for value in values {
            builder.push(&value.to_be_bytes());
        }
        let zone = builder.encode(&mut Vec::new(), PhysicalKind::Float64, &[]);
        assert_eq!(zone, Some((keys[0], keys[5])));
    }
}
