//! Rows as an aligned table, or as one record below the other (`EXPAND ON`).
//!
//! ```text
//!  carrier | flights          @ Row 1
//! ---------+---------        ---------+------
//!       AA |   32729          carrier | AA
//!       B6 |   54635          flights | 32729
//! ```
//!
//! A result may have more rows than memory, so it is laid out page by page. Within one result the
//! widths only grow: pages without a header of their own stay below the first page's columns as
//! long as they fit.

use crate::shell::value::{Cell, Palette, Tone};
use std::io::{Result, Write};

/// The columns of a result, and how wide they are so far.
#[derive(Debug)]
pub struct Layout {
    names: Vec<Cell>,
    widths: Vec<usize>,
    palette: Palette,
}

impl Layout {
    /// Columns with these names.
    pub fn new(names: Vec<Cell>, palette: Palette) -> Self {
        let widths = names.iter().map(|name| name.width).collect();
        Self {
            names,
            widths,
            palette,
        }
    }

    /// Widens the columns so that `rows` fit.
    pub fn fit(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width);
            }
        }
    }

    /// How wide the table is.
    pub fn width(&self) -> usize {
        self.widths
            .iter()
            .map(|width| width + 3)
            .sum::<usize>()
            .saturating_sub(1)
    }

    /// Prints the names and the line below them.
    pub fn header(&self, out: &mut dyn Write) -> Result<()> {
        let mut line = String::new();
        for (index, (name, &width)) in self.names.iter().zip(&self.widths).enumerate() {
            line.push_str(if index == 0 { " " } else { " | " });
            line.push_str(&self.palette.paint(name.tone, &name.text));
            if index + 1 < self.names.len() {
                pad(&mut line, width - name.width);
            }
        }
        let rules: Vec<String> = self
            .widths
            .iter()
            .map(|width| "-".repeat(width + 2))
            .collect();
        writeln!(out, "{line}\n{}", rules.join("+"))
    }

    /// Prints rows, the values at the right of their columns. The lines of a plan stand at the
    /// left: their indentation says what feeds what.
    pub fn rows(&self, rows: &[Vec<Cell>], out: &mut dyn Write) -> Result<()> {
        let is_plan = matches!(self.names.as_slice(), [only] if only.text == "plan");
        let mut line = String::new();
        for row in rows {
            line.clear();
            if let ([cell], true) = (row.as_slice(), is_plan) {
                writeln!(out, " {}", self.palette.paint(cell.tone, &cell.text))?;
                continue;
            }
            for (index, (cell, &width)) in row.iter().zip(&self.widths).enumerate() {
                line.push_str(if index == 0 { " " } else { " | " });
                pad(&mut line, width - cell.width);
                line.push_str(&self.palette.paint(cell.tone, &cell.text));
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// Prints rows as records; `before` rows of the same result were printed earlier.
    pub fn records(&self, rows: &[Vec<Cell>], before: u64, out: &mut dyn Write) -> Result<()> {
        let name_width = self.names.iter().map(|name| name.width).max().unwrap_or(0);
        let value_width = rows
            .iter()
            .flatten()
            .map(|cell| cell.width)
            .max()
            .unwrap_or(0);
        let rule = format!(
            "{}+{}",
            "-".repeat(name_width + 2),
            "-".repeat(value_width + 2)
        );
        for (number, row) in (before + 1..).zip(rows) {
            writeln!(out, "@ Row {number}\n{rule}")?;
            for (name, cell) in self.names.iter().zip(row) {
                let mut line = format!(" {}", self.palette.paint(name.tone, &name.text));
                pad(&mut line, name_width - name.width);
                line.push_str(" | ");
                line.push_str(&self.palette.paint(cell.tone, &cell.text));
                writeln!(out, "{line}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn pad(line: &mut String, spaces: usize) {
    line.extend(std::iter::repeat_n(' ', spaces));
}

/// Prints `names` side by side in columns of one width, as many as fit into `width`.
pub fn names(names: &[String], width: usize, out: &mut dyn Write) -> Result<()> {
    let cells: Vec<Cell> = names
        .iter()
        .map(|name| Cell::new(name, Tone::Plain))
        .collect();
    let widest = cells.iter().map(|cell| cell.width).max().unwrap_or(0);
    let per_line = (width / (widest + 2)).max(1);
    for chunk in cells.chunks(per_line) {
        let mut line = String::new();
        for (index, cell) in chunk.iter().enumerate() {
            line.push_str(&cell.text);
            if index + 1 < chunk.len() {
                pad(&mut line, widest + 2 - cell.width);
            }
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<Cell> {
        texts
            .iter()
            .map(|text| Cell::new(text, Tone::Text))
            .collect()
    }

    fn printed(print: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn wide_characters_stay_aligned() {
        let rows = [
            cells(&["漢字", "1"]),
            cells(&["e\u{301}", "22\n"]),
            cells(&["👍", "x"]),
        ];
        let mut layout = Layout::new(cells(&["k", "value"]), Palette { color: false });
        layout.fit(&rows);
        assert_eq!(
            printed(|out| {
                layout.header(out)?;
                layout.rows(&rows, out)
            }),
            " k    | value\n\
             ------+-------\n \
             漢字 |     1\n    \
             e\u{301} |  22\\n\n   \
             👍 |     x\n"
        );
        assert_eq!(layout.width(), 14);
    }

    #[test]
    fn records_are_numbered_through() {
        let layout = Layout::new(cells(&["name", "v"]), Palette { color: false });
        let rows = [cells(&["Ann", "1"]), cells(&["Bo", "漢"])];
        assert_eq!(
            printed(|out| layout.records(&rows, 7, out)),
            "@ Row 8\n------+-----\n name | Ann\n v    | 1\n\n\
             @ Row 9\n------+-----\n name | Bo\n v    | 漢\n\n"
        );
    }

    #[test]
    fn paint_does_not_count_as_width() {
        let mut layout = Layout::new(cells(&["k"]), Palette { color: true });
        let rows = [vec![Cell::new("null", Tone::Null)], cells(&["a"])];
        layout.fit(&rows);
        assert_eq!(
            printed(|out| layout.rows(&rows, out)),
            " \x1b[31mnull\x1b[0m\n    \x1b[33ma\x1b[0m\n"
        );
    }

    #[test]
    fn names_fill_the_lines() {
        let list: Vec<String> = ["a", "bbbb", "c"].map(String::from).to_vec();
        assert_eq!(printed(|out| names(&list, 13, out)), "a     bbbb\nc\n");
        assert_eq!(printed(|out| names(&list, 1, out)), "a\nbbbb\nc\n");
    }
}
