//! Cutting a stream into chunks of whole records, with bounded memory.
//!
//! The chunk is the unit of work of the threads that parse: some hundred kilobytes of whole
//! records, as they stood in the file. A record's end is the first line end outside of quotes; a
//! quote counts only at the start of a field, as everywhere in CSV.

use crate::error::{Error, ErrorKind, Result};
use crate::limits::CSV_RECORD_BYTES_MAX;
use crate::transfer::csv::Dialect;
use std::io::Read;

const CHUNK_BYTES: usize = 256 << 10;
const READ_BYTES: usize = 64 << 10;

/// Where a record ends in its chunk, and where it was in its file.
#[derive(Clone, Copy, Debug)]
struct Span {
    end: usize,
    line: u64,
}

/// Whole records, as they stood in the file.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    data: Vec<u8>,
    spans: Vec<Span>,
    /// The first record's offset in the (decompressed) file, in bytes.
    pub offset: u64,
}

/// A record as it stood in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawRecord<'a> {
    /// Its bytes with their line end.
    pub bytes: &'a [u8],
    /// The number of its first line, from 1.
    pub line: u64,
    /// Where it starts in the (decompressed) file, in bytes.
    pub offset: u64,
}

impl<'a> RawRecord<'a> {
    /// Its bytes without the line end.
    pub fn content(&self) -> &'a [u8] {
        let line = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes);
        line.strip_suffix(b"\r").unwrap_or(line)
    }
}

impl Chunk {
    /// The records in order, blank lines left out.
    pub fn records(&self) -> impl Iterator<Item = RawRecord<'_>> {
        let mut start = 0;
        self.spans
            .iter()
            .map(move |span| {
                let bytes = self.data.get(start..span.end).unwrap_or_default();
                let offset = self.offset + start as u64;
                start = span.end;
                RawRecord {
                    bytes,
                    line: span.line,
                    offset,
                }
            })
            .filter(|record| !record.content().is_empty())
    }

    /// Takes the first record out and answers it.
    pub fn take_first(&mut self) -> Option<(Vec<u8>, u64)> {
        let (line, bytes) = {
            let record = self.records().next()?;
            (record.line, record.content().to_vec())
        };
        let at = self.spans.iter().position(|span| span.line == line)?;
        let end = self.spans.get(at)?.end;
        self.data.drain(..end);
        self.offset += end as u64;
        self.spans.drain(..=at);
        for span in &mut self.spans {
            span.end -= end;
        }
        Some((bytes, line))
    }

    /// Leaves out the first `skip` records, and those over `most` behind them; both are counted
    /// down.
    pub fn keep(&mut self, skip: &mut u64, most: &mut u64) {
        let mut blank = Vec::with_capacity(self.spans.len());
        let mut start = 0;
        for span in &self.spans {
            let bytes = self.data.get(start..span.end).unwrap_or_default();
            blank.push(
                RawRecord {
                    bytes,
                    line: span.line,
                    offset: 0,
                }
                .content()
                .is_empty(),
            );
            start = span.end;
        }
        let (mut front, mut keep) = (0, 0);
        for (at, blank) in blank.iter().enumerate() {
            if *blank {
                continue;
            }
            if *skip > 0 {
                *skip -= 1;
                front = at + 1;
            } else if *most > 0 {
                *most -= 1;
                keep = at + 1;
            }
        }
        self.spans.truncate(keep.max(front));
        if let Some(end) = front.checked_sub(1).and_then(|last| self.spans.get(last)) {
            let end = end.end;
            self.data.drain(..end);
            self.offset += end as u64;
            self.spans.drain(..front);
            for span in &mut self.spans {
                span.end -= end;
            }
        }
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.data.len()
    }
}

/// Where the cutter is within a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// At the start of a field: a quote opens here.
    FieldStart,
    /// In an unquoted field, or in what follows a quoted one.
    Field,
    /// Right behind a closing quote: one more makes it a doubled one.
    Closed,
    /// Between quotes.
    Quoted,
    /// Behind an escape between quotes: the next byte is plain.
    QuotedEscape,
    /// Behind an escape outside of quotes.
    Escape,
}

/// Cuts a stream into chunks.
pub struct ChunkReader<R> {
    input: R,
    name: String,
    dialect: Dialect,
    data: Vec<u8>,
    /// How far `data` has been looked at.
    seen: usize,
    /// Where the record under way starts in `data`.
    record_start: usize,
    state: State,
    line: u64,
    record_line: u64,
    offset: u64,
    started: bool,
    ended: bool,
}

