//! What restrictions become in a plan: the values of keys, the parts that cut slices, and filters.

use crate::cql::ast::Operator;
use crate::cql::bind::relation::{Demand, Restriction, TokenRelation};
use crate::cql::plan::{
    Choice, ClusteringPart, ColumnRef, Filter, FilterLeft, PartitionPlan, Term, TupleChoice,
};
use crate::error::{Error, Result};

/// The values of one key column.
pub(super) fn choice(restriction: Restriction) -> Result<Choice> {
    match restriction.demand {
        Demand::Eq(term) => Ok(Choice::One(term)),
        Demand::In(terms) => Ok(Choice::Many(terms)),
        Demand::InListed(term) => Ok(Choice::Listed(term)),
        _ => Err(Error::internal(
            "a key column that is not restricted by = or IN",
        )),
    }
}

/// The parts that cut slices, and what is left to filter.
pub(super) fn clustering_parts(
    restrictions: Vec<Restriction>,
) -> (Vec<ClusteringPart>, Vec<Restriction>) {
    let mut parts = Vec::new();
    let mut rest = Vec::new();
    let mut position = Some(0);
    for restriction in restrictions {
        let width = restriction.columns.len();
        if position != Some(restriction.position()) || restriction.is_contains() {
            position = None;
            rest.push(restriction);
            continue;
        }
        position = position.map(|position| position + width);
        parts.push(match (restriction.demand, restriction.tuple) {
            (Demand::Slice { lower, upper }, _) => {
                position = None;
                ClusteringPart::Slice { lower, upper }
            }
            (Demand::Eq(term), false) => ClusteringPart::Column(Choice::One(term)),
            (Demand::In(terms), false) => ClusteringPart::Column(Choice::Many(terms)),
            (Demand::InListed(term), false) => ClusteringPart::Column(Choice::Listed(term)),
            (Demand::Eq(term), true) => ClusteringPart::Tuple(width, TupleChoice::Many(vec![term])),
            (Demand::In(terms), true) => ClusteringPart::Tuple(width, TupleChoice::Many(terms)),
            (Demand::InListed(term), true) => {
                ClusteringPart::Tuple(width, TupleChoice::Listed(term))
            }
            (Demand::Contains(..), _) => continue,
        });
    }
    (parts, rest)
}

pub(super) fn token_filter(token: TokenRelation) -> Filter {
    Filter {
        left: FilterLeft::Token,
        operator: token.operator,
        right: vec![token.term],
        listed: false,
    }
}

pub(super) fn token_range(tokens: Vec<TokenRelation>) -> PartitionPlan {
    if tokens.is_empty() {
        return PartitionPlan::All;
    }
    let (mut lower, mut upper) = (None, None);
    for token in tokens {
        match token.operator {
            Operator::Gt => lower = Some((token.term, false)),
            Operator::GtEq => lower = Some((token.term, true)),
            Operator::Lt => upper = Some((token.term, false)),
            Operator::LtEq => upper = Some((token.term, true)),
            _ => {
                lower = Some((token.term.clone(), true));
                upper = Some((token.term, true));
            }
        }
    }
    PartitionPlan::Tokens { lower, upper }
}

/// A restriction as conditions to check row by row.
pub(super) fn filters(restriction: Restriction) -> Vec<Filter> {
    let left = |columns: &[ColumnRef]| match (columns, restriction.tuple) {
        ([column], false) => FilterLeft::Column(column.clone()),
        _ => FilterLeft::Tuple(columns.to_vec()),
    };
    let one = |left: FilterLeft, operator: Operator, right: Vec<Term>| Filter {
        left,
        operator,
        right,
        listed: false,
    };
    let columns = restriction.columns.as_slice();
    match restriction.demand {
        Demand::Eq(term) => vec![one(left(columns), Operator::Eq, vec![term])],
        Demand::In(terms) => vec![one(left(columns), Operator::In, terms)],
        Demand::InListed(term) => vec![Filter {
            listed: true,
            ..one(left(columns), Operator::In, vec![term])
        }],
        Demand::Slice { lower, upper } => {
            let mut found = Vec::new();
            for (bound, strict, inclusive) in [
                (lower, Operator::Gt, Operator::GtEq),
                (upper, Operator::Lt, Operator::LtEq),
            ] {
                let Some(bound) = bound else { continue };
                let operator = if bound.inclusive { inclusive } else { strict };
                let covered = columns.get(..bound.width).unwrap_or(columns);
                let left = match (covered, bound.tuple) {
                    ([column], false) => FilterLeft::Column(column.clone()),
                    _ => FilterLeft::Tuple(covered.to_vec()),
                };
                found.push(one(left, operator, vec![bound.term]));
            }
            found
        }
        Demand::Contains(held, entries) => {
            let column = columns.first().cloned();
            let held = held
                .into_iter()
                .map(|(operator, term)| one(left(columns), operator, vec![term]));
            let entries = entries.into_iter().filter_map(|(key, value)| {
                let left = FilterLeft::Entry(column.clone()?, key);
                Some(one(left, Operator::Eq, vec![value]))
            });
            held.chain(entries).collect()
        }
    }
}
