//! The few kinds of values that storage tells apart.

use crate::types::Type;
use serde::{Deserialize, Serialize};

/// How a column's values look to storage. The numbers are persisted: never change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum PhysicalKind {
    /// One byte, signed.
    Int8 = 1,
    /// Two bytes, signed.
    Int16 = 2,
    /// Four bytes, signed (`date` is unsigned on the wire and is kept as its 4 bytes).
    Int32 = 3,
    /// Eight bytes, signed.
    Int64 = 4,
    /// Four bytes, IEEE 754.
    Float32 = 5,
    /// Eight bytes, IEEE 754.
    Float64 = 6,
    /// One byte, 0 or 1.
    Bool = 7,
    /// Any bytes.
    Bytes = 8,
    /// A counter: count and clock.
    Counter = 9,
    /// A multi-cell column: cells with paths.
    Complex = 10,
}

impl Type {
    /// How storage keeps a column of this type.
    pub fn physical(&self) -> PhysicalKind {
        match self {
            Self::TinyInt => PhysicalKind::Int8,
            Self::SmallInt => PhysicalKind::Int16,
            Self::Int | Self::Date => PhysicalKind::Int32,
            Self::BigInt | Self::Timestamp | Self::Time => PhysicalKind::Int64,
            Self::Float => PhysicalKind::Float32,
            Self::Double => PhysicalKind::Float64,
            Self::Boolean => PhysicalKind::Bool,
            Self::Counter => PhysicalKind::Counter,
            Self::List { frozen: false, .. }
            | Self::Set { frozen: false, .. }
            | Self::Map { frozen: false, .. }
            | Self::Udt { frozen: false, .. } => PhysicalKind::Complex,
            _ => PhysicalKind::Bytes,
        }
    }
}
