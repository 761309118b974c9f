//! Bound plans: what a statement will do, with every name resolved, every constant encoded, and
//! nothing left to look up but the values of its markers.
//!
//! A plan is immutable and shared. Executing it evaluates its [`Term`]s against the values of one
//! execution and calls the engine; the catalog is not asked again.

use crate::cql::ast::{BatchKind, CellInfo, Operator};
use crate::cql::functions::{Aggregate, Scalar};
use crate::cql::json::JsonInsert;
use crate::cql::result::ColumnSpec;
use crate::error::Error;
use crate::schema::{Column, ColumnId, ColumnKind, Table, TableId};
use crate::types::Type;
use bytes::Bytes;
use std::sync::Arc;

mod condition;
mod index;

pub use condition::{ColumnCondition, ColumnConditions, Condition, ConditionPart};
pub use index::IndexPlan;

/// The value of a term or marker in one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Null.
    Null,
    /// Not set.
    Unset,
    /// Wire bytes.
    Bytes(Bytes),
}

impl Slot {
    /// Bytes, or null where there are none.
    pub fn from_option(bytes: Option<Bytes>) -> Self {
        bytes.map_or(Self::Null, Self::Bytes)
    }
}

/// What a bound statement will do.
#[derive(Clone, Debug)]
pub enum Plan {
    /// SELECT.
    Select(Arc<SelectPlan>),
    /// INSERT, UPDATE, DELETE.
    Write(WritePlan),
    /// BATCH.
    Batch(BatchPlan),
    /// TRUNCATE.
    Truncate(TableId),
    /// USE.
    Use(String),
}

/// Something that has a value once the markers have theirs.
#[derive(Clone, Debug)]
pub enum Term {
    /// Wire bytes, or null.
    Constant(Option<Bytes>),
    /// The value of a marker.
    Marker(usize),
    /// A list of elements.
    List(Vec<Term>),
    /// A set, of elements of this type.
    Set(Type, Vec<Term>),
    /// A map, with keys of this type.
    Map(Type, Vec<(Term, Term)>),
    /// A tuple or user type.
    Tuple(Vec<Term>),
    /// A vector of this type.
    Vector(Type, Vec<Term>),
    /// A function of terms.
    Call(Arc<Scalar>, Vec<Term>),
}

/// A column as plans refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnRef {
    /// The part that it plays.
    pub kind: ColumnKind,
    /// Its position in its key part.
    pub position: usize,
    /// Its number.
    pub id: ColumnId,
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether its clustering order is descending.
    pub descending: bool,
}

impl From<&Column> for ColumnRef {
    fn from(column: &Column) -> Self {
        Self {
            kind: column.kind,
            position: column.position,
            id: column.id,
            name: column.name.clone(),
            ty: column.ty.clone(),
            descending: column.descending,
        }
    }
}

/// The values that a key column may have.
#[derive(Clone, Debug)]
pub enum Choice {
    /// `= term`.
    One(Term),
    /// `IN (term, …)`.
    Many(Vec<Term>),
    /// `IN ?`: a list of values.
    Listed(Term),
}

impl Choice {
    /// Whether it is an IN.
    pub fn is_in(&self) -> bool {
        !matches!(self, Self::One(_))
    }
}

/// The tuples that several clustering columns may have.
#[derive(Clone, Debug)]
pub enum TupleChoice {
    /// `(a, b) IN ((…), …)`, or `=` with a single tuple. Each is one term of a tuple type.
    Many(Vec<Term>),
    /// `(a, b) IN ?`: a list of tuples.
    Listed(Term),
}

/// One side of a slice.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The value; for several columns, a term of a tuple type.
    pub term: Term,
    /// Whether the value itself is within.
    pub inclusive: bool,
    /// How many columns it covers.
    pub width: usize,
    /// Whether the term is a tuple, also of width 1.
    pub tuple: bool,
}

