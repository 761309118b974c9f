//! The relations of a WHERE clause together: which of them find partitions, which cut slices, and
//! which can only be checked row by row.
//!
//! ```text
//! partition key   all of it by = or IN ─► Keys      token(…) ─► Tokens     otherwise ─► All
//! clustering      = = = <slice>        ─► parts     after the first gap    ─► row filters
//! static, regular                                                           ─► filters
//! ```
//! Whatever has to be filtered needs ALLOW FILTERING, unless one index serves all of it (see
//! [`indexes`]). Legality and words are Cassandra's.

use crate::cql::ast::{Operator, Relation, RelationLeft};
use crate::cql::bind::Binder;
use crate::cql::bind::indexes;
use crate::cql::bind::parts::{choice, clustering_parts, filters, token_filter, token_range};
use crate::cql::bind::relation::{BoundRelation, Demand, Restriction, TokenRelation};
use crate::cql::plan::{
    Bound, Choice, ClusteringPart, ColumnRef, Filter, IndexPlan, PartitionPlan,
};
use crate::error::{Error, Result};
use crate::schema::{Column, ColumnKind, Table};
use crate::types::Type;

/// What Cassandra says where ALLOW FILTERING is missing.
const NEEDS_FILTERING: &str = "Cannot execute this query as it might involve data filtering and \
     thus may have unpredictable performance. If you want to execute this query despite the \
     performance unpredictability, use ALLOW FILTERING";

/// The statement that a WHERE clause belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SELECT.
    Select,
    /// INSERT (its key columns make one).
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// The relations of a WHERE clause, merged by column.
#[derive(Clone, Debug, Default)]
pub struct Restrictions {
    /// Of partition-key columns, by position.
    pub partition: Vec<Restriction>,
    /// Of clustering columns, by the first column's position.
    pub clustering: Vec<Restriction>,
    /// Of other columns.
    pub others: Vec<Restriction>,
    token: Vec<TokenRelation>,
}

/// What a SELECT makes of its WHERE clause.
#[derive(Debug)]
pub struct SelectRestrictions {
    /// Which partitions.
    pub partition: PartitionPlan,
    /// Which rows.
    pub clustering: Vec<ClusteringPart>,
    /// Conditions on partitions.
    pub partition_filters: Vec<Filter>,
    /// Conditions on rows.
    pub row_filters: Vec<Filter>,
    /// How an index finds the rows, where one does.
    pub index: Option<Box<IndexPlan>>,
    /// Whether an index has a say, be it that in the end none is read.
    pub uses_index: bool,
    /// The first part of the clustering that an index has a say in.
    pub clustering_indexed: Option<usize>,
    /// Whether rows may be read in vain, so that ALLOW FILTERING is wanted.
    pub filtering: bool,
    /// What is wrong with it once it is executed.
    pub refused: Option<Error>,
}

/// What Cassandra says where ALLOW FILTERING is missing.
pub fn needs_filtering() -> Error {
    Error::invalid(NEEDS_FILTERING)
}

impl Binder<'_> {
    /// Binds and merges the relations of a WHERE clause.
    pub fn restrictions(
        &mut self,
        table: &Table,
        relations: &[Relation],
        kind: Kind,
        allow_filtering: bool,
    ) -> Result<Restrictions> {
        let mut all = Restrictions::default();
        for relation in relations {
            if matches!(
                relation.operator,
                Operator::Contains | Operator::ContainsKey
            ) && kind != Kind::Select
            {
                let (kind, operator) = (kind.word(), relation.operator);
                return Err(Error::invalid(format!("Cannot use {kind} with {operator}")));
            }
            if kind != Kind::Select && matches!(relation.left, RelationLeft::Custom(_)) {
                return Err(Error::invalid(
                    "Custom index expressions cannot be used in WHERE clauses for UPDATE or DELETE \
                     statements",
                ));
            }
            match self.relation(table, relation)? {
                BoundRelation::Token(token) => all.add_token(token, table)?,
                BoundRelation::Columns(restriction) => {
                    check_vector(table, &restriction)?;
                    let free = allow_filtering || indexes::serve(table, &restriction);
                    all.add(restriction, free)?;
                }
            }
        }
        Ok(all)
    }
}

impl Restrictions {
    fn add_token(&mut self, new: TokenRelation, table: &Table) -> Result<()> {
        let names = column_names(&table.partition_key);
        let is_lower = |op| matches!(op, Operator::Gt | Operator::GtEq);
        for old in &self.token {
            if new.operator == Operator::Eq && old.operator != Operator::Eq {
                return Err(Error::invalid(format!(
                    "Columns \"{names}\" cannot be restricted by both an equality and an \
                     inequality relation"
                )));
            }
            if old.operator == Operator::Eq {
                return Err(Error::invalid(format!(
                    "{names} cannot be restricted by more than one relation if it includes an Equal"
                )));
            }
            if is_lower(old.operator) == is_lower(new.operator) {
                let side = if is_lower(new.operator) {
                    "start"
                } else {
                    "end"
                };
                return Err(Error::invalid(format!(
                    "More than one restriction was found for the {side} bound on {names}"
                )));
            }
        }
        self.token.push(new);
        Ok(())
    }

