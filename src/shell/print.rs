//! Printing a stream of rows, in bounded memory.

use crate::cql::result::{ColumnSpec, RowValues, Rows};
use crate::error::{Error, Result};
use crate::schema::ColumnKind;
use crate::shell::output::closed;
use crate::shell::table::Layout;
use crate::shell::value::{Cell, Palette, Tone};
use crate::shell::{Format, Shell, data};
use std::io::Write;

/// How many rows are laid out together where nothing is paged.
const CHUNK_ROWS: usize = 1_000;

/// How much text is laid out together, in bytes.
const CHUNK_BYTES: usize = 4 << 20;

impl Shell {
    /// Prints all of `rows` in the shell's format.
    pub(super) fn print_rows(&mut self, rows: Rows) -> Result<()> {
        match self.settings.format {
            Format::Table => self.print_table(rows),
            Format::Csv | Format::Json => self.print_data(rows),
        }
    }

    fn print_data(&mut self, mut rows: Rows) -> Result<()> {
        let columns = rows.columns().to_vec();
        let mut text = String::new();
        if self.settings.format == Format::Csv {
            data::csv_header(&columns, &mut text);
        }
        while let Some(row) = rows.next()? {
            match self.settings.format {
                Format::Json => data::json_row(&columns, &row, &mut text)?,
                Format::Csv | Format::Table => data::csv_row(&columns, &row, &mut text),
            }
            if text.len() > 64 << 10 {
                self.check_interrupt()?;
                self.write(|out| out.write_all(text.as_bytes()))?;
                text.clear();
            }
        }
        self.write(|out| out.write_all(text.as_bytes()))
    }

    fn print_table(&mut self, mut rows: Rows) -> Result<()> {
        let columns = rows.columns().to_vec();
        let expand = self.expand;
        let paged = self.more.is_some() && self.capture.is_none() && self.page.is_some();
        let rows_max = if paged {
            self.page.unwrap_or(CHUNK_ROWS)
        } else {
            CHUNK_ROWS
        };
        let mut layout = Layout::new(self.names(&columns), self.result_palette());
        let mut count = 0_u64;
        let mut ahead = rows.next()?;
        self.write(|out| writeln!(out))?;
        loop {
            self.check_interrupt()?;
            let (page, rest) = next_page(&columns, &mut rows, ahead, rows_max)?;
            ahead = rest;
            layout.fit(&page);
            self.write(|out| {
                if expand {
                    return layout.records(&page, count, out);
                }
                if count == 0 || paged {
                    layout.header(out)?;
                }
                layout.rows(&page, out)
            })?;
            count += page.len() as u64;
            if ahead.is_none() {
                break;
            }
            if paged && !self.ask_for_more() {
                self.write(|out| writeln!(out, "\n({count} rows so far)"))?;
                return self.suggest_expand(&layout);
            }
        }
        let gap = if expand { "" } else { "\n" };
        self.write(|out| writeln!(out, "{gap}({count} rows)"))?;
        if count > 0 {
            self.suggest_expand(&layout)
        } else {
            Ok(())
        }
    }

    /// Tells a person whose lines wrap what can be done about it.
    fn suggest_expand(&mut self, layout: &Layout) -> Result<()> {
        if self.more.is_some() && !self.expand && layout.width() > self.settings.width {
            self.say("(Lines wrap: EXPAND ON shows one column a line.)")?;
        }
        Ok(())
    }

    fn ask_for_more(&mut self) -> bool {
        let flushed = self.out.flush().is_ok();
        flushed && self.more.as_mut().is_none_or(|more| more())
    }

    /// The columns' names, in the colour of the part that they play.
    fn names(&self, columns: &[ColumnSpec]) -> Vec<Cell> {
        // Without colours nobody needs to know, and a server need not be asked.
        if !self.result_palette().color {
            let plain = |column: &ColumnSpec| Cell::new(&column.name, Tone::Column);
            return columns.iter().map(plain).collect();
        }
        let catalog = self.names.present();
        let tone = |column: &ColumnSpec| {
            let table = catalog.table(&column.keyspace, &column.table)?;
            Some(match table.column(&column.name)?.kind {
                ColumnKind::PartitionKey => Tone::PartitionKey,
                ColumnKind::Clustering => Tone::Clustering,
                ColumnKind::Static => Tone::Static,
                ColumnKind::Regular => Tone::Column,
            })
        };
        columns
            .iter()
            .map(|column| Cell::new(&column.name, tone(column).unwrap_or(Tone::Column)))
            .collect()
    }

    pub(super) fn result_palette(&self) -> Palette {
        if self.capture.is_some() {
            Palette { color: false }
        } else {
            self.settings.palette
        }
    }

    /// Writes a piece of a result: to the captured file if there is one.
    pub(super) fn write(
        &mut self,
        print: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<()> {
        match &mut self.capture {
            Some(captured) => print(&mut captured.file)
                .map_err(|error| Error::io(&captured.name, "write", &error)),
            None => print(&mut self.out).map_err(|error| closed(&error)),
        }
    }
}

/// The next rows to be laid out together, `ahead` first, and the row that follows them.
fn next_page(
    columns: &[ColumnSpec],
    rows: &mut Rows,
    mut ahead: Option<RowValues>,
    rows_max: usize,
) -> Result<(Vec<Vec<Cell>>, Option<RowValues>)> {
    let mut page = Vec::new();
    let mut bytes = 0;
    while let Some(row) = ahead.take() {
        let cells: Vec<Cell> = columns
            .iter()
            .zip(&row)
            .map(|(column, value)| Cell::value(&column.ty, value.as_deref()))
            .collect();
        bytes += cells.iter().map(|cell| cell.text.len()).sum::<usize>();
        page.push(cells);
        ahead = rows.next()?;
        if page.len() >= rows_max || bytes >= CHUNK_BYTES {
            break;
        }
    }
    Ok((page, ahead))
}
