//! A list of values in the form that suits them best.
//!
//! | form | for | body |
//! |---|---|---|
//! | empty | nothing but empty values | – |
//! | fixed | values of one length | length varint, then the values |
//! | integer | integers near each other | wire length u8, then [packed](super::packed) |
//! | short, long | any values | ends as u16 or u32, data length varint, data |
//! | constant | equal values | length varint, one value |
//! | dictionary | few distinct values | entries u8, ends u32, data length varint, data, codes u8 |
//! | scaled | decimals of one scale | scale i32, big-endian, then [packed](super::packed) |
//!
//! There is an end for each value (each entry of a dictionary) and a code for each value.
//! A value over 4 KiB is stored as empty here, and the list names the overflow unit that has it.

use crate::storage::sstable::codec::{Damage, Input, Parsed, share};
use crate::storage::sstable::packed::Packed;
use bytes::Bytes;

// The numbers of the forms are persisted: never change them.
/// Nothing but empty values.
pub const EMPTY: u8 = 0;
/// Values of one length.
pub const FIXED: u8 = 1;
/// Packed integers.
pub const INTEGER: u8 = 2;
/// Values with ends of two bytes.
pub const SHORT: u8 = 3;
/// Values with ends of four bytes.
pub const LONG: u8 = 4;
/// Equal values.
pub const CONSTANT: u8 = 5;
/// Few distinct values.
pub const DICTIONARY: u8 = 6;
/// Whole numbers in as few bytes as each takes, behind the same four bytes.
pub const SCALED: u8 = 7;
/// Set beside the form where values stand in overflow units.
pub const WITH_OVERFLOW: u8 = 0x80;

/// Where a large value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverflowRef {
    /// The unit's offset in the file.
    pub offset: u64,
    /// Its length without checksum.
    pub stored: u32,
    /// Its codec.
    pub codec: u8,
    /// The value's length.
    pub raw: u32,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Empty,
    Fixed {
        length: usize,
        at: usize,
    },
    Integer {
        length: usize,
        packed: Packed,
    },
    Ends {
        list: Ends,
    },
    Constant {
        at: usize,
        length: usize,
    },
    Dictionary {
        entries: usize,
        list: Ends,
        codes: usize,
    },
    Scaled {
        scale: i32,
        packed: Packed,
    },
}

/// The fewest bytes of a number in two's complement, as a `decimal` has them behind
/// its scale: eight bytes, and how many of the first are left out.
#[inline]
pub fn shortest(number: i64) -> ([u8; 8], usize) {
    let spare = if number < 0 {
        number.leading_ones()
    } else {
        number.leading_zeros()
    };
    // One bit of the sign stays.
    (number.to_be_bytes(), (spare as usize - 1) / 8)
}

/// The number of which these are the fewest bytes, if they are those of one of 64 bits.
#[inline]
pub fn shortest_number(bytes: &[u8]) -> Option<i64> {
    let first = *bytes.first()?;
    if bytes.len() > 8 {
        return None;
    }
    let sign = if first & 0x80 == 0 { 0 } else { -1 };
    let number = bytes
        .iter()
        .fold(sign, |number: i64, byte| number << 8 | i64::from(*byte));
    (shortest(number).1 == 8 - bytes.len()).then_some(number)
}

/// Ends and data of values of any length.
#[derive(Clone, Copy, Debug)]
struct Ends {
    wide: bool,
    ends: usize,
    data: usize,
    length: usize,
}

impl Ends {
    fn parse(input: &mut Input<'_>, count: usize, wide: bool) -> Parsed<Self> {
        let ends = input.at();
        let each = if wide { 4 } else { 2 };
        input.take(count.checked_mul(each).ok_or(Damage("a count"))?)?;
        let length = input.count(input.left())?;
        let data = input.at();
        input.take(length)?;
        Ok(Self {
            wide,
            ends,
            data,
            length,
        })
    }

    #[inline]
    fn end(&self, page: &[u8], i: usize) -> Option<usize> {
        if self.wide {
            let at = self.ends + i * 4;
            let four = page.get(at..at + 4)?;
            Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
        } else {
            let at = self.ends + i * 2;
            let two = page.get(at..at + 2)?;
            Some(usize::from(u16::from_le_bytes(two.try_into().ok()?)))
        }
    }