    /// Adds a restriction, merging it with what is there for its columns.
    pub fn add(&mut self, new: Restriction, allow_filtering: bool) -> Result<()> {
        let kind = new.columns.first().map(|column| column.kind);
        let checked = match kind {
            Some(ColumnKind::Clustering) if !allow_filtering => self.check_clustering_order(&new),
            _ => Ok(()),
        };
        let list = match kind {
            Some(ColumnKind::PartitionKey) => &mut self.partition,
            Some(ColumnKind::Clustering) => &mut self.clustering,
            _ => &mut self.others,
        };
        let shared = list.iter_mut().find(|old| {
            old.columns
                .iter()
                .any(|column| new.columns.contains(column))
        });
        match shared {
            Some(old) => merge(old, new)?,
            None => {
                let at = list.partition_point(|old| old.position() <= new.position());
                list.insert(at, new);
            }
        }
        checked
    }

    fn check_clustering_order(&self, new: &Restriction) -> Result<()> {
        let (Some(last), Some(column)) = (self.clustering.last(), new.columns.first()) else {
            return Ok(());
        };
        let Some(last_column) = last.columns.first() else {
            return Ok(());
        };
        if last.is_slice() && new.position() > last.position() && !shares(last, new) {
            return Err(Error::invalid(format!(
                "Clustering column \"{}\" cannot be restricted (preceding column \"{}\" is \
                 restricted by a non-EQ relation)",
                column.name, last_column.name
            )));
        }
        if new.position() < last.position() && new.is_slice() {
            let next = self
                .clustering
                .iter()
                .find(|old| old.position() > new.position())
                .and_then(|old| old.columns.first())
                .unwrap_or(last_column);
            return Err(Error::invalid(format!(
                "PRIMARY KEY column \"{}\" cannot be restricted (preceding column \"{}\" is \
                 restricted by a non-EQ relation)",
                next.name, column.name
            )));
        }
        Ok(())
    }

    /// Whether a clustering column is restricted.
    pub fn has_clustering(&self) -> bool {
        !self.clustering.is_empty()
    }

    /// Whether a regular column is restricted.
    pub fn has_regular(&self) -> bool {
        self.others
            .iter()
            .flat_map(|restriction| &restriction.columns)
            .any(|column| column.kind == ColumnKind::Regular)
    }

    /// The keys and slices of a statement that writes.
    pub fn for_write(
        self,
        table: &Table,
        kind: Kind,
        statics_only: bool,
    ) -> Result<(Vec<Choice>, Vec<ClusteringPart>)> {
        if !self.token.is_empty() {
            return Err(Error::invalid(format!(
                "The token function cannot be used in WHERE clauses for {} statements",
                kind.word()
            )));
        }
        let missing = unrestricted(&table.partition_key, &self.partition);
        if !missing.is_empty() {
            return Err(Error::invalid(format!(
                "Some partition key parts are missing: {}",
                missing.join(", ")
            )));
        }
        if self
            .partition
            .iter()
            .any(|r| r.is_slice() || r.is_contains())
        {
            return Err(Error::invalid(format!(
                "Only EQ and IN relation are supported on the partition key (unless you use the \
                 token() function) for {} statements",
                kind.word()
            )));
        }
        if statics_only && self.has_clustering() && kind != Kind::Insert {
            return Err(Error::invalid(format!(
                "Invalid restrictions on clustering columns since the {} statement modifies only \
                 static columns",
                kind.word()
            )));
        }
        self.check_clustering(table, kind, statics_only, false)?;
        if !self.others.is_empty() {
            let names: Vec<&str> = self
                .others
                .iter()
                .flat_map(|restriction| &restriction.columns)
                .map(|column| column.name.as_str())
                .collect();
            return Err(Error::invalid(format!(
                "Non PRIMARY KEY columns found in where clause: {} ",
                names.join(", ")
            )));
        }
        let keys = self
            .partition
            .into_iter()
            .map(choice)
            .collect::<Result<_>>()?;
        let (parts, _) = clustering_parts(self.clustering);
        Ok((keys, parts))
    }