/// A part of what restricts the clustering, from the first column on.
#[derive(Clone, Debug)]
pub enum ClusteringPart {
    /// One column's values.
    Column(Choice),
    /// Several columns' values.
    Tuple(usize, TupleChoice),
    /// A slice, which comes last.
    Slice {
        /// The lower bound.
        lower: Option<Bound>,
        /// The upper bound.
        upper: Option<Bound>,
    },
}

/// Which partitions a statement is about.
#[derive(Clone, Debug)]
pub enum PartitionPlan {
    /// Those with these values, one entry a column of the key.
    Keys(Vec<Choice>),
    /// Those with tokens in this range.
    Tokens {
        /// The lower bound.
        lower: Option<(Term, bool)>,
        /// The upper bound.
        upper: Option<(Term, bool)>,
    },
    /// All.
    All,
}

/// A condition on one row, checked row by row.
#[derive(Clone, Debug)]
pub struct Filter {
    /// What is compared.
    pub left: FilterLeft,
    /// How.
    pub operator: Operator,
    /// With what: one term, several for IN.
    pub right: Vec<Term>,
    /// Whether `right` is one list of values (`IN ?`).
    pub listed: bool,
}

/// What a filter compares.
#[derive(Clone, Debug)]
pub enum FilterLeft {
    /// A column.
    Column(ColumnRef),
    /// An entry of a map column.
    Entry(ColumnRef, Term),
    /// A tuple of clustering columns.
    Tuple(Vec<ColumnRef>),
    /// The partition's token.
    Token,
}

impl Filter {
    /// The columns that it needs.
    pub fn columns(&self) -> &[ColumnRef] {
        match &self.left {
            FilterLeft::Column(column) | FilterLeft::Entry(column, _) => {
                std::slice::from_ref(column)
            }
            FilterLeft::Tuple(columns) => columns,
            FilterLeft::Token => &[],
        }
    }
}

/// A statement that writes.
#[derive(Clone, Debug)]
pub enum WriteKind {
    /// INSERT: writes a row marker.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

/// A plan of INSERT, UPDATE or DELETE.
#[derive(Clone, Debug)]
pub struct WritePlan {
    /// The table.
    pub table: Arc<Table>,
    /// Which statement.
    pub kind: WriteKind,
    /// The partition key's values.
    pub partition: Vec<Choice>,
    /// What restricts the clustering.
    pub clustering: Vec<ClusteringPart>,
    /// Whether rows are written (not only the static row).
    pub rows: bool,
    /// What happens to static columns, in rising order of id.
    pub statics: Vec<ColumnOperation>,
    /// What happens to regular columns, in rising order of id.
    pub regulars: Vec<ColumnOperation>,
    /// The write timestamp in microseconds.
    pub timestamp: Option<Term>,
    /// The time to live in seconds.
    pub ttl: Option<Term>,
    /// Whether it must read before it writes (counters, list elements).
    pub reads: bool,
    /// Whether it writes elements of lists.
    pub lists: bool,
    /// What must hold for it to take place.
    pub condition: Option<Box<Condition>>,
    /// Where a marker's JSON fills the columns.
    pub json: Option<Box<JsonInsert>>,
    /// Whether it is about all columns, as INSERT JSON is, also about those that it leaves alone.
    pub all_columns: bool,
}

/// What happens to a column.
#[derive(Clone, Debug)]
pub struct ColumnOperation {
    /// The column.
    pub column: ColumnRef,
    /// What happens.
    pub operation: Operation,
    /// Which of the statement's operations it is.
    pub place: usize,
}

/// What happens to a column.
#[derive(Clone, Debug)]
pub enum Operation {
    /// The whole value is replaced (multi-cell columns too); null deletes it.
    Set(Term),
    /// Elements are added: to a set, a map, or the end of a list.
    Append(Term),
    /// Elements are put before a list's first.
    Prepend(Term),
    /// Elements are taken away: of a set, of a map by key, of a list by value.
    Discard(Term),
    /// `c[key] = value`.
    SetElement(Term, Term),
    /// `c.field = value`, by the field's number.
    SetField(u16, Term),
    /// The column is deleted.
    Delete,
    /// `DELETE c[key]`.
    DeleteElement(Term),
    /// `DELETE c.field`, by the field's number.
    DeleteField(u16),
    /// A counter is raised, or lowered if the flag says so.
    Count(Term, bool),
    /// A number is added to the one that is there, or text put behind it: the function, and what.
    Sum(Arc<Scalar>, Term),
}

/// A plan of BATCH.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    /// Which kind.
    pub kind: BatchKind,
    /// The write timestamp of all statements.
    pub timestamp: Option<Term>,
    /// The statements.
    pub statements: Vec<WritePlan>,
}

