//! Relations of WHERE, and conditions of IF.

use crate::cql::ast::{
    Condition, Expr, ExprKind, IfClause, Name, Operator, Relation, RelationLeft, RelationRight,
    Target, TargetPart,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::error::Result;

impl Parser<'_> {
    /// Relations joined by AND.
    pub(super) fn relations(&mut self) -> Result<Vec<Relation>> {
        let mut relations = vec![self.relation()?];
        while self.eat("AND")? {
            relations.push(self.relation()?);
        }
        Ok(relations)
    }

    fn relation(&mut self) -> Result<Relation> {
        let position = self.position();
        if self.at_symbol(Symbol::LeftParen) {
            if let Some(names) = self.tuple_of_names()? {
                let (operator, right) = self.tuple_comparison()?;
                return Ok(Relation {
                    position,
                    left: RelationLeft::Tuple(names),
                    operator,
                    right,
                });
            }
            self.expect_symbol(Symbol::LeftParen)?;
            let relation = self.nested(Self::relation)?;
            self.expect_symbol(Symbol::RightParen)?;
            return Ok(relation);
        }
        if self.at("TOKEN") {
            self.advance()?;
            let names = self.names_in_parentheses()?;
            let operator = self.comparison()?;
            let right = RelationRight::Value(self.term()?);
            return Ok(Relation {
                position,
                left: RelationLeft::Token(names),
                operator,
                right,
            });
        }
        if self.at("EXPR") && self.peek_symbol(Symbol::LeftParen)? {
            return self.custom_relation();
        }
        let column = self.name()?;
        if self.eat_symbol(Symbol::LeftBracket)? {
            let key = self.term()?;
            self.expect_symbol(Symbol::RightBracket)?;
            let operator = self.comparison()?;
            let right = RelationRight::Value(self.term()?);
            return Ok(Relation {
                position,
                left: RelationLeft::Element(column, key),
                operator,
                right,
            });
        }
        let (operator, right) = self.column_comparison()?;
        Ok(Relation {
            position,
            left: RelationLeft::Column(column),
            operator,
            right,
        })
    }

    fn custom_relation(&mut self) -> Result<Relation> {
        let position = self.position();
        self.advance()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let index = self.qualified_name()?;
        self.expect_symbol(Symbol::Comma)?;
        let right = RelationRight::Value(self.term()?);
        self.expect_symbol(Symbol::RightParen)?;
        Ok(Relation {
            position,
            left: RelationLeft::Custom(index),
            operator: Operator::Eq,
            right,
        })
    }

    /// What may follow a column of WHERE.
    fn column_comparison(&mut self) -> Result<(Operator, RelationRight)> {
        if self.eat("IN")? {
            return Ok((Operator::In, self.in_values()?));
        }
        if self.eat("IS")? {
            self.expect("NOT")?;
            self.expect("NULL")?;
            return Ok((Operator::IsNotNull, RelationRight::None));
        }
        if self.eat("LIKE")? {
            return Ok((Operator::Like, RelationRight::Value(self.term()?)));
        }
        if self.eat("CONTAINS")? {
            let operator = match self.eat("KEY")? {
                true => Operator::ContainsKey,
                false => Operator::Contains,
            };
            return Ok((operator, RelationRight::Value(self.term()?)));
        }
        let operator = self.comparison()?;
        Ok((operator, RelationRight::Value(self.term()?)))
    }

    /// `=`, `<` and so on.
    fn comparison(&mut self) -> Result<Operator> {
        let operator = match self.token.kind {
            TokenKind::Symbol(Symbol::Eq) => Operator::Eq,
            TokenKind::Symbol(Symbol::NotEq) => Operator::NotEq,
            TokenKind::Symbol(Symbol::Lt) => Operator::Lt,
            TokenKind::Symbol(Symbol::LtEq) => Operator::LtEq,
            TokenKind::Symbol(Symbol::Gt) => Operator::Gt,
            TokenKind::Symbol(Symbol::GtEq) => Operator::GtEq,
            _ => return Err(self.no_viable()),
        };
        self.advance()?;
        Ok(operator)
    }

    /// `(a, b, …)` or a marker, after IN.
    fn in_values(&mut self) -> Result<RelationRight> {
        if self.at_marker() {
            return Ok(RelationRight::Value(self.marker()?));
        }
        self.expect_symbol(Symbol::LeftParen)?;
        if self.eat_symbol(Symbol::RightParen)? {
            return Ok(RelationRight::List(Vec::new()));
        }
        let values = self.comma_list(Self::term)?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(RelationRight::List(values))
    }

    /// `(a, b)` before a comparison, if that is what stands here.
    fn tuple_of_names(&mut self) -> Result<Option<Vec<Name>>> {
        let place = self.place();
        if let Ok(names) = self.names_in_parentheses() {
            let compares = self.comparison().is_ok() || self.at("IN");
            if compares {
                self.return_to(place);
                return self.names_in_parentheses().map(|_| Some(names));
            }
        }
        self.return_to(place);
        Ok(None)
    }

    fn tuple_comparison(&mut self) -> Result<(Operator, RelationRight)> {
        if !self.eat("IN")? {
            let operator = self.comparison()?;
            return Ok((operator, RelationRight::Value(self.tuple_or_marker()?)));
        }
        if self.at_marker() {
            return Ok((Operator::In, RelationRight::Value(self.marker()?)));
        }
        self.expect_symbol(Symbol::LeftParen)?;
        if self.eat_symbol(Symbol::RightParen)? {
            return Ok((Operator::In, RelationRight::List(Vec::new())));
        }
        // Either markers of tuples or tuples.
        let markers = self.at_marker();
        let values = self.comma_list(|parser| match parser.at_marker() == markers {
            true => parser.tuple_or_marker(),
            false => Err(parser.no_viable()),
        })?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok((Operator::In, RelationRight::List(values)))
    }

    fn tuple_or_marker(&mut self) -> Result<Expr> {
        if self.at_marker() {
            return self.marker();
        }
        if !self.at_symbol(Symbol::LeftParen) {
            return Err(self.no_viable());
        }
        let position = self.position();
        self.advance()?;
        let items = self.comma_list(Self::term)?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(Expr {
            kind: ExprKind::Tuple(items),
            position,
        })
    }

    /// `IF …` of a modification.
    pub(super) fn if_clause(&mut self) -> Result<IfClause> {
        if !self.eat("IF")? {
            return Ok(IfClause::None);
        }
        if self.at("EXISTS") && !self.column_condition_follows()? {
            self.advance()?;
            return Ok(IfClause::Exists);
        }
        let mut conditions = vec![self.condition()?];
        while self.eat("AND")? {
            conditions.push(self.condition()?);
        }
        Ok(IfClause::Conditions(conditions))
    }

    /// Whether the word here is a column that is compared with something.
    fn column_condition_follows(&self) -> Result<bool> {
        let next = self.peek()?;
        Ok(match next.kind {
            TokenKind::Symbol(symbol) => symbol != Symbol::Semicolon,
            TokenKind::Word => {
                self.lexer.slice(&next).eq_ignore_ascii_case("IN")
                    || self.lexer.slice(&next).eq_ignore_ascii_case("CONTAINS")
            }
            _ => false,
        })
    }

    fn condition(&mut self) -> Result<Condition> {
        let target = self.target()?;
        if self.eat("IN")? {
            let right = self.in_values()?;
            return Ok(Condition {
                target,
                operator: Operator::In,
                right,
            });
        }
        let whole = matches!(target.part, TargetPart::Whole);
        let operator = if whole && self.eat("CONTAINS")? {
            match self.eat("KEY")? {
                true => Operator::ContainsKey,
                false => Operator::Contains,
            }
        } else {
            self.comparison()?
        };
        Ok(Condition {
            target,
            operator,
            right: RelationRight::Value(self.term()?),
        })
    }

    /// A column, `c[key]` or `c.field`.
    pub(super) fn target(&mut self) -> Result<Target> {
        let column = self.name()?;
        let part = if self.eat_symbol(Symbol::LeftBracket)? {
            let key = self.term()?;
            self.expect_symbol(Symbol::RightBracket)?;
            TargetPart::Element(key)
        } else if self.eat_symbol(Symbol::Dot)? {
            TargetPart::Field(self.name()?)
        } else {
            TargetPart::Whole
        };
        Ok(Target { column, part })
    }
}
