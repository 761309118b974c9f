//! Which field of a file goes into which column.

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Column, ColumnId, ColumnKind, Table};
use crate::source::StampColumn;
use crate::transfer::csv::{Dialect, FieldSplitter};
use crate::transfer::mapping::Mapping;

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
    /// Stamps that rows bring: their columns are the last ones.
    stamps: Vec<StampColumn>,
    skip: Vec<String>,
    mapping: Option<Mapping>,
    /// Whether the columns were listed, and headers say nothing.
    listed: bool,
    /// The columns' names by position, skipped ones included.
    positions: Vec<String>,
}

/// What of the columns was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted<'a> {
    /// The columns by position.
    pub listed: Option<&'a [String]>,
    /// Those that are skipped.
    pub skip: &'a [String],
    pub mapping: Option<&'a Mapping>,
    /// The names of the first input's fields, where it has names.
    pub names: &'a [String],
}

/// A stamp as if it were a column: behind all real ones.
fn stamp_column(table: &Table, stamp: &StampColumn, at: usize) -> Column {
    Column {
        id: ColumnId(u32::MAX - u32::try_from(at).unwrap_or(u32::MAX)),
        name: stamp.name(table),
        ty: stamp.ty(),
        kind: ColumnKind::Regular,
        position: 0,
        descending: false,
    }
}

