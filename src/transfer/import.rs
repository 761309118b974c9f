//! The import: what is decided before the first row, and what is told behind the last.

use crate::cql::ddl::check_modifiable;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::TTL_SECONDS_MAX;
use crate::schema::{ColumnId, Table};
use crate::source::{RowSink, ValueBatch, WriteOptions};
use crate::storage::IngestSummary;
use crate::transfer::format::Format;
use crate::transfer::input::Inputs;
use crate::transfer::layout::{Naming, Wanted};
use crate::transfer::manifest::Manifest;
use crate::transfer::pipeline::{Collected, Pass, Reading};
use crate::transfer::progress::Progress;
use crate::transfer::rejects::Rejects;
use crate::transfer::{ImportOptions, ImportSummary, Input, Site, create, sample};
use crate::types::name::quote_identifier;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Imports files into a table: all rows or none, unless `site` is not atomic.
pub fn import(site: &dyn Site, mut options: ImportOptions) -> Result<ImportSummary> {
    options.dialect.check()?;
    check_stamp(&options)?;
    check_modifiable(&options.keyspace)?;
    let list = std::mem::take(&mut options.inputs);
    let again: Option<Vec<Input>> = list.iter().map(reopen).collect();
    let mut inputs = Inputs::resolve(list)?;
    let format = inputs.format(options.format)?;
    let created = create::create(site, &mut inputs, format, &options)?;
    let (keyspace, name) = (options.keyspace.clone(), options.table.clone());
    let done = import_into(site, options, inputs, format, again);
    if created && done.is_err() && site.is_atomic() {
        let (keyspace, name) = (quote_identifier(&keyspace), quote_identifier(&name));
        // What the import failed of is what matters.
        let _ = site.execute(&format!("DROP TABLE {keyspace}.{name}"));
    }
    done
}

/// Imports into a table that is there.
fn import_into(
    site: &dyn Site,
    options: ImportOptions,
    mut inputs: Inputs,
    format: Format,
    again: Option<Vec<Input>>,
) -> Result<ImportSummary> {
    let table = site.tables().table(&options.keyspace, &options.table)?;
    let names = sample::names(&mut inputs, format, &options)?;
    let naming = Naming::new(
        &table,
        Wanted {
            listed: options.columns.as_deref(),
            skip: &options.skip_columns,
            mapping: options.mapping.as_ref(),
            names: &names,
        },
    )?;
    let atomic = site.is_atomic() && !table.is_counter() && table.indexes.is_empty();
    let mut run = Run {
        site,
        table,
        naming,
        format,
        options,
        atomic,
        manifest: None,
    };
    run.start_manifest(&inputs)?;
    run.go(inputs, again)
}

/// An import under way.
struct Run<'a> {
    site: &'a dyn Site,
    table: Arc<Table>,
    naming: Naming,
    format: Format,
    options: ImportOptions,
    atomic: bool,
    manifest: Option<Manifest>,
}

