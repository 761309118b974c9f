//! A client's statements and portals.
//!
//! A portal is a statement with its values, whose rows are pulled as the client asks for them: so
//! many at a time, or all. What tools ask of PostgreSQL's own catalogs is answered from the schema
//! ([`pg_catalog`](crate::analytics::pg_catalog)); everything else goes to the session below.

use crate::analytics::pg_catalog::oid;
use crate::analytics::pg_catalog::{CatalogQuery, Facts, PgCatalog};
use crate::cql::result::{ColumnSpec, QueryResult, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::server::pg::output::Output;
use crate::server::pg::settings::Settings;
use crate::server::pg::statement::{self, Kind};
use crate::server::pg::{parameter, value};
use crate::session::{Prepared, RequestOptions, Shared, Values};
use crate::types::Type;
use bytes::{Bytes, BytesMut};
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::data::{DataRow, FieldDescription, RowDescription};
use pgwire::messages::response::{CommandComplete, EmptyQueryResponse, TransactionStatus};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

mod extended;

/// What a statement does.
#[derive(Clone, Debug)]
enum Work {
    /// A word of PostgreSQL's sessions.
    Word(Kind),
    /// A question about the schema.
    Catalog(Arc<CatalogQuery>),
    /// Batch SQL or CQL, and the parameter of each of its markers.
    Session(Prepared, Arc<[usize]>),
}

/// A statement that was parsed.
#[derive(Clone, Debug)]
struct Statement {
    text: Arc<str>,
    kind: Kind,
    work: Work,
    /// The types of its parameters, as the client said them or as they were found.
    parameters: Arc<[u32]>,
    columns: Arc<[ColumnSpec]>,
}

/// A statement with values, and its rows as far as they were not sent.
#[derive(Debug)]
struct Portal {
    statement: Statement,
    values: Vec<Option<Bytes>>,
    value_formats: Vec<i16>,
    formats: Vec<i16>,
    rows: Option<Rows>,
    sent: u64,
    bytes: usize,
}

/// What came of a statement.
enum Outcome {
    Empty,
    Rows(Rows),
    Done(String),
}

/// A client's conversation.
#[derive(Debug)]
pub struct Conversation {
    shared: Shared,
    catalog: PgCatalog,
    interrupt: Arc<AtomicBool>,
    user: String,
    database: String,
    keyspace: Option<String>,
    settings: Settings,
    status: TransactionStatus,
    statements: HashMap<String, Statement>,
    portals: HashMap<String, Portal>,
    /// The bytes of statements and portals.
    bytes: usize,
    /// What is worked on, for the places of errors.
    text: String,
}

impl Conversation {
    /// The conversation of `user`, as the startup's `parameters` want it.
    pub fn new(
        shared: Shared,
        interrupt: Arc<AtomicBool>,
        user: String,
        parameters: &HashMap<String, String>,
    ) -> Result<Self> {
        let database = parameters.get("database").filter(|name| !name.is_empty());
        let database = database.unwrap_or(&user).clone();
        let known = shared.engine().catalog().keyspaces.contains_key(&database);
        let mut settings = Settings::default();
        for (name, value) in parameters {
            let own = ["user", "database", "options", "replication"].contains(&name.as_str());
            if !own && !name.starts_with("_pq_.") {
                // What cannot be set is told when it is asked for by SET.
                let _ = settings.set(name, Some(value));
            }
        }
        settings.set("session_authorization", Some(&user))?;
        Ok(Self {
            shared,
            catalog: PgCatalog::new()?,
            interrupt,
            keyspace: known.then(|| database.clone()),
            user,
            database,
            settings,
            status: TransactionStatus::Idle,
            statements: HashMap::new(),
            portals: HashMap::new(),
            bytes: 0,
            text: String::new(),
        })
    }

    /// What a setting is; empty where there is none.
    pub fn setting(&self, name: &str) -> String {
        self.settings.get(name).unwrap_or_default().to_owned()
    }

    /// Whether the client said BEGIN.
    pub fn status(&self) -> TransactionStatus {
        self.status
    }

    /// The statement that was worked on last.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The statement worked on last failed: within a transaction that is remembered, as clients
    /// expect; nothing is undone.
    pub fn failed(&mut self) {
        if self.status == TransactionStatus::Transaction {
            self.status = TransactionStatus::Error;
        }
    }

    /// The client is done with what it asked: portals end, outside of a transaction.
    pub fn sync(&mut self) {
        if self.status == TransactionStatus::Idle {
            self.end_portals();
        }
    }

    fn end_portals(&mut self) {
        self.portals.clear();
        self.bytes = self.statements.values().map(|it| it.text.len()).sum();
    }

    /// Executes the statements of a text, one after the other.
    pub fn simple(&mut self, text: &str, output: &mut Output) -> Result<()> {
        self.text = text.to_owned();
        let statements = statement::split(text)?;
        if statements.is_empty() {
            return output.send(Backend::EmptyQueryResponse(EmptyQueryResponse::new()));
        }
        let single = statements.len() == 1;
        for text in statements {
            if !single {
                self.text = text.to_owned();
            }
            let statement = self.parse(text, &[])?;
            if !statement.parameters.is_empty() {
                return Err(Error::invalid("there is no parameter $1"));
            }
            match self.run(&statement, &[], &[])? {
                Outcome::Empty => {
                    output.send(Backend::EmptyQueryResponse(EmptyQueryResponse::new()))?;
                }
                Outcome::Done(tag) => complete(tag, output)?,
                Outcome::Rows(mut rows) => {
                    let description = description(rows.columns(), &[]);
                    output.send(Backend::RowDescription(description))?;
                    let sent = self.send(&mut rows, &[], u64::MAX, output)?;
                    complete(tag_of(&statement.kind, sent.0), output)?;
                }
            }
        }
        if self.status == TransactionStatus::Idle {
            self.end_portals();
        }
        Ok(())
    }

    /// Finds out what a text asks for, of what types its parameters are and what it answers.
    fn parse(&mut self, text: &str, declared: &[u32]) -> Result<Statement> {
        let kind = statement::kind(text);
        let aborted = self.status == TransactionStatus::Error;
        if aborted && !kind.ends_failure() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        let made = |work, parameters, columns| Statement {
            text: text.into(),
            kind: kind.clone(),
            work,
            parameters,
            columns,
        };
        match &kind {
            Kind::Query => {
                if let Some(query) = CatalogQuery::recognise(text)? {
                    let columns = self.catalog.columns(&query, &self.facts())?;
                    let count = query.parameters();
                    let types = (0..count).map(|at| match declared.get(at) {
                        None | Some(0) => oid::TEXT.oid,
                        Some(oid) => *oid,
                    });
                    let types = types.collect();
                    return Ok(made(Work::Catalog(query.into()), types, columns));
                }
            }
            Kind::Command(_) => {}
            Kind::Show(name) => {
                let columns = show_columns(name);
                return Ok(made(Work::Word(kind.clone()), [].into(), columns));
            }
            _ => return Ok(made(Work::Word(kind.clone()), [].into(), [].into())),
        }
        let (marked, order) = statement::markers(text)?;
        let prepared = self.prepare(&marked, &kind)?;
        let variables = prepared.variables();
        let count = order.iter().map(|at| at + 1).max().unwrap_or(0);
        let mut types: Vec<u32> = declared.to_vec();
        types.resize(count.max(declared.len()), 0);
        for (at, variable) in order.iter().zip(variables.iter()) {
            if let Some(found @ 0) = types.get_mut(*at) {
                *found = oid::of(&variable.ty).0;
            }
        }
        let columns = match &kind {
            // Their answer is a number in the tag.
            Kind::Command(word) if is_write(word) => [].into(),
            _ => prepared.result_columns(),
        };
        Ok(made(
            Work::Session(prepared, order.into()),
            types.into(),
            columns,
        ))
    }

    /// Queries are batch SQL. Commands are CQL where they read as CQL, and batch SQL elsewhere.
    fn prepare(&self, text: &str, kind: &Kind) -> Result<Prepared> {
        let keyspace = self.keyspace.as_deref();
        let sql = || self.shared.adhoc(&format!("SQL {text}"), keyspace);
        if *kind == Kind::Query {
            return sql().map_err(|error| in_text(error, text));
        }
        match self.shared.adhoc(text, keyspace) {
            Err(error) if error.kind == ErrorKind::Syntax && may_be_batch(kind) => {
                sql().map_err(|other| match other.kind {
                    ErrorKind::Syntax => error,
                    _ => in_text(other, text),
                })
            }
            prepared => prepared,
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            user: self.user.clone(),
            database: self.database.clone(),
            keyspace: self.keyspace.clone(),
            settings: self.settings.all(),
            catalog: self.shared.engine().catalog(),
        }
    }

    fn run(
        &mut self,
        statement: &Statement,
        values: &[Option<Bytes>],
        formats: &[i16],
    ) -> Result<Outcome> {
        self.interrupt.store(false, Ordering::Relaxed);
        let declared = |at: usize| statement.parameters.get(at).copied().unwrap_or(0);
        let read = |at: usize, ty: &Type| -> Result<Option<Vec<u8>>> {
            let Some(Some(bytes)) = values.get(at) else {
                return Ok(None);
            };
            let binary = format_of(formats, at) == 1;
            parameter::wire(ty, declared(at), binary, bytes)
                .map(Some)
                .map_err(|error| Error {
                    message: format!("parameter ${}: {}", at + 1, error.message),
                    ..error
                })
        };
        match &statement.work {
            Work::Word(kind) => self.word(kind),
            Work::Catalog(query) => {
                let mut texts = Vec::new();
                for at in 0..query.parameters() {
                    let own = oid::by_oid(declared(at)).filter(|(_, array)| !array);
                    let ty = own.map_or(Type::Text, |(pg, _)| plain_type(pg));
                    let text = read(at, &ty)?.map(|bytes| value::as_text(&ty, &bytes));
                    texts.push(text.transpose()?);
                }
                let facts = self.facts();
                let rows = self.catalog.run(query, &facts, &texts, &self.interrupt)?;
                Ok(Outcome::Rows(rows))
            }
            Work::Session(prepared, order) => {
                let variables = prepared.variables();
                let mut bound = Vec::with_capacity(order.len());
                for (at, variable) in order.iter().zip(variables.iter()) {
                    bound.push(match read(*at, &variable.ty)? {
                        Some(bytes) => crate::BindValue::Bytes(bytes.into()),
                        None => crate::BindValue::Null,
                    });
                }
                let options = RequestOptions {
                    values: Values::Positional(bound),
                    interrupt: Arc::clone(&self.interrupt),
                    ..RequestOptions::default()
                };
                let answer = self.shared.run(prepared, options)?;
                self.outcome(answer.result, &statement.kind)
            }
        }
    }

    fn outcome(&mut self, result: QueryResult, kind: &Kind) -> Result<Outcome> {
        let word = match kind {
            Kind::Command(word) => word.as_str(),
            _ => "SELECT",
        };
        match result {
            QueryResult::Rows(rows) if *kind == Kind::Query => Ok(Outcome::Rows(rows)),
            QueryResult::Rows(mut rows) if !rows.columns().is_empty() => {
                if !is_write(word) {
                    return Ok(Outcome::Rows(rows));
                }
                // How many rows a batch statement wrote, or whether a condition was met.
                let columns = rows.shared_columns();
                let count = match (columns.first(), rows.next()?) {
                    (Some(column), Some(row)) => count_of(&column.ty, row.first()),
                    _ => 0,
                };
                Ok(Outcome::Done(written(word, count)))
            }
            QueryResult::SetKeyspace(keyspace) => {
                self.keyspace = Some(keyspace);
                Ok(Outcome::Done("SET".to_owned()))
            }
            _ => Ok(Outcome::Done(written(word, 1))),
        }
    }

    /// What a word of PostgreSQL's sessions does here.
    fn word(&mut self, kind: &Kind) -> Result<Outcome> {
        let done = |word: &str| Ok(Outcome::Done(word.to_owned()));
        match kind {
            Kind::Empty => Ok(Outcome::Empty),
            Kind::Set(name, value) => {
                self.set(name, value.as_deref())?;
                done(if value.is_some() { "SET" } else { "RESET" })
            }
            Kind::Show(name) => self.show(name).map(Outcome::Rows),
            Kind::Begin => {
                self.status = TransactionStatus::Transaction;
                done("BEGIN")
            }
            Kind::Commit => {
                let failed = self.status == TransactionStatus::Error;
                self.status = TransactionStatus::Idle;
                done(if failed { "ROLLBACK" } else { "COMMIT" })
            }
            Kind::Rollback => {
                self.status = TransactionStatus::Idle;
                done("ROLLBACK")
            }
            Kind::RollbackTo => {
                if self.status == TransactionStatus::Error {
                    self.status = TransactionStatus::Transaction;
                }
                done("ROLLBACK")
            }
            Kind::Deallocate(name) => {
                match name {
                    Some(name) => drop(self.statements.remove(name)),
                    None => self.statements.clear(),
                }
                done("DEALLOCATE")
            }
            Kind::Nothing(word) => {
                if *word == "DISCARD ALL" {
                    self.statements.clear();
                    self.settings.set("all", None)?;
                    self.settings
                        .set("session_authorization", Some(&self.user))?;
                }
                done(word)
            }
            Kind::Query | Kind::Command(_) => Err(Error::internal("a word that is a statement")),
        }
    }

    /// The first schema of the search path is the keyspace of unqualified names.
    fn set(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        if name == "search_path" {
            let catalog = self.shared.engine().catalog();
            let first = value.and_then(|value| {
                let names = value
                    .split(',')
                    .map(|name| name.trim().trim_matches(['"', '\'']));
                names
                    .map(str::to_owned)
                    .find(|name| catalog.keyspaces.contains_key(name))
            });
            let own = catalog.keyspaces.contains_key(&self.database);
            self.keyspace = first.or_else(|| own.then(|| self.database.clone()));
        }
        self.settings.set(name, value)
    }

    fn show(&self, name: &str) -> Result<Rows> {
        let text = |text: &str| Some(Bytes::copy_from_slice(text.as_bytes()));
        let columns = show_columns(name);
        if name == "all" {
            let all = self.settings.all();
            let rows = all
                .iter()
                .map(|(name, value)| vec![text(name), text(value), text("")])
                .collect();
            return Ok(Rows::from_vec(columns, rows));
        }
        let value = match name {
            "search_path" => {
                let set = self.settings.get("search_path");
                set.or(self.keyspace.as_deref()).unwrap_or("\"$user\"")
            }
            name => self.settings.get(name).ok_or_else(|| {
                Error::invalid(format!(
                    "unrecognized configuration parameter \"{name:.100}\""
                ))
            })?,
        };
        Ok(Rows::from_vec(columns, vec![vec![text(value)]]))
    }

    /// Sends rows, at most so many: how many there were, and whether there may be more.
    fn send(
        &self,
        rows: &mut Rows,
        formats: &[i16],
        rows_max: u64,
        output: &mut Output,
    ) -> Result<(u64, bool)> {
        let columns = rows.shared_columns();
        let count = i16::try_from(columns.len())
            .map_err(|_| Error::invalid("a result with too many columns"))?;
        let mut sent = 0;
        while sent < rows_max {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    "canceling statement due to user request",
                ));
            }
            let Some(row) = rows.next()? else {
                return Ok((sent, false));
            };
            let mut data = BytesMut::new();
            for (at, (column, bytes)) in columns.iter().zip(&row).enumerate() {
                let binary = format_of(formats, at) == 1;
                value::put(&column.ty, bytes.as_deref(), binary, &mut data).map_err(|error| {
                    Error {
                        message: format!("column {}: {}", column.name, error.message),
                        ..error
                    }
                })?;
            }
            output.send(Backend::DataRow(DataRow::new(data, count)))?;
            sent += 1;
        }
        Ok((sent, true))
    }
}

