//! The traces as rows: `system_traces`.

use crate::cql::result::RowValues;
use crate::cql::virtual_tables::{Sources, row};
use crate::error::Result;
use crate::schema::Table;
use crate::types::Value;

/// The rows of `sessions` or `events`.
pub fn rows(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    match table.name.as_str() {
        "sessions" => sessions(sources, table),
        _ => events(sources, table),
    }
}

fn sessions(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let facts = sources.registry.node_facts();
    let mut rows = Vec::new();
    for trace in sources.registry.traces().sessions() {
        let request = trace.request();
        let text = |text: &str| Value::Text(text.to_owned());
        let parameters = request.parameters.iter();
        let parameters = parameters.map(|(name, value)| (text(name), text(value)));
        rows.push(row(
            table,
            &[
                ("session_id", Value::Uuid(trace.id())),
                ("client", request.client.map_or(Value::Null, Value::Inet)),
                ("command", text(&request.command)),
                ("coordinator", Value::Inet(facts.listen_address)),
                ("coordinator_port", Value::Int(facts.storage_port.into())),
                (
                    "duration",
                    trace.duration_micros().map_or(Value::Null, Value::Int),
                ),
                ("parameters", Value::Map(parameters.collect())),
                ("request", text(&request.request)),
                (
                    "started_at",
                    Value::Timestamp(trace.started_at_micros().div_euclid(1000)),
                ),
            ],
        )?);
    }
    Ok(rows)
}

fn events(sources: &Sources<'_>, table: &Table) -> Result<Vec<RowValues>> {
    let facts = sources.registry.node_facts();
    let mut rows = Vec::new();
    for trace in sources.registry.traces().with_events() {
        for event in trace.events() {
            rows.push(row(
                table,
                &[
                    ("session_id", Value::Uuid(trace.id())),
                    ("event_id", Value::Uuid(event.id)),
                    ("activity", Value::Text(event.activity)),
                    ("source", Value::Inet(facts.listen_address)),
                    ("source_elapsed", Value::Int(event.elapsed_micros)),
                    ("source_port", Value::Int(facts.storage_port.into())),
                    ("thread", Value::Text(event.thread)),
                ],
            )?);
        }
    }
    Ok(rows)
}