impl Run<'_> {
    /// Notes the run, where it may have to go on: if that was asked for.
    fn start_manifest(&mut self, inputs: &Inputs) -> Result<()> {
        if !self.options.resume || self.options.dry_run {
            return Ok(());
        }
        let label = self.table.full_name();
        if self.table.is_counter() {
            return Err(Error::invalid(format!(
                "{label} has counters: an import of them cannot go on, since what was added would \
                 be added again"
            )));
        }
        let clock = self.site.clock();
        let timestamp = self.options.timestamp_micros;
        let fresh = clock.now_micros();
        let manifest = Manifest::open(inputs, &label, timestamp, fresh, &clock)?;
        self.options.timestamp_micros = Some(manifest.timestamp_micros());
        self.manifest = Some(manifest);
        Ok(())
    }

    fn write_options(&self) -> WriteOptions {
        WriteOptions {
            timestamp_micros: self.options.timestamp_micros,
            ttl_seconds: self.options.ttl_seconds,
            stamps: self.naming.stamps().to_vec(),
            memory_bytes_max: self.options.memory_bytes_max,
        }
    }

    fn reading(&self) -> Reading {
        Reading {
            dialect: self.options.dialect.clone(),
            format: self.format,
            naming: self.naming.clone(),
            header: self.options.header,
            skip_rows: self.options.skip_rows,
            rows_max: self.options.rows_max.unwrap_or(u64::MAX),
            done: self
                .manifest
                .as_ref()
                .map(Manifest::records)
                .unwrap_or_default(),
        }
    }

    fn go(mut self, mut inputs: Inputs, again: Option<Vec<Input>>) -> Result<ImportSummary> {
        let label = self.table.full_name();
        let mut progress = Progress::start(
            &label,
            inputs.bytes,
            self.options.progress,
            self.site.clock(),
        );
        let mut summary = ImportSummary {
            table: label.clone(),
            timestamp_micros: self.options.timestamp_micros,
            dry_run: self.options.dry_run,
            atomic: self.atomic,
            ..ImportSummary::default()
        };
        if let Some(manifest) = self.manifest.as_ref().filter(|run| run.is_complete()) {
            progress.remark(&format!(
                "{label}: these files were imported completely before"
            ));
            summary.rows = manifest.rows();
            return Ok(summary);
        }
        let bad_file = self.options.bad_file.clone();
        let bad_file = bad_file.unwrap_or_else(|| inputs.bad_file(&label));
        let all_or_none = self.atomic || self.options.dry_run;
        let mut rejects = Rejects::new(bad_file, self.options.errors_max, all_or_none);
        if self.manifest.as_ref().is_some_and(|run| run.continued) && !self.atomic {
            rejects.append();
        }
        let mut sink: Box<dyn RowSink> = Box::new(NoSink(0));
        if self.table.is_counter() && !self.options.dry_run {
            // Increments cannot be taken back: look first whether all will be well.
            if let Some(again) = again {
                let mut trial = Rejects::new(rejects.path(), self.options.errors_max, true);
                let mut nothing = NoSink(0);
                self.pass(inputs, &mut nothing, &mut trial, &mut progress)?;
                inputs = Inputs::resolve(again)?;
            } else {
                progress.remark(&format!(
                    "{label} has counters: rows are added as they come, and what was added before \
                     an error stays"
                ));
            }
        }
        if !self.options.dry_run {
            sink = self.sink(&progress)?;
        }
        let read = self.pass(inputs, &mut *sink, &mut rejects, &mut progress)?;
        let written = sink.finish(&self.options.cancel)?;
        let before = self.manifest.as_ref().map_or(0, Manifest::rows);
        if let Some(manifest) = &mut self.manifest {
            manifest.complete(written.rows.max(before))?;
        }
        summary.rows = written.rows;
        summary.duplicates = written.duplicates;
        summary.rejected = rejects.count();
        summary.bytes_read = read;
        summary.bytes_written = written.bytes;
        summary.seconds = progress.seconds();
        summary.bad_file = rejects.file();
        Ok(summary)
    }

    /// Goes over the inputs once; answers how many bytes were read.
    fn pass(
        &mut self,
        inputs: Inputs,
        sink: &mut dyn RowSink,
        rejects: &mut Rejects,
        progress: &mut Progress,
    ) -> Result<u64> {
        let reading = self.reading();
        let clock = self.site.clock();
        let pass = Pass {
            table: &self.table,
            naming: &self.naming,
            format: self.format,
            dialect: &self.options.dialect,
            style: &self.options.style,
            cancel: &self.options.cancel,
        };
        let collected = Collected::new(
            sink,
            rejects,
            progress,
            self.manifest.as_mut(),
            self.options.rate_rows,
            clock,
        );
        pass.run(inputs, reading, collected)
    }

    /// What takes the rows.
    fn sink(&self, progress: &Progress) -> Result<Box<dyn RowSink>> {
        let write = self.write_options();
        let real = self.naming.columns().len() - write.stamps.len();
        let columns = self.naming.columns().get(..real).unwrap_or_default();
        if self.table.is_counter() {
            if !write.stamps.is_empty() {
                return Err(Error::invalid(
                    "counters have no timestamps or TTLs of their own",
                ));
            }
            return self.site.counters(&self.table, columns, &write);
        }
        let label = self.table.full_name();
        if !self.table.indexes.is_empty() {
            progress.remark(&format!(
                "{label} has secondary indexes: rows are written as they come, and what was \
                 written before an error stays"
            ));
        } else if !self.atomic {
            progress.remark(&format!(
                "{label}: through a server rows become visible as they are written, not all at once"
            ));
        }
        let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
        self.site.tables().write(&self.table, &ids, &write)
    }
}

/// The same input once more, where that is possible.
fn reopen(input: &Input) -> Option<Input> {
    match input {
        Input::Path(path) if path != "-" => Some(Input::Path(path.clone())),
        _ => None,
    }
}

fn check_stamp(options: &ImportOptions) -> Result<()> {
    if let Some(ttl) = options.ttl_seconds {
        if ttl < 0 {
            let message = format!("A TTL must be greater or equal to 0, but was {ttl}");
            return Err(Error::invalid(message));
        }
        if ttl > TTL_SECONDS_MAX {
            return Err(Error::invalid(format!(
                "ttl is too large. requested ({ttl}) maximum ({TTL_SECONDS_MAX})"
            )));
        }
    }
    if options.timestamp_micros == Some(i64::MIN) {
        let message = format!(
            "Out of bound timestamp, must be in [{}, {}]",
            -i64::MAX,
            i64::MAX
        );
        return Err(Error::invalid(message));
    }
    if options.rate_rows == Some(0) {
        return Err(Error::new(
            ErrorKind::Input,
            "a rate of 0 rows/s never ends",
        ));
    }
    Ok(())
}

/// Counts rows and keeps none.
struct NoSink(u64);

impl RowSink for NoSink {
    fn add(&mut self, batch: ValueBatch) -> Result<()> {
        self.0 += batch.rows() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, _stop: &AtomicBool) -> Result<IngestSummary> {
        Ok(IngestSummary {
            rows: self.0,
            ..IngestSummary::default()
        })
    }
}