/// An error of batch SQL, whose places count from the first word, at its place in the text.
fn in_text(mut error: Error, text: &str) -> Error {
    if let Some((line, column)) = &mut error.position {
        let blank = &text[..text.len() - text.trim_start().len()];
        let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
        if *line == 1 {
            let indent = blank.rsplit('\n').next().unwrap_or_default();
            *column = column.saturating_add(count(indent.chars().count()));
        }
        *line = line.saturating_add(count(blank.matches('\n').count()));
    }
    error
}

/// Whether batch SQL has commands that start so.
fn may_be_batch(kind: &Kind) -> bool {
    matches!(kind, Kind::Command(word) if is_write(word) || word == "CREATE TABLE")
}

/// Whether a command's answer is the number of its rows.
fn is_write(word: &str) -> bool {
    ["INSERT", "UPDATE", "DELETE"].contains(&word)
}

fn complete(tag: String, output: &mut Output) -> Result<()> {
    output.send(Backend::CommandComplete(CommandComplete::new(tag)))
}

/// What is answered when rows have been sent.
fn tag_of(kind: &Kind, rows: u64) -> String {
    match kind {
        Kind::Show(_) => "SHOW".to_owned(),
        _ => format!("SELECT {rows}"),
    }
}

/// What is answered when a command is done.
fn written(word: &str, rows: i64) -> String {
    match word {
        "INSERT" => format!("INSERT 0 {rows}"),
        "UPDATE" | "DELETE" => format!("{word} {rows}"),
        _ => word.to_owned(),
    }
}

