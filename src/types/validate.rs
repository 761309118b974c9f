//! Whether wire bytes are a value of a type, and the one form in which sets and maps are kept.

use crate::error::{Error, Result};
use crate::types::codec::decode_duration;
use crate::types::literal::hex;
use crate::types::temporal::DAY_NANOS;
use crate::types::{Type, collection, number};
use std::borrow::Cow;

fn expect(bytes: &[u8], lengths: &[usize], what: &str) -> Result<()> {
    if lengths.contains(&bytes.len()) {
        return Ok(());
    }
    Err(Error::invalid(format!("Expected {what} ({})", bytes.len())))
}

impl Type {
    /// Refuses bytes that are no value of this type, in Cassandra's words.
    pub fn validate(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::Blob => Ok(()),
            Self::Ascii => match bytes.iter().find(|byte| !byte.is_ascii()) {
                None => Ok(()),
                Some(byte) => Err(Error::invalid(format!(
                    "Invalid byte for ascii: {}",
                    byte.cast_signed()
                ))),
            },
            Self::Text => match str::from_utf8(bytes) {
                Ok(_) => Ok(()),
                Err(_) => Err(Error::invalid("String didn't validate.")),
            },
            Self::Boolean => expect(bytes, &[1, 0], "1 or 0 byte value"),
            Self::TinyInt => expect(bytes, &[1], "1 byte for a tinyint"),
            Self::SmallInt => expect(bytes, &[2], "2 bytes for a smallint"),
            Self::Int => expect(bytes, &[4, 0], "4 or 0 byte int"),
            Self::BigInt | Self::Counter => expect(bytes, &[8, 0], "8 or 0 byte long"),
            Self::Float => expect(bytes, &[4, 0], "4 or 0 byte value for a float"),
            Self::Double => expect(bytes, &[8, 0], "8 or 0 byte value for a double"),
            Self::Timestamp => expect(bytes, &[8, 0], "8 or 0 byte long for date"),
            Self::Date => expect(bytes, &[4], "4 byte long for date"),
            Self::Inet => match bytes.len() {
                0 | 4 | 16 => Ok(()),
                _ => Err(Error::invalid(format!(
                    "Expected 4 or 16 byte inetaddress; got {}",
                    hex(bytes).trim_start_matches("0x")
                ))),
            },
            Self::Uuid => expect_uuid(bytes),
            Self::TimeUuid => {
                expect_uuid(bytes)?;
                match (bytes.first(), bytes.get(6)) {
                    // Cassandra shows the first digit rather than the version.
                    (Some(first), Some(version)) if version >> 4 != 1 => Err(Error::invalid(
                        format!("Invalid version for TimeUUID type: {:#x}", first >> 4),
                    )),
                    _ => Ok(()),
                }
            }
            Self::VarInt => number::check_size(bytes),
            Self::Decimal => match bytes.len() {
                1..=3 => expect(bytes, &[], "0 or at least 4 bytes"),
                4 => Err(Error::invalid("A decimal needs digits behind its scale")),
                _ => number::check_size(bytes),
            },
            Self::Time => validate_time(bytes),
            Self::Duration => validate_duration(bytes),
            _ => self.validate_parts(bytes),
        }
    }

    fn validate_parts(&self, bytes: &[u8]) -> Result<()> {
        match self {
            Self::List { element, .. } => collection::elements(bytes)?
                .into_iter()
                .try_for_each(|part| element.validate(part)),
            Self::Set { element, .. } => collection::set_elements(bytes)?
                .into_iter()
                .try_for_each(|part| element.validate(part)),
            Self::Map { key, value, .. } => {
                collection::entries(bytes)?
                    .into_iter()
                    .try_for_each(|(k, v)| {
                        key.validate(k)?;
                        value.validate(v)
                    })
            }
            Self::Vector {
                element,
                dimensions,
            } => collection::vector(element, *dimensions, bytes)?
                .into_iter()
                .try_for_each(|part| element.validate(part)),
            _ => {
                let types = self.field_types();
                let fields = collection::fields(bytes, types.len())?;
                fields
                    .into_iter()
                    .zip(types)
                    .try_for_each(|(field, ty)| match field {
                        Some(field) => ty.validate(field),
                        None => Ok(()),
                    })
            }
        }
    }

    /// The bytes with every set and map within them sorted and without duplicates, as values are
    /// kept: drivers may send a set in any order. The bytes must be valid.
    pub fn normalize<'a>(&self, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        if !self.has_order() {
            return Ok(Cow::Borrowed(bytes));
        }
        let packed = match self {
            Self::List { element, .. } => {
                collection::pack_elements(&element.normalize_all(collection::elements(bytes)?)?)
            }
            Self::Set { element, .. } => {
                let mut parts = element.normalize_all(collection::elements(bytes)?)?;
                parts.sort_by(|left, right| element.compare(left, right));
                parts.dedup_by(|left, right| element.compare(left, right).is_eq());
                collection::pack_elements(&parts)
            }
            Self::Map { key, value, .. } => {
                let parts = collection::entries(bytes)?
                    .into_iter()
                    .map(|(k, v)| Ok((key.normalize(k)?, value.normalize(v)?)))
                    .collect::<Result<Vec<_>>>()?;
                collection::pack_entries(&key.sort_entries(parts))
            }
            Self::Vector {
                element,
                dimensions,
            } => {
                let parts = collection::vector(element, *dimensions, bytes)?;
                collection::pack_vector(element, &element.normalize_all(parts)?)
            }
            _ => {
                let types = self.field_types();
                let fields = collection::fields(bytes, types.len())?
                    .into_iter()
                    .zip(types)
                    .map(|(field, ty)| field.map(|field| ty.normalize(field)).transpose())
                    .collect::<Result<Vec<_>>>()?;
                collection::pack_fields(&fields)
            }
        };
        Ok(Cow::Owned(packed))
    }

    fn normalize_all<'a>(&self, parts: Vec<&'a [u8]>) -> Result<Vec<Cow<'a, [u8]>>> {
        parts.into_iter().map(|part| self.normalize(part)).collect()
    }

    /// Whether there is a set or a map in it.
    fn has_order(&self) -> bool {
        match self {
            Self::Set { .. } | Self::Map { .. } => true,
            Self::List { element, .. } | Self::Vector { element, .. } => element.has_order(),
            Self::Tuple(_) | Self::Udt { .. } => {
                self.field_types().into_iter().any(Self::has_order)
            }
            _ => false,
        }
    }
}

