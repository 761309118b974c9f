//! Deletions, liveness and cells: the atoms of the data model.
//!
//! Every write carries a timestamp in microseconds; what lives and what is hidden follows from
//! timestamps alone, never from the order of arrival. Times to live and deletion times are whole
//! seconds in i64 everywhere (Cassandra's 2038 and 2106 limits don't exist here).

use bytes::Bytes;

/// "No timestamp": less than every timestamp that a client may write.
pub const NO_TIMESTAMP: i64 = i64::MIN;
/// "No time to live".
pub const NO_TTL: i32 = 0;
/// "Never": the expiry of what does not expire.
pub const NEVER: i64 = i64::MAX;

/// A deletion covers everything below it with a timestamp up to its own, its own included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deletion {
    /// The write timestamp, in microseconds; [`NO_TIMESTAMP`] where nothing is deleted.
    pub timestamp: i64,
    /// When the deletion was written, in seconds since 1970: `gc_grace_seconds` counts from here.
    pub deleted_at_seconds: i64,
}

impl Deletion {
    /// Nothing is deleted.
    pub const NONE: Self = Self {
        timestamp: NO_TIMESTAMP,
        deleted_at_seconds: NEVER,
    };

    /// Whether nothing is deleted.
    pub fn is_none(&self) -> bool {
        self.timestamp == NO_TIMESTAMP
    }

    /// Whether it hides what was written at `timestamp`.
    pub fn covers(&self, timestamp: i64) -> bool {
        timestamp <= self.timestamp && !self.is_none()
    }
}

/// A row's marker, written by INSERT: it keeps a row of nulls alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Liveness {
    /// The write timestamp, in microseconds; [`NO_TIMESTAMP`] where there is no marker.
    pub timestamp: i64,
    /// The time to live, in seconds; [`NO_TTL`] where it does not expire.
    pub ttl_seconds: i32,
    /// When it expires, in seconds since 1970; [`NEVER`] where it does not.
    pub expiry_seconds: i64,
}

impl Liveness {
    /// No marker.
    pub const NONE: Self = Self {
        timestamp: NO_TIMESTAMP,
        ttl_seconds: NO_TTL,
        expiry_seconds: NEVER,
    };

    /// Whether there is no marker.
    pub fn is_none(&self) -> bool {
        self.timestamp == NO_TIMESTAMP
    }

    /// Whether there is a marker that has not expired at `now_seconds`.
    pub fn is_live(&self, now_seconds: i64) -> bool {
        !self.is_none() && now_seconds < self.expiry_seconds
    }
}

/// A cell: the value of a column, or of one element of a multi-cell column, at a timestamp.
///
/// | form | `ttl_seconds` | `expiry_seconds` | `value` |
/// |---|---|---|---|
/// | plain | [`NO_TTL`] | [`NEVER`] | wire bytes |
/// | expiring | > 0 | when it expires | wire bytes |
/// | tombstone | [`NO_TTL`] | when it was deleted | empty |
///
/// A counter's value is 8 bytes of count, then 8 bytes of clock, both big-endian.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The write timestamp, in microseconds.
    pub timestamp: i64,
    /// The time to live, in seconds; see the table above.
    pub ttl_seconds: i32,
    /// Expiry or deletion time, in seconds since 1970; see the table above.
    pub expiry_seconds: i64,
    /// The value's wire bytes.
    pub value: Bytes,
}

impl Cell {
    /// A cell that does not expire.
    pub fn plain(timestamp: i64, value: Bytes) -> Self {
        Self {
            timestamp,
            ttl_seconds: NO_TTL,
            expiry_seconds: NEVER,
            value,
        }
    }

    /// A cell that lives `ttl_seconds` (> 0) from `now_seconds` on.
    pub fn expiring(timestamp: i64, ttl_seconds: i32, now_seconds: i64, value: Bytes) -> Self {
        let expiry_seconds = now_seconds
            .saturating_add(i64::from(ttl_seconds))
            .min(NEVER - 1);
        Self {
            timestamp,
            ttl_seconds,
            expiry_seconds,
            value,
        }
    }

    /// A deletion of a cell.
    pub fn tombstone(timestamp: i64, deleted_at_seconds: i64) -> Self {
        Self {
            timestamp,
            ttl_seconds: NO_TTL,
            expiry_seconds: deleted_at_seconds,
            value: Bytes::new(),
        }
    }

    /// Whether it is a deletion.
    pub fn is_tombstone(&self) -> bool {
        self.ttl_seconds == NO_TTL && self.expiry_seconds != NEVER
    }

    /// Whether it expires.
    pub fn is_expiring(&self) -> bool {
        self.ttl_seconds != NO_TTL
    }

    /// Whether it shows at `now_seconds`: plain, or expiring and not yet expired.
    pub fn is_live(&self, now_seconds: i64) -> bool {
        self.expiry_seconds == NEVER || (self.is_expiring() && now_seconds < self.expiry_seconds)
    }
}
