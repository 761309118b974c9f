//! From a chunk of records to a batch of wire values.

use crate::schema::{Column, Table};
use crate::source::{RowCheck, StampColumn, ValueBatch, stamps};
use crate::transfer::csv::{Chunk, Dialect, FieldParser, FieldSplitter, RawRecord, ValueStyle};
use crate::transfer::format::Format;
use crate::transfer::jsonl::{LineParser, Skipped};
use crate::transfer::layout::{Layout, Naming};
use crate::transfer::rejects::{Blame, Reject};
use std::sync::Arc;

/// What a job holds.
pub(super) enum Payload {
    /// Records as they stood in the file.
    Text(Chunk),
    /// Rows of a file of columns.
    #[cfg(feature = "analytics")]
    Columns(crate::transfer::columnar::Columns),
}

/// Records on their way to a parser.
pub(super) struct Job {
    pub payload: Payload,
    pub layout: Arc<Layout>,
    pub file: Arc<str>,
    /// The file's place among the inputs.
    pub input: usize,
    pub remark: Option<String>,
}

/// A chunk's rows, good and bad.
pub(super) struct Parsed {
    pub batch: ValueBatch,
    pub rejects: Vec<Reject>,
    pub file: Arc<str>,
    pub input: usize,
    pub remark: Option<String>,
}

/// Parses chunks, one after the other.
pub(super) struct ChunkParser {
    columns: Vec<Column>,
    stamps: Vec<StampColumn>,
    check: RowCheck,
    splitter: FieldSplitter,
    parser: FieldParser,
    lines: Option<LineParser>,
    naming: Naming,
}

impl ChunkParser {
    pub(super) fn new(
        table: &Table,
        naming: &Naming,
        format: Format,
        dialect: &Dialect,
        style: &ValueStyle,
        skipped: &Skipped,
    ) -> Self {
        let json = format == Format::JsonLines;
        Self {
            columns: naming.columns().to_vec(),
            stamps: naming.stamps().to_vec(),
            check: RowCheck::new(table, naming.columns()),
            splitter: FieldSplitter::new(dialect),
            parser: FieldParser::new(dialect, style),
            lines: json.then(|| LineParser::new(naming, skipped)),
            naming: naming.clone(),
        }
    }

    pub(super) fn parse(&mut self, job: Job) -> Parsed {
        let (batch, rejects) = match &job.payload {
            Payload::Text(chunk) => self.text(chunk, &job.layout),
            #[cfg(feature = "analytics")]
            Payload::Columns(columns) => {
                let check = |batch: &ValueBatch| self.refuse(batch);
                columns.rows(&self.columns, &job.layout.sources, &check)
            }
        };
        let mut remark = job.remark;
        if let Some(lines) = &mut self.lines
            && !lines.news.is_empty()
        {
            let names = std::mem::take(&mut lines.news);
            remark = Some(self.naming.remark(&job.file, &names));
        }
        Parsed {
            batch,
            rejects,
            file: job.file,
            input: job.input,
            remark,
        }
    }

    fn text(&mut self, chunk: &Chunk, layout: &Layout) -> (ValueBatch, Vec<Reject>) {
        let mut batch = ValueBatch::with_capacity(self.columns.len(), chunk.bytes());
        let mut rejects = Vec::new();
        for record in chunk.records() {
            let row = match &mut self.lines {
                Some(lines) => lines.row(record.content(), &mut batch),
                None => self.fields(&record, layout, &mut batch),
            };
            if let Err((column, reason)) = row.and_then(|()| self.refuse(&batch)) {
                batch.undo_row();
                rejects.push(Reject {
                    line: record.line,
                    offset: Some(record.offset),
                    column,
                    reason,
                    raw: record.bytes.to_vec(),
                });
            } else {
                batch.end_row();
            }
        }
        (batch, rejects)
    }

    fn fields(
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
        Ok(())
    }

    /// Why the row in the making cannot be written, if it cannot.
    fn refuse(&self, batch: &ValueBatch) -> Result<(), Blame> {
        if let Some((column, reason)) = self.check.refuse(|column| batch.open_length(column)) {
            return Err((Some(column.to_owned()), reason));
        }
        let first = self.columns.len() - self.stamps.len();
        for (at, stamp) in self.stamps.iter().enumerate() {
            if let Some(value) = batch.open_value(first + at) {
                stamps::check_value(stamp, value).map_err(|reason| {
                    let column = self.columns.get(first + at);
                    (column.map(|column| column.name.clone()), reason)
                })?;
            }
        }
        Ok(())
    }
}
