//! The abstract syntax tree: what a CQL text says, before anybody looks whether it makes sense.
//!
//! Nothing here knows the catalog. Names are as the server stores them (lower-cased unless they
//! were quoted), numbers and dates are still text: which type they are of only the binder can say.
//! Whatever an error may point at carries its [`Position`].
//!
//! ```text
//! Statement ─ kind ─┬─ Select ─ selection, where: Relation*, …
//!                   ├─ Insert │ Update │ Delete │ Batch
//!                   ├─ schema: CreateTable, AlterTable, …      (ast::schema)
//!                   ├─ access: CreateRole, Grant, …            (ast::access)
//!                   └─ Sql, Explain                            (ast::sql)
//! ```
//!
//! One type, [`Expr`], serves for terms and selectors alike. Columns, `count(*)`, `writetime` and
//! the like stand only where the grammar allows a selector; the parser sees to that.

mod access;
mod describe;
mod job;
mod schema;
mod sql;
mod types;

pub use access::*;
pub use describe::*;
pub use job::*;
pub use schema::*;
pub use sql::*;
pub use types::*;

use std::fmt;
use uuid::Uuid;

/// A place in the text: the line from 1, the column from 0, as Cassandra's messages count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 0.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}:{}", self.line, self.column)
    }
}

/// A name, lower-cased unless it was quoted.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name as it is stored.
    pub text: String,
    /// Where it stands.
    pub position: Position,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A name that may have its keyspace before it: a table, type, index, view or function.
#[derive(Clone, Debug, PartialEq)]
pub struct QualifiedName {
    /// The keyspace, where it was written.
    pub keyspace: Option<Name>,
    /// The name.
    pub name: Name,
}

impl QualifiedName {
    /// The keyspace as written, or `default` (the session's).
    pub fn keyspace_or<'a>(&'a self, default: Option<&'a str>) -> Option<&'a str> {
        self.keyspace
            .as_ref()
            .map_or(default, |keyspace| Some(keyspace.text.as_str()))
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keyspace {
            Some(keyspace) => write!(f, "{keyspace}.{}", self.name),
            None => write!(f, "{}", self.name),
        }
    }
}

/// A parsed statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Its bind markers in order; a named one (`:name`) with its name.
    pub markers: Vec<Option<String>>,
}

/// What a statement says.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is the statement of its type")]
pub enum StatementKind {
    Select(Box<Select>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Batch(Batch),
    /// `TRUNCATE [TABLE] table`.
    Truncate(QualifiedName),
    /// `USE keyspace`.
    Use(Name),
    CreateKeyspace(CreateKeyspace),
    AlterKeyspace(AlterKeyspace),
    CreateTable(Box<CreateTable>),
    AlterTable(Box<AlterTable>),
    CreateType(CreateType),
    AlterType(AlterType),
    CreateIndex(Box<CreateIndex>),
    CreateView(Box<CreateView>),
    AlterView(AlterView),
    CreateFunction(Box<CreateFunction>),
    DropFunction(DropFunction),
    CreateAggregate(Box<CreateAggregate>),
    DropAggregate(DropFunction),
    CreateTrigger(CreateTrigger),
    DropTrigger(DropTrigger),
    /// `DROP KEYSPACE | TABLE | TYPE | INDEX | MATERIALIZED VIEW`.
    Drop(Drop),
    CreateRole(CreateRole),
    AlterRole(AlterRole),
    DropRole(DropRole),
    Grant(Grant),
    Revoke(Grant),
    GrantRole(GrantRole),
    RevokeRole(GrantRole),
    ListPermissions(ListPermissions),
    ListRoles(ListRoles),
    /// `LIST USERS`.
    ListUsers,
    AddIdentity(AddIdentity),
    DropIdentity(DropIdentity),
    Describe(Describe),
    CreateJob(CreateJob),
    DropJob(DropJob),
    RunJob(RunJob),
    /// `SQL …`.
    Sql(Sql),
    /// `EXPLAIN [ANALYZE] …`.
    Explain(Explain),
}

/// A term or a selector.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where it starts.
    pub position: Position,
}