fn expect_uuid(bytes: &[u8]) -> Result<()> {
    if matches!(bytes.len(), 0 | 16) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "UUID should be 16 or 0 bytes ({})",
        bytes.len()
    )))
}

fn validate_time(bytes: &[u8]) -> Result<()> {
    expect(bytes, &[8], "8 byte long for time")?;
    match <[u8; 8]>::try_from(bytes).map(i64::from_be_bytes) {
        Ok(nanos) if (0..DAY_NANOS).contains(&nanos) => Ok(()),
        _ => Err(Error::invalid(
            "A time must be at least 0 and less than 24 hours, in nanoseconds",
        )),
    }
}

fn validate_duration(bytes: &[u8]) -> Result<()> {
    if bytes.len() < 3 {
        return expect(bytes, &[], "at least 3 bytes for a duration");
    }
    let Some((months, days, nanos)) = decode_duration(bytes) else {
        return Err(Error::invalid(
            "A duration must be three integers: months and days of 32 bits, nanoseconds of 64",
        ));
    };
    let some_negative = months < 0 || days < 0 || nanos < 0;
    let some_positive = months > 0 || days > 0 || nanos > 0;
    if some_negative && some_positive {
        return Err(Error::invalid(format!(
            "The duration months, days and nanoseconds must be all of the same sign \
             ({months}, {days}, {nanos})"
        )));
    }
    Ok(())
}
