//! CQL types as PostgreSQL's.
//!
//! A type has one counterpart that means the same. What has none (maps, tuples, user types, and
//! lists of them) travels as `json`, which clients know how to read. Lists, sets and vectors of
//! scalars are arrays.

use crate::types::Type;

/// A type as clients know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PgType {
    /// Its number.
    pub oid: u32,
    /// Its length in bytes, -1 where that depends on the value.
    pub size: i16,
    /// The number of the array of it.
    pub array: u32,
    /// Its name.
    pub name: &'static str,
}

const fn pg(oid: u32, size: i16, array: u32, name: &'static str) -> PgType {
    PgType {
        oid,
        size,
        array,
        name,
    }
}

/// `bool`.
pub const BOOL: PgType = pg(16, 1, 1000, "bool");
/// `bytea`.
pub const BYTEA: PgType = pg(17, -1, 1001, "bytea");
/// `int8`.
pub const INT8: PgType = pg(20, 8, 1016, "int8");
/// `int2`.
pub const INT2: PgType = pg(21, 2, 1005, "int2");
/// `int4`.
pub const INT4: PgType = pg(23, 4, 1007, "int4");
/// `text`.
pub const TEXT: PgType = pg(25, -1, 1009, "text");
/// `json`.
pub const JSON: PgType = pg(114, -1, 199, "json");
/// `float4`.
pub const FLOAT4: PgType = pg(700, 4, 1021, "float4");
/// `float8`.
pub const FLOAT8: PgType = pg(701, 8, 1022, "float8");
/// `inet`.
pub const INET: PgType = pg(869, -1, 1041, "inet");
/// `date`.
pub const DATE: PgType = pg(1082, 4, 1182, "date");
/// `time`.
pub const TIME: PgType = pg(1083, 8, 1183, "time");
/// `timestamp`, which clients send for our `timestamptz`.
pub const TIMESTAMP: PgType = pg(1114, 8, 1115, "timestamp");
/// `timestamptz`.
pub const TIMESTAMPTZ: PgType = pg(1184, 8, 1185, "timestamptz");
/// `interval`.
pub const INTERVAL: PgType = pg(1186, 16, 1187, "interval");
/// `numeric`.
pub const NUMERIC: PgType = pg(1700, -1, 1231, "numeric");
/// `uuid`.
pub const UUID: PgType = pg(2950, 16, 2951, "uuid");

/// The types that values have.
pub const ALL: [PgType; 17] = [
    BOOL,
    BYTEA,
    INT8,
    INT2,
    INT4,
    TEXT,
    JSON,
    FLOAT4,
    FLOAT8,
    INET,
    DATE,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    INTERVAL,
    NUMERIC,
    UUID,
];

/// The counterpart of a scalar.
pub fn scalar(ty: &Type) -> Option<PgType> {
    Some(match ty {
        Type::Ascii | Type::Text => TEXT,
        Type::BigInt | Type::Counter => INT8,
        Type::Blob => BYTEA,
        Type::Boolean => BOOL,
        Type::Date => DATE,
        Type::Decimal | Type::VarInt => NUMERIC,
        Type::Double => FLOAT8,
        Type::Duration => INTERVAL,
        Type::Float => FLOAT4,
        Type::Inet => INET,
        Type::Int => INT4,
        Type::SmallInt | Type::TinyInt => INT2,
        Type::Time => TIME,
        Type::Timestamp => TIMESTAMPTZ,
        Type::TimeUuid | Type::Uuid => UUID,
        _ => return None,
    })
}

/// The elements' type, where a type becomes an array.
pub fn element(ty: &Type) -> Option<(&Type, PgType)> {
    match ty {
        Type::List { element, .. } | Type::Set { element, .. } | Type::Vector { element, .. } => {
            scalar(element).map(|pg| (&**element, pg))
        }
        _ => None,
    }
}

/// The number of a type's counterpart and the length of its values.
pub fn of(ty: &Type) -> (u32, i16) {
    if let Some(pg) = scalar(ty) {
        return (pg.oid, pg.size);
    }
    match element(ty) {
        Some((_, pg)) => (pg.array, -1),
        None => (JSON.oid, JSON.size),
    }
}

/// The scalar, or the elements of the array, that has this number.
pub fn by_oid(oid: u32) -> Option<(PgType, bool)> {
    ALL.iter()
        .find_map(|pg| (pg.oid == oid || pg.array == oid).then_some((*pg, pg.array == oid)))
}
