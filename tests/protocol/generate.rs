//! Random messages that a version can say, as they are when they come back.

use bytes::{Bytes, BytesMut};
use helenus::protocol::primitive::{Payload, Text, Value};
use helenus::protocol::request::{
    Batch, BatchKind, BatchStatement, QueryParameters, Request, RequestMessage, Values,
};
use helenus::protocol::response::{
    self, Change, Column, ErrorBody, Event, Failure, Metadata, Prefix, PreparedMetadata,
    PreparedResult, Response, ResultBody, RowsBody, RowsOptions, SchemaChange, SchemaTarget,
    StatusChange, TopologyChange,
};
use helenus::protocol::{Consistency, Version};
use helenus::types::{Type, Udt};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// So many cases, the same in each run.
pub fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(u64::from(cases)),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub fn version() -> impl Strategy<Value = Version> {
    select(Version::ALL.to_vec())
}

fn text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_ é€]{0,12}"
}

/// The same with names that are unique, for those who read them into a map.
fn numbered<T>(named: Vec<(String, T)>) -> Vec<(String, T)> {
    let number = |(at, (name, value))| (format!("{at}{name}"), value);
    named.into_iter().enumerate().map(number).collect()
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn id() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 16).prop_map(Bytes::from)
}

fn consistency() -> impl Strategy<Value = Consistency> {
    // The last one is no level of the specification, though Cassandra has it.
    select(Consistency::ALL[..11].to_vec())
}

fn value(version: Version) -> BoxedStrategy<Value> {
    let bytes = bytes().prop_map(Value::Bytes);
    if version >= Version::V4 {
        prop_oneof![3 => bytes, 1 => Just(Value::Null), 1 => Just(Value::Unset)].boxed()
    } else {
        prop_oneof![3 => bytes, 1 => Just(Value::Null)].boxed()
    }
}

fn values(version: Version) -> impl Strategy<Value = Values> {
    prop_oneof![
        vec(value(version), 0..6).prop_map(Values::Positional),
        vec(value(version), 1..6).prop_map(|values| {
            let named = |(at, value)| (Text::from(format!("v{at}")), value);
            Values::Named(values.into_iter().enumerate().map(named).collect())
        }),
    ]
}

fn parameters(version: Version, values: BoxedStrategy<Values>) -> BoxedStrategy<QueryParameters> {
    let newest = version >= Version::V5;
    let common = (
        consistency(),
        values,
        any::<bool>(),
        option::of(1..i32::MAX),
        option::of(bytes()),
        option::of(select(vec![Consistency::Serial, Consistency::LocalSerial])),
        option::of(i64::MIN + 1..=i64::MAX),
    );
    let new = (option::of(text()), option::of(0..=i64::from(i32::MAX)));
    (common, new)
        .prop_map(move |(common, (keyspace, now_seconds))| QueryParameters {
            consistency: common.0,
            values: common.1,
            skip_metadata: common.2,
            page_size: common.3,
            paging_state: common.4,
            serial_consistency: common.5,
            timestamp: common.6,
            keyspace: keyspace.filter(|_| newest),
            now_seconds: now_seconds.filter(|_| newest),
        })
        .boxed()
}

fn batch(version: Version) -> impl Strategy<Value = Request> {
    let statement = prop_oneof![
        text().prop_map(|text| BatchStatement::Text(text.as_str().into())),
        id().prop_map(BatchStatement::Prepared),
    ];
    let nothing = Just(Values::default()).boxed();
    (
        select(vec![
            BatchKind::Logged,
            BatchKind::Unlogged,
            BatchKind::Counter,
        ]),
        vec((statement, vec(value(version), 0..4)), 0..5),
        parameters(version, nothing),
    )
        .prop_map(|(kind, statements, parameters)| {
            // What a batch has no use for.
            let parameters = QueryParameters {
                skip_metadata: false,
                page_size: None,
                paging_state: None,
                ..parameters
            };
            Request::Batch(Batch {
                kind,
                statements,
                parameters,
            })
        })
}

pub fn request(version: Version) -> BoxedStrategy<Request> {
    let newest = version >= Version::V5;
    let parameters = || parameters(version, values(version).boxed());
    prop_oneof![
        vec((text(), text()), 0..5).prop_map(|options| Request::Startup {
            options: numbered(options)
        }),
        Just(Request::Options),
        (text(), parameters()).prop_map(|(text, parameters)| Request::Query {
            text: text.as_str().into(),
            parameters
        }),
        (text(), option::of(text())).prop_map(move |(text, keyspace)| Request::Prepare {
            text: text.as_str().into(),
            keyspace: keyspace.filter(|_| newest),
        }),
        (id(), id(), parameters()).prop_map(move |(id, metadata, parameters)| Request::Execute {
            id,
            result_metadata_id: Some(metadata).filter(|_| newest),
            parameters,
        }),
        batch(version),
        vec(
            select(vec!["SCHEMA_CHANGE", "STATUS_CHANGE", "TOPOLOGY_CHANGE"]),
            0..4
        )
        .prop_map(|events| Request::Register {
            events: events.into_iter().map(str::to_owned).collect()
        }),
        option::of(bytes()).prop_map(|token| Request::AuthResponse { token }),
    ]
    .boxed()
}

