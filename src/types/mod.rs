//! CQL's types and values: what a value is, how it looks on the wire, as text and as a key.
//!
//! A value travels as its *wire bytes* (the native protocol's serialization), from the client to
//! the block on disk and back; [`Value`] is its parsed form, made only where something must be
//! computed or printed. Keys have a second form, *byte-comparable*, whose unsigned byte order is
//! CQL's order ([`key`]).
//!
//! | module | concept |
//! |---|---|
//! | `key` | the byte-comparable encoding of partition keys, clustering values and cell paths |
//! | [`physical`] | the few physical kinds that storage knows |

pub mod physical;

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::Arc;

/// A CQL type. Collections and user types outside of a column's top level are always frozen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Type {
    /// US-ASCII text.
    Ascii,
    /// A 64-bit signed integer.
    BigInt,
    /// Bytes.
    Blob,
    /// True or false.
    Boolean,
    /// A 64-bit counter.
    Counter,
    /// Days; on the wire unsigned, with 1970-01-01 at 2^31.
    Date,
    /// A decimal number of any precision: scale, then a varint.
    Decimal,
    /// IEEE 754, 64 bits.
    Double,
    /// Months, days and nanoseconds.
    Duration,
    /// IEEE 754, 32 bits.
    Float,
    /// An IPv4 or IPv6 address.
    Inet,
    /// A 32-bit signed integer.
    Int,
    /// A 16-bit signed integer.
    SmallInt,
    /// UTF-8 text; `varchar` is the same type.
    Text,
    /// Nanoseconds since midnight.
    Time,
    /// Milliseconds since 1970-01-01 UTC.
    Timestamp,
    /// A version 1 uuid, ordered by its time.
    TimeUuid,
    /// An 8-bit signed integer.
    TinyInt,
    /// A uuid of any version.
    Uuid,
    /// An integer of any size.
    VarInt,
    /// A list; multi-cell unless frozen.
    List {
        /// The elements' type.
        element: Arc<Type>,
        /// Whether it is one value rather than cells.
        frozen: bool,
    },
    /// A set; multi-cell unless frozen.
    Set {
        /// The elements' type.
        element: Arc<Type>,
        /// Whether it is one value rather than cells.
        frozen: bool,
    },
    /// A map; multi-cell unless frozen.
    Map {
        /// The keys' type.
        key: Arc<Type>,
        /// The values' type.
        value: Arc<Type>,
        /// Whether it is one value rather than cells.
        frozen: bool,
    },
    /// A tuple; always one value.
    Tuple(Arc<[Type]>),
    /// A user-defined type; multi-cell unless frozen.
    Udt {
        /// Its definition.
        udt: Arc<Udt>,
        /// Whether it is one value rather than cells.
        frozen: bool,
    },
    /// A vector of a fixed number of elements; always one value.
    Vector {
        /// The elements' type.
        element: Arc<Type>,
        /// How many elements.
        dimensions: u16,
    },
}

/// The definition of a user-defined type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Udt {
    /// The keyspace it belongs to.
    pub keyspace: String,
    /// Its name.
    pub name: String,
    /// Its fields in order: name and type.
    pub fields: Vec<(String, Type)>,
}

/// A parsed value. `Null` may stand at the top and inside tuples and user types.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// Zero wire bytes of a type for which that is not a value of its own ("empty").
    Empty,
    /// `ascii` and `text`.
    Text(String),
    /// `bigint` and `counter`.
    BigInt(i64),
    /// `blob`.
    Blob(Vec<u8>),
    /// `boolean`.
    Boolean(bool),
    /// `date`: days since 1970-01-01 (signed here, shifted on the wire).
    Date(i32),
    /// `decimal`.
    Decimal(bigdecimal::BigDecimal),
    /// `double`.
    Double(f64),
    /// `duration`.
    Duration {
        /// Months.
        months: i32,
        /// Days.
        days: i32,
        /// Nanoseconds.
        nanos: i64,
    },
    /// `float`.
    Float(f32),
    /// `inet`.
    Inet(IpAddr),
    /// `int`.
    Int(i32),
    /// `smallint`.
    SmallInt(i16),
    /// `time`: nanoseconds since midnight.
    Time(i64),
    /// `timestamp`: milliseconds since 1970-01-01 UTC.
    Timestamp(i64),
    /// `tinyint`.
    TinyInt(i8),
    /// `uuid` and `timeuuid`.
    Uuid(uuid::Uuid),
    /// `varint`.
    VarInt(num_bigint::BigInt),
    /// `list` and `vector`.
    List(Vec<Value>),
    /// `set`, in the order of its type.
    Set(Vec<Value>),
    /// `map`, in the order of its key type.
    Map(Vec<(Value, Value)>),
    /// `tuple` and user types, in field order; trailing fields may be missing.
    Tuple(Vec<Value>),
}
