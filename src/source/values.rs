//! Rows as wire values, packed: what a reader of files hands to a writer of tables.
//!
//! All values of a batch lie in one buffer, one behind the other, so that a row costs no
//! allocation; cells later share the buffer.

use bytes::Bytes;
use std::ops::Range;

/// A value's end in the buffer, and whether there is one.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u32,
    present: bool,
}

/// Rows of wire values, each with the same number of columns.
#[derive(Clone, Debug, Default)]
pub struct ValueBatch {
    columns: usize,
    rows: usize,
    data: Vec<u8>,
    marks: Vec<Mark>,
}

impl ValueBatch {
    /// An empty batch of rows of `columns` values.
    pub fn new(columns: usize) -> Self {
        Self::with_capacity(columns, 0)
    }

    /// An empty batch with room for about `bytes` of values.
    pub fn with_capacity(columns: usize, bytes: usize) -> Self {
        Self {
            columns,
            rows: 0,
            data: Vec::with_capacity(bytes),
            marks: Vec::new(),
        }
    }

    /// Where the next value's bytes are to be appended.
    pub fn data(&mut self) -> &mut Vec<u8> {
        &mut self.data
    }

    /// Ends a value whose bytes were appended to [`ValueBatch::data`].
    pub fn end_value(&mut self) {
        self.mark(true);
    }

    /// Ends an absent value.
    pub fn end_absent(&mut self) {
        self.mark(false);
    }

    fn mark(&mut self, present: bool) {
        let end = u32::try_from(self.data.len()).unwrap_or(u32::MAX);
        self.marks.push(Mark { end, present });
    }

    /// The length of a value of the row that is not ended yet, or none where it is absent.
    pub fn open_length(&self, column: usize) -> Option<usize> {
        range(&self.marks, self.rows * self.columns + column).map(|range| range.len())
    }

    /// A value of the row that is not ended yet.
    pub fn open_value(&self, column: usize) -> Option<&[u8]> {
        self.data
            .get(range(&self.marks, self.rows * self.columns + column)?)
    }

    /// Ends a row, all of whose values were ended.
    pub fn end_row(&mut self) {
        self.rows += 1;
        debug_assert_eq!(
            self.marks.len(),
            self.rows * self.columns,
            "a row lacks values"
        );
    }

    /// Takes back the values of a row that was not ended.
    pub fn undo_row(&mut self) {
        let keep = self.rows * self.columns;
        let end = keep
            .checked_sub(1)
            .and_then(|at| self.marks.get(at))
            .map_or(0, |m| m.end);
        self.marks.truncate(keep);
        self.data.truncate(end as usize);
    }

    /// How many rows were ended.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The batch ready to be read.
    pub fn freeze(self) -> FrozenBatch {
        FrozenBatch {
            columns: self.columns,
            rows: self.rows,
            data: Bytes::from(self.data),
            marks: self.marks,
        }
    }
}

fn range(marks: &[Mark], at: usize) -> Option<Range<usize>> {
    let mark = marks.get(at).filter(|mark| mark.present)?;
    let start = at
        .checked_sub(1)
        .and_then(|before| marks.get(before))
        .map_or(0, |m| m.end);
    Some(start as usize..mark.end as usize)
}

/// A batch whose values can be shared.
#[derive(Clone, Debug)]
pub struct FrozenBatch {
    columns: usize,
    rows: usize,
    data: Bytes,
    marks: Vec<Mark>,
}

impl FrozenBatch {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// A value's bytes, borrowed.
    pub fn slice(&self, row: usize, column: usize) -> Option<&[u8]> {
        self.data
            .get(range(&self.marks, row * self.columns + column)?)
    }

    /// A value's bytes, shared.
    pub fn bytes(&self, row: usize, column: usize) -> Option<Bytes> {
        range(&self.marks, row * self.columns + column).map(|range| self.data.slice(range))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_a_row_can_be_taken_back() {
        let mut batch = ValueBatch::new(2);
        batch.data().extend_from_slice(b"ab");
        batch.end_value();
        batch.end_absent();
        assert_eq!(
            (batch.open_length(0), batch.open_length(1)),
            (Some(2), None)
        );
        batch.end_row();
        batch.data().extend_from_slice(b"half");
        batch.end_value();
        batch.data().extend_from_slice(b"unended");
        batch.undo_row();
        batch.end_value();
        batch.data().extend_from_slice(b"c");
        batch.end_value();
        batch.end_row();
        assert_eq!(batch.rows(), 2);
        let frozen = batch.freeze();
        assert_eq!(frozen.slice(0, 0), Some(&b"ab"[..]));
        assert_eq!(frozen.slice(0, 1), None);
        assert_eq!(frozen.slice(1, 0), Some(&b""[..]));
        assert_eq!(frozen.bytes(1, 1).as_deref(), Some(&b"c"[..]));
    }
}