impl Naming {
    /// The columns of an import: those listed, or all, less those to skip.
    pub(super) fn new(table: &Table, wanted: Wanted<'_>) -> Result<Self> {
        let full_name = table.full_name();
        let positions: Vec<String> = match wanted.listed {
            Some(names) => names.to_vec(),
            None => table.columns().map(|column| column.name.clone()).collect(),
        };
        let (mut columns, mut stamps): (Vec<Column>, Vec<StampColumn>) = (Vec::new(), Vec::new());
        for name in &positions {
            if let Some(stamp) = StampColumn::by_name(table, name) {
                stamps.push(stamp);
                continue;
            }
            let column = table.column(name).ok_or_else(|| {
                Error::invalid(format!("Undefined column name {name} in table {full_name}"))
            })?;
            if columns.iter().any(|known| known.id == column.id) {
                return Err(Error::invalid(format!("The column {name} is listed twice")));
            }
            columns.push(column.clone());
        }
        columns.retain(|column| !wanted.skip.contains(&column.name));
        for name in wanted.names {
            let by_name = wanted
                .mapping
                .is_none_or(|mapping| mapping.takes_by_name(name));
            if let Some(stamp) = StampColumn::by_name(table, name).filter(|_| by_name) {
                stamps.push(stamp);
            }
        }
        if let Some(mapping) = wanted.mapping {
            for (_, name) in &mapping.pairs {
                match StampColumn::by_name(table, name) {
                    Some(stamp) => stamps.push(stamp),
                    None if table.column(name).is_some() => {}
                    None => {
                        return Err(Error::invalid(format!(
                            "the mapping names the column {name}, which {full_name} has not"
                        )));
                    }
                }
            }
            columns.retain(|column| mapping.takes(&column.name));
        }
        let mut known: Vec<StampColumn> = Vec::new();
        stamps.retain(|stamp| {
            let new = !known.contains(stamp);
            known.push(*stamp);
            new
        });
        let stamps_as_columns = stamps.iter().enumerate();
        columns.extend(stamps_as_columns.map(|(at, stamp)| stamp_column(table, stamp, at)));
        let naming = Self {
            table: full_name,
            columns,
            stamps,
            skip: wanted.skip.to_vec(),
            mapping: wanted.mapping.cloned(),
            listed: wanted.listed.is_some(),
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

    /// The import's columns: those that rows give values of, stamps last.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The stamps that rows bring.
    pub(super) fn stamps(&self) -> &[StampColumn] {
        &self.stamps
    }

    /// The field that gives `column`, among `names`.
    fn source(&self, column: &Column, names: &[String]) -> Option<usize> {
        let find = |wanted: &str| {
            let exact = names.iter().position(|name| name == wanted);
            exact.or_else(|| names.iter().position(|name| name.to_lowercase() == wanted))
        };
        match &self.mapping {
            None => find(&column.name),
            Some(mapping) => match mapping.field_of(&column.name) {
                Some(field) => find(field),
                None => find(&column.name).filter(|_| mapping.takes_by_name(&column.name)),
            },
        }
    }

    fn layout(&self, names: &[String]) -> Layout {
        Layout {
            fields: names.len(),
            sources: self
                .columns
                .iter()
                .map(|column| self.source(column, names))
                .collect(),
        }
    }

    /// The layout of a file whose header says nothing.
    pub(super) fn by_position(&self) -> Layout {
        let Some(mapping) = self.mapping.as_ref().filter(|_| !self.listed) else {
            return self.layout(&self.positions);
        };
        // Fields are numbers here; those that nothing names stand in the table's order.
        let number = |column: &Column| -> Option<usize> {
            match mapping.field_of(&column.name) {
                Some(field) => field.parse::<usize>().ok()?.checked_sub(1),
                None => self.positions.iter().position(|name| *name == column.name),
            }
        };
        let sources: Vec<Option<usize>> = self.columns.iter().map(number).collect();
        let most = sources.iter().flatten().max().map_or(0, |last| last + 1);
        Layout {
            fields: if mapping.rest {
                most.max(self.positions.len())
            } else {
                most
            },
            sources,
        }
    }

    /// The columns that a JSON object's member goes into.
    pub(super) fn places(&self, name: &str) -> Vec<usize> {
        let names = [name.to_owned()];
        let takes = |column: &Column| self.source(column, &names).is_some();
        (0..self.columns.len())
            .filter(|at| self.columns.get(*at).is_some_and(takes))
            .collect()
    }

    /// Whether a name is skipped without a word.
    pub(super) fn is_skipped(&self, name: &str) -> bool {
        let excluded = self.mapping.as_ref().is_some_and(|mapping| {
            !mapping.rest || mapping.except.iter().any(|except| except == name)
        });
        excluded || self.skip.iter().any(|skip| skip == name)
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
        self.by_names(file, &header_names(file, header, dialect)?)
    }

    /// The layout of a file whose fields have these names.
    pub(super) fn by_names(
        &self,
        file: &str,
        names: &[String],
    ) -> Result<(Layout, Option<String>)> {
        let layout = self.layout(names);
        let mut skipped = Vec::new();
        for (at, name) in names.iter().enumerate() {
            if layout.sources.contains(&Some(at)) {
                continue;
            }
            let twice = self
                .columns
                .iter()
                .zip(&layout.sources)
                .find(|(column, source)| source.is_some() && column.name == name.to_lowercase());
            if let Some((column, _)) = twice.filter(|_| self.mapping.is_none()) {
                let message = format!("{file}: the header names the column {} twice", column.name);
                return Err(Error::new(ErrorKind::Input, message));
            }
            if !self.is_skipped(name) {
                skipped.push(name.clone());
            }
        }
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
    pub(super) fn remark(&self, file: &str, skipped: &[String]) -> String {
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
}

/// The names of a CSV file's header.
pub(super) fn header_names(file: &str, header: &[u8], dialect: &Dialect) -> Result<Vec<String>> {
    let wrong = |message: &str| Error::new(ErrorKind::Input, format!("{file}: {message}"));
    if let Some(at) = header.iter().position(|byte| *byte == b'\r')
        && !header
            .get(at..)
            .is_some_and(|rest| rest.contains(&dialect.quote))
    {
        return Err(wrong(
            "lines end in a carriage return alone: convert them to LF or CRLF",
        ));
    }
    let mut splitter = FieldSplitter::new(dialect);
    if !splitter.split(header) {
        return Err(wrong("the header has a quoted field that is not closed"));
    }
    splitter
        .fields(header)
        .map(|field| {
            let text = std::str::from_utf8(field.bytes);
            let text = text.map_err(|_| wrong("the header is not UTF-8"))?;
            Ok(text.trim().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::testing::table;

    #[test]
    fn headers_name_columns_in_any_order() {
        let table = table("k int, c int, v text, w text, primary key (k, c)");
        let naming = Naming::new(
            &table,
            Wanted {
                skip: &["w".to_owned()],
                ..Wanted::default()
            },
        )
        .unwrap();
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
        let new = |listed: Vec<String>| {
            let wanted = Wanted {
                listed: Some(&listed),
                ..Wanted::default()
            };
            Naming::new(&table, wanted)
        };
        assert_eq!(
            new(names(&["v", "k"])).unwrap().by_position().sources,
            [Some(0), Some(1)]
        );
        for wrong in [&["k", "x"][..], &["k", "k"], &["v"]] {
            assert!(new(names(wrong)).is_err(), "{wrong:?}");
        }
    }
}