/// The number in the first column of what a write answers.
fn count_of(ty: &Type, value: Option<&Option<Bytes>>) -> i64 {
    let Some(Some(bytes)) = value else { return 0 };
    match (ty, bytes.as_ref()) {
        (Type::Boolean, [met]) => i64::from(*met),
        (_, bytes) => <[u8; 8]>::try_from(bytes).map_or(1, i64::from_be_bytes),
    }
}

/// None means text, one is for all.
fn format_of(formats: &[i16], at: usize) -> i16 {
    match formats {
        [one] => *one,
        formats => formats.get(at).copied().unwrap_or(0),
    }
}

fn description(columns: &[ColumnSpec], formats: &[i16]) -> RowDescription {
    let fields = columns.iter().enumerate().map(|(at, column)| {
        let (oid, size) = oid::of(&column.ty);
        let format = format_of(formats, at);
        FieldDescription::new(column.name.clone(), 0, 0, oid, size, -1, format)
    });
    RowDescription::new(fields.collect())
}

fn show_columns(name: &str) -> Arc<[ColumnSpec]> {
    let column = |name: &str| ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: name.to_owned(),
        ty: Type::Text,
    };
    match name {
        "all" => Arc::from(["name", "setting", "description"].map(column)),
        name => Arc::from([column(name)]),
    }
}

/// The type by which a parameter of a question about the schema is read.
fn plain_type(pg: oid::PgType) -> Type {
    match pg {
        oid::BOOL => Type::Boolean,
        oid::INT2 => Type::SmallInt,
        oid::INT4 => Type::Int,
        oid::INT8 => Type::BigInt,
        _ => Type::Text,
    }
}
