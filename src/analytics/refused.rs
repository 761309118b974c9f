//! What the planner takes and answers wrongly.
//!
//! DataFusion plans EXCEPT ALL and INTERSECT ALL as joins that forget how often a row occurs: of
//! two equal rows on the left and one on the right, EXCEPT ALL must leave one, and it leaves none.
//! A refusal is better than a wrong answer.

use crate::error::{Error, Result};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Query, SetExpr, SetOperator, SetQuantifier, Visit, Visitor};
use std::ops::ControlFlow;

struct Counting;

impl Visitor for Counting {
    type Break = &'static str;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            let SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } = body
            else {
                continue;
            };
            let all = matches!(
                set_quantifier,
                SetQuantifier::All | SetQuantifier::AllByName
            );
            match op {
                SetOperator::Except | SetOperator::Minus if all => {
                    return ControlFlow::Break("EXCEPT ALL");
                }
                SetOperator::Intersect if all => return ControlFlow::Break("INTERSECT ALL"),
                _ => bodies.extend([left.as_ref(), right.as_ref()]),
            }
        }
        ControlFlow::Continue(())
    }
}

/// Refuses a statement that would be answered wrongly.
pub fn check(statement: &Statement) -> Result<()> {
    let Statement::Statement(statement) = statement else {
        return Ok(());
    };
    match statement.visit(&mut Counting) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(what) => Err(Error::invalid(format!(
            "{what} is not supported; number the equal rows with row_number() and compare those"
        ))),
    }
}