    fn check_clustering(
        &self,
        table: &Table,
        kind: Kind,
        statics_only: bool,
        allow_filtering: bool,
    ) -> Result<()> {
        if matches!(kind, Kind::Insert | Kind::Update) {
            if self.clustering.iter().any(Restriction::is_slice) {
                return Err(Error::invalid(format!(
                    "Slice restrictions are not supported on the clustering columns in {} \
                     statements",
                    kind.word()
                )));
            }
            let missing = unrestricted(&table.clustering, &self.clustering);
            if !statics_only && !missing.is_empty() {
                return Err(Error::invalid(format!(
                    "Some clustering keys are missing: {}",
                    missing.join(", ")
                )));
            }
        }
        if allow_filtering {
            return Ok(());
        }
        if self.clustering.iter().any(Restriction::is_contains) {
            return Err(Error::invalid(
                "Clustering columns can only be restricted with CONTAINS with a secondary index \
                 or filtering",
            ));
        }
        let mut position = 0;
        for restriction in &self.clustering {
            if restriction.position() != position {
                let (Some(column), Some(preceding)) =
                    (restriction.columns.first(), table.clustering.get(position))
                else {
                    continue;
                };
                return Err(Error::invalid(format!(
                    "PRIMARY KEY column \"{}\" cannot be restricted as preceding column \"{}\" is \
                     not restricted",
                    column.name, preceding.name
                )));
            }
            position += restriction.columns.len();
        }
        Ok(())
    }

    /// What a SELECT makes of it.
    pub fn for_select(
        self,
        table: &Table,
        allow_filtering: bool,
        statics_only: bool,
    ) -> Result<SelectRestrictions> {
        let whole_key = unrestricted(&table.partition_key, &self.partition).is_empty()
            && !self
                .partition
                .iter()
                .any(|r| r.is_slice() || r.is_contains());
        let (uses_index, filtered) =
            self.filtered(table, whole_key, allow_filtering, statics_only)?;
        let indexed = |r: &Restriction| !whole_key && indexes::serve(table, r);
        let clustering_indexed = self.clustering.iter().position(indexed);
        let index = match uses_index {
            true => indexes::choose(table, &filtered),
            false => None,
        };
        // The rows of a key that is given, and no others, are not read in vain.
        let filtering = (!whole_key || uses_index)
            && match filtered.is_empty() {
                true => self.has_clustering(),
                false => !uses_index || !indexes::serve_all(table, &filtered),
            };
        drop(filtered);
        let mut partition_filters = Vec::new();
        let mut row_filters = Vec::new();
        let partition = if whole_key {
            partition_filters.extend(self.token.into_iter().map(token_filter));
            let keys = self
                .partition
                .into_iter()
                .map(choice)
                .collect::<Result<_>>()?;
            PartitionPlan::Keys(keys)
        } else {
            for restriction in self.partition {
                partition_filters.extend(filters(restriction));
            }
            token_range(self.token)
        };
        let (clustering, rest) = clustering_parts(self.clustering);
        let mut refused = None;
        for restriction in rest {
            refused = refused.or(check_filter(&restriction).err());
            row_filters.extend(filters(restriction));
        }
        for restriction in self.others {
            let is_static = restriction
                .columns
                .iter()
                .all(|column| column.kind == ColumnKind::Static);
            let list = if is_static {
                &mut partition_filters
            } else {
                &mut row_filters
            };
            list.extend(filters(restriction));
        }
        Ok(SelectRestrictions {
            partition,
            clustering,
            partition_filters,
            row_filters,
            index,
            uses_index,
            clustering_indexed,
            filtering,
            refused,
        })
    }

    /// Whether an index has a say, and the restrictions that it would have to serve: those that
    /// keys and slices do not.
    fn filtered(
        &self,
        table: &Table,
        whole_key: bool,
        allow_filtering: bool,
        statics_only: bool,
    ) -> Result<(bool, Vec<&Restriction>)> {
        let served = |list: &[Restriction]| list.iter().any(|r| indexes::serve(table, r));
        let clustering_index = served(&self.clustering);
        let any_index = clustering_index || served(&self.partition) || served(&self.others);
        let partial_key = !self.partition.is_empty() && !whole_key;
        if partial_key && !allow_filtering && !any_index {
            return Err(needs_filtering());
        }
        let no_key = self.partition.is_empty() && self.token.is_empty();
        let mut uses_index = any_index && (partial_key || no_key);
        let mut filtered = Vec::new();
        if partial_key {
            filtered.extend(&self.partition);
        }
        if statics_only && self.has_clustering() {
            return Err(Error::invalid(
                "Cannot restrict clustering columns when selecting only static columns",
            ));
        }
        let gaps = self.has_gaps();
        self.check_clustering(table, Kind::Select, false, allow_filtering || any_index)?;
        uses_index |= any_index && gaps || clustering_index && !whole_key;
        if uses_index || gaps {
            filtered.extend(&self.clustering);
        }
        if !self.others.is_empty() {
            if !any_index && !allow_filtering {
                return Err(needs_filtering());
            }
            uses_index |= any_index;
            filtered.extend(&self.others);
        }
        let in_key = |r: &Restriction| matches!(r.demand, Demand::In(_) | Demand::InListed(_));
        // A key that is given in part beside its token is no more than a condition.
        let is_key = whole_key || self.token.is_empty();
        if uses_index && is_key && self.partition.iter().any(in_key) {
            return Err(Error::invalid(
                "Select on indexed columns and with IN clause for the PRIMARY KEY are not \
                 supported",
            ));
        }
        Ok((uses_index, filtered))
    }

