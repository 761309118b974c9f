//! The words about a SELECT.

use crate::cql::ast::Operator;
use crate::cql::explain::{Size, number, shown};
use crate::cql::plan::{
    Bound, Choice, ClusteringPart, Filter, FilterLeft, PartitionPlan, SelectPlan, Term, TupleChoice,
};
use crate::schema::{Column, Table};
use crate::types::Type;

/// A slice is taken for this share of its partition, and a filter for this share of its rows.
const SLICE_SHARE: u64 = 3;
const FILTER_SHARE: u64 = 10;

/// The words about `plan`, whose table is of this size.
pub fn lines(plan: &SelectPlan, size: Size) -> Vec<String> {
    let table = plan.table.full_name();
    let mut lines = vec![match plan.is_virtual {
        true => format!("Make up the rows of {table}: nothing is read from files"),
        false => headline(plan, &table),
    }];
    let mut say = |line: String| lines.push(format!("  {line}"));
    partition_words(plan).into_iter().for_each(&mut say);
    let clustering = clustering_words(&plan.table, &plan.clustering);
    if !clustering.is_empty() {
        say(format!("rows: {}", clustering.join(" AND ")));
    }
    if let Some(index) = &plan.index {
        let value = shown(&index.value, &Type::Blob);
        let value = match &index.value {
            Term::Constant(_) => "the value".to_owned(),
            _ => value,
        };
        say(format!(
            "index: {} finds the rows with {value}; each is then read by its key",
            index.index.name
        ));
    }
    if !plan.is_virtual {
        say(format!("pruned: {}", pruned(plan)));
    }
    for (filters, what) in [
        (&plan.partition_filters, "partition by partition"),
        (&plan.row_filters, "row by row"),
    ] {
        if !filters.is_empty() {
            let words: Vec<String> = filters.iter().map(filter_words).collect();
            say(format!("filter, {what}: {}", words.join(" AND ")));
        }
    }
    say(columns_read(plan));
    order_words(plan).into_iter().for_each(&mut say);
    result_words(plan).into_iter().for_each(&mut say);
    if !plan.is_virtual {
        let rows = estimate(plan, size);
        say(format!("estimated rows: {rows} of {}", size.rows));
    }
    lines
}

fn full_row(plan: &SelectPlan) -> bool {
    let one = |part: &ClusteringPart| match part {
        ClusteringPart::Column(Choice::One(_)) => 1,
        ClusteringPart::Tuple(width, TupleChoice::Many(terms)) if terms.len() == 1 => *width,
        _ => 0,
    };
    let width: usize = plan.clustering.iter().map(one).sum();
    width == plan.table.clustering.len()
}

fn headline(plan: &SelectPlan, table: &str) -> String {
    if let Some(index) = &plan.index {
        return format!("Read rows of {table} by its index {}", index.index.name);
    }
    match &plan.partition {
        PartitionPlan::Keys(choices) => {
            let single = choices.iter().all(|it| matches!(it, Choice::One(_)));
            match (single, plan.clustering.is_empty(), full_row(plan)) {
                (true, _, true) => format!("Read one row of {table} by its full key"),
                (true, true, false) => format!("Read one partition of {table}"),
                (true, false, false) => format!("Read a slice of one partition of {table}"),
                (false, ..) => format!("Read several partitions of {table}, one after the other"),
            }
        }
        PartitionPlan::Tokens { .. } => format!("Scan a range of tokens of {table}"),
        PartitionPlan::All => format!("Scan all of {table}"),
    }
}

fn choice_words(column: &Column, choice: &Choice) -> String {
    let name = &column.name;
    match choice {
        Choice::One(term) => format!("{name} = {}", shown(term, &column.ty)),
        Choice::Many(terms) => format!("{name} IN ({})", listed(terms, &column.ty)),
        Choice::Listed(term) => format!("{name} IN {}", shown(term, &Type::Blob)),
    }
}

/// How many values of an IN are shown.
const LISTED_MAX: usize = 8;

