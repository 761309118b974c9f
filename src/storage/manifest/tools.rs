//! What `helenus inspect` and `helenus check` do with a manifest.

use crate::error::{Error, Result};
use crate::schema::{Column, SchemaChange};
use crate::storage::disk::Disk;
use crate::storage::manifest::{Edit, State, records};
use std::fmt::{self, Write};

fn unprintable(_: fmt::Error) -> Error {
    Error::internal("the output cannot be written")
}

/// Prints the records of the manifest at `path`, and what they come to.
pub fn inspect(disk: &dyn Disk, path: &str, out: &mut dyn Write) -> Result<()> {
    let content = records::load(disk, path)?;
    let mut state = State::default();
    let mut print = |line: fmt::Arguments<'_>| writeln!(out, "{line}").map_err(unprintable);
    print(format_args!(
        "manifest {}, format version 1, base {} bytes",
        content.number, content.base
    ))?;
    for record in &content.records {
        for edit in &record.edits {
            print(format_args!("{:>10}  {}", record.offset, Words(edit)))?;
            state.apply(edit);
        }
    }
    if content.torn > 0 {
        print(format_args!(
            "the last {} bytes are a record that was never finished",
            content.torn
        ))?;
    }
    let files: usize = state.files.values().map(|files| files.len()).sum();
    print(format_args!(
        "{} keyspaces, {} tables, {files} files",
        state.catalog.keyspaces.len(),
        state.catalog.tables.len(),
    ))
}

/// Reads the manifest at `path`, checks every checksum, and answers what it comes to.
pub fn verify(disk: &dyn Disk, path: &str) -> Result<State> {
    let content = records::load(disk, path)?;
    let mut state = State::default();
    for edit in content.records.iter().flat_map(|record| &record.edits) {
        state.apply(edit);
    }
    Ok(state)
}

struct Words<'a>(&'a Edit);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Edit::AddFile { table, file } => write!(
                f,
                "table {}: add file {} ({} bytes, {} partitions, {} rows, tokens {} to {})",
                table.0,
                file.id,
                file.bytes,
                file.partitions,
                file.rows,
                file.first.token,
                file.last.token,
            ),
            Edit::RemoveFile { table, id } => write!(f, "table {}: remove file {id}", table.0),
            Edit::TableFlushedThrough { table, sequence } => {
                write!(f, "table {}: complete through {sequence}", table.0)
            }
            Edit::Truncated {
                table, sequence, ..
            } => write!(f, "table {}: emptied at {sequence}", table.0),
            Edit::Schema(changes) => {
                let words = changes.iter().map(schema_words);
                write!(f, "schema: {}", words.collect::<Vec<_>>().join("; "))
            }
            Edit::HostId(id) => write!(f, "host id {id}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A change of the schema on one line; a table by its columns.
fn schema_words(change: &SchemaChange) -> String {
    match change {
        SchemaChange::PutKeyspace { name, .. } => format!("keyspace {name}"),
        SchemaChange::DropKeyspace { name } => format!("drop keyspace {name}"),
        SchemaChange::PutTable(table) => {
            let column = |column: &Column| format!("{} {}", column.name, column.ty);
            let list =
                |columns: &[Column]| columns.iter().map(column).collect::<Vec<_>>().join(", ");
            let mut words = format!(
                "table {} {} version {} (key ({})",
                table.id.0,
                table.full_name(),
                table.version,
                list(&table.partition_key)
            );
            for (what, columns) in [
                ("clustering", &table.clustering),
                ("static", &table.statics),
                ("columns", &table.regulars),
            ] {
                if !columns.is_empty() {
                    words.push_str(&format!(", {what} ({})", list(columns)));
                }
            }
            words + ")"
        }
        SchemaChange::DropTable { keyspace, name } => format!("drop table {keyspace}.{name}"),
        SchemaChange::PutType(udt) => format!("type {}.{}", udt.keyspace, udt.name),
        SchemaChange::DropType { keyspace, name } => format!("drop type {keyspace}.{name}"),
        SchemaChange::PutIndex {
            keyspace,
            table,
            index,
            entries,
        } => format!(
            "index {keyspace}.{} of {table} column {} {:?}, entries in {}, {}",
            index.name,
            index.column.0,
            index.part,
            entries.id.0,
            if index.built { "built" } else { "not built" }
        ),
        SchemaChange::DropIndex { keyspace, name } => format!("drop index {keyspace}.{name}"),
    }
}
