//! Roles and permissions.

use crate::cql::ast::{Name, Position, QualifiedName, TypeExpr};

/// `CREATE ROLE` or `CREATE USER`.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateRole {
    /// Its name; of a role case-insensitive unless quoted, of a user as written.
    pub name: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `CREATE USER`: may log in unless said otherwise.
    pub user: bool,
    /// Its options.
    pub options: Vec<RoleOption>,
}

/// `ALTER ROLE` or `ALTER USER`.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterRole {
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Its options.
    pub options: Vec<RoleOption>,
}

/// `DROP ROLE` or `DROP USER`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropRole {
    /// Its name.
    pub name: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
}

/// An option of a role.
#[derive(Clone, Debug, PartialEq)]
pub enum RoleOption {
    /// `PASSWORD = '…'`.
    Password(String),
    /// `HASHED PASSWORD = '…'`.
    HashedPassword(String),
    /// `LOGIN = …`.
    Login(bool),
    /// `SUPERUSER = …`.
    Superuser(bool),
    /// `OPTIONS = {…}`.
    Options(Vec<(String, String)>),
    /// `ACCESS TO DATACENTERS {…}`; none means all.
    Datacenters(Option<Vec<String>>),
    /// `ACCESS FROM CIDRS {…}`; none means all.
    Cidrs(Option<Vec<String>>),
}

/// A permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in CQL")]
pub enum Permission {
    Create,
    Alter,
    Drop,
    Select,
    Modify,
    Authorize,
    Describe,
    Execute,
    Unmask,
    SelectMasked,
}

/// What a permission is on.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// `ALL KEYSPACES`.
    AllKeyspaces,
    /// `KEYSPACE name`.
    Keyspace(Name),
    /// `ALL TABLES IN KEYSPACE name`.
    AllTables(Name),
    /// `[TABLE] name`.
    Table(QualifiedName),
    /// `ALL ROLES`.
    AllRoles,
    /// `ROLE name`.
    Role(Name),
    /// `ALL FUNCTIONS [IN KEYSPACE name]`.
    AllFunctions(Option<Name>),
    /// `FUNCTION name(types)`.
    Function(QualifiedName, Vec<TypeExpr>),
    /// `ALL MBEANS`, `MBEAN` and `MBEANS`.
    Mbeans(Option<String>),
}

/// `GRANT permission ON resource TO role`, and `REVOKE … FROM`.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The permissions; none means `ALL`.
    pub permissions: Option<Vec<Permission>>,
    /// On what.
    pub resource: Resource,
    /// The role.
    pub role: Name,
    /// Where the statement starts.
    pub position: Position,
}

/// `GRANT role TO role`, and `REVOKE … FROM`.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantRole {
    /// The role that is given or taken.
    pub role: Name,
    /// The role that gets or loses it.
    pub grantee: Name,
}

/// `LIST permissions`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListPermissions {
    /// The permissions; none means `ALL`.
    pub permissions: Option<Vec<Permission>>,
    /// On what.
    pub resource: Option<Resource>,
    /// Of which role.
    pub role: Option<Name>,
    /// `NORECURSIVE`.
    pub no_recursive: bool,
}

/// `LIST ROLES`.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRoles {
    /// Of which role.
    pub role: Option<Name>,
    /// `NORECURSIVE`.
    pub no_recursive: bool,
}

/// `ADD IDENTITY 'identity' TO ROLE role`.
#[derive(Clone, Debug, PartialEq)]
pub struct AddIdentity {
    /// The identity.
    pub identity: String,
    /// The role.
    pub role: Name,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
}

/// `DROP IDENTITY 'identity'`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropIdentity {
    /// The identity.
    pub identity: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
}
