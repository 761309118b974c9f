//! CREATE TABLE and ALTER TABLE.

use crate::cql::ast::{
    AlterTable, AlterTableAction, ColumnDefinition, CreateTable, Literal, Mask, PrimaryKey,
    QualifiedName, StatementKind,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::{Parser, name_of};
use crate::error::Result;

impl Parser<'_> {
    pub(super) fn create_table(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.qualified_name()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let mut columns = Vec::new();
        let mut primary_keys = Vec::new();
        self.table_element(&mut columns, &mut primary_keys)?;
        while self.eat_symbol(Symbol::Comma)? {
            // A comma too many does no harm.
            if !self.at_symbol(Symbol::RightParen) && !self.at_symbol(Symbol::Comma) {
                self.table_element(&mut columns, &mut primary_keys)?;
            }
        }
        self.expect_symbol(Symbol::RightParen)?;
        let with = self.table_properties()?;
        Ok(StatementKind::CreateTable(Box::new(CreateTable {
            name,
            if_not_exists,
            columns,
            primary_keys,
            clustering_order: with.clustering_order,
            compact_storage: with.compact_storage,
            properties: with.properties,
        })))
    }

    /// A column, or `PRIMARY KEY (…)`.
    fn table_element(
        &mut self,
        columns: &mut Vec<ColumnDefinition>,
        primary_keys: &mut Vec<PrimaryKey>,
    ) -> Result<()> {
        if self.at("PRIMARY") {
            primary_keys.push(self.primary_key()?);
            return Ok(());
        }
        let column = self.column_definition()?;
        let position = self.position();
        if self.eat("PRIMARY")? {
            self.expect("KEY")?;
            primary_keys.push(PrimaryKey {
                partition: vec![column.name.clone()],
                clustering: Vec::new(),
                position,
            });
        }
        columns.push(column);
        Ok(())
    }

    /// `name type [STATIC] [MASKED WITH …]`.
    fn column_definition(&mut self) -> Result<ColumnDefinition> {
        let name = self.name()?;
        let ty = self.type_expr()?;
        let is_static = self.eat("STATIC")?;
        let mask = match self.eat("MASKED")? {
            true => Some(self.mask()?),
            false => None,
        };
        Ok(ColumnDefinition {
            name,
            ty,
            is_static,
            mask,
        })
    }

    /// What follows MASKED.
    fn mask(&mut self) -> Result<Mask> {
        self.expect("WITH")?;
        if self.at("DEFAULT") {
            let token = self.advance()?;
            return Ok(Mask {
                function: QualifiedName {
                    keyspace: None,
                    name: name_of("mask_default".to_owned(), token.position),
                },
                arguments: Vec::new(),
            });
        }
        let function = self.qualified_name()?;
        self.expect_symbol(Symbol::LeftParen)?;
        let arguments = match self.at_symbol(Symbol::RightParen) {
            true => Vec::new(),
            false => self.comma_list(Self::term)?,
        };
        self.expect_symbol(Symbol::RightParen)?;
        Ok(Mask {
            function,
            arguments,
        })
    }

    pub(super) fn alter_table(&mut self) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.qualified_name()?;
        let action = if self.eat("ADD")? {
            self.add_columns()?
        } else if self.eat("DROP")? {
            self.drop_columns()?
        } else if self.eat("RENAME")? {
            let if_exists = self.if_exists()?;
            AlterTableAction::Rename {
                if_exists,
                renames: self.renames()?,
            }
        } else if self.eat("ALTER")? {
            self.alter_column()?
        } else if self.at("WITH") {
            AlterTableAction::With(self.table_options()?)
        } else {
            return Err(self.no_viable());
        };
        Ok(StatementKind::AlterTable(Box::new(AlterTable {
            name,
            if_exists,
            action,
        })))
    }

    /// `WITH options`, of a table that is there.
    fn table_options(&mut self) -> Result<Vec<crate::cql::ast::Property>> {
        self.expect("WITH")?;
        let mut properties = vec![self.property()?];
        while self.eat("AND")? {
            properties.push(self.property()?);
        }
        Ok(properties)
    }

    fn add_columns(&mut self) -> Result<AlterTableAction> {
        let if_not_exists = self.if_not_exists()?;
        let columns = match self.eat_symbol(Symbol::LeftParen)? {
            true => {
                let columns = self.comma_list(Self::column_definition)?;
                self.expect_symbol(Symbol::RightParen)?;
                columns
            }
            false => vec![self.column_definition()?],
        };
        Ok(AlterTableAction::Add {
            if_not_exists,
            columns,
        })
    }

    fn drop_columns(&mut self) -> Result<AlterTableAction> {
        if self.at("COMPACT") && self.peek_at("STORAGE")? {
            self.advance()?;
            self.advance()?;
            return Ok(AlterTableAction::DropCompactStorage);
        }
        let if_exists = self.if_exists()?;
        let columns = match self.at_symbol(Symbol::LeftParen) {
            true => self.names_in_parentheses()?,
            false => vec![self.name()?],
        };
        let mut timestamp = None;
        if self.eat("USING")? {
            self.expect("TIMESTAMP")?;
            let sign = self.sign()?;
            if self.token.kind != TokenKind::Integer {
                return Err(self.mismatched("INTEGER"));
            }
            timestamp = Some(Literal::Integer(format!("{sign}{}", self.slice())));
            self.advance()?;
        }
        Ok(AlterTableAction::Drop {
            if_exists,
            columns,
            timestamp,
        })
    }

    fn alter_column(&mut self) -> Result<AlterTableAction> {
        self.if_exists()?;
        let column = self.name()?;
        if self.eat("MASKED")? {
            let mask = Some(self.mask()?);
            return Ok(AlterTableAction::Mask { column, mask });
        }
        if self.eat("DROP")? {
            self.expect("MASKED")?;
            return Ok(AlterTableAction::Mask { column, mask: None });
        }
        self.expect("TYPE")?;
        Ok(AlterTableAction::Type {
            column,
            ty: self.type_expr()?,
        })
    }
}
