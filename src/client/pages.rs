//! A result page by page.

use crate::client::{Client, PreparedStatement};
use crate::error::Result;
use crate::protocol::request::QueryParameters;
use crate::protocol::response::{ResultBody, RowsBody};

/// What is run for each page.
enum Statement<'a> {
    Text(&'a str),
    Prepared(&'a mut PreparedStatement),
}

/// The pages of a statement's result, each asked for when it is wanted.
pub struct Pages<'a> {
    client: &'a mut Client,
    statement: Statement<'a>,
    parameters: QueryParameters,
    done: bool,
}

impl Client {
    /// Runs a statement whose rows are taken page by page, of `parameters.page_size` rows each.
    pub fn pages<'a>(&'a mut self, text: &'a str, parameters: QueryParameters) -> Pages<'a> {
        Pages {
            client: self,
            statement: Statement::Text(text),
            parameters,
            done: false,
        }
    }

    /// The same of a prepared statement.
    pub fn execute_pages<'a>(
        &'a mut self,
        statement: &'a mut PreparedStatement,
        parameters: QueryParameters,
    ) -> Pages<'a> {
        Pages {
            client: self,
            statement: Statement::Prepared(statement),
            parameters,
            done: false,
        }
    }
}

impl Pages<'_> {
    /// The next page; none after the last, and none where the statement answers no rows.
    pub fn next_page(&mut self) -> Result<Option<RowsBody>> {
        if self.done {
            return Ok(None);
        }
        let answer = match &mut self.statement {
            Statement::Text(text) => self.client.query(text, &self.parameters)?,
            Statement::Prepared(statement) => self.client.execute(statement, &self.parameters)?,
        };
        let ResultBody::Rows(rows) = answer.result else {
            self.done = true;
            return Ok(None);
        };
        self.parameters.paging_state = rows.metadata.paging_state.clone();
        self.done = self.parameters.paging_state.is_none();
        Ok(Some(rows))
    }
}
