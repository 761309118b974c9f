//! Roles and permissions.

use crate::cql::ast::{
    AddIdentity, AlterRole, CreateRole, DropIdentity, DropRole, Grant, GrantRole, ListPermissions,
    ListRoles, Name, Permission, Resource, RoleOption, StatementKind,
};
use crate::cql::lexer::{Symbol, TokenKind};
use crate::cql::parser::{Parser, name_of};
use crate::error::{Error, Result};

const PERMISSIONS: &[(&str, Permission)] = &[
    ("CREATE", Permission::Create),
    ("ALTER", Permission::Alter),
    ("DROP", Permission::Drop),
    ("SELECT", Permission::Select),
    ("MODIFY", Permission::Modify),
    ("AUTHORIZE", Permission::Authorize),
    ("DESCRIBE", Permission::Describe),
    ("EXECUTE", Permission::Execute),
    ("UNMASK", Permission::Unmask),
    ("SELECT_MASKED", Permission::SelectMasked),
];

impl Parser<'_> {
    /// A role's name: a name, or a string as it is.
    fn role_name(&mut self) -> Result<Name> {
        if matches!(self.token.kind, TokenKind::String | TokenKind::DollarString) {
            let position = self.position();
            return Ok(name_of(self.string()?, position));
        }
        self.name()
    }

    pub(super) fn create_role(&mut self, user: bool) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.role_name()?;
        let options = self.role_options(user)?;
        Ok(StatementKind::CreateRole(CreateRole {
            name,
            if_not_exists,
            user,
            options,
        }))
    }

    pub(super) fn alter_role(&mut self, user: bool) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.role_name()?;
        let options = self.role_options(user)?;
        Ok(StatementKind::AlterRole(AlterRole {
            name,
            if_exists,
            options,
        }))
    }

    fn role_options(&mut self, user: bool) -> Result<Vec<RoleOption>> {
        if user {
            return self.user_options();
        }
        let mut options = Vec::new();
        if self.eat("WITH")? {
            options.push(self.role_option()?);
            while self.eat("AND")? {
                options.push(self.role_option()?);
            }
        }
        Ok(options)
    }

    fn user_options(&mut self) -> Result<Vec<RoleOption>> {
        let mut options = Vec::new();
        if self.eat("WITH")? {
            if self.eat("HASHED")? {
                self.expect("PASSWORD")?;
                options.push(RoleOption::HashedPassword(self.string()?));
            } else {
                self.expect("PASSWORD")?;
                options.push(RoleOption::Password(self.string()?));
            }
        }
        if self.eat("SUPERUSER")? {
            options.push(RoleOption::Superuser(true));
        } else if self.eat("NOSUPERUSER")? {
            options.push(RoleOption::Superuser(false));
        }
        Ok(options)
    }

    fn role_option(&mut self) -> Result<RoleOption> {
        if self.eat("HASHED")? {
            self.expect("PASSWORD")?;
            self.expect_symbol(Symbol::Eq)?;
            return self.string().map(RoleOption::HashedPassword);
        }
        if self.eat("PASSWORD")? {
            self.expect_symbol(Symbol::Eq)?;
            return self.string().map(RoleOption::Password);
        }
        if self.eat("LOGIN")? {
            self.expect_symbol(Symbol::Eq)?;
            return self.boolean().map(RoleOption::Login);
        }
        if self.eat("SUPERUSER")? {
            self.expect_symbol(Symbol::Eq)?;
            return self.boolean().map(RoleOption::Superuser);
        }
        if self.eat("OPTIONS")? {
            self.expect_symbol(Symbol::Eq)?;
            self.expect_symbol(Symbol::LeftBrace)?;
            return self.property_map().map(RoleOption::Options);
        }
        self.expect("ACCESS")?;
        if self.eat("TO")? {
            if self.eat("ALL")? {
                self.expect("DATACENTERS")?;
                return Ok(RoleOption::Datacenters(None));
            }
            self.expect("DATACENTERS")?;
            return Ok(RoleOption::Datacenters(Some(self.set_of_strings()?)));
        }
        self.expect("FROM")?;
        if self.eat("ALL")? {
            self.expect("CIDRS")?;
            return Ok(RoleOption::Cidrs(None));
        }
        self.expect("CIDRS")?;
        Ok(RoleOption::Cidrs(Some(self.set_of_strings()?)))
    }

    fn set_of_strings(&mut self) -> Result<Vec<String>> {
        self.expect_symbol(Symbol::LeftBrace)?;
        let items = self.comma_list(Self::string)?;
        self.expect_symbol(Symbol::RightBrace)?;
        Ok(items)
    }

    fn boolean(&mut self) -> Result<bool> {
        if self.eat("TRUE")? {
            return Ok(true);
        }
        if self.eat("FALSE")? {
            return Ok(false);
        }
        Err(self.mismatched("BOOLEAN"))
    }

    pub(super) fn drop_role(&mut self) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        Ok(StatementKind::DropRole(DropRole {
            if_exists,
            name: self.role_name()?,
        }))
    }

    pub(super) fn add_identity(&mut self) -> Result<StatementKind> {
        self.expect("IDENTITY")?;
        let if_not_exists = self.if_not_exists()?;
        let identity = self.string()?;
        self.expect("TO")?;
        self.expect("ROLE")?;
        Ok(StatementKind::AddIdentity(AddIdentity {
            identity,
            role: self.role_name()?,
            if_not_exists,
        }))
    }

    pub(super) fn drop_identity(&mut self) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        Ok(StatementKind::DropIdentity(DropIdentity {
            identity: self.string()?,
            if_exists,
        }))
    }

    pub(super) fn grant(&mut self) -> Result<StatementKind> {
        if let Some(role) = self.role_to_grant("TO")? {
            self.expect("TO")?;
            let grantee = self.role_name()?;
            return Ok(StatementKind::GrantRole(GrantRole { role, grantee }));
        }
        self.grant_on("TO").map(StatementKind::Grant)
    }

    pub(super) fn revoke(&mut self) -> Result<StatementKind> {
        if let Some(role) = self.role_to_grant("FROM")? {
            self.expect("FROM")?;
            let grantee = self.role_name()?;
            return Ok(StatementKind::RevokeRole(GrantRole { role, grantee }));
        }
        self.grant_on("FROM").map(StatementKind::Revoke)
    }

    /// A role's name before `preposition`, if that is what stands here.
    fn role_to_grant(&mut self, preposition: &str) -> Result<Option<Name>> {
        if !self.peek_at(preposition)? {
            return Ok(None);
        }
        self.role_name().map(Some)
    }

    fn grant_on(&mut self, preposition: &str) -> Result<Grant> {
        let position = self.position();
        let permissions = self.permissions()?;
        self.expect("ON")?;
        let resource = self.resource()?;
        self.expect(preposition)?;
        Ok(Grant {
            permissions,
            resource,
            role: self.role_name()?,
            position,
        })
    }

    /// `ALL [PERMISSIONS]` (none), or permissions between commas.
    fn permissions(&mut self) -> Result<Option<Vec<Permission>>> {
        if self.eat("ALL")? {
            self.eat("PERMISSIONS")?;
            return Ok(None);
        }
        let permissions = self.comma_list(|parser| {
            let found = PERMISSIONS.iter().find(|(word, _)| parser.at(word));
            let Some((_, permission)) = found else {
                return Err(parser.no_viable());
            };
            parser.advance()?;
            parser.eat("PERMISSION")?;
            Ok(*permission)
        })?;
        Ok(Some(permissions))
    }

    fn resource(&mut self) -> Result<Resource> {
        if self.at("ALL") {
            return self.resource_all();
        }
        if self.eat("KEYSPACE")? || self.eat("SCHEMA")? {
            return self.name().map(Resource::Keyspace);
        }
        if self.at("ROLE") && !self.peek_symbol(Symbol::Dot)? {
            self.advance()?;
            return self.role_name().map(Resource::Role);
        }
        if self.at("FUNCTION") && !self.peek_symbol(Symbol::Dot)? {
            self.advance()?;
            let name = self.qualified_name()?;
            return Ok(Resource::Function(name, self.types_in_parentheses()?));
        }
        if self.eat("MBEAN")? || self.eat("MBEANS")? {
            return self.string().map(|name| Resource::Mbeans(Some(name)));
        }
        if !self.eat("TABLE")? {
            self.eat("COLUMNFAMILY")?;
        }
        self.qualified_name().map(Resource::Table)
    }

    fn resource_all(&mut self) -> Result<Resource> {
        self.expect("ALL")?;
        if self.eat("KEYSPACES")? {
            return Ok(Resource::AllKeyspaces);
        }
        if self.eat("TABLES")? || self.eat("COLUMNFAMILIES")? {
            self.expect("IN")?;
            if !self.eat("KEYSPACE")? {
                self.expect("SCHEMA")?;
            }
            return self.name().map(Resource::AllTables);
        }
        if self.eat("ROLES")? {
            return Ok(Resource::AllRoles);
        }
        if self.eat("FUNCTIONS")? {
            if !self.eat("IN")? {
                return Ok(Resource::AllFunctions(None));
            }
            self.expect("KEYSPACE")?;
            return self.name().map(|name| Resource::AllFunctions(Some(name)));
        }
        if self.eat("MBEANS")? {
            return Ok(Resource::Mbeans(None));
        }
        Err(self.no_viable())
    }

    pub(super) fn list(&mut self) -> Result<StatementKind> {
        if self.eat("USERS")? {
            return Ok(StatementKind::ListUsers);
        }
        if self.eat("ROLES")? {
            let role = match self.eat("OF")? {
                true => Some(self.role_name()?),
                false => None,
            };
            return Ok(StatementKind::ListRoles(ListRoles {
                role,
                no_recursive: self.eat("NORECURSIVE")?,
            }));
        }
        if self.token.kind == TokenKind::End {
            return Err(Error::syntax(format!(
                "{} LIST wants ROLES, USERS or permissions",
                self.position()
            )));
        }
        let permissions = self.permissions()?;
        let resource = match self.eat("ON")? {
            true => Some(self.resource()?),
            false => None,
        };
        let role = match self.eat("OF")? {
            true => Some(self.role_name()?),
            false => None,
        };
        Ok(StatementKind::ListPermissions(ListPermissions {
            permissions,
            resource,
            role,
            no_recursive: self.eat("NORECURSIVE")?,
        }))
    }
}
