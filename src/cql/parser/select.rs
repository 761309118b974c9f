//! SELECT.

use crate::cql::ast::{OrderBy, OrderKind, Select, Selector, StatementKind};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::cql::parser::expr::Allow;
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn select(&mut self) -> Result<StatementKind> {
        let json = self.eat_modifier("JSON")?;
        let distinct = self.eat_modifier("DISTINCT")?;
        let selectors = self.selectors()?;
        self.expect("FROM")?;
        let table = self.qualified_name()?;
        let relations = match self.eat("WHERE")? {
            true => self.relations()?,
            false => Vec::new(),
        };
        let mut group_by = Vec::new();
        if self.eat("GROUP")? {
            self.expect("BY")?;
            group_by = self.comma_list(|parser| parser.expression(Allow::Columns))?;
        }
        let mut order_by = Vec::new();
        if self.eat("ORDER")? {
            self.expect("BY")?;
            order_by = self.comma_list(Self::order)?;
        }
        let mut per_partition_limit = None;
        if self.eat("PER")? {
            self.expect("PARTITION")?;
            self.expect("LIMIT")?;
            per_partition_limit = Some(self.integer_or_marker()?);
        }
        let limit = match self.eat("LIMIT")? {
            true => Some(self.integer_or_marker()?),
            false => None,
        };
        let allow_filtering = self.eat("ALLOW")?;
        if allow_filtering {
            self.expect("FILTERING")?;
        }
        Ok(StatementKind::Select(Box::new(Select {
            json,
            distinct,
            selectors,
            table,
            relations,
            group_by,
            order_by,
            per_partition_limit,
            limit,
            allow_filtering,
        })))
    }

    /// `JSON` or `DISTINCT` before the selectors, unless it is itself the first of them.
    fn eat_modifier(&mut self, word: &str) -> Result<bool> {
        if !self.at(word) {
            return Ok(false);
        }
        let next = self.peek()?;
        let selector = match next.kind {
            TokenKind::Symbol(symbol) => matches!(
                symbol,
                Symbol::Comma | Symbol::Dot | Symbol::Plus | Symbol::Slash | Symbol::Percent
            ),
            TokenKind::Word => {
                let next = self.lexer.slice(&next);
                next.eq_ignore_ascii_case("FROM") || next.eq_ignore_ascii_case("AS")
            }
            _ => false,
        };
        if !selector {
            self.advance()?;
        }
        Ok(!selector)
    }

    /// What SELECT answers; nothing for `*`.
    pub(super) fn selectors(&mut self) -> Result<Vec<Selector>> {
        if self.eat_symbol(Symbol::Star)? {
            return Ok(Vec::new());
        }
        self.comma_list(|parser| {
            let expr = parser.expression(Allow::Columns)?;
            let alias = match parser.eat("AS")? {
                true => Some(parser.name()?),
                false => None,
            };
            Ok(Selector { expr, alias })
        })
    }

    fn order(&mut self) -> Result<OrderBy> {
        let column = self.name()?;
        let order = if self.eat("DESC")? {
            OrderKind::Descending
        } else if self.eat("ANN")? {
            self.expect("OF")?;
            OrderKind::AnnOf(self.term()?)
        } else {
            self.eat("ASC")?;
            OrderKind::Ascending
        };
        Ok(OrderBy { column, order })
    }
}