fn payload() -> impl Strategy<Value = Payload> {
    vec(
        (
            text().prop_map(|text| Text::from(text.as_str())),
            option::of(bytes()),
        ),
        0..4,
    )
}

pub fn request_message(version: Version) -> impl Strategy<Value = RequestMessage> {
    (request(version), any::<bool>(), option::of(payload())).prop_map(
        move |(request, tracing, payload)| RequestMessage {
            request,
            tracing,
            payload: payload.filter(|_| version >= Version::V4),
        },
    )
}

fn scalar() -> impl Strategy<Value = Type> {
    select(vec![
        Type::Ascii,
        Type::BigInt,
        Type::Blob,
        Type::Boolean,
        Type::Counter,
        Type::Date,
        Type::Decimal,
        Type::Double,
        Type::Duration,
        Type::Float,
        Type::Inet,
        Type::Int,
        Type::SmallInt,
        Type::Text,
        Type::Time,
        Type::Timestamp,
        Type::TimeUuid,
        Type::TinyInt,
        Type::Uuid,
        Type::VarInt,
    ])
}

/// A type as it is read: multi-cell at the top, frozen inside.
pub fn ty() -> impl Strategy<Value = Type> {
    scalar().prop_recursive(3, 12, 3, |inner| {
        let element = inner.clone().prop_map(|ty| Arc::new(ty.freeze()));
        let frozen = false;
        prop_oneof![
            element
                .clone()
                .prop_map(move |element| Type::List { element, frozen }),
            element
                .clone()
                .prop_map(move |element| Type::Set { element, frozen }),
            (element.clone(), element.clone()).prop_map(move |(key, value)| Type::Map {
                key,
                value,
                frozen
            }),
            vec(inner.clone(), 1..4)
                .prop_map(|types| Type::Tuple(types.iter().map(Type::freeze).collect())),
            (
                "[a-z]{1,6}",
                "[a-zA-Z é]{1,6}",
                vec(("[a-z é]{1,5}", inner), 1..4)
            )
                .prop_map(move |(keyspace, name, fields)| {
                    let frozen_fields = |(name, ty): (String, Type)| (name, ty.freeze());
                    let fields = fields.into_iter().map(frozen_fields).collect();
                    let udt = Arc::new(Udt {
                        keyspace,
                        name,
                        fields,
                    });
                    Type::Udt { udt, frozen }
                }),
            (element, 1..100_u16).prop_map(|(element, dimensions)| Type::Vector {
                element,
                dimensions
            }),
        ]
    })
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    // Sometimes of one table, sometimes of several.
    let table = prop_oneof![3 => Just("t"), 1 => Just("u")];
    vec(
        (table, text(), ty()).prop_map(|(table, name, ty)| Column {
            keyspace: "k".to_owned(),
            table: table.to_owned(),
            name,
            ty,
        }),
        1..5,
    )
}

fn rows(version: Version) -> impl Strategy<Value = RowsBody> {
    let described = (
        columns(),
        any::<bool>(),
        option::of(bytes()),
        option::of(id()),
    );
    (described, vec(vec(option::of(bytes()), 4), 0..4)).prop_map(move |(described, rows)| {
        let (columns, known, paging_state, new_metadata_id) = described;
        let new_metadata_id = new_metadata_id.filter(|_| version >= Version::V5);
        let mut cells = BytesMut::new();
        for row in &rows {
            for at in 0..columns.len() {
                let cell = row.get(at).cloned().flatten();
                helenus::protocol::primitive::put_bytes(&mut cells, cell.as_deref());
            }
        }
        RowsBody {
            metadata: Metadata {
                column_count: columns.len(),
                columns: Some(columns).filter(|_| !known || new_metadata_id.is_some()),
                paging_state,
                new_metadata_id,
            },
            count: rows.len(),
            cells: cells.freeze(),
        }
    })
}

