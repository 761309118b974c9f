//! A table by token range: while a page is read, the next is on its way.
//!
//! Each scan has a connection of its own, so that several run side by side. Reading changes
//! nothing, so that a page which did not arrive is simply asked for again, on a new connection if
//! need be: the paging state says where.

use crate::client::{Answer, Client};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::request::QueryParameters;
use crate::protocol::response::Response;
use crate::protocol::{Request, RequestMessage};
use crate::remote::pages::Page;
use crate::remote::patience::Patience;
use crate::remote::{Remote, breaks, rows_of};
use crate::schema::{Column, Table};
use crate::source::{RowScan, TokenRange, statement};
use bytes::Bytes;

/// How many rows a page has.
const PAGE_ROWS: i32 = 2_000;

/// See the module's text.
pub struct RemoteScan {
    remote: Remote,
    text: String,
    client: Option<Client>,
    page: Page,
    /// What is asked for: the first page, the one at this state, or nothing any more.
    wanted: Wanted,
    /// Whether its request is on its way.
    asked: bool,
    patience: Patience,
}

/// The page that comes next.
enum Wanted {
    First,
    At(Bytes),
    Nothing,
}

impl RemoteScan {
    /// Starts a scan: the first page is asked for at once.
    pub fn start(
        remote: &Remote,
        table: &Table,
        columns: &[Column],
        range: TokenRange,
    ) -> Result<Self> {
        let mut scan = Self {
            remote: remote.clone(),
            text: statement::select(table, columns, range),
            client: Some(remote.other_client()?),
            page: Page::default(),
            wanted: Wanted::First,
            asked: false,
            patience: Patience::default(),
        };
        scan.ask_again()?;
        Ok(scan)
    }

    /// Asks for the next page until that is done.
    fn ask_again(&mut self) -> Result<()> {
        while let Err(error) = self.ask() {
            self.fail(error)?;
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<()> {
        let paging_state = match &self.wanted {
            Wanted::Nothing => return Ok(()),
            Wanted::First => None,
            Wanted::At(state) => Some(state.clone()),
        };
        let parameters = QueryParameters {
            page_size: Some(PAGE_ROWS),
            paging_state,
            ..QueryParameters::default()
        };
        let request = Request::Query {
            text: self.text.as_str().into(),
            parameters,
        };
        let client = match &mut self.client {
            Some(client) => client,
            None => self.client.insert(self.remote.other_client()?),
        };
        client.send(RequestMessage::from(request))?;
        client.flush()?;
        self.asked = true;
        Ok(())
    }

    /// After a failure: gives up the connection if it broke, and waits.
    fn fail(&mut self, error: Error) -> Result<()> {
        self.asked = false;
        if breaks(&error) {
            self.client = None;
        }
        let clock = self.remote.clock();
        self.patience
            .wait(error, &clock, &self.remote.shared.interrupt)
    }

    fn receive(&mut self) -> Result<Page> {
        let Some(client) = &mut self.client else {
            return Err(Error::internal("a scan waits without a connection"));
        };
        let received = client.receive();
        if received.is_err() {
            // An answer that comes late would be taken for another's.
            self.client = None;
        }
        let (_, message) = received?;
        self.asked = false;
        match message.response {
            Response::Result(result) => Page::new(rows_of(Answer {
                result,
                warnings: Vec::new(),
                tracing_id: None,
            })?),
            Response::Error { message, body } => Err(body.to_error(message)),
            _ => Err(Error::new(
                ErrorKind::Protocol,
                "the server answered a query with something else",
            )),
        }
    }

    /// Takes the page that is on its way, and asks for the one behind it.
    fn turn(&mut self) -> Result<()> {
        let mut page = loop {
            if !self.asked {
                self.ask_again()?;
            }
            match self.receive() {
                Ok(page) => break page,
                Err(error) => self.fail(error)?,
            }
        };
        self.patience.restore();
        self.wanted = page.next.take().map_or(Wanted::Nothing, Wanted::At);
        self.page = page;
        self.ask_again()
    }
}

impl RowScan for RemoteScan {
    fn next(&mut self, row: &mut Vec<Option<Bytes>>) -> Result<bool> {
        loop {
            if let Some(values) = self.page.rows.next() {
                *row = values;
                return Ok(true);
            }
            if matches!(self.wanted, Wanted::Nothing) {
                return Ok(false);
            }
            self.turn()?;
        }
    }
}

impl Drop for RemoteScan {
    fn drop(&mut self) {
        // A connection on which an answer is still to come is of no use to anybody else.
        if let Some(client) = self.client.take()
            && !self.asked
        {
            self.remote.give_back(client);
        }
    }
}
