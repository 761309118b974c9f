//! The tables of TPC-H as CSV text, row by row from the generator: nothing is kept on disk.

use std::fmt::Display;
use std::io::{self, Read};
use tpchgen::csv::{
    CustomerCsv, LineItemCsv, NationCsv, OrderCsv, PartCsv, PartSuppCsv, RegionCsv, SupplierCsv,
};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator,
    PartSuppGenerator, RegionGenerator, SupplierGenerator,
};

/// The tables' names.
pub const TABLES: [&str; 8] = [
    "region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem",
];

/// Lines, read as bytes.
struct Lines<I> {
    rows: I,
    line: Vec<u8>,
    at: usize,
}

impl<I: Iterator<Item = String>> Read for Lines<I> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.line.len() {
            let Some(row) = self.rows.next() else {
                return Ok(0);
            };
            self.line = row.into_bytes();
            self.line.push(b'\n');
            self.at = 0;
        }
        let rest = &self.line[self.at..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

fn lines<T: Display, I: Iterator<Item = T> + Send + 'static>(
    header: &str,
    rows: I,
) -> Box<dyn Read + Send> {
    let header = std::iter::once(header.to_owned());
    Box::new(Lines {
        rows: header.chain(rows.map(|row| row.to_string())),
        line: Vec::new(),
        at: 0,
    })
}

/// The table `name` at a scale, as CSV with a header.
pub fn csv(name: &str, scale: f64) -> Box<dyn Read + Send> {
    macro_rules! table {
        ($generator:ident, $row:ident) => {
            lines(
                $row::header(),
                $generator::new(scale, 1, 1).into_iter().map($row::new),
            )
        };
    }
    match name {
        "region" => table!(RegionGenerator, RegionCsv),
        "nation" => table!(NationGenerator, NationCsv),
        "supplier" => table!(SupplierGenerator, SupplierCsv),
        "customer" => table!(CustomerGenerator, CustomerCsv),
        "part" => table!(PartGenerator, PartCsv),
        "partsupp" => table!(PartSuppGenerator, PartSuppCsv),
        "orders" => table!(OrderGenerator, OrderCsv),
        _ => table!(LineItemGenerator, LineItemCsv),
    }
}
