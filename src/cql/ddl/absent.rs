//! Statements about what a node doesn't have: views, functions, triggers, roles.
//!
//! Cassandra's own configuration switches views and functions off, and lets everybody in without a
//! name. What it says then is said here, so that tools which know Cassandra's words find them.

use crate::cql::ast::{
    CreateAggregate, CreateTrigger, DropFunction, DropTrigger, Grant, Permission, QualifiedName,
    Resource, RoleOption, StatementKind, TypeExpr, TypeExprKind,
};
use crate::cql::ddl::resolve::resolve_type;
use crate::cql::ddl::{Context, Decision, SHARED_KEYSPACES, SYSTEM_KEYSPACES, keyspace_named};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Catalog, DATA_CENTER, Keyspace};

impl Context<'_> {
    /// Answers a statement that is about nothing that is here: refused, or nothing to do.
    pub(super) fn absent(&self, catalog: &Catalog, statement: &StatementKind) -> Result<Decision> {
        match statement {
            StatementKind::CreateView(view) => {
                check_not_system(self.keyspace_of(&view.name)?)?;
                Err(Error::invalid(
                    "Materialized views are disabled. Enable in cassandra.yaml to use.",
                ))
            }
            StatementKind::AlterView(view) => {
                let keyspace = self.keyspace_of(&view.name)?;
                let name = &view.name.name;
                missing(view.if_exists, || {
                    format!("Materialized view '{keyspace}.{name}' doesn't exist")
                })
            }
            StatementKind::CreateFunction(function) => {
                check_not_system(self.keyspace_of(&function.name)?)?;
                check_one_directive(function.or_replace, function.if_not_exists)?;
                Err(Error::invalid(
                    "User-defined functions are disabled in cassandra.yaml - set \
                     user_defined_functions_enabled=true to enable",
                ))
            }
            StatementKind::CreateAggregate(aggregate) => self.create_aggregate(catalog, aggregate),
            StatementKind::DropFunction(function) => {
                self.drop_function(catalog, function, "Function")
            }
            StatementKind::DropAggregate(aggregate) => {
                self.drop_function(catalog, aggregate, "Aggregate")
            }
            StatementKind::CreateTrigger(trigger) => self.create_trigger(catalog, trigger),
            StatementKind::DropTrigger(trigger) => self.drop_trigger(trigger),
            StatementKind::Grant(grant) | StatementKind::Revoke(grant) => {
                let known = check_function(catalog, &grant.resource)?;
                if let Some(keyspace) = known {
                    return Err(granted(keyspace));
                }
                Err(access(statement))
            }
            StatementKind::ListPermissions(list) => {
                if let Some(resource) = &list.resource {
                    check_function(catalog, resource)?;
                }
                Err(access(statement))
            }
            StatementKind::CreateJob(_) | StatementKind::DropJob(_) | StatementKind::RunJob(_) => {
                Err(Error::invalid("this build has no jobs (feature analytics)"))
            }
            other => Err(access(other)),
        }
    }

    fn create_aggregate(&self, catalog: &Catalog, aggregate: &CreateAggregate) -> Result<Decision> {
        let name = self.keyspace_of(&aggregate.name)?;
        check_not_system(name)?;
        check_one_directive(aggregate.or_replace, aggregate.if_not_exists)?;
        let Some(keyspace) = catalog.keyspaces.get(name) else {
            return Err(Error::config(format!("Keyspace {name} doesn't exist")));
        };
        let state = std::iter::once(("State type", &aggregate.state_type));
        let arguments = aggregate.arguments.iter().map(|ty| ("Argument", ty));
        for (what, ty) in arguments.chain(state) {
            if matches!(ty.kind, TypeExprKind::Frozen(_)) {
                let ty = type_text(ty, name);
                return Err(Error::invalid(format!(
                    "{what} '{ty}' cannot be frozen; remove frozen<> modifier from '{ty}'"
                )));
            }
            resolve_type(ty, keyspace)?;
        }
        let types = std::iter::once(&aggregate.state_type).chain(&aggregate.arguments);
        let types: Vec<String> = types.map(|ty| type_text(ty, name)).collect();
        Err(Error::invalid(format!(
            "State function {name}.{}({}) doesn't exist",
            aggregate.state_function,
            types.join(", ")
        )))
    }

    fn drop_function(
        &self,
        catalog: &Catalog,
        function: &DropFunction,
        kind: &str,
    ) -> Result<Decision> {
        let keyspace = self.keyspace_of(&function.name)?;
        check_not_system(keyspace)?;
        let found: Option<&Keyspace> = catalog.keyspaces.get(keyspace).map(AsRef::as_ref);
        let mut name = format!("{keyspace}.{}", function.name.name);
        if let Some(arguments) = &function.arguments {
            if let Some(found) = found {
                for ty in arguments {
                    resolve_type(ty, found)?;
                }
            }
            let types: Vec<String> = arguments.iter().map(|ty| type_text(ty, keyspace)).collect();
            name = format!("{name}({})", types.join(", "));
        }
        missing(function.if_exists, || {
            format!("{kind} '{name}' doesn't exist")
        })
    }

    fn create_trigger(&self, catalog: &Catalog, trigger: &CreateTrigger) -> Result<Decision> {
        let name = self.keyspace_of(&trigger.table)?;
        check_not_system(name)?;
        let table = &trigger.table.name;
        if !keyspace_named(catalog, name)?
            .tables
            .contains_key(&table.text)
        {
            return Err(Error::invalid(format!("Table '{table}' doesn't exist")));
        }
        // Triggers are Java classes.
        Err(Error::invalid(format!(
            "Trigger class '{}' couldn't be loaded",
            trigger.class
        )))
    }

    fn drop_trigger(&self, trigger: &DropTrigger) -> Result<Decision> {
        let keyspace = self.keyspace_of(&trigger.table)?;
        check_not_system(keyspace)?;
        missing(trigger.if_exists, || {
            format!(
                "Trigger '{}' on '{keyspace}.{}' doesn't exist",
                trigger.name, trigger.table.name
            )
        })
    }
}