fn prepared(version: Version) -> impl Strategy<Value = PreparedResult> {
    let variables = prop_oneof![Just(Vec::new()), columns()];
    let indices = vec(any::<u16>(), 0..3);
    (id(), id(), variables, indices, option::of(columns())).prop_map(
        move |(id, metadata_id, variables, indices, columns)| PreparedResult {
            id,
            result_metadata_id: Some(metadata_id).filter(|_| version >= Version::V5),
            variables,
            partition_key_indices: if version >= Version::V4 {
                indices
            } else {
                Vec::new()
            },
            result: Metadata {
                column_count: columns.as_ref().map_or(0, Vec::len),
                columns,
                ..Metadata::default()
            },
        },
    )
}

fn schema_change() -> impl Strategy<Value = SchemaChange> {
    let target = prop_oneof![
        Just(SchemaTarget::Keyspace),
        text().prop_map(SchemaTarget::Table),
        text().prop_map(SchemaTarget::Type),
        (text(), vec(text(), 0..3))
            .prop_map(|(name, arguments)| SchemaTarget::Function { name, arguments }),
        (text(), vec(text(), 0..3))
            .prop_map(|(name, arguments)| SchemaTarget::Aggregate { name, arguments }),
    ];
    (
        select(vec![Change::Created, Change::Updated, Change::Dropped]),
        target,
        text(),
    )
        .prop_map(|(change, target, keyspace)| SchemaChange {
            change,
            target,
            keyspace,
        })
}

fn event() -> impl Strategy<Value = Event> {
    let node = any::<(IpAddr, u16)>().prop_map(|(ip, port)| SocketAddr::new(ip, port));
    let topology = select(vec![
        TopologyChange::NewNode,
        TopologyChange::RemovedNode,
        TopologyChange::MovedNode,
    ]);
    let status = select(vec![StatusChange::Up, StatusChange::Down]);
    prop_oneof![
        (topology, node.clone()).prop_map(|(change, node)| Event::Topology { change, node }),
        (status, node).prop_map(|(change, node)| Event::Status { change, node }),
        schema_change().prop_map(Event::Schema),
    ]
}

fn failures(version: Version) -> BoxedStrategy<Vec<Failure>> {
    if version >= Version::V5 {
        let failure = any::<(IpAddr, u16)>().prop_map(|(node, reason)| Failure { node, reason });
        vec(failure, 0..4).boxed()
    } else {
        let unknown = Failure {
            node: Ipv4Addr::UNSPECIFIED.into(),
            reason: 0,
        };
        vec(Just(unknown), 0..4).boxed()
    }
}

fn counts() -> impl Strategy<Value = (Consistency, i32, i32)> {
    (consistency(), any::<i32>(), any::<i32>())
}

fn write_type() -> impl Strategy<Value = String> {
    select(vec!["SIMPLE", "BATCH", "CAS", "COUNTER"]).prop_map(str::to_owned)
}

/// The errors of all versions.
fn old_error(version: Version) -> BoxedStrategy<ErrorBody> {
    let plain = select(vec![
        ErrorBody::Server,
        ErrorBody::Protocol,
        ErrorBody::BadCredentials,
        ErrorBody::Overloaded,
        ErrorBody::IsBootstrapping,
        ErrorBody::Truncate,
        ErrorBody::Syntax,
        ErrorBody::Unauthorized,
        ErrorBody::Invalid,
        ErrorBody::Config,
    ]);
    prop_oneof![
        4 => plain,
        1 => counts().prop_map(|(consistency, required, alive)| ErrorBody::Unavailable {
            consistency, required, alive
        }),
        2 => (counts(), write_type(), any::<u16>()).prop_map(
            move |((consistency, received, block_for), write_type, contentions)| {
                let tells = version >= Version::V5 && write_type == "CAS";
                ErrorBody::WriteTimeout {
                    consistency, received, block_for, write_type,
                    contentions: tells.then_some(contentions),
                }
            }),
        1 => (counts(), any::<bool>()).prop_map(
            |((consistency, received, block_for), data_present)| ErrorBody::ReadTimeout {
                consistency, received, block_for, data_present
            }),
        1 => (text(), text()).prop_map(|(keyspace, table)| ErrorBody::AlreadyExists {
            keyspace, table
        }),
        1 => id().prop_map(|id| ErrorBody::Unprepared { id }),
    ]
    .boxed()
}

/// The errors that version 4 brought.
fn newer_error(version: Version) -> BoxedStrategy<ErrorBody> {
    prop_oneof![
        (counts(), failures(version), any::<bool>()).prop_map(
            |((consistency, received, block_for), failures, data_present)| {
                ErrorBody::ReadFailure {
                    consistency,
                    received,
                    block_for,
                    failures,
                    data_present,
                }
            }
        ),
        (counts(), failures(version), write_type()).prop_map(
            |((consistency, received, block_for), failures, write_type)| {
                ErrorBody::WriteFailure {
                    consistency,
                    received,
                    block_for,
                    failures,
                    write_type,
                }
            }
        ),
        (text(), text(), vec(text(), 0..3)).prop_map(|(keyspace, function, arguments)| {
            ErrorBody::FunctionFailure {
                keyspace,
                function,
                arguments,
            }
        }),
    ]
    .boxed()
}