fn listed(terms: &[Term], ty: &Type) -> String {
    let mut shown: Vec<String> = terms
        .iter()
        .take(LISTED_MAX)
        .map(|term| shown(term, ty))
        .collect();
    if terms.len() > LISTED_MAX {
        shown.push(format!("… {} values", terms.len()));
    }
    shown.join(", ")
}

fn partition_words(plan: &SelectPlan) -> Option<String> {
    match &plan.partition {
        PartitionPlan::Keys(choices) => {
            let columns = plan.table.partition_key.iter();
            let words: Vec<String> = columns
                .zip(choices)
                .map(|(column, choice)| choice_words(column, choice))
                .collect();
            Some(format!("key: {}", words.join(" AND ")))
        }
        PartitionPlan::Tokens { lower, upper } => {
            let side = |bound: &Option<(Term, bool)>, sign: &str| {
                let (term, inclusive) = bound.as_ref()?;
                let equal = if *inclusive { "=" } else { "" };
                Some(format!(
                    "token {sign}{equal} {}",
                    shown(term, &Type::BigInt)
                ))
            };
            let sides = [side(lower, ">"), side(upper, "<")];
            let sides: Vec<String> = sides.into_iter().flatten().collect();
            Some(format!("tokens: {}", sides.join(" AND ")))
        }
        PartitionPlan::All => None,
    }
}

fn clustering_words(table: &Table, parts: &[ClusteringPart]) -> Vec<String> {
    let mut words = Vec::new();
    let mut at = 0;
    for part in parts {
        let columns = table.clustering.get(at..).unwrap_or_default();
        match part {
            ClusteringPart::Column(choice) => {
                words.extend(columns.first().map(|column| choice_words(column, choice)));
                at += 1;
            }
            ClusteringPart::Tuple(width, choice) => {
                let values = match choice {
                    TupleChoice::Many(terms) => terms.len().to_string(),
                    TupleChoice::Listed(_) => "a list of".to_owned(),
                };
                words.push(format!("{} one of {values} tuples", names(columns, *width)));
                at += width;
            }
            ClusteringPart::Slice { lower, upper } => {
                words.extend(lower.iter().map(|bound| bound_words(columns, bound, '>')));
                words.extend(upper.iter().map(|bound| bound_words(columns, bound, '<')));
            }
        }
    }
    words
}

fn names(columns: &[Column], width: usize) -> String {
    let names: Vec<&str> = columns.iter().take(width).map(|it| &*it.name).collect();
    match width {
        1 => names.concat(),
        _ => format!("({})", names.join(", ")),
    }
}

fn bound_words(columns: &[Column], bound: &Bound, sign: char) -> String {
    let equal = if bound.inclusive { "=" } else { "" };
    let value = match (columns.first(), bound.tuple) {
        (Some(column), false) => shown(&bound.term, &column.ty),
        _ => "a tuple".to_owned(),
    };
    format!("{} {sign}{equal} {value}", names(columns, bound.width))
}

fn filter_words(filter: &Filter) -> String {
    let (left, ty) = match &filter.left {
        FilterLeft::Column(column) => (column.name.clone(), Some(&column.ty)),
        FilterLeft::Entry(column, _) => (format!("{}[…]", column.name), None),
        FilterLeft::Tuple(columns) => {
            let names: Vec<&str> = columns.iter().map(|it| &*it.name).collect();
            (format!("({})", names.join(", ")), None)
        }
        FilterLeft::Token => ("token".to_owned(), Some(&Type::BigInt)),
    };
    let sign = match filter.operator {
        Operator::Eq => "=",
        Operator::NotEq => "!=",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        Operator::In => "IN",
        Operator::Contains => "CONTAINS",
        Operator::ContainsKey => "CONTAINS KEY",
        Operator::IsNotNull => "IS NOT NULL",
        Operator::Like => "LIKE",
    };
    let compares = !matches!(filter.operator, Operator::Contains | Operator::ContainsKey);
    let right = match (ty, filter.right.as_slice()) {
        (_, []) => String::new(),
        (Some(ty), [term]) if compares && !filter.listed => shown(term, ty),
        (Some(ty), terms) if compares && !filter.listed => format!("({})", listed(terms, ty)),
        _ => "…".to_owned(),
    };
    format!("{left} {sign} {right}").trim_end().to_owned()
}

