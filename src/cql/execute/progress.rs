//! How far the answer to a SELECT has come, over all its pages.

use crate::cql::execute::paging::{PageRequest, PagingState, Place};
use crate::cql::plan::SelectPlan;
use crate::error::Result;
use bytes::Bytes;
use std::sync::Arc;

/// How far an answer has come: what LIMIT leaves, and where the next page starts.
pub struct Progress {
    plan: Arc<SelectPlan>,
    /// The page that is wanted, where the answer is paged.
    pub page: Option<PageRequest>,
    returned: u64,
    limit: u64,
}

impl Progress {
    /// The progress of an answer of which the pages before have been handed out already, and the
    /// place where they ended.
    pub fn new(
        plan: &Arc<SelectPlan>,
        page: Option<PageRequest>,
        limit: u64,
    ) -> Result<(Self, Option<Place>)> {
        let mut progress = Self {
            plan: Arc::clone(plan),
            page,
            returned: 0,
            limit,
        };
        let state = progress.page.as_ref().and_then(|page| {
            let bytes = page.state.as_ref()?;
            Some(PagingState::decode(bytes, page.statement, plan.table.id))
        });
        let Some(state) = state.transpose()? else {
            return Ok((progress, None));
        };
        progress.returned = state.returned;
        Ok((progress, Some(state.place)))
    }

    /// Whether LIMIT lets more rows out.
    pub fn wants_more(&self) -> bool {
        self.returned < self.limit
    }

    /// A row goes out.
    pub fn count(&mut self) {
        self.returned += 1;
    }

    /// The paging state of `place`.
    pub fn state(&self, place: Option<Place>) -> Option<Bytes> {
        let state = PagingState {
            statement: self.page.as_ref()?.statement,
            table: self.plan.table.id,
            returned: self.returned,
            place: place?,
        };
        Some(state.encode())
    }
}
