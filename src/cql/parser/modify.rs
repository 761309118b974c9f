//! INSERT, UPDATE, DELETE, BATCH and TRUNCATE.

use crate::cql::ast::{
    Assignment, AssignmentKind, Batch, BatchKind, Delete, Insert, InsertSource, StatementKind,
    Update, Using,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::error::{Error, Result};

impl Parser<'_> {
    pub(super) fn insert(&mut self) -> Result<StatementKind> {
        self.expect("INTO")?;
        let table = self.qualified_name()?;
        let source = match self.eat("JSON")? {
            true => self.json_source()?,
            false => {
                let columns = self.names_in_parentheses()?;
                self.expect("VALUES")?;
                self.expect_symbol(Symbol::LeftParen)?;
                let values = self.comma_list(Self::term)?;
                self.expect_symbol(Symbol::RightParen)?;
                InsertSource::Values { columns, values }
            }
        };
        let if_not_exists = self.if_not_exists()?;
        let using = self.using(true)?;
        Ok(StatementKind::Insert(Insert {
            table,
            source,
            if_not_exists,
            using,
        }))
    }

    fn json_source(&mut self) -> Result<InsertSource> {
        let position = self.position();
        let text = match self.at_marker() {
            true => self.marker()?,
            false => crate::cql::ast::Expr {
                kind: crate::cql::ast::ExprKind::Literal(crate::cql::ast::Literal::String(
                    self.string()?,
                )),
                position,
            },
        };
        let mut default_unset = false;
        if self.eat("DEFAULT")? {
            default_unset = self.eat("UNSET")?;
            if !default_unset {
                self.expect("NULL")?;
            }
        }
        Ok(InsertSource::Json {
            text,
            default_unset,
        })
    }

    /// `USING TIMESTAMP … AND TTL …`, the latter where `ttl` says that it may stand. Of two alike
    /// the last one counts.
    fn using(&mut self, ttl: bool) -> Result<Using> {
        let mut using = Using::default();
        if !self.eat("USING")? {
            return Ok(using);
        }
        loop {
            if self.at("TIMESTAMP") {
                self.advance()?;
                using.timestamp = Some(self.integer_or_marker()?);
            } else if ttl && self.at("TTL") {
                self.advance()?;
                using.ttl = Some(self.integer_or_marker()?);
            } else if ttl {
                return Err(self.no_viable());
            } else {
                return Err(self.mismatched("K_TIMESTAMP"));
            }
            if !ttl || !self.eat("AND")? {
                return Ok(using);
            }
        }
    }

    pub(super) fn update(&mut self) -> Result<StatementKind> {
        let table = self.qualified_name()?;
        let using = self.using(true)?;
        self.expect("SET")?;
        let assignments = self.comma_list(Self::assignment)?;
        self.expect("WHERE")?;
        let relations = self.relations()?;
        let condition = self.if_clause()?;
        Ok(StatementKind::Update(Update {
            table,
            using,
            assignments,
            relations,
            condition,
        }))
    }

    fn assignment(&mut self) -> Result<Assignment> {
        let column = self.name()?;
        let kind = if self.eat_symbol(Symbol::PlusEq)? {
            AssignmentKind::Add(self.term()?)
        } else if self.eat_symbol(Symbol::MinusEq)? {
            AssignmentKind::Subtract(self.term()?)
        } else if self.eat_symbol(Symbol::LeftBracket)? {
            let key = self.term()?;
            self.expect_symbol(Symbol::RightBracket)?;
            self.expect_symbol(Symbol::Eq)?;
            AssignmentKind::SetElement(key, self.term()?)
        } else if self.eat_symbol(Symbol::Dot)? {
            let field = self.name()?;
            self.expect_symbol(Symbol::Eq)?;
            AssignmentKind::SetField(field, self.term()?)
        } else {
            self.expect_symbol(Symbol::Eq)?;
            self.assigned(&column.text)?
        };
        Ok(Assignment { column, kind })
    }

    /// What stands right of `column =`.
    fn assigned(&mut self, column: &str) -> Result<AssignmentKind> {
        let next = self.peek()?;
        let operator = matches!(next.kind, TokenKind::Symbol(Symbol::Plus | Symbol::Minus));
        let signed = self.negative_follows()?;
        if self.at_name() && operator && !signed {
            let other = self.name()?;
            if other.text != column {
                let message = "Only expressions of the form X = X +<value> are supported.";
                let position = other.position;
                return Err(Error::syntax(message).at(position.line, position.column));
            }
            return if self.eat_symbol(Symbol::Plus)? {
                Ok(AssignmentKind::Add(self.term()?))
            } else {
                self.expect_symbol(Symbol::Minus)?;
                Ok(AssignmentKind::Subtract(self.term()?))
            };
        }
        // `X = X 1` is `X = X + 1`, and so is `X = X -1`.
        if self.at_name() && (next.kind == TokenKind::Integer || signed) {
            let other = self.name()?;
            if other.text != column {
                let message = "Only expressions of the form X = X + <value> are supported.";
                let position = other.position;
                return Err(Error::syntax(message).at(position.line, position.column));
            }
            return Ok(AssignmentKind::Add(self.integer_or_marker()?));
        }
        let value = self.term()?;
        if !self.eat_symbol(Symbol::Plus)? {
            return Ok(AssignmentKind::Set(value));
        }
        let other = self.name()?;
        if other.text != column {
            let message = "Only expressions of the form X = <value> + X are supported.";
            let position = other.position;
            return Err(Error::syntax(message).at(position.line, position.column));
        }
        Ok(AssignmentKind::Prepend(value))
    }

    /// Whether a negative integer follows the current token, its sign touching it.
    fn negative_follows(&self) -> Result<bool> {
        let mut lexer = self.lexer;
        let minus = lexer.next()?;
        if minus.kind != TokenKind::Symbol(Symbol::Minus) {
            return Ok(false);
        }
        let number = lexer.next()?;
        Ok(number.kind == TokenKind::Integer && number.start == minus.end)
    }

    pub(super) fn delete(&mut self) -> Result<StatementKind> {
        let targets = match self.at("FROM") {
            true => Vec::new(),
            false => self.comma_list(Self::target)?,
        };
        self.expect("FROM")?;
        let table = self.qualified_name()?;
        let using = self.using(false)?;
        self.expect("WHERE")?;
        let relations = self.relations()?;
        let condition = self.if_clause()?;
        Ok(StatementKind::Delete(Delete {
            table,
            targets,
            using,
            relations,
            condition,
        }))
    }

    pub(super) fn batch(&mut self) -> Result<StatementKind> {
        let kind = if self.eat("UNLOGGED")? {
            BatchKind::Unlogged
        } else if self.eat("COUNTER")? {
            BatchKind::Counter
        } else {
            BatchKind::Logged
        };
        self.expect("BATCH")?;
        let using = self.using(true)?;
        let mut statements = Vec::new();
        while !self.eat("APPLY")? {
            let statement = if self.eat("INSERT")? {
                self.insert()?
            } else if self.eat("UPDATE")? {
                self.update()?
            } else if self.eat("DELETE")? {
                self.delete()?
            } else {
                return Err(self.mismatched("K_APPLY"));
            };
            statements.push(statement);
            self.eat_symbol(Symbol::Semicolon)?;
        }
        self.expect("BATCH")?;
        Ok(StatementKind::Batch(Batch {
            kind,
            using,
            statements,
        }))
    }

    pub(super) fn truncate(&mut self) -> Result<StatementKind> {
        if !self.eat("TABLE")? {
            self.eat("COLUMNFAMILY")?;
        }
        Ok(StatementKind::Truncate(self.qualified_name()?))
    }
}