/// What a SELECT computes.
#[derive(Clone, Debug)]
pub enum Selected {
    /// A column.
    Column(ColumnRef),
    /// A term that needs no row.
    Term(Term),
    /// The partition's token.
    Token,
    /// A write time or a time to live; of each element where the column is multi-cell.
    CellInfo(CellInfo, ColumnRef),
    /// The same of one element (by wire bytes of its key) or field of a multi-cell column.
    PathInfo(CellInfo, ColumnRef, Term),
    /// The same of the elements of a multi-cell set or map between these ends.
    SliceInfo(CellInfo, ColumnRef, Box<(Option<Term>, Option<Term>)>),
    /// `e[key]` of a value of this type; at last `e`, as messages show it.
    Element(Type, Box<Selected>, Term, Arc<str>),
    /// `e[from..to]` of a value of this type; at last `e`, as messages show it.
    Slice(Type, Box<Selected>, Option<Term>, Option<Term>, Arc<str>),
    /// `e.field` by number.
    Field(usize, Box<Selected>),
    /// A literal of selected values, of this type: of a map, keys and values take turns; of a
    /// user type, there is one for each field.
    Literal(Type, Vec<Selected>),
    /// A function.
    Call(Arc<Scalar>, Vec<Selected>),
    /// The value of an aggregate, by its number in the plan.
    Aggregate(usize),
}

/// An aggregate of a SELECT.
#[derive(Clone, Debug)]
pub struct AggregatePlan {
    /// The function; none means `count(*)`.
    pub function: Option<Aggregate>,
    /// Its arguments.
    pub arguments: Vec<Selected>,
}

/// A plan of SELECT.
#[derive(Clone, Debug)]
pub struct SelectPlan {
    /// The table.
    pub table: Arc<Table>,
    /// Whether its rows are made up rather than stored.
    pub is_virtual: bool,
    /// The result's columns.
    pub columns: Arc<[ColumnSpec]>,
    /// What each of them is.
    pub selected: Vec<Selected>,
    /// The aggregates that they use.
    pub aggregates: Vec<AggregatePlan>,
    /// GROUP BY: rows next to each other with the same values of these form a group.
    pub group: Option<Vec<Selected>>,
    /// Which partitions.
    pub partition: PartitionPlan,
    /// What restricts the clustering.
    pub clustering: Vec<ClusteringPart>,
    /// The index that finds the rows, where one does.
    pub index: Option<Box<IndexPlan>>,
    /// The first part of `clustering` that an index has a say in: from there on values are checked
    /// as those of filters.
    pub clustering_indexed: Option<usize>,
    /// Conditions on partitions: of partition-key and static columns.
    pub partition_filters: Vec<Filter>,
    /// Conditions on rows.
    pub row_filters: Vec<Filter>,
    /// What is wrong with it, which is told when it is executed.
    pub fails: Option<Box<Error>>,
    /// Whether a partition with nothing but static content makes a row.
    pub static_only_rows: bool,
    /// Whether one row a partition is wanted.
    pub distinct: bool,
    /// Whether rows come in reverse clustering order.
    pub reversed: bool,
    /// Sort rows of several partitions by these clustering columns, each `descending` or not.
    pub merge_order: Vec<ColumnRef>,
    /// The static and regular columns that are read, in rising order of id.
    pub read_columns: Vec<ColumnId>,
    /// Whether clustering values are needed.
    pub needs_clustering: bool,
    /// `LIMIT`.
    pub limit: Option<Term>,
    /// `PER PARTITION LIMIT`.
    pub per_partition_limit: Option<Term>,
}
