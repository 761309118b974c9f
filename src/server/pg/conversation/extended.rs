//! The extended protocol: Parse, Bind, Describe, Execute, Close.

use super::{Conversation, Outcome, Portal, Statement, complete, description, tag_of};
use crate::error::{Error, ErrorKind, Result};
use crate::server::pg::frame::{Fields, Message};
use crate::server::pg::output::Output;
use crate::server::pg::statement;
use bytes::Bytes;
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::data::{NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use pgwire::messages::response::EmptyQueryResponse;
use std::sync::Arc;

/// The most statements, and the most portals, of a connection.
const NAMED_MAX: usize = 10_000;
/// The most bytes of their texts and values together.
const NAMED_BYTES_MAX: usize = 64 << 20;

impl Conversation {
    /// Answers a message of the extended protocol.
    pub fn extended(&mut self, message: &Message, output: &mut Output) -> Result<()> {
        let mut fields = Fields::of(&message.body);
        match message.kind {
            b'P' => self.on_parse(&mut fields, output),
            b'B' => self.on_bind(&mut fields, output),
            b'D' => self.on_describe(&mut fields, output),
            b'E' => self.on_execute(&mut fields, output),
            _ => self.on_close(&mut fields, output),
        }
    }

    fn on_parse(&mut self, fields: &mut Fields<'_>, output: &mut Output) -> Result<()> {
        let name = fields.text()?.to_owned();
        let text = fields.text()?;
        self.text = text.to_owned();
        let count = fields.count(4)?;
        let mut declared = Vec::with_capacity(count);
        for _ in 0..count {
            declared.push(fields.unsigned()?);
        }
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Error::new(
                ErrorKind::AlreadyExists,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        if statement::split(text)?.len() > 1 {
            return Err(Error::syntax(
                "cannot insert multiple commands into a prepared statement",
            ));
        }
        let statement = self.parse(text, &declared)?;
        self.hold(text.len(), self.statements.len())?;
        if let Some(before) = self.statements.insert(name, statement) {
            self.bytes = self.bytes.saturating_sub(before.text.len());
        }
        output.send(Backend::ParseComplete(ParseComplete::new()))
    }

    /// Counts what is kept, and refuses what is too much.
    fn hold(&mut self, bytes: usize, count: usize) -> Result<()> {
        if count >= NAMED_MAX || self.bytes.saturating_add(bytes) > NAMED_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "a connection keeps at most {NAMED_MAX} statements and portals of \
                     {NAMED_BYTES_MAX} bytes: close some"
                ),
            ));
        }
        self.bytes += bytes;
        Ok(())
    }

    fn on_bind(&mut self, fields: &mut Fields<'_>, output: &mut Output) -> Result<()> {
        let portal = fields.text()?.to_owned();
        let name = fields.text()?;
        let statement = self.statement(name)?;
        self.text = statement.text.to_string();
        let value_formats = formats(fields)?;
        let count = fields.count(4)?;
        if count != statement.parameters.len() {
            return Err(Error::new(
                ErrorKind::Protocol,
                format!(
                    "bind message supplies {count} parameters, but prepared statement \"{name}\" \
                     requires {}",
                    statement.parameters.len()
                ),
            ));
        }
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(fields.value()?.map(Bytes::copy_from_slice));
        }
        let formats = formats(fields)?;
        let bytes = values.iter().flatten().map(Bytes::len).sum();
        self.hold(bytes, self.portals.len())?;
        let bound = Portal {
            statement,
            values,
            value_formats,
            formats,
            rows: None,
            sent: 0,
            bytes,
        };
        if let Some(before) = self.portals.insert(portal, bound) {
            self.bytes = self.bytes.saturating_sub(before.bytes);
        }
        output.send(Backend::BindComplete(BindComplete::new()))
    }

    fn statement(&self, name: &str) -> Result<Statement> {
        self.statements.get(name).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::Unprepared,
                format!("prepared statement \"{name}\" does not exist"),
            )
        })
    }

    fn on_describe(&mut self, fields: &mut Fields<'_>, output: &mut Output) -> Result<()> {
        let what = fields.byte()?;
        let name = fields.text()?;
        let (columns, formats) = if what == b'S' {
            let statement = self.statement(name)?;
            let types = statement.parameters.to_vec();
            let parameters = ParameterDescription::new(types);
            output.send(Backend::ParameterDescription(parameters))?;
            (statement.columns, Vec::new())
        } else {
            let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
            (
                Arc::clone(&portal.statement.columns),
                portal.formats.clone(),
            )
        };
        match columns.is_empty() {
            true => output.send(Backend::NoData(NoData::new())),
            false => output.send(Backend::RowDescription(description(&columns, &formats))),
        }
    }

    fn on_execute(&mut self, fields: &mut Fields<'_>, output: &mut Output) -> Result<()> {
        let name = fields.text()?.to_owned();
        let rows_max = match u64::try_from(fields.int()?) {
            Ok(0) | Err(_) => u64::MAX,
            Ok(rows_max) => rows_max,
        };
        let mut portal = self.portals.remove(&name).ok_or_else(|| no_portal(&name))?;
        let executed = self.execute(&mut portal, rows_max, output);
        self.portals.insert(name, portal);
        executed
    }

    fn execute(&mut self, portal: &mut Portal, rows_max: u64, output: &mut Output) -> Result<()> {
        let statement = portal.statement.clone();
        self.text = statement.text.to_string();
        if portal.rows.is_none() {
            match self.run(&statement, &portal.values, &portal.value_formats)? {
                Outcome::Empty => {
                    return output.send(Backend::EmptyQueryResponse(EmptyQueryResponse::new()));
                }
                Outcome::Done(tag) => return complete(tag, output),
                Outcome::Rows(rows) => portal.rows = Some(rows),
            }
        }
        let Some(rows) = &mut portal.rows else {
            return Err(Error::internal("a portal without rows"));
        };
        let (sent, more) = self.send(rows, &portal.formats, rows_max, output)?;
        portal.sent += sent;
        if more {
            return output.send(Backend::PortalSuspended(PortalSuspended::new()));
        }
        complete(tag_of(&statement.kind, sent), output)
    }

    fn on_close(&mut self, fields: &mut Fields<'_>, output: &mut Output) -> Result<()> {
        let what = fields.byte()?;
        let name = fields.text()?;
        let bytes = match what {
            b'S' => self.statements.remove(name).map(|it| it.text.len()),
            _ => self.portals.remove(name).map(|it| it.bytes),
        };
        self.bytes = self.bytes.saturating_sub(bytes.unwrap_or(0));
        output.send(Backend::CloseComplete(CloseComplete::new()))
    }
}

fn no_portal(name: &str) -> Error {
    Error::new(
        ErrorKind::Unprepared,
        format!("portal \"{name}\" does not exist"),
    )
}

/// The formats of columns or parameters.
fn formats(fields: &mut Fields<'_>) -> Result<Vec<i16>> {
    let count = fields.count(2)?;
    (0..count).map(|_| fields.short()).collect()
}
