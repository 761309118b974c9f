//! CREATE, ALTER and DROP of everything but tables and roles.

use crate::cql::ast::{
    AlterKeyspace, AlterType, AlterTypeAction, AlterView, CreateAggregate, CreateFunction,
    CreateIndex, CreateKeyspace, CreateTrigger, CreateType, CreateView, Drop, DropFunction,
    DropKind, DropTrigger, IndexTarget, IndexTargetKind, Literal, Name, PrimaryKey, Property,
    PropertyValue, QualifiedName, StatementKind, TypeExpr,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::Parser;
use crate::cql::parser::keywords::option_value;
use crate::error::{Error, Result};

/// `WITH` of a table or view: CLUSTERING ORDER, COMPACT STORAGE, and the rest.
pub(super) struct TableProperties {
    pub clustering_order: Vec<(Name, bool)>,
    pub compact_storage: bool,
    pub properties: Vec<Property>,
}

impl Parser<'_> {
    pub(super) fn create(&mut self) -> Result<StatementKind> {
        if self.eat("TABLE")? || self.eat("COLUMNFAMILY")? {
            self.create_table()
        } else if self.eat("KEYSPACE")? {
            self.create_keyspace()
        } else if self.eat("TYPE")? {
            self.create_type()
        } else if self.eat("CUSTOM")? {
            self.expect("INDEX")?;
            self.create_index(true)
        } else if self.eat("INDEX")? {
            self.create_index(false)
        } else if self.eat("MATERIALIZED")? {
            self.expect("VIEW")?;
            self.create_view()
        } else if self.eat("TRIGGER")? {
            self.create_trigger()
        } else if self.eat("JOB")? {
            self.create_job()
        } else if self.eat("ROLE")? {
            self.create_role(false)
        } else if self.eat("USER")? {
            self.create_role(true)
        } else {
            let or_replace = self.eat("OR")?;
            if or_replace {
                self.expect("REPLACE")?;
            }
            if self.eat("FUNCTION")? {
                self.create_function(or_replace)
            } else if self.eat("AGGREGATE")? {
                self.create_aggregate(or_replace)
            } else {
                Err(self.no_viable())
            }
        }
    }

    pub(super) fn alter(&mut self) -> Result<StatementKind> {
        if self.eat("TABLE")? || self.eat("COLUMNFAMILY")? {
            self.alter_table()
        } else if self.eat("KEYSPACE")? {
            let if_exists = self.if_exists()?;
            let name = self.name()?;
            self.expect("WITH")?;
            Ok(StatementKind::AlterKeyspace(AlterKeyspace {
                name,
                if_exists,
                properties: self.properties()?,
            }))
        } else if self.eat("TYPE")? {
            self.alter_type()
        } else if self.eat("MATERIALIZED")? {
            self.expect("VIEW")?;
            let if_exists = self.if_exists()?;
            let name = self.qualified_name()?;
            self.expect("WITH")?;
            Ok(StatementKind::AlterView(AlterView {
                name,
                if_exists,
                properties: self.properties()?,
            }))
        } else if self.eat("ROLE")? {
            self.alter_role(false)
        } else if self.eat("USER")? {
            self.alter_role(true)
        } else {
            Err(self.no_viable())
        }
    }

    pub(super) fn drop(&mut self) -> Result<StatementKind> {
        if self.eat("JOB")? {
            return self.drop_job();
        }
        let kind = if self.eat("TABLE")? || self.eat("COLUMNFAMILY")? {
            DropKind::Table
        } else if self.eat("KEYSPACE")? {
            DropKind::Keyspace
        } else if self.eat("TYPE")? {
            DropKind::Type
        } else if self.eat("INDEX")? {
            DropKind::Index
        } else if self.eat("MATERIALIZED")? {
            self.expect("VIEW")?;
            DropKind::View
        } else {
            return self.drop_other();
        };
        let if_exists = self.if_exists()?;
        let name = match kind {
            DropKind::Keyspace => QualifiedName {
                keyspace: None,
                name: self.name()?,
            },
            DropKind::Type => self.type_name()?,
            _ => self.qualified_name()?,
        };
        Ok(StatementKind::Drop(Drop {
            kind,
            name,
            if_exists,
        }))
    }

    fn drop_other(&mut self) -> Result<StatementKind> {
        if self.eat("FUNCTION")? {
            return self.drop_function().map(StatementKind::DropFunction);
        }
        if self.eat("AGGREGATE")? {
            return self.drop_function().map(StatementKind::DropAggregate);
        }
        if self.eat("TRIGGER")? {
            let if_exists = self.if_exists()?;
            let name = self.name()?;
            self.expect("ON")?;
            return Ok(StatementKind::DropTrigger(DropTrigger {
                name,
                if_exists,
                table: self.qualified_name()?,
            }));
        }
        if self.eat("IDENTITY")? {
            return self.drop_identity();
        }
        if self.eat("ROLE")? || self.eat("USER")? {
            return self.drop_role();
        }
        Err(self.no_viable())
    }

    fn create_keyspace(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        self.expect("WITH")?;
        Ok(StatementKind::CreateKeyspace(CreateKeyspace {
            name,
            if_not_exists,
            properties: self.properties()?,
        }))
    }

    fn properties(&mut self) -> Result<Vec<Property>> {
        let mut properties = vec![self.property()?];
        while self.eat("AND")? {
            properties.push(self.property()?);
        }
        Ok(properties)
    }

    /// What follows `WITH` of a table; nothing without it.
    pub(super) fn table_properties(&mut self) -> Result<TableProperties> {
        let mut found = TableProperties {
            clustering_order: Vec::new(),
            compact_storage: false,
            properties: Vec::new(),
        };
        if !self.eat("WITH")? {
            return Ok(found);
        }
        loop {
            if self.at("COMPACT") && self.peek_at("STORAGE")? {
                self.advance()?;
                self.advance()?;
                found.compact_storage = true;
            } else if self.at("CLUSTERING") && self.peek_at("ORDER")? {
                self.advance()?;
                self.advance()?;
                self.expect("BY")?;
                self.expect_symbol(Symbol::LeftParen)?;
                let order = self.comma_list(Self::clustering_order)?;
                found.clustering_order.extend(order);
                self.expect_symbol(Symbol::RightParen)?;
            } else {
                found.properties.push(self.property()?);
            }
            if !self.eat("AND")? {
                return Ok(found);
            }
        }
    }

    fn clustering_order(&mut self) -> Result<(Name, bool)> {
        let column = self.name()?;
        let descending = self.eat("DESC")?;
        if !descending {
            self.expect("ASC")?;
        }
        Ok((column, descending))
    }

    pub(super) fn property(&mut self) -> Result<Property> {
        let name = self.name()?;
        self.expect_symbol(Symbol::Eq)?;
        let value = if self.eat_symbol(Symbol::LeftBrace)? {
            PropertyValue::Map(self.property_map()?)
        } else {
            PropertyValue::Simple(match self.option_word() {
                Some(word) => {
                    self.advance()?;
                    word
                }
                None => self.property_constant()?,
            })
        };
        Ok(Property { name, value })
    }

    /// A keyword for an option's value.
    fn option_word(&self) -> Option<String> {
        match self.token.kind {
            TokenKind::Word => option_value(self.slice()),
            _ => None,
        }
    }

    /// The entries of a map of constants, after its brace.
    pub(super) fn property_map(&mut self) -> Result<Vec<(String, String)>> {
        let mut entries: Vec<(String, String)> = Vec::new();
        while !self.at_symbol(Symbol::RightBrace) {
            if !entries.is_empty() {
                self.expect_symbol(Symbol::Comma)?;
            }
            let position = self.position();
            let key = self.property_constant()?;
            self.expect_symbol(Symbol::Colon)?;
            let value = self.property_constant()?;
            if entries.iter().any(|(known, _)| *known == key) {
                return Err(Error::syntax(format!(
                    "{position} Multiple definitions for property '{key}'"
                )));
            }
            entries.push((key, value));
        }
        self.expect_symbol(Symbol::RightBrace)?;
        Ok(entries)
    }

    /// A constant as text.
    fn property_constant(&mut self) -> Result<String> {
        let sign = self.sign()?;
        if self.at("NULL") {
            return Err(self.no_viable());
        }
        match self.constant()? {
            Some(literal) => Ok(format!("{sign}{}", literal_text(&literal))),
            None => Err(self.no_viable()),
        }
    }

    fn create_type(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.type_name()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let mut fields = vec![self.field()?];
        while self.eat_symbol(Symbol::Comma)? {
            if !self.at_symbol(Symbol::RightParen) && !self.at_symbol(Symbol::Comma) {
                fields.push(self.field()?);
            }
        }
        self.expect_symbol(Symbol::RightParen)?;
        Ok(StatementKind::CreateType(CreateType {
            name,
            if_not_exists,
            fields,
        }))
    }

    fn field(&mut self) -> Result<(Name, TypeExpr)> {
        Ok((self.name()?, self.type_expr()?))
    }

    fn alter_type(&mut self) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.type_name()?;
        let action = if self.eat("ALTER")? {
            let field = self.name()?;
            self.expect("TYPE")?;
            AlterTypeAction::Type {
                field,
                ty: self.type_expr()?,
            }
        } else if self.eat("ADD")? {
            let if_not_exists = self.if_not_exists()?;
            let (field, ty) = self.field()?;
            AlterTypeAction::Add {
                if_not_exists,
                field,
                ty,
            }
        } else if self.eat("RENAME")? {
            let if_exists = self.if_exists()?;
            AlterTypeAction::Rename {
                if_exists,
                renames: self.renames()?,
            }
        } else {
            return Err(self.no_viable());
        };
        Ok(StatementKind::AlterType(AlterType {
            name,
            if_exists,
            action,
        }))
    }

    /// `a TO b AND c TO d`.
    pub(super) fn renames(&mut self) -> Result<Vec<(Name, Name)>> {
        let mut renames = Vec::new();
        loop {
            let from = self.name()?;
            self.expect("TO")?;
            renames.push((from, self.name()?));
            if !self.eat("AND")? {
                return Ok(renames);
            }
        }
    }

    fn create_index(&mut self, custom: bool) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = match self.at("ON") {
            true => None,
            // The index is in its table's keyspace, and no other can be named.
            false => Some(QualifiedName {
                keyspace: None,
                name: self.name()?,
            }),
        };
        self.expect("ON")?;
        let table = self.qualified_name()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let targets = match self.at_symbol(Symbol::RightParen) {
            true => Vec::new(),
            false => self.comma_list(Self::index_target)?,
        };
        self.expect_symbol(Symbol::RightParen)?;
        let class = match self.eat("USING")? {
            true => Some(self.string()?),
            false => None,
        };
        let properties = match self.eat("WITH")? {
            true => self.properties()?,
            false => Vec::new(),
        };
        Ok(StatementKind::CreateIndex(Box::new(CreateIndex {
            name,
            if_not_exists,
            custom,
            table,
            targets,
            class,
            properties,
        })))
    }

    fn index_target(&mut self) -> Result<IndexTarget> {
        let kinds = [
            ("VALUES", IndexTargetKind::Values),
            ("KEYS", IndexTargetKind::Keys),
            ("ENTRIES", IndexTargetKind::Entries),
            ("FULL", IndexTargetKind::Full),
        ];
        if self.peek_symbol(Symbol::LeftParen)?
            && let Some((_, kind)) = kinds.iter().find(|(word, _)| self.at(word))
        {
            self.advance()?;
            self.expect_symbol(Symbol::LeftParen)?;
            let column = self.name()?;
            self.expect_symbol(Symbol::RightParen)?;
            return Ok(IndexTarget {
                column,
                kind: *kind,
            });
        }
        Ok(IndexTarget {
            column: self.name()?,
            kind: IndexTargetKind::Simple,
        })
    }

    fn create_view(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.qualified_name()?;
        self.expect("AS")?;
        self.expect("SELECT")?;
        let selectors = self.selectors()?;
        self.expect("FROM")?;
        let table = self.qualified_name()?;
        let relations = match self.eat("WHERE")? {
            true => self.relations()?,
            false => Vec::new(),
        };
        let primary_key = self.primary_key()?;
        let with = self.table_properties()?;
        Ok(StatementKind::CreateView(Box::new(CreateView {
            name,
            if_not_exists,
            selectors,
            table,
            relations,
            primary_key,
            clustering_order: with.clustering_order,
            properties: with.properties,
        })))
    }

    /// `PRIMARY KEY (a, b)` or `PRIMARY KEY ((a, b), c)`.
    pub(super) fn primary_key(&mut self) -> Result<PrimaryKey> {
        let position = self.position();
        self.expect("PRIMARY")?;
        self.expect("KEY")?;
        self.expect_symbol(Symbol::LeftParen)?;
        let partition = match self.at_symbol(Symbol::LeftParen) {
            true => self.names_in_parentheses()?,
            false => vec![self.name()?],
        };
        let mut clustering = Vec::new();
        while self.eat_symbol(Symbol::Comma)? {
            clustering.push(self.name()?);
        }
        self.expect_symbol(Symbol::RightParen)?;
        Ok(PrimaryKey {
            partition,
            clustering,
            position,
        })
    }

    fn create_trigger(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        self.expect("ON")?;
        let table = self.qualified_name()?;
        self.expect("USING")?;
        Ok(StatementKind::CreateTrigger(CreateTrigger {
            name,
            if_not_exists,
            table,
            class: self.string()?,
        }))
    }

    fn create_function(&mut self, or_replace: bool) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.qualified_name()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let arguments = match self.at_symbol(Symbol::RightParen) {
            true => Vec::new(),
            false => self.comma_list(Self::field)?,
        };
        self.expect_symbol(Symbol::RightParen)?;
        let called_on_null_input = match self.eat("RETURNS")? {
            true => {
                self.expect("NULL")?;
                false
            }
            false => {
                self.expect("CALLED")?;
                true
            }
        };
        self.expect("ON")?;
        self.expect("NULL")?;
        self.expect("INPUT")?;
        self.expect("RETURNS")?;
        let returns = self.type_expr()?;
        self.expect("LANGUAGE")?;
        let language = self.name()?;
        self.expect("AS")?;
        Ok(StatementKind::CreateFunction(Box::new(CreateFunction {
            name,
            or_replace,
            if_not_exists,
            arguments,
            called_on_null_input,
            returns,
            language,
            body: self.string()?,
        })))
    }

    fn drop_function(&mut self) -> Result<DropFunction> {
        let if_exists = self.if_exists()?;
        let name = self.qualified_name()?;
        let arguments = match self.at_symbol(Symbol::LeftParen) {
            true => Some(self.types_in_parentheses()?),
            false => None,
        };
        Ok(DropFunction {
            name,
            if_exists,
            arguments,
        })
    }

    pub(super) fn types_in_parentheses(&mut self) -> Result<Vec<TypeExpr>> {
        self.expect_symbol(Symbol::LeftParen)?;
        let types = match self.at_symbol(Symbol::RightParen) {
            true => Vec::new(),
            false => self.comma_list(Self::type_expr)?,
        };
        self.expect_symbol(Symbol::RightParen)?;
        Ok(types)
    }

    fn create_aggregate(&mut self, or_replace: bool) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.qualified_name()?;
        let arguments = self.types_in_parentheses()?;
        self.expect("SFUNC")?;
        let state_function = self.name()?;
        self.expect("STYPE")?;
        let state_type = self.type_expr()?;
        let final_function = match self.eat("FINALFUNC")? {
            true => Some(self.name()?),
            false => None,
        };
        let initial = match self.eat("INITCOND")? {
            true => Some(self.term()?),
            false => None,
        };
        Ok(StatementKind::CreateAggregate(Box::new(CreateAggregate {
            name,
            or_replace,
            if_not_exists,
            arguments,
            state_function,
            state_type,
            final_function,
            initial,
        })))
    }
}

/// A constant as an option's text.
fn literal_text(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::String(text)
        | Literal::Integer(text)
        | Literal::Float(text)
        | Literal::Duration(text) => text.clone(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Uuid(uuid) => uuid.to_string(),
        Literal::Hex(digits) => format!("0x{digits}"),
    }
}
