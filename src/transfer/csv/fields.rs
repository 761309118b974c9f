//! Cutting a record into fields.

use crate::transfer::csv::Dialect;
use std::ops::Range;

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its bytes, quotes and escapes taken away.
    pub bytes: &'a [u8],
    /// Whether it stood between quotes.
    pub quoted: bool,
}

#[derive(Clone, Debug)]
struct Part {
    range: Range<usize>,
    quoted: bool,
    /// Whether the range is one of `unescaped` rather than of the record.
    copied: bool,
}

/// Cuts records into fields, one record after the other, without allocating for each.
#[derive(Debug)]
pub struct FieldSplitter {
    dialect: Dialect,
    parts: Vec<Part>,
    unescaped: Vec<u8>,
}

impl FieldSplitter {
    /// A splitter for records of `dialect`.
    pub fn new(dialect: &Dialect) -> Self {
        Self {
            dialect: dialect.clone(),
            parts: Vec::new(),
            unescaped: Vec::new(),
        }
    }

    /// Cuts `record`, given without its line end. False where a quoted field is never closed.
    pub fn split(&mut self, record: &[u8]) -> bool {
        self.parts.clear();
        self.unescaped.clear();
        let special = if self.dialect.escapes() {
            memchr::memchr2(self.dialect.quote, self.dialect.escape, record)
        } else {
            memchr::memchr(self.dialect.quote, record)
        };
        if special.is_some() {
            return self.split_quoted(record);
        }
        let mut start = 0;
        for end in memchr::memchr_iter(self.dialect.delimiter, record) {
            self.parts.push(Part {
                range: start..end,
                quoted: false,
                copied: false,
            });
            start = end + 1;
        }
        self.parts.push(Part {
            range: start..record.len(),
            quoted: false,
            copied: false,
        });
        true
    }

    fn split_quoted(&mut self, record: &[u8]) -> bool {
        let mut rest = record;
        loop {
            let quoted = rest.first() == Some(&self.dialect.quote);
            let copied_from = self.unescaped.len();
            if quoted {
                match self.copy_quoted(rest.get(1..).unwrap_or_default()) {
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
            rest = self.copy_unquoted(rest);
            self.parts.push(Part {
                range: copied_from..self.unescaped.len(),
                quoted,
                copied: true,
            });
            match rest.split_first() {
                Some((_, behind)) => rest = behind,
                None => return true,
            }
        }
    }

    /// Copies up to the closing quote; answers what is behind it, or none where there is none.
    fn copy_quoted<'a>(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        let Dialect { quote, escape, .. } = self.dialect;
        loop {
            let at = memchr::memchr2(quote, escape, rest)?;
            let (plain, from) = rest.split_at_checked(at)?;
            self.unescaped.extend_from_slice(plain);
            let (special, behind) = from.split_first()?;
            let next = behind.first().copied();
            let escaped = match next {
                Some(next) if *special == quote => next == quote,
                Some(_) => true,
                None => false,
            };
            if escaped {
                self.unescaped.extend(next);
                rest = behind.get(1..)?;
            } else if *special == quote {
                return Some(behind);
            } else {
                return None;
            }
        }
    }

    /// Copies up to the next delimiter; answers from it on.
    fn copy_unquoted<'a>(&mut self, mut rest: &'a [u8]) -> &'a [u8] {
        let Dialect {
            delimiter, escape, ..
        } = self.dialect;
        loop {
            let at = if self.dialect.escapes() {
                memchr::memchr2(delimiter, escape, rest)
            } else {
                memchr::memchr(delimiter, rest)
            };
            let (plain, from) = rest.split_at(at.unwrap_or(rest.len()));
            self.unescaped.extend_from_slice(plain);
            match from.split_first() {
                Some((special, behind)) if *special == escape && self.dialect.escapes() => {
                    self.unescaped.extend(behind.first());
                    rest = behind.get(1..).unwrap_or_default();
                }
                _ => return from,
            }
        }
    }

    /// How many fields the record has.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether no record was cut.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Field `at` of `record`, the one that was cut last.
    pub fn field<'a>(&'a self, record: &'a [u8], at: usize) -> Option<Field<'a>> {
        let part = self.parts.get(at)?;
        let from = if part.copied { &self.unescaped } else { record };
        Some(Field {
            bytes: from.get(part.range.clone())?,
            quoted: part.quoted,
        })
    }

    /// All fields of `record`, the one that was cut last.
    pub fn fields<'a>(&'a self, record: &'a [u8]) -> impl Iterator<Item = Field<'a>> {
        (0..self.len()).filter_map(move |at| self.field(record, at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::csv::ChunkReader;
    use proptest::prelude::*;

    fn split(record: &[u8], dialect: &Dialect) -> Option<Vec<(Vec<u8>, bool)>> {
        let mut splitter = FieldSplitter::new(dialect);
        splitter.split(record).then(|| {
            splitter
                .fields(record)
                .map(|field| (field.bytes.to_vec(), field.quoted))
                .collect()
        })
    }

    #[test]
    fn an_empty_field_tells_whether_it_was_quoted() {
        let found = split(b",\"\",\"a\"\"b\",c\"d", &Dialect::default()).unwrap();
        let expected = [
            (&b""[..], false),
            (b"", true),
            (b"a\"b", true),
            (b"c\"d", false),
        ];
        assert_eq!(found.len(), 4);
        for (field, (bytes, quoted)) in found.iter().zip(expected) {
            assert_eq!((field.0.as_slice(), field.1), (bytes, quoted));
        }
        assert_eq!(split(b"a,\"open", &Dialect::default()), None);
        assert_eq!(
            split(b"", &Dialect::default()),
            Some(vec![(Vec::new(), false)])
        );
    }

    #[test]
    fn cqlshs_escapes_are_taken_away() {
        let dialect = Dialect {
            escape: b'\\',
            ..Dialect::default()
        };
        let found = split(br#""a\"b\\",c\,d,"x""#, &dialect).unwrap();
        assert_eq!(found[0].0, br#"a"b\"#);
        assert_eq!(found[1].0, b"c,d");
        assert_eq!(found[2], (b"x".to_vec(), true));
    }

    proptest! {
        /// The csv crate is the judge of cutting; it also ends records at a lone CR, which we
        /// don't, so that byte is left out.
        #[test]
        fn cuts_as_the_csv_crate_does(text in "[ab,\"\n]{0,40}") {
            let mut judge = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes());
            let expected: Vec<Vec<Vec<u8>>> = judge
                .byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            let dialect = Dialect::default();
            let mut reader = ChunkReader::new(text.as_bytes(), "text", &dialect);
            let mut splitter = FieldSplitter::new(&dialect);
            let mut found = Vec::new();
            let mut closed = true;
            while let Some(chunk) = reader.next_chunk().unwrap() {
                for record in chunk.records() {
                    let content = record.content();
                    closed &= splitter.split(content);
                    let fields = splitter.fields(content);
                    found.push(fields.map(|field| field.bytes.to_vec()).collect::<Vec<_>>());
                }
            }
            if closed {
                prop_assert_eq!(found, expected);
            }
        }
    }
}
