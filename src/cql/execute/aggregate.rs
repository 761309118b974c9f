//! Aggregates, over all rows or group by group.
//!
//! Rows of a group lie next to each other: groups follow the primary key. A selector that is no
//! aggregate answers the value of its group's first row.

use crate::cql::execute::paging::Place;
use crate::cql::execute::progress::Progress;
use crate::cql::execute::scan::Scan;
use crate::cql::execute::view::{Clustering, PartitionValues, RowView};
use crate::cql::functions::Accumulator;
use crate::cql::plan::{AggregatePlan, Selected};
use crate::cql::result::{RowSource, RowValues};
use crate::error::Result;
use crate::schema::ColumnKind;
use crate::storage::row::{PartitionKey, Row};
use bytes::Bytes;

/// The running state of one aggregate.
pub enum State {
    /// `count(*)`.
    Count(i64),
    /// A function.
    Function(Box<dyn Accumulator>),
}

impl State {
    /// No row yet.
    pub fn new(plan: &AggregatePlan) -> Self {
        match &plan.function {
            None => Self::Count(0),
            Some(function) => Self::Function((function.start)()),
        }
    }

    /// The result.
    pub fn finish(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::Count(count) => Ok(Some(Bytes::copy_from_slice(&count.to_be_bytes()))),
            Self::Function(accumulator) => accumulator.finish(),
        }
    }
}

/// A group's first row, kept for the selectors that are no aggregates.
struct First {
    partition: Option<PartitionValues>,
    static_row: Option<Row>,
    row: Option<Row>,
    clustering: Clustering,
    now_seconds: i64,
}

impl First {
    fn of(view: &RowView<'_>, needed: bool) -> Self {
        if !needed {
            return Self::none(view.now_seconds);
        }
        Self {
            partition: view.partition.cloned(),
            static_row: view.static_row.cloned(),
            row: view.row.cloned(),
            clustering: view.clustering.clone(),
            now_seconds: view.now_seconds,
        }
    }

    fn none(now_seconds: i64) -> Self {
        Self {
            partition: None,
            static_row: None,
            row: None,
            clustering: Clustering::NONE,
            now_seconds,
        }
    }

    fn view(&self) -> RowView<'_> {
        RowView {
            partition: self.partition.as_ref(),
            static_row: self.static_row.as_ref(),
            row: self.row.as_ref(),
            clustering: &self.clustering,
            now_seconds: self.now_seconds,
        }
    }
}

/// The group that is being gathered.
struct Group {
    token: Option<i64>,
    keys: Vec<Option<Bytes>>,
    first: First,
    states: Vec<State>,
}

/// The results of aggregates, one row a group.
pub struct Groups {
    scan: Scan,
    progress: Progress,
    group: Option<Group>,
    /// The partition whose groups are counted, and how many of them have been begun.
    counted: Option<(PartitionKey, u64)>,
    /// The last row of `group`, where the answer is paged.
    last: Option<Place>,
    /// The last row of the group that was handed out last, where the answer is paged.
    place: Option<Place>,
    first_needed: bool,
    ended: bool,
    /// What the group that was handed out last is ordered by, where groups are.
    order: Vec<Option<Bytes>>,
}

impl Groups {
    /// Groups of the rows of `scan`, which starts behind `place`.
    pub fn new(scan: Scan, progress: Progress, place: Option<Place>) -> Self {
        let first_needed =
            !scan.plan.merge_order.is_empty() || scan.plan.selected.iter().any(needs_row);
        Self {
            scan,
            progress,
            group: None,
            counted: place.map(|place| (place.partition, place.rows)),
            last: None,
            place: None,
            first_needed,
            ended: false,
            order: Vec::new(),
        }
    }

    /// What the group that was handed out last is ordered by.
    pub fn order(&mut self) -> Vec<Option<Bytes>> {
        std::mem::take(&mut self.order)
    }

    /// Begins a group in the present partition; answers whether it may have one more.
    fn count_group(&mut self) -> bool {
        let Some(place) = self.scan.place() else {
            return true;
        };
        let count = match self.counted.take() {
            Some((key, count)) if key == place.partition => count + 1,
            _ => 1,
        };
        self.counted = Some((place.partition, count));
        count <= self.scan.per_partition_limit()
    }

    /// Notes that the present row belongs to the present group.
    fn keep_place(&mut self) {
        if self.progress.page.is_none() {
            return;
        }
        let groups = self.counted.as_ref().map_or(0, |(_, groups)| *groups);
        self.last = self.scan.place().map(|place| Place {
            rows: groups,
            ..place
        });
    }

    fn start(&self, keys: Vec<Option<Bytes>>) -> Group {
        let view = self.scan.view();
        Group {
            token: view.partition.map(|partition| partition.token),
            keys,
            first: First::of(&view, self.first_needed),
            states: self.scan.plan.aggregates.iter().map(State::new).collect(),
        }
    }