    #[inline]
    fn span(&self, page: &[u8], i: usize) -> Parsed<(usize, usize)> {
        let start = if i == 0 {
            Some(0)
        } else {
            self.end(page, i - 1)
        };
        match (start, self.end(page, i)) {
            (Some(start), Some(end)) if start <= end && end <= self.length => {
                Ok((self.data + start, self.data + end))
            }
            _ => Err(Damage("a value's end")),
        }
    }
}

/// The distinct values of a list.
#[derive(Debug)]
pub struct Entries<'a> {
    /// Where each entry ends.
    pub ends: Vec<u32>,
    /// The entries, one behind the other.
    pub data: &'a [u8],
    /// For each value the number of its entry; none where there is one entry.
    pub codes: Option<&'a [u8]>,
}

/// A value, or where it is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In the page, from here to there.
    Inside(usize, usize),
    /// In an overflow unit.
    Overflow(OverflowRef),
}

/// Where a list of values stands in a page.
#[derive(Clone, Debug)]
pub struct Values {
    form: Form,
    count: usize,
    overflow: Option<Box<[(usize, OverflowRef)]>>,
}

impl Values {
    /// Reads the head of a list of `count` values and steps over it.
    pub fn parse(input: &mut Input<'_>, count: usize) -> Parsed<Self> {
        let head = input.u8()?;
        let overflow = if head & WITH_OVERFLOW == 0 {
            None
        } else {
            Some(parse_overflow(input, count)?)
        };
        let form = match head & !WITH_OVERFLOW {
            EMPTY => Form::Empty,
            FIXED => {
                let length = input.count(input.left())?;
                let at = input.at();
                input.take(count.checked_mul(length).ok_or(Damage("a count"))?)?;
                Form::Fixed { length, at }
            }
            INTEGER => {
                let length = usize::from(input.u8()?);
                if ![2, 4, 8].contains(&length) {
                    return Err(Damage("the length of an integer"));
                }
                let packed = Packed::parse(input, count)?;
                Form::Integer { length, packed }
            }
            SHORT => Form::Ends {
                list: Ends::parse(input, count, false)?,
            },
            LONG => Form::Ends {
                list: Ends::parse(input, count, true)?,
            },
            CONSTANT => {
                let length = input.count(input.left())?;
                let at = input.at();
                input.take(length)?;
                Form::Constant { at, length }
            }
            DICTIONARY => {
                let entries = usize::from(input.u8()?);
                let list = Ends::parse(input, entries, true)?;
                let codes = input.at();
                input.take(count)?;
                Form::Dictionary {
                    entries,
                    list,
                    codes,
                }
            }
            SCALED => {
                let scale = i32::from_be_bytes(input.array()?);
                let packed = Packed::parse(input, count)?;
                Form::Scaled { scale, packed }
            }
            _ => return Err(Damage("an unknown form of values")),
        };
        Ok(Self {
            form,
            count,
            overflow,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether some stand in overflow units.
    pub fn has_overflow(&self) -> bool {
        self.overflow.is_some()
    }

    /// The integers' wire length, if the values are packed as integers: then they stand in no
    /// page as they are, and [`Values::unpack`] makes their wire bytes.
    pub fn packed_length(&self) -> Option<usize> {
        match self.form {
            Form::Integer { length, .. } => Some(length),
            _ => None,
        }
    }

    /// Whether the values stand in no page as they are.
    pub fn is_packed(&self) -> bool {
        matches!(self.form, Form::Integer { .. } | Form::Scaled { .. })
    }

    /// The scale if the values are scaled numbers, with where they stand.
    pub fn scaled(&self) -> Option<(i32, Packed)> {
        match self.form {
            Form::Scaled { scale, packed } => Some((scale, packed)),
            _ => None,
        }
    }

    /// Appends the wire bytes of the scaled numbers `start..end` of `page` to `data`, and to
    /// `offsets` where each ends. Answers whether the values are such.
    pub fn append_scaled(
        &self,
        page: &[u8],
        (start, end): (usize, usize),
        offsets: &mut Vec<u32>,
        data: &mut Vec<u8>,
    ) -> Parsed<bool> {
        let Form::Scaled { scale, packed } = self.form else {
            return Ok(false);
        };
        packed.each(page, start, end, |number| {
            data.extend_from_slice(&scale.to_be_bytes());
            let (bytes, spare) = shortest(number);
            data.extend(bytes.iter().skip(spare));
            // Twelve bytes for each of a block's rows at most.
            offsets.push(data.len() as u32);
        })?;
        Ok(true)
    }

    /// The dictionary's entries, where they end and their bytes, and where the codes of the values
    /// stand, if the values are coded so; equal values are a dictionary of one entry, without
    /// codes.
    pub fn dictionary<'a>(&self, page: &'a [u8]) -> Parsed<Option<Entries<'a>>> {
        let beyond = || Damage("a value beyond its page");
        Ok(match self.form {
            Form::Constant { at, length } => Some(Entries {
                ends: vec![length as u32],
                data: page.get(at..at + length).ok_or_else(beyond)?,
                codes: None,
            }),
            Form::Dictionary {
                entries,
                list,
                codes,
            } => {
                let mut ends = Vec::with_capacity(entries);
                for entry in 0..entries {
                    let (_, end) = list.span(page, entry)?;
                    ends.push((end - list.data) as u32);
                }
                let codes = page.get(codes..codes + self.count).ok_or_else(beyond)?;
                if codes.iter().any(|code| usize::from(*code) >= entries) {
                    return Err(Damage("a code beyond its dictionary"));
                }
                Some(Entries {
                    ends,
                    data: page
                        .get(list.data..list.data + list.length)
                        .ok_or_else(beyond)?,
                    codes: Some(codes),
                })
            }
            _ => None,
        })
    }

    /// Where the first value stands, how far the next one is from it, and how long each is, if
    /// all values stand in the page and have one length.
    pub fn stride(&self) -> Option<(usize, usize, usize)> {
        if self.overflow.is_some() {
            return None;
        }
        match self.form {
            Form::Empty => Some((0, 0, 0)),
            Form::Fixed { length, at } => Some((at, length, length)),
            Form::Constant { at, length } => Some((at, 0, length)),
            _ => None,
        }
    }

    /// Where the `i`-th value of `page` is. Not for packed integers.
    #[inline]
    pub fn place(&self, page: &[u8], i: usize) -> Parsed<Place> {
        if let Some(overflow) = &self.overflow
            && let Ok(at) = overflow.binary_search_by_key(&i, |(index, _)| *index)
            && let Some((_, place)) = overflow.get(at)
        {
            return Ok(Place::Overflow(*place));
        }
        let (start, end) = self.span(page, i)?;
        Ok(Place::Inside(start, end))
    }

    /// The span of the `i`-th value in `page`. Not for packed integers.
    #[inline]
    pub fn span(&self, page: &[u8], i: usize) -> Parsed<(usize, usize)> {
        if i >= self.count {
            return Err(Damage("a value that is not there"));
        }
        match self.form {
            Form::Empty => Ok((0, 0)),
            Form::Fixed { length, at } => Ok((at + i * length, at + (i + 1) * length)),
            Form::Constant { at, length } => Ok((at, at + length)),
            Form::Ends { list } => list.span(page, i),
            Form::Dictionary {
                entries,
                list,
                codes,
            } => {
                let code = usize::from(*page.get(codes + i).ok_or(Damage("a code"))?);
                if code >= entries {
                    return Err(Damage("a code beyond its dictionary"));
                }
                list.span(page, code)
            }
            Form::Integer { .. } | Form::Scaled { .. } => {
                Err(Damage("a number where bytes are wanted"))
            }
        }
    }

    /// The `i`-th value of `page`. Not for packed integers.
    #[inline]
    pub fn bytes<'a>(&self, page: &'a [u8], i: usize) -> Parsed<&'a [u8]> {
        let (start, end) = self.span(page, i)?;
        page.get(start..end)
            .ok_or(Damage("a value beyond its page"))
    }

    /// The `i`-th value of `page`, shared. Not for packed integers, nor for overflow.
    pub fn share(&self, page: &Bytes, i: usize) -> Parsed<Bytes> {
        let (start, end) = self.span(page, i)?;
        share(page, start, end)
    }

    /// The wire bytes of packed integers, one after the other.
    pub fn unpack(&self, page: &[u8]) -> Parsed<Vec<u8>> {
        let Form::Integer { length, packed } = self.form else {
            return Err(Damage("bytes where integers are wanted"));
        };
        let mut wire = Vec::with_capacity(self.count * length);
        let all = (0, self.count);
        match length {
            2 => packed.each(page, all.0, all.1, |value| {
                wire.extend_from_slice(&(value as i16).to_be_bytes());
            })?,
            4 => packed.each(page, all.0, all.1, |value| {
                wire.extend_from_slice(&(value as i32).to_be_bytes());
            })?,
            _ => packed.each(page, all.0, all.1, |value| {
                wire.extend_from_slice(&value.to_be_bytes());
            })?,
        }
        Ok(wire)
    }

    /// Hands the integers `start..end` of `page` to `take`; answers whether the values are
    /// integers of `N` wire bytes at all.
    #[inline]
    pub fn each_integer<const N: usize>(
        &self,
        page: &[u8],
        start: usize,
        end: usize,
        form: impl Fn([u8; N]) -> i64,
        mut take: impl FnMut(i64),
    ) -> Parsed<bool> {
        if end > self.count || start > end {
            return Err(Damage("a value that is not there"));
        }
        match self.form {
            Form::Integer { length, packed } if length == N => {
                packed.each(page, start, end, take)?;
            }
            Form::Fixed { length, at } if length == N => {
                let bytes = page
                    .get(at + start * N..at + end * N)
                    .ok_or(Damage("a value beyond its page"))?;
                for chunk in bytes.chunks_exact(N) {
                    take(form(chunk.try_into().unwrap_or([0; N])));
                }
            }
            Form::Constant { at, length } if length == N => {
                let bytes = page.get(at..at + N).ok_or(Damage("a value"))?;
                let value = form(bytes.try_into().unwrap_or([0; N]));
                (start..end).for_each(|_| take(value));
            }
            _ => return Ok(self.count == 0),
        }
        Ok(true)
    }

    /// Appends the values `start..end` of `page` to `data`, and to `offsets` where each ends.
    /// Not for packed integers, nor for overflow.
    pub fn append_to(
        &self,
        page: &[u8],
        start: usize,
        end: usize,
        offsets: &mut Vec<u32>,
        data: &mut Vec<u8>,
    ) -> Parsed<()> {
        let base = data.len();
        if let Form::Ends { list } = self.form
            && end <= self.count
            && start < end
        {
            let (first, _) = list.span(page, start)?;
            let (_, last) = list.span(page, end - 1)?;
            let bytes = page.get(first..last).ok_or(Damage("a value's end"))?;
            let shift = (first - list.data) as u32;
            let base = u32::try_from(base).map_err(|_| Damage("a page over 4 GiB"))?;
            let mut before = shift;
            for i in start..end {
                let end = list.end(page, i).ok_or(Damage("a value's end"))? as u32;
                if end < before {
                    return Err(Damage("a value's end"));
                }
                before = end;
                offsets.push(
                    base.checked_add(end - shift)
                        .ok_or(Damage("a page over 4 GiB"))?,
                );
            }
            data.extend_from_slice(bytes);
            return Ok(());
        }
        for i in start..end {
            data.extend_from_slice(self.bytes(page, i)?);
            offsets.push(u32::try_from(data.len()).map_err(|_| Damage("a page over 4 GiB"))?);
        }
        Ok(())
    }
}

fn parse_overflow(input: &mut Input<'_>, count: usize) -> Parsed<Box<[(usize, OverflowRef)]>> {
    let places = input.count(count)?;
    let mut list = Vec::with_capacity(places.min(input.left()));
    for _ in 0..places {
        let index = input.count(count)?;
        if list.last().is_some_and(|(before, _)| *before >= index) {
            return Err(Damage("the order of overflow values"));
        }
        let offset = input.varint()?;
        let stored = u32::try_from(input.varint()?).map_err(|_| Damage("a length"))?;
        let codec = input.u8()?;
        let raw = u32::try_from(input.varint()?).map_err(|_| Damage("a length"))?;
        list.push((
            index,
            OverflowRef {
                offset,
                stored,
                codec,
                raw,
            },
        ));
    }
    Ok(list.into_boxed_slice())
}
