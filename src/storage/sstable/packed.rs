//! Whole numbers packed by frame of reference: the least one, then each one's distance from it in
//! as few whole bytes as the largest distance needs. Equal numbers take nine bytes together.
//!
//! ```text
//! min i64 │ width u8 (0..=8) │ count × width bytes, little-endian
//! ```
//! The count is known from elsewhere.

use crate::storage::sstable::codec::{Damage, Input, Parsed};

/// Appends `values`.
pub fn put_packed(out: &mut Vec<u8>, values: &[i64]) {
    let min = values.iter().copied().min().unwrap_or(0);
    let max = values.iter().copied().max().unwrap_or(0);
    put_packed_within(out, values.iter().copied(), min, max);
}

/// How many bytes the distance between two numbers needs.
pub fn width_of(min: i64, max: i64) -> usize {
    let distance = max.wrapping_sub(min) as u64;
    (64 - distance.leading_zeros()).div_ceil(8) as usize
}

/// Appends values of which the least and the greatest are known.
pub fn put_packed_within(
    out: &mut Vec<u8>,
    values: impl ExactSizeIterator<Item = i64>,
    min: i64,
    max: i64,
) {
    let width = width_of(min, max);
    out.extend_from_slice(&min.to_le_bytes());
    out.push(width as u8);
    let distances = values.map(|value| value.wrapping_sub(min) as u64);
    match width {
        0 => {}
        1 => out.extend(distances.map(|d| d as u8)),
        2 => put_each(out, distances, |d| (d as u16).to_le_bytes()),
        4 => put_each(out, distances, |d| (d as u32).to_le_bytes()),
        8 => put_each(out, distances, u64::to_le_bytes),
        _ => {
            for distance in distances {
                out.extend(distance.to_le_bytes().iter().take(width));
            }
        }
    }
}

fn put_each<const N: usize>(
    out: &mut Vec<u8>,
    distances: impl ExactSizeIterator<Item = u64>,
    form: impl Fn(u64) -> [u8; N],
) {
    let start = out.len();
    out.resize(start + distances.len() * N, 0);
    let (_, room) = out.split_at_mut(start);
    for (slot, distance) in room.chunks_exact_mut(N).zip(distances) {
        slot.copy_from_slice(&form(distance));
    }
}

/// Where packed numbers stand in a page.
#[derive(Clone, Copy, Debug)]
pub struct Packed {
    min: i64,
    width: usize,
    at: usize,
    count: usize,
}

impl Packed {
    /// No numbers.
    pub const EMPTY: Self = Self {
        min: 0,
        width: 0,
        at: 0,
        count: 0,
    };

    /// Reads the head and steps over the numbers.
    pub fn parse(input: &mut Input<'_>, count: usize) -> Parsed<Self> {
        let min = input.i64()?;
        let width = usize::from(input.u8()?);
        if width > 8 {
            return Err(Damage("the width of a number"));
        }
        let at = input.at();
        input.take(count.checked_mul(width).ok_or(Damage("a count"))?)?;
        Ok(Self {
            min,
            width,
            at,
            count,
        })
    }

    /// The `i`-th number of `page`.
    #[inline]
    pub fn get(&self, page: &[u8], i: usize) -> Parsed<i64> {
        if i >= self.count {
            return Err(Damage("a number that is not there"));
        }
        if self.width == 0 {
            return Ok(self.min);
        }
        let at = self.at + i * self.width;
        let distance = if let Some(eight) = page.get(at..at + 8) {
            let all = u64::from_le_bytes(eight.try_into().unwrap_or_default());
            all & (u64::MAX >> (64 - 8 * self.width as u32))
        } else {
            let bytes = page
                .get(at..at + self.width)
                .ok_or(Damage("a number that is not there"))?;
            let mut wide = [0u8; 8];
            for (to, from) in wide.iter_mut().zip(bytes) {
                *to = *from;
            }
            u64::from_le_bytes(wide)
        };
        Ok(self.min.wrapping_add(distance as i64))
    }

    /// Hands the numbers `start..end` of `page` to `take`, in order.
    #[inline]
    pub fn each(
        &self,
        page: &[u8],
        start: usize,
        end: usize,
        mut take: impl FnMut(i64),
    ) -> Parsed<()> {
        if start > end || end > self.count {
            return Err(Damage("a number that is not there"));
        }
        let bytes = page
            .get(self.at + start * self.width..self.at + end * self.width)
            .ok_or(Damage("a number that is not there"))?;
        let min = self.min;
        match self.width {
            0 => (start..end).for_each(|_| take(min)),
            1 => bytes
                .iter()
                .for_each(|d| take(min.wrapping_add(i64::from(*d)))),
            2 => each_of::<2>(bytes, |d| {
                take(min.wrapping_add(i64::from(u16::from_le_bytes(d))));
            }),
            3 => each_of::<3>(bytes, |[a, b, c]| {
                take(min.wrapping_add(i64::from(u32::from_le_bytes([a, b, c, 0]))));
            }),
            4 => each_of::<4>(bytes, |d| {
                take(min.wrapping_add(i64::from(u32::from_le_bytes(d))));
            }),
            8 => each_of::<8>(bytes, |d| take(min.wrapping_add(i64::from_le_bytes(d)))),
            _ => {
                for i in start..end {
                    take(self.get(page, i)?);
                }
            }
        }
        Ok(())
    }

    /// All numbers of `page`.
    pub fn all(&self, page: &[u8]) -> Parsed<Vec<i64>> {
        let mut values = Vec::with_capacity(self.count);
        self.each(page, 0, self.count, |value| values.push(value))?;
        Ok(values)
    }

    /// The first place in `start..end`, whose numbers rise, that is not below `value`.
    pub fn lower_bound(
        &self,
        page: &[u8],
        mut start: usize,
        mut end: usize,
        value: i64,
    ) -> Parsed<usize> {
        while start < end {
            let middle = start + (end - start) / 2;
            if self.get(page, middle)? < value {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(start)
    }
}

#[inline]
fn each_of<const N: usize>(bytes: &[u8], mut take: impl FnMut([u8; N])) {
    for chunk in bytes.chunks_exact(N) {
        take(chunk.try_into().unwrap_or([0; N]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        for bits in 0..=64 {
            let top = if bits == 0 {
                0
            } else {
                u64::MAX >> (64 - bits)
            };
            let min = i64::MIN.wrapping_add(5);
            let max = min.wrapping_add(top as i64);
            let max = if bits == 64 { i64::MAX } else { max };
            let values = [max, min, min.wrapping_add((top / 3) as i64), max];
            let mut page = vec![0xEE; 3];
            put_packed(&mut page, &values);
            page.push(0xEE);
            let mut input = Input::new(&page);
            input.take(3).unwrap();
            let packed = Packed::parse(&mut input, 4).unwrap();
            assert_eq!(input.left(), 1);
            assert_eq!(packed.all(&page).unwrap(), values);
            for (i, value) in values.iter().enumerate() {
                assert_eq!(packed.get(&page, i).unwrap(), *value);
            }
            assert!(packed.get(&page, 4).is_err());
            let mut part = Vec::new();
            packed.each(&page, 1, 3, |value| part.push(value)).unwrap();
            assert_eq!(part, &values[1..3]);
        }
    }
}