    /// Whether slices cannot serve all restrictions of the clustering.
    fn has_gaps(&self) -> bool {
        let mut position = 0;
        for restriction in &self.clustering {
            if restriction.is_contains() || restriction.position() != position {
                return true;
            }
            if !restriction.is_slice() {
                position += restriction.columns.len();
            }
        }
        false
    }
}

/// Refuses to compare a vector that has an index, as Cassandra does.
fn check_vector(table: &Table, restriction: &Restriction) -> Result<()> {
    let is_indexed = |column: &ColumnRef| {
        let mut indexes = table.indexes.iter();
        matches!(column.ty, Type::Vector { .. }) && indexes.any(|it| it.column == column.id)
    };
    if !restriction.columns.iter().any(is_indexed) {
        return Ok(());
    }
    Err(Error::invalid("Vector indexes only support ANN queries"))
}

/// Refuses what cannot be checked row by row.
fn check_filter(restriction: &Restriction) -> Result<()> {
    match &restriction.demand {
        Demand::Slice { .. } if restriction.tuple => Err(Error::invalid(
            "Multi-column slice restrictions cannot be used for filtering.",
        )),
        Demand::In(_) | Demand::InListed(_) if restriction.columns.len() > 1 => {
            Err(Error::invalid("Multicolumn IN filters are not supported"))
        }
        _ => Ok(()),
    }
}

fn shares(left: &Restriction, right: &Restriction) -> bool {
    left.columns
        .iter()
        .any(|column| right.columns.contains(column))
}

fn column_names(columns: &[Column]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    names.join(", ")
}

/// The columns of a key part that no restriction names.
fn unrestricted<'t>(columns: &'t [Column], restrictions: &[Restriction]) -> Vec<&'t str> {
    columns
        .iter()
        .filter(|column| {
            !restrictions
                .iter()
                .flat_map(|restriction| &restriction.columns)
                .any(|restricted| restricted.id == column.id)
        })
        .map(|column| column.name.as_str())
        .collect()
}

fn merge(old: &mut Restriction, new: Restriction) -> Result<()> {
    let common: Vec<&str> = old
        .columns
        .iter()
        .filter(|column| new.columns.contains(column))
        .map(|column| column.name.as_str())
        .collect();
    // The space before the comma, of several columns, is Cassandra's.
    let common = common.join(" ,");
    match (&mut old.demand, new.demand) {
        (Demand::Eq(_), _) => Err(Error::invalid(format!(
            "{common} cannot be restricted by more than one relation if it includes an Equal"
        ))),
        (Demand::In(_) | Demand::InListed(_), _) => Err(Error::invalid(format!(
            "{common} cannot be restricted by more than one relation if it includes a IN"
        ))),
        (Demand::Slice { lower, upper }, Demand::Slice { lower: l, upper: u }) => {
            if old.columns.first() != new.columns.first() {
                return Err(Error::invalid(format!(
                    "Column \"{common}\" cannot be restricted by two inequalities not starting \
                     with the same column"
                )));
            }
            add_bound(lower, l, "start", &common)?;
            add_bound(upper, u, "end", &common)?;
            if new.columns.len() > old.columns.len() {
                old.columns = new.columns;
            }
            old.tuple |= new.tuple;
            Ok(())
        }
        (Demand::Slice { .. }, _) => Err(Error::invalid(format!(
            "Column \"{common}\" cannot be restricted by both an equality and an inequality \
             relation"
        ))),
        (Demand::Contains(held, entries), Demand::Contains(more_held, more_entries)) => {
            held.extend(more_held);
            entries.extend(more_entries);
            Ok(())
        }
        (Demand::Contains(..), _) => Err(Error::invalid(format!(
            "Collection column {common} can only be restricted by CONTAINS, CONTAINS KEY, or \
             map-entry equality"
        ))),
    }
}

fn add_bound(old: &mut Option<Bound>, new: Option<Bound>, side: &str, on: &str) -> Result<()> {
    match (&old, new) {
        (_, None) => Ok(()),
        (Some(_), Some(_)) => Err(Error::invalid(format!(
            "More than one restriction was found for the {side} bound on {on}"
        ))),
        (None, new) => {
            *old = new;
            Ok(())
        }
    }
}