/// What an expression says.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// `?` or `:name`: its index in [`Statement::markers`].
    Marker(usize),
    /// A column (selectors only).
    Column(Name),
    /// `[a, b]`: a list or a vector.
    List(Vec<Expr>),
    /// `{a, b}`; `{}` is an empty one, which may also stand for a map.
    Set(Vec<Expr>),
    /// `{a: b}`.
    Map(Vec<(Expr, Expr)>),
    /// `{field: a}`.
    Udt(Vec<(Name, Expr)>),
    /// `(a, b)`; with a single element it may just be an expression in parentheses.
    Tuple(Vec<Expr>),
    /// `f(a, b)`; `token(…)` too.
    Function(FunctionCall),
    /// `count(*)` or `count(1)` (selectors only).
    CountRows,
    /// `writetime(c)`, `maxwritetime(c)`, `ttl(c)` (selectors only).
    CellInfo(CellInfo, Box<Expr>),
    /// `CAST(e AS type)` (selectors only).
    Cast(Box<Expr>, TypeExpr),
    /// `(type) e`.
    TypeHint(TypeExpr, Box<Expr>),
    /// `e[key]` (selectors only).
    Element(Box<Expr>, Box<Expr>),
    /// `e[from..to]`, both ends optional and included (selectors only).
    Slice(Box<Expr>, Option<Box<Expr>>, Option<Box<Expr>>),
    /// `e.field` (selectors only).
    Field(Box<Expr>, Name),
    /// `-e`, where `e` is no number.
    Negate(Box<Expr>),
    /// `a + b` and the like.
    Arithmetic(ArithmeticOp, Box<Expr>, Box<Expr>),
}

/// A constant. Numbers, durations and blobs are as written: the type decides what they mean.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `'…'` or `$$…$$`, without its quotes.
    String(String),
    /// An integer, with its sign.
    Integer(String),
    /// A number with a fraction or an exponent; or `NaN`, `-NaN`, `Infinity`, `-Infinity`.
    Float(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A uuid.
    Uuid(Uuid),
    /// `0x…`: the hexadecimal digits after `0x`.
    Hex(String),
    /// A duration, with its sign.
    Duration(String),
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionCall {
    /// Its name; the keyspace is `system` or that of a user's function.
    pub name: QualifiedName,
    /// Its arguments.
    pub arguments: Vec<Expr>,
}

/// What to tell about a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellInfo {
    /// `writetime`.
    WriteTime,
    /// `maxwritetime`.
    MaxWriteTime,
    /// `ttl`.
    Ttl,
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticOp {
    /// `+`.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`.
    Divide,
    /// `%`.
    Modulo,
}

/// `SELECT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// `JSON`.
    pub json: bool,
    /// `DISTINCT`.
    pub distinct: bool,
    /// What to answer; empty means `*`.
    pub selectors: Vec<Selector>,
    /// From which table.
    pub table: QualifiedName,
    /// `WHERE`, joined by AND.
    pub relations: Vec<Relation>,
    /// `GROUP BY`: columns and functions of them.
    pub group_by: Vec<Expr>,
    /// `ORDER BY`.
    pub order_by: Vec<OrderBy>,
    /// `PER PARTITION LIMIT`.
    pub per_partition_limit: Option<Expr>,
    /// `LIMIT`.
    pub limit: Option<Expr>,
    /// `ALLOW FILTERING`.
    pub allow_filtering: bool,
}

/// One thing that a SELECT answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// What to compute.
    pub expr: Expr,
    /// `AS alias`.
    pub alias: Option<Name>,
}

/// One element of `ORDER BY`.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderBy {
    /// The column.
    pub column: Name,
    /// In which order.
    pub order: OrderKind,
}

/// In which order.
#[derive(Clone, Debug, PartialEq)]
pub enum OrderKind {
    /// `ASC`, or nothing said.
    Ascending,
    /// `DESC`.
    Descending,
    /// `ANN OF vector`.
    AnnOf(Expr),
}

/// A relation of `WHERE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Where it starts.
    pub position: Position,
    /// What is restricted.
    pub left: RelationLeft,
    /// How.
    pub operator: Operator,
    /// By what.
    pub right: RelationRight,
}

/// What a relation restricts.
#[derive(Clone, Debug, PartialEq)]
pub enum RelationLeft {
    /// A column.
    Column(Name),
    /// `m[key]`.
    Element(Name, Expr),
    /// `(a, b)`.
    Tuple(Vec<Name>),
    /// `token(a, b)`.
    Token(Vec<Name>),
    /// `expr(index, …)`.
    Custom(QualifiedName),
}