/// Nothing is done about what is missing where `IF EXISTS` says so.
fn missing(if_exists: bool, message: impl FnOnce() -> String) -> Result<Decision> {
    match if_exists {
        true => Ok(None),
        false => Err(Error::invalid(message())),
    }
}

/// Refuses what would change a keyspace that is the node's own.
pub(super) fn check_not_system(keyspace: &str) -> Result<()> {
    if SYSTEM_KEYSPACES.contains(&keyspace) && !SHARED_KEYSPACES.contains(&keyspace) {
        return Err(Error::invalid(format!(
            "System keyspace '{keyspace}' is not user-modifiable"
        )));
    }
    Ok(())
}

fn check_one_directive(or_replace: bool, if_not_exists: bool) -> Result<()> {
    if or_replace && if_not_exists {
        return Err(Error::invalid(
            "Cannot use both 'OR REPLACE' and 'IF NOT EXISTS' directives",
        ));
    }
    Ok(())
}

/// A type as signatures of functions show it: user types with their keyspace.
fn type_text(ty: &TypeExpr, keyspace: &str) -> String {
    let list = |types: &[TypeExpr]| {
        let types: Vec<String> = types.iter().map(|ty| type_text(ty, keyspace)).collect();
        types.join(", ")
    };
    let inner = |ty: &TypeExpr| type_text(ty, keyspace);
    match &ty.kind {
        TypeExprKind::User(QualifiedName { keyspace: None, .. }) => format!("{keyspace}.{ty}"),
        TypeExprKind::List(element) => format!("list<{}>", inner(element)),
        TypeExprKind::Set(element) => format!("set<{}>", inner(element)),
        TypeExprKind::Map(key, value) => format!("map<{}, {}>", inner(key), inner(value)),
        TypeExprKind::Tuple(elements) => format!("tuple<{}>", list(elements)),
        TypeExprKind::Frozen(ty) => format!("frozen<{}>", inner(ty)),
        _ => ty.to_string(),
    }
}

/// What a statement about roles and permissions is told: nobody has logged in.
fn access(statement: &StatementKind) -> Error {
    let refused = match statement {
        StatementKind::CreateRole(role) => check_superuser(
            &role.options,
            "Only superusers can create a role with superuser status",
        )
        .and_then(|()| check_role_options(&role.options))
        .and_then(|()| match role.name.text.is_empty() {
            true => Err(Error::invalid("Role name can't be an empty string")),
            false => Ok(()),
        }),
        StatementKind::AlterRole(role) => check_superuser(
            &role.options,
            "Only superusers are allowed to alter superuser status",
        )
        .and_then(|()| check_role_options(&role.options))
        .and_then(|()| match role.options.is_empty() {
            true => Err(Error::invalid("ALTER [ROLE|USER] can't be empty")),
            false => Ok(()),
        }),
        StatementKind::Grant(grant) | StatementKind::Revoke(grant) => check_grant(grant),
        _ => Ok(()),
    };
    refused.err().unwrap_or_else(|| {
        unauthorized("You have to be logged in and not anonymous to perform this request")
    })
}

