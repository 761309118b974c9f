//! CQL's types and values: what a value is, how it looks on the wire, as text and as a key.
//!
//! A value travels as its *wire bytes* (the native protocol's serialization), from the client to
//! the block on disk and back; [`Value`] is its parsed form, made only where something must be
//! computed or printed. Keys have a second form, *byte-comparable*, whose unsigned byte order is
//! CQL's order ([`key`]).
//!
//! | module | concept |
//! |---|---|
//! | [`codec`] | wire bytes to [`Value`] and back |
//! | [`validate`] | whether wire bytes are a value of a type; the form in which sets are kept |
//! | [`compare`] | CQL's order of two values, by their wire bytes |
//! | [`collection`] | the wire form of collections, tuples, user types and vectors, in parts |
//! | [`number`] | varints and decimals |
//! | [`calendar`] | months of the Julian and the Gregorian calendar |
//! | [`temporal`] | dates, times, timestamps and durations as text |
//! | [`timeuuid`] | version 1 uuids: made from a time, and the time within them |
//! | [`text`] | values as people and CSV files write them, both ways |
//! | [`literal`] | values as CQL literals |
//! | [`name`] | types and identifiers as CQL writes them |
//! | [`key`] | the byte-comparable encoding of partition keys, clustering values and cell paths |
//! | [`token`] | a partition key's place on the ring |
//! | [`vint`] | the protocol's variable-length integers |
//! | [`physical`] | the few physical kinds that storage knows |

#[cfg(test)]
pub(crate) mod arbitrary;
pub mod calendar;
pub mod codec;
pub mod collection;
pub mod compare;
pub mod java;
pub mod key;
pub mod literal;
pub mod name;
pub mod number;
pub mod physical;
pub mod temporal;
pub mod text;
pub mod timeuuid;
pub mod token;
pub mod validate;
pub mod vint;

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

impl Type {
    /// Whether a column of this type is stored as cells with paths: a collection or a user type
    /// that is not frozen.
    pub fn is_multi_cell(&self) -> bool {
        matches!(
            self,
            Self::List { frozen: false, .. }
                | Self::Set { frozen: false, .. }
                | Self::Map { frozen: false, .. }
                | Self::Udt { frozen: false, .. }
        )
    }

    /// Whether it is a list, a set or a map.
    pub fn is_collection(&self) -> bool {
        matches!(
            self,
            Self::List { .. } | Self::Set { .. } | Self::Map { .. }
        )
    }

    /// The same type as one value: `frozen<...>`, with all that it is made of.
    #[must_use]
    pub fn freeze(&self) -> Self {
        let inner = |ty: &Arc<Self>| Arc::new(ty.freeze());
        match self {
            Self::List { element, .. } => Self::List {
                element: inner(element),
                frozen: true,
            },
            Self::Set { element, .. } => Self::Set {
                element: inner(element),
                frozen: true,
            },
            Self::Map { key, value, .. } => Self::Map {
                key: inner(key),
                value: inner(value),
                frozen: true,
            },
            Self::Tuple(types) => Self::Tuple(types.iter().map(Self::freeze).collect()),
            Self::Udt { udt, .. } => Self::Udt {
                udt: Arc::clone(udt),
                frozen: true,
            },
            Self::Vector {
                element,
                dimensions,
            } => Self::Vector {
                element: inner(element),
                dimensions: *dimensions,
            },
            scalar => scalar.clone(),
        }
    }

    /// The type with `change` made to each type that it has directly in it. A user type stays as it
    /// is.
    pub fn with_parts(&self, change: &dyn Fn(&Self) -> Self) -> Self {
        let part = |ty: &Arc<Self>| Arc::new(change(ty));
        match self {
            Self::List { element, frozen } => Self::List {
                element: part(element),
                frozen: *frozen,
            },
            Self::Set { element, frozen } => Self::Set {
                element: part(element),
                frozen: *frozen,
            },
            Self::Map { key, value, frozen } => Self::Map {
                key: part(key),
                value: part(value),
                frozen: *frozen,
            },
            Self::Vector {
                element,
                dimensions,
            } => Self::Vector {
                element: part(element),
                dimensions: *dimensions,
            },
            Self::Tuple(types) => Self::Tuple(types.iter().map(change).collect()),
            other => other.clone(),
        }
    }

    /// Whether zero bytes are accepted as a value (mostly a relic of Thrift, but drivers may still
    /// send it).
    pub fn allows_empty(&self) -> bool {
        !matches!(
            self,
            Self::Date
                | Self::Time
                | Self::SmallInt
                | Self::TinyInt
                | Self::Duration
                | Self::List { .. }
                | Self::Set { .. }
                | Self::Map { .. }
                | Self::Vector { .. }
        )
    }

    /// Whether zero bytes are an ordinary value: the empty text, blob or tuple.
    pub fn empty_is_a_value(&self) -> bool {
        matches!(
            self,
            Self::Ascii | Self::Text | Self::Blob | Self::Tuple(_) | Self::Udt { .. }
        )
    }

    /// The fixed length of its values within a vector; the others have their length before them.
    /// (Cassandra counts the two short integers, date and time among the others.)
    pub fn fixed_length(&self) -> Option<usize> {
        match self {
            Self::Boolean => Some(1),
            Self::Int | Self::Float => Some(4),
            Self::BigInt | Self::Counter | Self::Double | Self::Timestamp => Some(8),
            Self::Uuid | Self::TimeUuid => Some(16),
            Self::Vector {
                element,
                dimensions,
            } => Some(element.fixed_length()? * usize::from(*dimensions)),
            _ => None,
        }
    }

    /// Whether it is a duration, or has one in it: such a type cannot be a key.
    pub fn references_duration(&self) -> bool {
        match self {
            Self::Duration => true,
            Self::List { element, .. } | Self::Set { element, .. } => element.references_duration(),
            Self::Map { key, value, .. } => {
                key.references_duration() || value.references_duration()
            }
            Self::Tuple(types) => types.iter().any(Self::references_duration),
            Self::Udt { udt, .. } => udt.fields.iter().any(|(_, ty)| ty.references_duration()),
            Self::Vector { element, .. } => element.references_duration(),
            _ => false,
        }
    }

    /// The types of a tuple's or a user type's fields, in order; of others none.
    pub fn field_types(&self) -> Vec<&Self> {
        match self {
            Self::Tuple(types) => types.iter().collect(),
            Self::Udt { udt, .. } => udt.fields.iter().map(|(_, ty)| ty).collect(),
            _ => Vec::new(),
        }
    }
}