/// What needs not be read, and by what that is known.
fn pruned(plan: &SelectPlan) -> &'static str {
    if plan.index.is_some() {
        return "all rows without an entry in the index";
    }
    match (&plan.partition, plan.clustering.is_empty()) {
        (PartitionPlan::Keys(_), true) => "SSTables by key range and bloom filter",
        (PartitionPlan::Keys(_), false) => {
            "SSTables by key range and bloom filter; blocks by the rows' range"
        }
        (PartitionPlan::Tokens { .. }, _) => "SSTables and blocks by the range of tokens",
        (PartitionPlan::All, true) => "nothing: every partition is read",
        (PartitionPlan::All, false) => "rows by their range within each partition",
    }
}

fn columns_read(plan: &SelectPlan) -> String {
    let table = &plan.table;
    let all = table.statics.len() + table.regulars.len();
    let names: Vec<&str> = plan
        .read_columns
        .iter()
        .filter_map(|id| table.column_by_id(*id))
        .map(|column| &*column.name)
        .collect();
    match names.is_empty() {
        true => format!("columns read: keys alone (0 of {all})"),
        false => format!(
            "columns read: {} ({} of {all})",
            names.join(", "),
            names.len()
        ),
    }
}

fn order_words(plan: &SelectPlan) -> Vec<String> {
    let mut words = Vec::new();
    if plan.reversed {
        words.push("order: reverse clustering order, read backwards".to_owned());
    }
    if !plan.merge_order.is_empty() {
        let names: Vec<&str> = plan.merge_order.iter().map(|it| &*it.name).collect();
        words.push(format!("order: sorted in memory by {}", names.join(", ")));
    }
    words
}

fn result_words(plan: &SelectPlan) -> Vec<String> {
    let mut words = Vec::new();
    if plan.distinct {
        words.push("one row for each partition".to_owned());
    }
    match (&plan.group, plan.aggregates.len()) {
        (Some(_), _) => words.push("groups: rows next to each other with equal keys".to_owned()),
        (None, 0) => {}
        (None, count) => words.push(format!("aggregates: {count}, over all rows")),
    }
    for (limit, word) in [
        (&plan.per_partition_limit, "limit for each partition"),
        (&plan.limit, "limit"),
    ] {
        words.extend(
            limit
                .iter()
                .map(|it| format!("{word}: {}", shown(it, &Type::Int))),
        );
    }
    words
}

/// About how many rows are read: what the statistics and the shape of the plan tell.
fn estimate(plan: &SelectPlan, size: Size) -> u64 {
    let of_choice = |choice: &Choice| match choice {
        Choice::Many(terms) => terms.len() as u64,
        _ => 1,
    };
    let in_partition = size.rows.checked_div(size.partitions).unwrap_or(0).max(1);
    let mut rows = match &plan.partition {
        _ if plan.index.is_some() => in_partition,
        PartitionPlan::Keys(choices) => {
            let keys = choices.iter().map(of_choice).fold(1, u64::saturating_mul);
            keys.saturating_mul(in_partition)
        }
        PartitionPlan::Tokens { .. } => size.rows / SLICE_SHARE,
        PartitionPlan::All => size.rows,
    };
    if !plan.clustering.is_empty() {
        rows = match full_row(plan) {
            true => rows / in_partition,
            false => rows.div_ceil(SLICE_SHARE),
        };
    }
    // What the index finds passes the filter that it serves.
    for _ in plan
        .row_filters
        .iter()
        .skip(usize::from(plan.index.is_some()))
    {
        rows = rows.div_ceil(FILTER_SHARE);
    }
    if plan.group.is_none() && !plan.aggregates.is_empty() {
        return rows.min(size.rows);
    }
    let limit = plan.limit.as_ref().and_then(number);
    rows.min(size.rows).min(limit.unwrap_or(u64::MAX))
}
