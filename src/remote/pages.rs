//! The rows of a statement, page by page: the next is asked for when the one before was read.

use crate::cql::result::{ColumnSpec, RowSource, RowValues, Rows};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::request::QueryParameters;
use crate::protocol::response::{Metadata, RowsBody};
use crate::remote::{Remote, rows_of};
use bytes::Bytes;
use std::sync::Arc;

/// See the module's text.
pub struct Pages {
    remote: Remote,
    text: String,
    parameters: QueryParameters,
    page: Page,
}

impl Pages {
    /// The rows that begin with `first`, the answer to `text`.
    pub fn start(
        remote: Remote,
        text: &str,
        parameters: QueryParameters,
        first: RowsBody,
    ) -> Result<Rows> {
        let columns = columns(&first.metadata)?;
        let pages = Self {
            remote,
            text: text.to_owned(),
            parameters,
            page: Page::new(first)?,
        };
        Ok(Rows::new(columns, Box::new(pages)))
    }
}

impl RowSource for Pages {
    fn next(&mut self) -> Result<Option<RowValues>> {
        loop {
            if let Some(row) = self.page.rows.next() {
                return Ok(Some(row));
            }
            // A page may be empty and still not be the last.
            let Some(state) = self.page.next.take() else {
                return Ok(None);
            };
            self.parameters.paging_state = Some(state);
            let answer = self
                .remote
                .with_client(|client| client.query(&self.text, &self.parameters))?;
            self.page = Page::new(rows_of(answer)?)?;
        }
    }
}

/// A page that has arrived.
#[derive(Debug, Default)]
pub struct Page {
    /// Its rows that were not read yet.
    pub rows: std::vec::IntoIter<RowValues>,
    /// Where the next page starts, if there is one.
    pub next: Option<Bytes>,
}

impl Page {
    /// The page in an answer.
    pub fn new(body: RowsBody) -> Result<Self> {
        let rows: Result<Vec<RowValues>, _> = body.rows().collect();
        let rows = rows.map_err(|fault| Error::new(ErrorKind::Protocol, fault.message))?;
        Ok(Self {
            rows: rows.into_iter(),
            next: body.metadata.paging_state,
        })
    }
}

fn columns(metadata: &Metadata) -> Result<Arc<[ColumnSpec]>> {
    let columns = metadata.columns.as_ref().ok_or_else(|| {
        Error::new(
            ErrorKind::Protocol,
            "the server left out the description of the rows",
        )
    })?;
    let specs = columns.iter().map(|column| ColumnSpec {
        keyspace: column.keyspace.clone(),
        table: column.table.clone(),
        name: column.name.clone(),
        ty: column.ty.clone(),
    });
    Ok(specs.collect())
}