impl<R: Read> ChunkReader<R> {
    /// Cuts `input`, called `name` in messages.
    pub fn new(input: R, name: impl Into<String>, dialect: &Dialect) -> Self {
        Self {
            input,
            name: name.into(),
            dialect: dialect.clone(),
            data: Vec::new(),
            seen: 0,
            record_start: 0,
            state: State::FieldStart,
            line: 1,
            record_line: 1,
            offset: 0,
            started: false,
            ended: false,
        }
    }

    /// The next records, or none at the end.
    pub fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut spans = Vec::new();
        while !self.ended && (spans.is_empty() || self.data.len() < CHUNK_BYTES) {
            self.fill()?;
            self.cut(&mut spans)?;
        }
        if spans.is_empty() {
            return Ok(None);
        }
        let tail = self.data.split_off(self.record_start);
        let data = std::mem::replace(&mut self.data, tail);
        let chunk = Chunk {
            offset: self.offset,
            spans,
            data,
        };
        self.offset += chunk.data.len() as u64;
        self.seen -= self.record_start;
        self.record_start = 0;
        Ok(Some(chunk))
    }

    fn fill(&mut self) -> Result<()> {
        let old = self.data.len();
        self.data.resize(old + READ_BYTES, 0);
        let room = self.data.get_mut(old..).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Ok(read) => break read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.data.truncate(old);
                    return Err(Error::io(&self.name, "read", &error));
                }
            }
        };
        self.data.truncate(old + read);
        self.ended = read == 0;
        if !self.started && (self.data.len() >= 3 || self.ended) {
            self.started = true;
            if self.data.starts_with(b"\xEF\xBB\xBF") {
                self.data.drain(..3);
                self.offset = 3;
            }
        }
        Ok(())
    }

    /// Looks at what is new in `data` and notes the ends of records.
    fn cut(&mut self, spans: &mut Vec<Span>) -> Result<()> {
        if !self.started {
            return Ok(());
        }
        let (quote, delimiter, escape) = (
            self.dialect.quote,
            self.dialect.delimiter,
            self.dialect.escape,
        );
        let escapes = self.dialect.escapes();
        while let Some(rest) = self.data.get(self.seen..).filter(|rest| !rest.is_empty()) {
            // Whatever the state, the bytes up to the next special one change nothing but it.
            let at = match (self.state, escapes) {
                (State::Quoted, true) => memchr::memchr3(quote, escape, b'\n', rest),
                (State::Quoted, false) => memchr::memchr2(quote, b'\n', rest),
                (State::Escape | State::QuotedEscape, _) => Some(0),
                (_, true) => memchr::memchr3(quote, escape, b'\n', rest),
                (_, false) => memchr::memchr2(quote, b'\n', rest),
            };
            let Some(at) = at else {
                if matches!(self.state, State::FieldStart | State::Field | State::Closed) {
                    let last = rest.last().copied();
                    self.state = if last == Some(delimiter) {
                        State::FieldStart
                    } else {
                        State::Field
                    };
                }
                self.seen = self.data.len();
                break;
            };
            let byte = rest.get(at).copied().unwrap_or_default();
            let before = at
                .checked_sub(1)
                .and_then(|before| rest.get(before))
                .copied();
            self.seen += at + 1;
            self.line += u64::from(byte == b'\n');
            self.state = match self.state {
                State::Quoted if byte == b'\n' => State::Quoted,
                State::Quoted if escapes && byte == escape => State::QuotedEscape,
                State::Quoted => State::Closed,
                State::QuotedEscape => State::Quoted,
                State::Closed if byte == quote && at == 0 => State::Quoted,
                State::Escape => State::Field,
                _ if byte == b'\n' => {
                    self.end_record(spans, self.seen)?;
                    State::FieldStart
                }
                _ if byte == quote => {
                    let opens = match before {
                        Some(before) => before == delimiter,
                        None => self.state == State::FieldStart,
                    };
                    if opens { State::Quoted } else { State::Field }
                }
                _ => State::Escape,
            };
        }
        if self.ended && self.record_start < self.data.len() {
            self.end_record(spans, self.data.len())?;
        }
        self.check_length(self.data.len())
    }

    fn end_record(&mut self, spans: &mut Vec<Span>, end: usize) -> Result<()> {
        self.check_length(end)?;
        spans.push(Span {
            end,
            line: self.record_line,
        });
        self.record_start = end;
        self.record_line = self.line;
        Ok(())
    }

    fn check_length(&self, end: usize) -> Result<()> {
        if end - self.record_start <= CSV_RECORD_BYTES_MAX {
            return Ok(());
        }
        let message = format!(
            "{}: the record that starts in line {} is longer than {} MiB, the most that a CSV \
             record may have",
            self.name,
            self.record_line,
            CSV_RECORD_BYTES_MAX >> 20
        );
        Err(Error::new(ErrorKind::Input, message)
            .with_hint("a quote that is opened and never closed swallows the lines behind it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &[u8], dialect: &Dialect, step: usize) -> Result<Vec<(Vec<u8>, u64, u64)>> {
        struct Slowly<'a>(&'a [u8], usize);
        impl Read for Slowly<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let size = self.1.min(self.0.len()).min(buffer.len());
                buffer[..size].copy_from_slice(&self.0[..size]);
                self.0 = &self.0[size..];
                Ok(size)
            }
        }
        let mut reader = ChunkReader::new(Slowly(text, step), "test.csv", dialect);
        let mut found = Vec::new();
        while let Some(chunk) = reader.next_chunk()? {
            for record in chunk.records() {
                found.push((record.content().to_vec(), record.line, record.offset));
            }
        }
        Ok(found)
    }

    #[test]
    fn records_end_at_line_ends_outside_of_quotes() {
        let text = b"\xEF\xBB\xBFa,b\r\n\n\"x\ny\",\"q\"\"\n\"\"\"\r\nc\"d,e\"\nlast,\"\"";
        let expected: Vec<(Vec<u8>, u64, u64)> = vec![
            (b"a,b".to_vec(), 1, 3),
            (b"\"x\ny\",\"q\"\"\n\"\"\"".to_vec(), 3, 9),
            (b"c\"d,e\"".to_vec(), 6, 25),
            (b"last,\"\"".to_vec(), 7, 32),
        ];
        for step in [1, 2, 3, 5, 1000] {
            assert_eq!(
                records(text, &Dialect::default(), step).unwrap(),
                expected,
                "{step}"
            );
        }
    }

    #[test]
    fn an_escape_hides_a_quote_and_a_line_end() {
        let dialect = Dialect {
            escape: b'\\',
            ..Dialect::default()
        };
        let text = b"\"a\\\"\n\",b\nc\\\nd,e\n";
        for step in [1, 2, 1000] {
            let found = records(text, &dialect, step).unwrap();
            let lines: Vec<u64> = found.iter().map(|record| record.1).collect();
            assert_eq!(lines, vec![1, 3], "{step}");
            assert_eq!(found[1].0, b"c\\\nd,e");
        }
    }

    #[test]
    fn a_record_may_be_as_long_as_the_limit_and_no_longer() {
        struct Endless(usize, usize);
        impl Read for Endless {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let size = self.0.min(buffer.len());
                buffer[..size].fill(b'x');
                self.0 -= size;
                self.1 += size;
                Ok(size)
            }
        }
        let read = |size: usize| {
            let mut reader = ChunkReader::new(Endless(size, 0), "big.csv", &Dialect::default());
            let result = reader
                .next_chunk()
                .map(|chunk| chunk.map(|chunk| chunk.bytes()));
            (result, reader.input.1)
        };
        assert_eq!(read(CSV_RECORD_BYTES_MAX).0, Ok(Some(CSV_RECORD_BYTES_MAX)));
        let (result, taken) = read(100 << 20);
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Input);
        assert!(
            error.message.contains("line 1 is longer than 16 MiB"),
            "{error}"
        );
        assert!(taken <= CSV_RECORD_BYTES_MAX + READ_BYTES);
        assert!(read(CSV_RECORD_BYTES_MAX + 1).0.is_err());
    }

    #[test]
    fn records_can_be_skipped_and_counted() {
        for (skip, most, expected) in [
            (0, 9, "1 2 3 4"),
            (1, 2, "2 3"),
            (4, 9, ""),
            (9, 9, ""),
            (0, 0, ""),
            (2, 0, ""),
            (3, 1, "4"),
        ] {
            let mut reader = ChunkReader::new(&b"1\n\n2\n\n3\n4\n\n"[..], "t", &Dialect::default());
            let mut chunk = reader.next_chunk().unwrap().unwrap();
            let (mut skip, mut most) = (skip, most);
            chunk.keep(&mut skip, &mut most);
            let left: Vec<_> = chunk
                .records()
                .map(|r| String::from_utf8_lossy(r.content()))
                .collect();
            assert_eq!(left.join(" "), expected);
        }
    }

    #[test]
    fn the_first_record_can_be_taken_out() {
        let mut reader = ChunkReader::new(&b"\nhead,er\n1\n2\n"[..], "t", &Dialect::default());
        let mut chunk = reader.next_chunk().unwrap().unwrap();
        assert_eq!(chunk.take_first(), Some((b"head,er".to_vec(), 2)));
        let rest: Vec<_> = chunk
            .records()
            .map(|r| (r.content(), r.line, r.offset))
            .collect();
        assert_eq!(rest, vec![(&b"1"[..], 3, 9), (&b"2"[..], 4, 11)]);
    }
}
