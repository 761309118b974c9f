//! DESCRIBE.

use crate::cql::ast::{Describe, DescribeTarget, QualifiedName, StatementKind};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn describe(&mut self) -> Result<StatementKind> {
        let target = self.describe_target()?;
        let internals = self.eat("WITH")?;
        if internals {
            self.expect("INTERNALS")?;
        }
        Ok(StatementKind::Describe(Describe { target, internals }))
    }

    /// Whether the statement goes on with a name, rather than ending or going on with WITH.
    fn name_follows(&self) -> Result<bool> {
        let next = self.peek()?;
        Ok(self.is_name(&next))
    }

    fn describe_target(&mut self) -> Result<DescribeTarget> {
        if self.at("FULL") {
            self.advance()?;
            self.expect("SCHEMA")?;
            return Ok(DescribeTarget::Schema { full: true });
        }
        if self.eat("SCHEMA")? {
            return Ok(DescribeTarget::Schema { full: false });
        }
        if self.eat("MATERIALIZED")? {
            self.expect("VIEW")?;
            return Ok(DescribeTarget::View(self.qualified_name()?));
        }
        if self.eat("TABLE")? || self.eat("COLUMNFAMILY")? {
            return Ok(DescribeTarget::Table(self.qualified_name()?));
        }
        if self.eat("INDEX")? {
            return Ok(DescribeTarget::Index(self.qualified_name()?));
        }
        if self.at("KEYSPACE") || (self.at("ONLY") && self.peek_at("KEYSPACE")?) {
            let only = self.eat("ONLY")?;
            self.expect("KEYSPACE")?;
            let name = match self.at_name() {
                true => Some(self.name()?),
                false => None,
            };
            return Ok(DescribeTarget::Keyspace { name, only });
        }
        if self.name_follows()? {
            if self.eat("TYPE")? {
                return Ok(DescribeTarget::Type(self.type_name()?));
            }
            if self.eat("FUNCTION")? {
                return self.described_function().map(DescribeTarget::Function);
            }
            if self.eat("AGGREGATE")? {
                return self.described_function().map(DescribeTarget::Aggregate);
            }
        }
        let qualified = self.peek_symbol(Symbol::Dot)?;
        let plural = match self.token.kind {
            TokenKind::Word if !qualified => self.slice().to_ascii_uppercase(),
            _ => String::new(),
        };
        let target = match plural.as_str() {
            "CLUSTER" => DescribeTarget::Cluster,
            "KEYSPACES" => DescribeTarget::Keyspaces,
            "TABLES" | "COLUMNFAMILIES" => DescribeTarget::Tables,
            "TYPES" => DescribeTarget::Types,
            "FUNCTIONS" => DescribeTarget::Functions,
            "AGGREGATES" => DescribeTarget::Aggregates,
            _ => return Ok(DescribeTarget::Any(self.qualified_name()?)),
        };
        self.advance()?;
        Ok(target)
    }

    /// A function's name; types of arguments behind it only choose between those of that name.
    fn described_function(&mut self) -> Result<QualifiedName> {
        let name = self.qualified_name()?;
        if self.at_symbol(Symbol::LeftParen) {
            self.types_in_parentheses()?;
        }
        Ok(name)
    }
}