    /// The values by which the present row is grouped.
    fn keys(&self) -> Result<Vec<Option<Bytes>>> {
        let Some(keys) = &self.scan.plan.group else {
            return Ok(Vec::new());
        };
        let context = self.scan.execution.context();
        let view = self.scan.view();
        keys.iter()
            .map(|key| view.select(key, &[], &context))
            .collect()
    }

    /// Whether rows belong to one group: the values of clustering columns may be equal and yet be
    /// written differently, such as 1.0 and 1.00.
    fn are_same(&self, a: &[Option<Bytes>], b: &[Option<Bytes>]) -> bool {
        let equal = |((key, a), b): ((&Selected, &Option<Bytes>), &Option<Bytes>)| {
            a == b
                || match (key, a, b) {
                    (Selected::Column(column), Some(a), Some(b)) => {
                        column.kind == ColumnKind::Clustering && column.ty.compare(a, b).is_eq()
                    }
                    _ => false,
                }
        };
        let keys = self.scan.plan.group.iter().flatten();
        a == b || keys.zip(a).zip(b).all(equal)
    }

    fn add(&mut self) -> Result<()> {
        let Some(group) = &mut self.group else {
            return Ok(());
        };
        let context = self.scan.execution.context();
        let view = self.scan.view();
        for (state, plan) in group.states.iter_mut().zip(&self.scan.plan.aggregates) {
            match (state, plan.arguments.as_slice()) {
                (State::Count(count), _) => *count += 1,
                (State::Function(accumulator), [Selected::Column(column)])
                    if !column.ty.is_multi_cell() && column.ty != crate::types::Type::Counter =>
                {
                    let value = view.simple(column);
                    accumulator.add(&[value])?;
                }
                (State::Function(accumulator), arguments) => {
                    let mut values = Vec::with_capacity(arguments.len());
                    for argument in arguments {
                        values.push(view.select(argument, &[], &context)?);
                    }
                    let borrowed: Vec<Option<&[u8]>> =
                        values.iter().map(Option::as_deref).collect();
                    accumulator.add(&borrowed)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, group: Option<Group>) -> Result<Option<RowValues>> {
        let Some(mut group) = group else {
            return Ok(None);
        };
        let mut aggregates = Vec::with_capacity(group.states.len());
        for state in &mut group.states {
            aggregates.push(state.finish()?);
        }
        let context = self.scan.execution.context();
        let view = group.first.view();
        let mut values = Vec::with_capacity(self.scan.plan.selected.len());
        for selected in &self.scan.plan.selected {
            values.push(view.select(selected, &aggregates, &context)?);
        }
        for column in &self.scan.plan.merge_order {
            self.order.push(view.value(column)?);
        }
        self.progress.count();
        Ok(Some(values))
    }
}

impl RowSource for Groups {
    fn next(&mut self) -> Result<Option<RowValues>> {
        if self.ended || !self.progress.wants_more() {
            return Ok(None);
        }
        if self.scan.plan.group.is_none() {
            // All rows are one group, which is there even if no row is.
            self.ended = true;
            let mut group = self.start(Vec::new());
            let mut seen = false;
            while self.scan.advance()? {
                if !seen {
                    group = self.start(Vec::new());
                    seen = true;
                }
                self.group = Some(group);
                self.add()?;
                match self.group.take() {
                    Some(same) => group = same,
                    None => return Ok(None),
                }
            }
            return self.finish(Some(group));
        }
        while self.scan.advance()? {
            let keys = self.keys()?;
            let token = self.scan.view().partition.map(|partition| partition.token);
            let same = self
                .group
                .as_ref()
                .is_some_and(|group| group.token == token && self.are_same(&group.keys, &keys));
            if same {
                self.add()?;
                self.keep_place();
                continue;
            }
            if !self.count_group() {
                self.scan.skip_partition();
                continue;
            }
            let next = self.start(keys);
            let done = self.group.replace(next);
            self.add()?;
            self.place = self.last.take();
            self.keep_place();
            if done.is_some() {
                return self.finish(done);
            }
        }
        self.ended = true;
        let done = self.group.take();
        self.finish(done)
    }

    fn page_read(&mut self, rows: u32) {
        let execution = &self.scan.execution;
        execution.note(|| format!("Aggregated the rows read to {rows}"));
    }

    fn paging_state(&mut self) -> Result<Option<Bytes>> {
        // The first row of the next group has been seen.
        if self.group.is_none() || !self.progress.wants_more() {
            return Ok(None);
        }
        Ok(self.progress.state(self.place.clone()))
    }
}

/// Whether a selector looks at a row, aggregates aside.
fn needs_row(selected: &Selected) -> bool {
    match selected {
        Selected::Term(_) | Selected::Aggregate(_) => false,
        Selected::Call(_, parts) | Selected::Literal(_, parts) => parts.iter().any(needs_row),
        Selected::Element(_, of, ..) | Selected::Field(_, of) | Selected::Slice(_, of, ..) => {
            needs_row(of)
        }
        _ => true,
    }
}
