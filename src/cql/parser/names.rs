//! Names: unquoted ones are lower-cased, quoted ones kept, reserved words refused.

use crate::cql::ast::{Name, QualifiedName};
use crate::cql::lexer::{Symbol, Token, TokenKind, unquote};
use crate::cql::parser::{Parser, name_of};
use crate::error::{Error, Result};
use crate::types::name::is_reserved;

/// What a quoted text says without its quotes.
pub(super) fn unquoted(slice: &str, quote: char) -> String {
    unquote(slice, quote)
}

impl Parser<'_> {
    /// Whether `token` can be a name.
    pub(super) fn is_name(&self, token: &Token) -> bool {
        match token.kind {
            TokenKind::QuotedName => token.end - token.start > 2,
            TokenKind::Word => !is_reserved(self.lexer.slice(token)),
            _ => false,
        }
    }

    pub(super) fn at_name(&self) -> bool {
        self.is_name(&self.token)
    }

    /// A name; something else is an error.
    pub(super) fn name(&mut self) -> Result<Name> {
        if !self.at_name() {
            return Err(self.no_viable());
        }
        let slice = self.slice();
        let text = match self.token.kind {
            TokenKind::QuotedName => unquote(slice, '"'),
            _ => slice.to_ascii_lowercase(),
        };
        let token = self.advance()?;
        Ok(name_of(text, token.position))
    }

    /// `[keyspace.]name` of a table, type, index or view.
    pub(super) fn qualified_name(&mut self) -> Result<QualifiedName> {
        if self.at_symbol(Symbol::Question) {
            return Err(Error::syntax(
                "Bind variables cannot be used for keyspace or table names",
            ));
        }
        let first = self.name()?;
        if !self.eat_symbol(Symbol::Dot)? {
            return Ok(QualifiedName {
                keyspace: None,
                name: first,
            });
        }
        Ok(QualifiedName {
            keyspace: Some(first),
            name: self.name()?,
        })
    }

    /// `(a, b, …)`.
    pub(super) fn names_in_parentheses(&mut self) -> Result<Vec<Name>> {
        self.expect_symbol(Symbol::LeftParen)?;
        let names = self.comma_list(Self::name)?;
        self.expect_symbol(Symbol::RightParen)?;
        Ok(names)
    }

    /// A string, without its quotes.
    pub(super) fn string(&mut self) -> Result<String> {
        let text = match self.token.kind {
            TokenKind::String => unquote(self.slice(), '\''),
            TokenKind::DollarString => {
                let slice = self.slice();
                slice.get(2..slice.len() - 2).unwrap_or_default().to_owned()
            }
            _ => return Err(self.mismatched("STRING_LITERAL")),
        };
        self.advance()?;
        Ok(text)
    }
}