/// The keyspace of the function that a resource is, if it is one. Its name and types are looked at
/// before anything else.
fn check_function<'r>(catalog: &Catalog, resource: &'r Resource) -> Result<Option<&'r str>> {
    let Resource::Function(name, types) = resource else {
        return Ok(None);
    };
    let Some(keyspace) = &name.keyspace else {
        return Err(Error::invalid(
            "In this context function name must be explictly qualified by a keyspace",
        ));
    };
    match catalog.keyspaces.get(&keyspace.text) {
        Some(found) => {
            for ty in types {
                resolve_type(ty, found)?;
            }
        }
        None if SYSTEM_KEYSPACES.contains(&keyspace.text.as_str()) => {}
        None => {
            let message = format!("Keyspace {keyspace} doesn't exist");
            return Err(Error::new(ErrorKind::Config, message));
        }
    }
    Ok(Some(&keyspace.text))
}

/// What is said of permissions on a function: those of `system` are everybody's, others are not
/// there.
fn granted(keyspace: &str) -> Error {
    if keyspace == "system" {
        return Error::invalid("Altering permissions on builtin functions is not supported");
    }
    Error::syntax(format!("There are no functions in keyspace {keyspace}"))
}

fn unauthorized(message: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, message)
}

fn check_superuser(options: &[RoleOption], words: &str) -> Result<()> {
    let about_superusers = |option| matches!(option, &RoleOption::Superuser(true));
    let altered = |option| matches!(option, &RoleOption::Superuser(_));
    let found = match words.contains("alter") {
        true => options.iter().any(altered),
        false => options.iter().any(about_superusers),
    };
    if found {
        return Err(unauthorized(words));
    }
    Ok(())
}

/// Refuses what only a manager of passwords knows, and places that are not there.
fn check_role_options(options: &[RoleOption]) -> Result<()> {
    for (at, option) in options.iter().enumerate() {
        let kind = std::mem::discriminant(option);
        let earlier = options.iter().take(at);
        if earlier
            .map(std::mem::discriminant)
            .any(|other| other == kind)
        {
            return Err(Error::syntax(
                "Multiple definition for a property of the role",
            ));
        }
    }
    for option in options {
        let unknown = match option {
            RoleOption::Password(_) => "PASSWORD",
            RoleOption::HashedPassword(_) => "HASHED_PASSWORD",
            RoleOption::Options(_) => "OPTIONS",
            RoleOption::Datacenters(Some(names)) => {
                let others: Vec<&str> = names
                    .iter()
                    .map(String::as_str)
                    .filter(|name| *name != DATA_CENTER)
                    .collect();
                if others.is_empty() {
                    continue;
                }
                return Err(Error::invalid(format!(
                    "Invalid value(s) for DATACENTERS '[{}]',All values must be valid datacenters",
                    others.join(", ")
                )));
            }
            RoleOption::Cidrs(Some(groups)) => {
                return Err(Error::invalid(format!(
                    "Invalid CIDR group(s): [{}]. Available CIDR Groups are: []",
                    groups.join(", ")
                )));
            }
            _ => continue,
        };
        return Err(Error::invalid(format!(
            "org.apache.cassandra.auth.CassandraRoleManager doesn't support {unknown}"
        )));
    }
    Ok(())
}

/// Refuses permissions that mean nothing on their resource.
fn check_grant(grant: &Grant) -> Result<()> {
    use Permission::{
        Alter, Authorize, Create, Describe, Drop, Execute, Modify, Select, SelectMasked, Unmask,
    };
    let (kind, known): (&str, &[Permission]) = match &grant.resource {
        Resource::Table(_) => (
            "DataResource",
            &[Alter, Drop, Select, Modify, Authorize, Unmask, SelectMasked],
        ),
        Resource::AllKeyspaces | Resource::Keyspace(_) | Resource::AllTables(_) => (
            "DataResource",
            &[
                Create,
                Alter,
                Drop,
                Select,
                Modify,
                Authorize,
                Unmask,
                SelectMasked,
            ],
        ),
        Resource::AllRoles => ("RoleResource", &[Create, Alter, Drop, Authorize, Describe]),
        Resource::Role(_) => ("RoleResource", &[Alter, Drop, Authorize, Describe]),
        Resource::AllFunctions(_) => (
            "FunctionResource",
            &[Create, Alter, Drop, Authorize, Execute],
        ),
        Resource::Function(..) => ("FunctionResource", &[Alter, Drop, Authorize, Execute]),
        Resource::Mbeans(name) => {
            if let Some(name) = name
                && !(name.contains(':') && name.contains('='))
            {
                return Err(Error::syntax(format!(
                    "{name} is not a valid JMX object name"
                )));
            }
            (
                "JMXResource",
                &[Authorize, Describe, Execute, Modify, Select],
            )
        }
    };
    let wanted = grant.permissions.as_deref().unwrap_or(known);
    if !wanted.iter().any(|permission| known.contains(permission)) {
        return Err(Error::syntax(format!(
            "Resource type {kind} does not support any of the requested permissions"
        )));
    }
    Ok(())
}
