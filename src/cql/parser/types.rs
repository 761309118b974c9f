//! Types.

use crate::cql::ast::{Name, QualifiedName, TypeExpr, TypeExprKind};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::error::{Error, Result};
use crate::types::name::native_type;

/// Names that Cassandra keeps for types to come.
const RESERVED_TYPES: &[&str] = &[
    "byte",
    "complex",
    "enum",
    "interval",
    "macaddr",
    "bitstring",
];

impl Parser<'_> {
    /// A type.
    pub(super) fn type_expr(&mut self) -> Result<TypeExpr> {
        let position = self.position();
        let kind = self.nested(Self::type_kind)?;
        Ok(TypeExpr { kind, position })
    }

    fn type_kind(&mut self) -> Result<TypeExprKind> {
        if self.token.kind == TokenKind::String {
            return Ok(TypeExprKind::Custom(self.string()?));
        }
        if self.token.kind == TokenKind::Word {
            let generic = self.peek_symbol(Symbol::Lt)?;
            if generic && let Some(kind) = self.generic_type()? {
                return Ok(kind);
            }
            if let Some(ty) = native_type(self.slice())
                && !self.peek_symbol(Symbol::Dot)?
            {
                let varchar = self.at("VARCHAR");
                self.advance()?;
                return Ok(match varchar {
                    true => TypeExprKind::Varchar,
                    false => TypeExprKind::Native(ty),
                });
            }
        }
        self.user_type()
    }

    fn generic_type(&mut self) -> Result<Option<TypeExprKind>> {
        let kinds = ["list", "set", "map", "tuple", "vector", "frozen"];
        let word = self.slice();
        let Some(kind) = kinds.iter().find(|kind| kind.eq_ignore_ascii_case(word)) else {
            return Ok(None);
        };
        self.advance()?;
        self.expect_symbol(Symbol::Lt)?;
        let kind = match *kind {
            "list" => TypeExprKind::List(Box::new(self.type_expr()?)),
            "set" => TypeExprKind::Set(Box::new(self.type_expr()?)),
            "map" => {
                let key = Box::new(self.type_expr()?);
                self.expect_symbol(Symbol::Comma)?;
                TypeExprKind::Map(key, Box::new(self.type_expr()?))
            }
            "tuple" => TypeExprKind::Tuple(self.comma_list(Self::type_expr)?),
            "vector" => {
                let element = Box::new(self.type_expr()?);
                self.expect_symbol(Symbol::Comma)?;
                TypeExprKind::Vector(element, self.dimensions()?)
            }
            _ => self.frozen()?,
        };
        self.expect_symbol(Symbol::Gt)?;
        Ok(Some(kind))
    }

    /// What stands in `frozen<…>`: something that can be frozen.
    fn frozen(&mut self) -> Result<TypeExprKind> {
        let inner = self.type_expr()?;
        if matches!(inner.kind, TypeExprKind::Native(_)) {
            return Err(Error::syntax(format!(
                "frozen<> is only allowed on collections, tuples, and user-defined types (got \
                 {inner})"
            ))
            .at(inner.position.line, inner.position.column));
        }
        Ok(TypeExprKind::Frozen(Box::new(inner)))
    }

    /// `[keyspace.]name` of a user type: no native type, and none that is kept for later.
    pub(super) fn type_name(&mut self) -> Result<QualifiedName> {
        let is_native = |parser: &Self| {
            parser.token.kind == TokenKind::Word && native_type(parser.slice()).is_some()
        };
        if is_native(self) && !self.peek_symbol(Symbol::Dot)? {
            self.advance()?;
            return Err(self.mismatched("'.'"));
        }
        let is_word = self.token.kind == TokenKind::Word;
        let first = self.name()?;
        if !self.eat_symbol(Symbol::Dot)? {
            return checked(None, first, is_word);
        }
        if is_native(self) {
            return Err(self.no_viable());
        }
        let is_word = self.token.kind == TokenKind::Word;
        let name = self.name()?;
        checked(Some(first), name, is_word)
    }

    fn dimensions(&mut self) -> Result<u64> {
        let position = self.position();
        let negative = !self.sign()?.is_empty();
        if self.token.kind != TokenKind::Integer {
            return Err(self.mismatched("INTEGER"));
        }
        if negative {
            return Err(Error::invalid(format!(
                "vectors may only have positive dimensions; given -{}",
                self.slice()
            ))
            .at(position.line, position.column));
        }
        // More than fits is refused later, by the same rule as any other number too large.
        let dimensions = self.slice().parse().unwrap_or(u64::MAX);
        self.advance()?;
        Ok(dimensions)
    }

    fn user_type(&mut self) -> Result<TypeExprKind> {
        self.type_name().map(TypeExprKind::User)
    }
}

/// Refuses a name that is kept for a type to come, unless it is quoted.
fn checked(keyspace: Option<Name>, name: Name, is_word: bool) -> Result<QualifiedName> {
    if is_word && RESERVED_TYPES.contains(&name.text.as_str()) {
        return Err(Error::syntax(format!(
            "{} Invalid (reserved) user type name {name}",
            name.position
        )));
    }
    Ok(QualifiedName { keyspace, name })
}
