//! Where partitions and rows come from: the engine, an index, or a table that is made up.

use crate::cql::execute::indexed::{self, Indexed};
use crate::cql::execute::paging::Place;
use crate::cql::execute::{Execution, read};
use crate::cql::plan::SelectPlan;
use crate::cql::virtual_tables;
use crate::error::Result;
use crate::schema::Table;
use crate::storage::read::{Partitions, ReadCommand, ReadItem, ScanFigures};
use crate::storage::{Engine, RowStream};
use std::sync::Arc;

enum Present {
    Stored(Box<RowStream>),
    Indexed(Box<Indexed>),
    Listed(std::vec::IntoIter<ReadItem>),
}

/// Partitions and rows, one after the other.
pub struct Items {
    present: Present,
    /// What is read next: where reading goes on within a partition, those that follow it.
    next: Option<(Engine, ReadCommand)>,
    figures: Option<Arc<ScanFigures>>,
    /// Whether there is one partition at most.
    single: bool,
}

impl Items {
    /// Nothing.
    pub fn none() -> Self {
        Self {
            present: Present::Listed(Vec::new().into_iter()),
            next: None,
            figures: None,
            single: true,
        }
    }

    /// What `command` asks for, behind `place` where one is given.
    pub fn new(
        engine: &Engine,
        plan: &Arc<SelectPlan>,
        execution: &Execution,
        command: ReadCommand,
        place: Option<&Place>,
    ) -> Result<Self> {
        let single = matches!(&command.partitions, Partitions::Keys(keys) if keys.len() < 2);
        if let Some(index) = &plan.index {
            let Some(value) = indexed::value(index, &execution.context())? else {
                return Ok(Self::none());
            };
            execution.note(|| format!("Reading the entries of index {}", index.index.name));
            let rows = Indexed::new(
                engine,
                index,
                &value,
                command,
                place,
                execution.figures.as_ref(),
            )?;
            return Ok(Self {
                present: Present::Indexed(Box::new(rows)),
                next: None,
                figures: None,
                single,
            });
        }
        let (own, following) = match place {
            None => (Some(command), None),
            Some(place) => place.rest_of(command)?,
        };
        let (first, then) = match own {
            Some(own) => (own, following),
            None => match following {
                Some(following) => (following, None),
                None => return Ok(Self::none()),
            },
        };
        if plan.is_virtual {
            let mut items = virtual_items(engine, execution, &plan.table, &first)?;
            if let Some(then) = then {
                items.extend(virtual_items(engine, execution, &plan.table, &then)?);
            }
            return Ok(Self {
                present: Present::Listed(items.into_iter()),
                next: None,
                figures: None,
                single,
            });
        }
        execution.note(|| "Merging memtable and sstable contents");
        Ok(Self {
            present: Present::Stored(Box::new(read(engine, execution.figures.as_ref(), first)?)),
            next: then.map(|command| (engine.clone(), command)),
            figures: execution.figures.clone(),
            single,
        })
    }

    /// Whether there is one partition at most.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// The next partition or row, or none at the end.
    pub fn next(&mut self) -> Result<Option<ReadItem>> {
        loop {
            let found = match &mut self.present {
                Present::Stored(stream) => stream.next()?,
                Present::Indexed(rows) => rows.next()?,
                Present::Listed(items) => items.next(),
            };
            if found.is_some() {
                return Ok(found);
            }
            let Some((engine, command)) = self.next.take() else {
                return Ok(None);
            };
            let stream = read(&engine, self.figures.as_ref(), command)?;
            self.present = Present::Stored(Box::new(stream));
        }
    }
}

/// The partitions and rows of a table that is made up, as the engine would answer `command`.
fn virtual_items(
    engine: &Engine,
    execution: &Execution,
    table: &Table,
    command: &ReadCommand,
) -> Result<Vec<ReadItem>> {
    virtual_tables::read(engine, &execution.catalog, table, command)
}
