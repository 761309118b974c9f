//! DESCRIBE, printed as text.
//!
//! The other end answers DESCRIBE with rows, as Cassandra does for its clients. A person wants to
//! read statements and lists of names, so that is what a shell makes of them.

use crate::cql::result::Rows;
use crate::error::{Error, Result};
use crate::shell::table::names;
use crate::shell::{Failure, Flow, Format, Shell};
use crate::types::text;
use std::collections::BTreeMap;

impl Shell {
    /// Runs a DESCRIBE statement.
    pub(super) fn describe(&mut self, statement: &str) -> Result<Flow, Failure> {
        let rows = self.ask_rows(statement)?;
        if self.settings.format == Format::Table {
            self.print_description(rows)?;
        } else {
            self.print_rows(rows)?;
        }
        Ok(Flow::Continue)
    }

    fn print_description(&mut self, mut rows: Rows) -> Result<()> {
        let columns: Vec<String> = rows
            .columns()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        let at = |name: &str| columns.iter().position(|column| column == name);
        let types: Vec<_> = rows
            .columns()
            .iter()
            .map(|column| column.ty.clone())
            .collect();
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            let fields = types.iter().zip(&row).map(|(ty, value)| {
                value
                    .as_ref()
                    .map(|bytes| text::format(ty, bytes))
                    .unwrap_or_default()
            });
            records.push(fields.collect::<Vec<String>>());
        }
        let field = |record: &[String], index: Option<usize>| {
            index
                .and_then(|index| record.get(index))
                .cloned()
                .unwrap_or_default()
        };
        if let Some(statement) = at("create_statement") {
            let all = records.iter().map(|record| field(record, Some(statement)));
            let text = all.collect::<Vec<_>>().join("\n\n");
            return self.write(|out| writeln!(out, "\n{}\n", text.trim_end()));
        }
        if at("cluster").is_some() {
            let lines = records.iter().flat_map(|record| columns.iter().zip(record));
            let text: Vec<String> = lines
                .map(|(name, value)| format!("{}: {value}", capitalised(name)))
                .collect();
            return self.write(|out| writeln!(out, "\n{}\n", text.join("\n")));
        }
        let (Some(name), keyspace) = (at("name"), at("keyspace_name")) else {
            return Err(Error::internal(
                "DESCRIBE answered columns that the shell does not know",
            ));
        };
        let kind = at("type");
        if records
            .iter()
            .all(|record| field(record, kind) == "keyspace")
        {
            let list: Vec<String> = records
                .iter()
                .map(|record| field(record, Some(name)))
                .collect();
            let width = self.settings.width;
            return self.write(|out| {
                writeln!(out)?;
                names(&list, width, out)?;
                writeln!(out)
            });
        }
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in &records {
            groups
                .entry(field(record, keyspace))
                .or_default()
                .push(field(record, Some(name)));
        }
        self.print_groups(&groups)
    }

    /// Prints names below the keyspaces that they belong to.
    fn print_groups(&mut self, groups: &BTreeMap<String, Vec<String>>) -> Result<()> {
        let width = self.settings.width;
        let single = groups.len() == 1 && self.peer.keyspace().is_some();
        self.write(|out| {
            writeln!(out)?;
            for (keyspace, list) in groups {
                if !single {
                    let title = format!("Keyspace {keyspace}");
                    writeln!(out, "{title}\n{}", "-".repeat(title.chars().count()))?;
                }
                names(list, width, out)?;
                writeln!(out)?;
            }
            Ok(())
        })
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first
            .to_uppercase()
            .chain(chars)
            .collect::<String>()
            .replace('_', " ")
    })
}