/// What stands on a relation's right side.
#[derive(Clone, Debug, PartialEq)]
pub enum RelationRight {
    /// A term; for a tuple of columns a tuple literal or a marker.
    Value(Expr),
    /// `IN (a, b)`; of tuple literals or markers for a tuple of columns.
    List(Vec<Expr>),
    /// Nothing: `IS NOT NULL`.
    None,
}

/// How a relation or condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`.
    Eq,
    /// `!=`.
    NotEq,
    /// `<`.
    Lt,
    /// `<=`.
    LtEq,
    /// `>`.
    Gt,
    /// `>=`.
    GtEq,
    /// `IN`: with [`RelationRight::List`], or with a marker for the whole list.
    In,
    /// `CONTAINS`.
    Contains,
    /// `CONTAINS KEY`.
    ContainsKey,
    /// `IS NOT NULL`.
    IsNotNull,
    /// `LIKE`.
    Like,
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::In => "IN",
            Self::Contains => "CONTAINS",
            Self::ContainsKey => "CONTAINS KEY",
            Self::IsNotNull => "IS NOT",
            Self::Like => "LIKE",
        })
    }
}

/// `USING TIMESTAMP … AND TTL …`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Using {
    /// The write timestamp in microseconds.
    pub timestamp: Option<Expr>,
    /// The time to live in seconds.
    pub ttl: Option<Expr>,
}

/// `INSERT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Insert {
    /// Into which table.
    pub table: QualifiedName,
    /// What.
    pub source: InsertSource,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `USING`.
    pub using: Using,
}

/// What an INSERT inserts.
#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    /// `(columns) VALUES (values)`; the parser does not check that there are as many of both.
    Values {
        /// The columns.
        columns: Vec<Name>,
        /// Their values.
        values: Vec<Expr>,
    },
    /// `JSON text [DEFAULT NULL|UNSET]`.
    Json {
        /// A string or a marker.
        text: Expr,
        /// `DEFAULT UNSET`.
        default_unset: bool,
    },
}

/// `UPDATE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Which table.
    pub table: QualifiedName,
    /// `USING`.
    pub using: Using,
    /// `SET`.
    pub assignments: Vec<Assignment>,
    /// `WHERE`.
    pub relations: Vec<Relation>,
    /// `IF`.
    pub condition: IfClause,
}

/// One assignment of `SET`.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// The column.
    pub column: Name,
    /// What happens to it.
    pub kind: AssignmentKind,
}

/// What happens to a column.
#[derive(Clone, Debug, PartialEq)]
pub enum AssignmentKind {
    /// `c = value`.
    Set(Expr),
    /// `c = c + value` or `c += value`: adds to a counter or collection, appends to a list.
    Add(Expr),
    /// `c = value + c`: prepends to a list.
    Prepend(Expr),
    /// `c = c - value` or `c -= value`.
    Subtract(Expr),
    /// `c[key] = value`.
    SetElement(Expr, Expr),
    /// `c.field = value`.
    SetField(Name, Expr),
}

/// `DELETE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Delete {
    /// From which table.
    pub table: QualifiedName,
    /// What; empty means the whole row, range or partition.
    pub targets: Vec<Target>,
    /// `USING TIMESTAMP`.
    pub using: Using,
    /// `WHERE`.
    pub relations: Vec<Relation>,
    /// `IF`.
    pub condition: IfClause,
}

/// A column, or a part of one, in DELETE and IF.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The column.
    pub column: Name,
    /// Which part of it.
    pub part: TargetPart,
}

/// Which part of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetPart {
    /// All of it.
    Whole,
    /// `c[key]`.
    Element(Expr),
    /// `c.field`.
    Field(Name),
}

/// `IF` of a modification.
#[derive(Clone, Debug, PartialEq)]
pub enum IfClause {
    /// No condition.
    None,
    /// `IF EXISTS`.
    Exists,
    /// `IF a = … AND …`.
    Conditions(Vec<Condition>),
}

/// One condition of `IF`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is compared.
    pub target: Target,
    /// How.
    pub operator: Operator,
    /// With what.
    pub right: RelationRight,
}

/// `BEGIN … BATCH … APPLY BATCH`.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Which kind.
    pub kind: BatchKind,
    /// `USING TIMESTAMP`.
    pub using: Using,
    /// Its INSERT, UPDATE and DELETE statements.
    pub statements: Vec<StatementKind>,
}

/// Which kind of batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchKind {
    /// All or nothing.
    Logged,
    /// No promise between partitions.
    Unlogged,
    /// Of counters.
    Counter,
}
