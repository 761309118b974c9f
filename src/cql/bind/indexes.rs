//! Which index serves which restriction, and which one a SELECT reads.
//!
//! | index | serves |
//! |---|---|
//! | of a column, or `FULL` of a frozen collection | `c = v` |
//! | `VALUES` | `c CONTAINS v` |
//! | `KEYS` | `c CONTAINS KEY k` |
//! | `ENTRIES` | `c[k] = v` |
//!
//! A SELECT reads one index; what else is demanded is checked row by row.

use crate::cql::ast::Operator;
use crate::cql::bind::relation::{Demand, Restriction};
use crate::cql::plan::{IndexPlan, Term};
use crate::schema::{ColumnKind, Index, IndexPart, Table};
use std::sync::Arc;

/// Whether an index of `table` serves the restriction, or a part of it.
pub fn serve(table: &Table, restriction: &Restriction) -> bool {
    table
        .indexes
        .iter()
        .any(|index| demanded(index, restriction).is_some())
}

/// Whether there is an index that serves all of the restrictions wholly.
pub fn serve_all(table: &Table, restrictions: &[&Restriction]) -> bool {
    let held: usize = restrictions.iter().map(|it| held(&it.demand)).sum();
    let wholly = |index: &Index, restriction: &Restriction| {
        restriction.columns.len() == 1 && demanded(index, restriction).is_some()
    };
    let all = |index: &Arc<Index>| restrictions.iter().all(|it| wholly(index, it));
    held < 2 && table.indexes.iter().any(all)
}

/// How many demands of a collection's content there are.
fn held(demand: &Demand) -> usize {
    match demand {
        Demand::Contains(held, entries) => held.len() + entries.len(),
        _ => 0,
    }
}

/// The value that `index` looks up for the restriction, and the key before it.
fn demanded<'r>(
    index: &Index,
    restriction: &'r Restriction,
) -> Option<(&'r Term, Option<&'r Term>)> {
    if !restriction.columns.iter().any(|it| it.id == index.column) {
        return None;
    }
    match (&restriction.demand, index.part) {
        (Demand::Eq(term), IndexPart::Column | IndexPart::Full) => Some((term, None)),
        (Demand::Contains(held, _), IndexPart::Values) => of(held, Operator::Contains),
        (Demand::Contains(held, _), IndexPart::Keys) => of(held, Operator::ContainsKey),
        (Demand::Contains(_, entries), IndexPart::Entries) => {
            let (key, value) = entries.first()?;
            Some((value, Some(key)))
        }
        _ => None,
    }
}

fn of(held: &[(Operator, Term)], wanted: Operator) -> Option<(&Term, Option<&Term>)> {
    let (_, term) = held.iter().find(|(operator, _)| *operator == wanted)?;
    Some((term, None))
}

/// The index to read for these restrictions. Those whose entries stand for single rows, and for
/// few of them, come first.
pub fn choose(table: &Table, restrictions: &[&Restriction]) -> Option<Box<IndexPlan>> {
    let mut best: Option<(u8, Box<IndexPlan>)> = None;
    for restriction in restrictions {
        let [column] = restriction.columns.as_slice() else {
            continue;
        };
        for index in &table.indexes {
            let Some((value, key)) = demanded(index, restriction) else {
                continue;
            };
            let cost = match (column.kind, index.part) {
                (ColumnKind::PartitionKey | ColumnKind::Static, _) => 2,
                (_, IndexPart::Column | IndexPart::Full | IndexPart::Entries) => 0,
                (_, IndexPart::Values | IndexPart::Keys) => 1,
            };
            if best.as_ref().is_some_and(|(least, _)| *least <= cost) {
                continue;
            }
            let plan = IndexPlan {
                index: Arc::clone(index),
                is_static: column.kind == ColumnKind::Static,
                value: value.clone(),
                in_tuple: restriction.tuple,
                key: key.cloned(),
            };
            best = Some((cost, Box::new(plan)));
        }
    }
    best.map(|(_, plan)| plan)
}
