//! Which field of a file goes into which column.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, ColumnKind, Table};
use crate::transfer::csv::{Dialect, FieldSplitter};

/// How many names of skipped columns are told.
const SKIPPED_NAMES_MAX: usize = 20;

/// A file's layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// How many fields a record has.
    pub fields: usize,
    /// For each of the import's columns the field that gives its value.
    pub sources: Vec<Option<usize>>,
}

/// How columns are found.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    table: String,
    columns: Vec<Column>,
    skip: Vec<String>,
    /// Whether the columns were listed, and headers say nothing.
    listed: bool,
    /// The columns' names by position, skipped ones included.
    positions: Vec<String>,
}

impl Naming {
    /// The columns of an import: those listed, or all, less those to skip.
    pub(super) fn new(table: &Table, listed: Option<&[String]>, skip: &[String]) -> Result<Self> {
        let full_name = table.full_name();
        let positions: Vec<String> = match listed {
            Some(names) => names.to_vec(),
            None => table.columns().map(|column| column.name.clone()).collect(),
        };
        let mut columns: Vec<Column> = Vec::new();
        for name in &positions {
            let column = table.column(name).ok_or_else(|| {
                Error::invalid(format!("Undefined column name {name} in table {full_name}"))
            })?;
            if columns.iter().any(|known| known.id == column.id) {
                return Err(Error::invalid(format!("The column {name} is listed twice")));
            }
            columns.push(column.clone());
        }
        columns.retain(|column| !skip.contains(&column.name));
        let naming = Self {
            table: full_name,
            columns,
            skip: skip.to_vec(),
            listed: listed.is_some(),
            positions,
        };
        let has = |key: &Column| naming.columns.iter().any(|column| column.id == key.id);
        let mut keys = table.partition_key.iter().chain(&table.clustering);
        if let Some(missing) = keys.find(|key| !has(key)) {
            return Err(naming.missing_key("the columns given", &missing.name));
        }
        Ok(naming)
    }

    fn missing_key(&self, place: &str, name: &str) -> Error {
        let message = format!(
            "{place}: the key column {name} of {} is missing",
            self.table
        );
        Error::new(ErrorKind::Input, message)
    }

    /// The import's columns: those that rows give values of.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn layout(&self, names: &[String]) -> Layout {
        let source = |column: &Column| names.iter().position(|name| *name == column.name);
        Layout {
            fields: names.len(),
            sources: self.columns.iter().map(source).collect(),
        }
    }

    /// The layout of a file whose header says nothing.
    pub(super) fn by_position(&self) -> Layout {
        self.layout(&self.positions)
    }

    /// The layout of a file by its header, and a remark where fields are skipped.
    pub(super) fn by_header(
        &self,
        file: &str,
        header: &[u8],
        dialect: &Dialect,
    ) -> Result<(Layout, Option<String>)> {
        if self.listed {
            return Ok((self.by_position(), None));
        }
        let wrong = |message: String| Error::new(ErrorKind::Input, format!("{file}: {message}"));
        if let Some(at) = header.iter().position(|byte| *byte == b'\r')
            && !header
                .get(at..)
                .is_some_and(|rest| rest.contains(&dialect.quote))
        {
            return Err(wrong(
                "lines end in a carriage return alone: convert them to LF or CRLF".to_owned(),
            ));
        }
        let mut splitter = FieldSplitter::new(dialect);
        if !splitter.split(header) {
            return Err(wrong(
                "the header has a quoted field that is not closed".to_owned(),
            ));
        }
        let mut names: Vec<String> = Vec::new();
        let mut skipped = Vec::new();
        for field in splitter.fields(header) {
            let text = std::str::from_utf8(field.bytes)
                .map_err(|_| wrong("the header is not UTF-8".to_owned()))?
                .trim();
            let name = self.resolve(text);
            match name {
                Some(name) if names.contains(&name) => {
                    return Err(wrong(format!("the header names the column {name} twice")));
                }
                Some(name) => names.push(name),
                None => {
                    if !self.skip.iter().any(|skip| skip == text) {
                        skipped.push(text.to_owned());
                    }
                    // A name that no column has, so that the field keeps its place.
                    names.push(String::new());
                }
            }
        }
        let layout = self.layout(&names);
        let keys = self
            .columns
            .iter()
            .zip(&layout.sources)
            .find(|(column, source)| {
                let key = matches!(
                    column.kind,
                    ColumnKind::PartitionKey | ColumnKind::Clustering
                );
                key && source.is_none()
            });
        if let Some((missing, _)) = keys {
            return Err(self.missing_key(file, &missing.name).with_hint(
                "the first line must name the columns; a file without such a line is imported \
                 with --no-header",
            ));
        }
        let remark = (!skipped.is_empty()).then(|| self.remark(file, &skipped));
        Ok((layout, remark))
    }

    /// What is told of fields that no column takes.
    fn remark(&self, file: &str, skipped: &[String]) -> String {
        let mut names = skipped
            .iter()
            .take(SKIPPED_NAMES_MAX)
            .map(|name| name.escape_debug().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        if let Some(more) = skipped.len().checked_sub(SKIPPED_NAMES_MAX)
            && more > 0
        {
            names.push_str(&format!(" and {more} more"));
        }
        let table = &self.table;
        format!("{file}: skipped, since {table} has no such column: {names}")
    }

    /// The column that a header's text names: as it stands, or as CQL folds unquoted names.
    fn resolve(&self, text: &str) -> Option<String> {
        let find = |name: &str| {
            let column = self.columns.iter().find(|column| column.name == name)?;
            Some(column.name.clone())
        };
        if text.is_empty() {
            return None;
        }
        find(text).or_else(|| find(&text.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::testing::table;

    #[test]
    fn headers_name_columns_in_any_order() {
        let table = table("k int, c int, v text, w text, primary key (k, c)");
        let naming = Naming::new(&table, None, &["w".to_owned()]).unwrap();
        let dialect = Dialect::default();
        let (layout, remark) = naming
            .by_header("f", b"V,extra,\"c\",k,w", &dialect)
            .unwrap();
        assert_eq!(layout.fields, 5);
        assert_eq!(layout.sources, [Some(3), Some(2), Some(0)]);
        assert_eq!(
            remark.unwrap(),
            "f: skipped, since ks.t has no such column: extra"
        );
        let error = naming.by_header("f", b"k,v", &dialect).unwrap_err();
        assert_eq!(error.message, "f: the key column c of ks.t is missing");
        let error = naming.by_header("f", b"k,c,K", &dialect).unwrap_err();
        assert_eq!(error.message, "f: the header names the column k twice");
        let error = naming.by_header("f", b"k,c\r1,2\r", &dialect).unwrap_err();
        assert!(
            error.message.contains("carriage return"),
            "{}",
            error.message
        );
        let many = format!("k,c{}", ",x".repeat(1000));
        let (_, remark) = naming.by_header("f", many.as_bytes(), &dialect).unwrap();
        assert!(remark.unwrap().ends_with("x, x and 980 more"));
        assert_eq!(naming.by_position().sources, [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn listed_columns_are_checked() {
        let table = table("k int, v int, primary key (k)");
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let new = |listed: Vec<String>| Naming::new(&table, Some(&listed), &[]);
        assert_eq!(
            new(names(&["v", "k"])).unwrap().by_position().sources,
            [Some(0), Some(1)]
        );
        for wrong in [&["k", "x"][..], &["k", "k"], &["v"]] {
            assert!(new(names(wrong)).is_err(), "{wrong:?}");
        }
    }
}
