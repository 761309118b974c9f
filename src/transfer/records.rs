//! From a chunk of records to a batch of wire values.

use crate::schema::{Column, Table};
use crate::source::{RowCheck, ValueBatch};
use crate::transfer::csv::{Chunk, Dialect, FieldParser, FieldSplitter, RawRecord, ValueStyle};
use crate::transfer::layout::Layout;
use crate::transfer::rejects::Reject;
use std::sync::Arc;

/// Records on their way to a parser.
pub(super) struct Job {
    pub chunk: Chunk,
    pub layout: Arc<Layout>,
    pub file: Arc<str>,
    pub remark: Option<String>,
}

/// A chunk's rows, good and bad.
pub(super) struct Parsed {
    pub batch: ValueBatch,
    pub rejects: Vec<Reject>,
    pub file: Arc<str>,
    pub remark: Option<String>,
}

/// Parses chunks, one after the other.
pub(super) struct ChunkParser {
    columns: Vec<Column>,
    check: RowCheck,
    splitter: FieldSplitter,
    parser: FieldParser,
}

/// The column that is to blame, and why.
type Blame = (Option<String>, String);

impl ChunkParser {
    pub(super) fn new(
        table: &Table,
        columns: &[Column],
        dialect: &Dialect,
        style: &ValueStyle,
    ) -> Self {
        Self {
            columns: columns.to_vec(),
            check: RowCheck::new(table, columns),
            splitter: FieldSplitter::new(dialect),
            parser: FieldParser::new(dialect, style),
        }
    }

    pub(super) fn parse(&mut self, job: Job) -> Parsed {
        let mut batch = ValueBatch::with_capacity(self.columns.len(), job.chunk.bytes());
        let mut rejects = Vec::new();
        for record in job.chunk.records() {
            if let Err((column, reason)) = self.row(&record, &job.layout, &mut batch) {
                batch.undo_row();
                rejects.push(Reject {
                    line: record.line,
                    offset: record.offset,
                    column,
                    reason,
                    raw: record.bytes.to_vec(),
                });
            } else {
                batch.end_row();
            }
        }
        Parsed {
            batch,
            rejects,
            file: job.file,
            remark: job.remark,
        }
    }

    fn row(
        &mut self,
        record: &RawRecord<'_>,
        layout: &Layout,
        batch: &mut ValueBatch,
    ) -> Result<(), Blame> {
        let content = record.content();
        if !self.splitter.split(content) {
            return Err((
                None,
                "a quoted field is not closed before the file's end".to_owned(),
            ));
        }
        let (expected, found) = (layout.fields, self.splitter.len());
        if found != expected {
            return Err((
                None,
                format!("{expected} fields were expected, {found} found"),
            ));
        }
        for (column, source) in self.columns.iter().zip(&layout.sources) {
            let field = source.and_then(|at| self.splitter.field(content, at));
            let Some(field) = field else {
                batch.end_absent();
                continue;
            };
            match self.parser.parse(&column.ty, field, batch.data()) {
                Ok(true) => batch.end_value(),
                Ok(false) => batch.end_absent(),
                Err(reason) => return Err((Some(column.name.clone()), reason)),
            }
        }
        match self.check.refuse(|column| batch.open_length(column)) {
            Some((column, reason)) => Err((Some(column.to_owned()), reason)),
            None => Ok(()),
        }
    }
}