fn error(version: Version) -> BoxedStrategy<ErrorBody> {
    let (old, newer) = (old_error(version), newer_error(version));
    let newest = prop_oneof![
        Just(ErrorBody::CdcWriteFailure),
        counts().prop_map(
            |(consistency, received, block_for)| ErrorBody::CasWriteUnknown {
                consistency,
                received,
                block_for
            }
        ),
    ];
    match version {
        Version::V3 => old.boxed(),
        Version::V4 => prop_oneof![2 => old, 1 => newer].boxed(),
        Version::V5 => prop_oneof![4 => old, 2 => newer, 1 => newest].boxed(),
    }
}

pub fn response(version: Version) -> BoxedStrategy<Response> {
    let result = prop_oneof![
        Just(ResultBody::Void),
        rows(version).prop_map(ResultBody::Rows),
        text().prop_map(ResultBody::SetKeyspace),
        prepared(version).prop_map(ResultBody::Prepared),
        schema_change().prop_map(ResultBody::SchemaChange),
    ];
    prop_oneof![
        3 => (text(), error(version)).prop_map(|(message, body)| Response::Error { message, body }),
        1 => Just(Response::Ready),
        1 => text().prop_map(|authenticator| Response::Authenticate { authenticator }),
        1 => vec((text(), vec(text(), 0..3)), 0..3)
            .prop_map(|options| Response::Supported { options: numbered(options) }),
        5 => result.prop_map(Response::Result),
        2 => event().prop_map(Response::Event),
        1 => option::of(bytes()).prop_map(|token| Response::AuthChallenge { token }),
        1 => option::of(bytes()).prop_map(|token| Response::AuthSuccess { token }),
    ]
    .boxed()
}

pub fn prefix(version: Version) -> impl Strategy<Value = Prefix> {
    let newer = version >= Version::V4;
    (
        option::of(any::<u128>()),
        vec(text(), 0..3),
        option::of(payload()),
    )
        .prop_map(move |(tracing, warnings, payload)| Prefix {
            tracing_id: tracing.map(uuid::Uuid::from_u128),
            warnings: if newer { warnings } else { Vec::new() },
            payload: payload.filter(|_| newer),
        })
}

/// Writes a response with the functions that a server uses.
pub fn write(response: &Response, version: Version, out: &mut BytesMut) {
    match response {
        Response::Error { message, body } => response::error(out, version, message, body),
        Response::Ready => response::ready(out),
        Response::Authenticate { authenticator } => response::authenticate(out, authenticator),
        Response::Supported { options } => response::supported(out, options),
        Response::Event(event) => response::event(out, event),
        Response::AuthChallenge { token } => response::auth_challenge(out, token.as_deref()),
        Response::AuthSuccess { token } => response::auth_success(out, token.as_deref()),
        Response::Result(ResultBody::Void) => response::void(out),
        Response::Result(ResultBody::SetKeyspace(name)) => response::set_keyspace(out, name),
        Response::Result(ResultBody::SchemaChange(change)) => response::schema_change(out, change),
        Response::Result(ResultBody::Prepared(prepared)) => response::prepared(
            out,
            version,
            PreparedMetadata {
                id: &prepared.id,
                result_metadata_id: prepared.result_metadata_id.as_deref().unwrap_or_default(),
                partition_key_indices: &prepared.partition_key_indices,
            },
            prepared.variables.iter().map(Column::as_ref),
            prepared
                .result
                .columns
                .iter()
                .flatten()
                .map(Column::as_ref)
                .collect::<Vec<_>>()
                .into_iter(),
        ),
        Response::Result(ResultBody::Rows(rows)) => {
            let unknown = Column {
                keyspace: String::new(),
                table: String::new(),
                name: String::new(),
                ty: Type::Int,
            };
            let known = vec![unknown; rows.metadata.column_count];
            let columns = rows.metadata.columns.as_ref().unwrap_or(&known);
            response::rows_metadata(
                out,
                version,
                columns.iter().map(Column::as_ref),
                RowsOptions {
                    skip_metadata: rows.metadata.columns.is_none(),
                    paging_state: rows.metadata.paging_state.as_deref(),
                    new_metadata_id: rows.metadata.new_metadata_id.as_deref(),
                },
            );
            out.extend_from_slice(&u32::try_from(rows.count).unwrap().to_be_bytes());
            out.extend_from_slice(&rows.cells);
        }
    }
}
