//! What happened during a statement: `TRACING ON`, `SHOW SESSION`.
//!
//! Whoever ran the statement kept its trace in `system_traces`; the shell asks for it as any
//! client would. A server writes its traces after it has answered, so it may take a moment until
//! the session has a duration.

use crate::cql::result::ResultRow;
use crate::error::{Error, Result};
use crate::shell::peer::Manner;
use crate::shell::table::Layout;
use crate::shell::value::{Cell, Tone};
use crate::shell::{Format, Shell};
use crate::types::{Value, timeuuid};
use std::io::Write;
use std::time::Duration;
use uuid::Uuid;

/// How long a trace is waited for, as in cqlsh.
const TRACE_WAIT: Duration = Duration::from_secs(10);
/// How long before it is looked for again.
const TRACE_STEP: Duration = Duration::from_millis(20);

/// The columns of a trace.
const COLUMNS: [&str; 5] = [
    "activity",
    "timestamp",
    "source",
    "source_elapsed",
    "client",
];

/// One line of a trace.
type Line = [String; 5];

impl Shell {
    /// Prints the trace of the statement that has just run.
    pub(super) fn show_trace(&mut self, session: Uuid) -> Result<()> {
        let clock = self.peer.clock();
        let mut waited = Duration::ZERO;
        let mut found = self.trace_session(session)?;
        while !found.as_ref().is_some_and(is_complete) && waited < TRACE_WAIT {
            self.check_interrupt()?;
            clock.sleep(TRACE_STEP);
            waited += TRACE_STEP;
            found = self.trace_session(session)?;
        }
        let Some(found) = found else {
            return self.say(&format!("Session {session} wasn't found."));
        };
        if !is_complete(&found) {
            self.say(&format!(
                "Statement trace did not complete within {} seconds. Showing partial trace.",
                TRACE_WAIT.as_secs()
            ))?;
        }
        self.print_trace(session, &found)
    }

    /// Prints the trace of an earlier statement: `SHOW SESSION`.
    pub(super) fn show_session(&mut self, session: Uuid) -> Result<()> {
        match self.trace_session(session)? {
            Some(found) => self.print_trace(session, &found),
            None => Err(Error::invalid(format!("Session {session} wasn't found."))),
        }
    }

    fn ask_untraced(&mut self, statement: &str) -> Result<Vec<ResultRow>> {
        let manner = Manner {
            traced: false,
            ..self.manner()
        };
        self.peer
            .run(statement, &manner)?
            .result
            .into_rows()
            .collect()
    }

    fn trace_session(&mut self, session: Uuid) -> Result<Option<ResultRow>> {
        let rows = self.ask_untraced(&format!(
            "SELECT request, started_at, coordinator, duration, client \
             FROM system_traces.sessions WHERE session_id = {session}"
        ))?;
        // A row without its start is one whose first half has not arrived.
        let started = |row: &ResultRow| !matches!(row.value("started_at"), Ok(Value::Null));
        Ok(rows.into_iter().find(started))
    }

    fn print_trace(&mut self, session: Uuid, found: &ResultRow) -> Result<()> {
        let lines = self.trace_lines(session, found)?;
        let names = COLUMNS.map(|name| Cell::new(name, Tone::Column)).to_vec();
        let mut layout = Layout::new(names, self.result_palette());
        let tones = [
            Tone::Text,
            Tone::Number,
            Tone::Number,
            Tone::Number,
            Tone::Number,
        ];
        let rows: Vec<Vec<Cell>> = lines
            .iter()
            .map(|line| {
                let cells = line.iter().zip(tones);
                cells.map(|(text, tone)| Cell::new(text, tone)).collect()
            })
            .collect();
        layout.fit(&rows);
        let mut text = Vec::new();
        writeln!(text, "\nTracing session: {session}\n")
            .and_then(|()| layout.header(&mut text))
            .and_then(|()| layout.rows(&rows, &mut text))
            .map_err(|error| Error::io("the trace", "be laid out", &error))?;
        let text = String::from_utf8_lossy(&text);
        if self.settings.format == Format::Table {
            self.write(|out| writeln!(out, "{text}"))
        } else {
            self.say(&text)
        }
    }

    fn trace_lines(&mut self, session: Uuid, found: &ResultRow) -> Result<Vec<Line>> {
        let text = |row: &ResultRow, name: &str| match row.value(name) {
            Ok(Value::Null) | Err(_) => String::new(),
            Ok(Value::Text(text)) => text,
            Ok(Value::Inet(address)) => address.to_string(),
            Ok(Value::Int(number)) => number.to_string(),
            Ok(other) => format!("{other:?}"),
        };
        let started = match found.value("started_at")? {
            Value::Timestamp(millis) => millis.saturating_mul(1_000),
            _ => 0,
        };
        let (source, client) = (text(found, "coordinator"), text(found, "client"));
        let mut lines = vec![[
            text(found, "request"),
            moment(started),
            source.clone(),
            "0".to_owned(),
            client.clone(),
        ]];
        let events = self.ask_untraced(&format!(
            "SELECT activity, event_id, source, source_elapsed, thread \
             FROM system_traces.events WHERE session_id = {session}"
        ))?;
        for event in &events {
            let at = match event.value("event_id")? {
                Value::Uuid(id) => timeuuid::steps(id.as_bytes()),
                _ => None,
            };
            lines.push([
                format!("{} [{}]", text(event, "activity"), text(event, "thread")),
                at.map_or_else(String::new, |steps| moment(steps / 10)),
                text(event, "source"),
                text(event, "source_elapsed"),
                client.clone(),
            ]);
        }
        if let Value::Int(duration) = found.value("duration")? {
            lines.push([
                "Request complete".to_owned(),
                moment(started.saturating_add(i64::from(duration))),
                source,
                duration.to_string(),
                client,
            ]);
        }
        Ok(lines)
    }
}

fn is_complete(session: &ResultRow) -> bool {
    matches!(session.value("duration"), Ok(Value::Int(_)))
}

/// A time in microseconds since 1970, with all its digits.
fn moment(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map_or_else(String::new, |time| {
        time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()
    })
}
