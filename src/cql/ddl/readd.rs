//! What a column may be that was dropped and is added again.
//!
//! Old files still hold its data, hidden by the time of the drop. So its new type must be able to
//! read what the old one wrote: the same bytes, and as many of them where their number is fixed.
//! A dropped column's user types may be dropped themselves, so they are remembered as the tuples
//! that they are.

use crate::types::Type;

/// `ty` with tuples for the user types in it.
pub(super) fn without_user_types(ty: &Type) -> Type {
    match ty {
        Type::Udt { udt, .. } => {
            let types = udt.fields.iter().map(|(_, ty)| without_user_types(ty));
            Type::Tuple(types.collect())
        }
        other => other.with_parts(&without_user_types),
    }
}

/// Whether `new` can read what was written as `old`.
pub(super) fn reads(new: &Type, old: &Type) -> bool {
    if new == old {
        return true;
    }
    match (new, old) {
        (
            Type::List { element, frozen },
            Type::List {
                element: old,
                frozen: was,
            },
        )
        | (
            Type::Set { element, frozen },
            Type::Set {
                element: old,
                frozen: was,
            },
        ) => frozen == was && reads(element, old),
        (
            Type::Map { key, value, frozen },
            Type::Map {
                key: old_key,
                value: old_value,
                frozen: was,
            },
        ) => frozen == was && reads(key, old_key) && reads(value, old_value),
        (Type::Tuple(types), Type::Tuple(old)) => {
            types.len() >= old.len() && types.iter().zip(old.iter()).all(|(a, b)| reads(a, b))
        }
        (Type::Text, Type::Ascii)
        | (Type::BigInt, Type::Timestamp)
        | (Type::Timestamp, Type::BigInt)
        | (Type::Uuid, Type::TimeUuid) => true,
        (Type::Blob, old) => has_any_length(old),
        _ => false,
    }
}

/// Whether values of `ty` are one run of bytes, as many as they need.
fn has_any_length(ty: &Type) -> bool {
    match ty {
        Type::Text
        | Type::Ascii
        | Type::VarInt
        | Type::Decimal
        | Type::Inet
        | Type::Duration
        | Type::Tuple(_) => true,
        Type::List { frozen, .. } | Type::Set { frozen, .. } | Type::Map { frozen, .. } => *frozen,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn bytes_can_be_read_as_other_bytes_of_the_same_length() {
        let list = |element: Type, frozen| Type::List {
            element: Arc::new(element),
            frozen,
        };
        for (new, old) in [
            (Type::Blob, Type::Text),
            (Type::Blob, list(Type::Int, true)),
            (Type::Text, Type::Ascii),
            (Type::Uuid, Type::TimeUuid),
            (list(Type::Timestamp, false), list(Type::BigInt, false)),
            (
                Type::Tuple([Type::Int, Type::Text].into()),
                Type::Tuple([Type::Int].into()),
            ),
        ] {
            assert!(reads(&new, &old), "{new} {old}");
            assert!(!reads(&old, &new) || new == Type::Timestamp || old.is_multi_cell());
            assert_eq!(new.physical(), old.physical());
        }
        for (new, old) in [
            (Type::Blob, Type::Int),
            (Type::Blob, list(Type::Int, false)),
            (Type::VarInt, Type::BigInt),
            (list(Type::Int, true), list(Type::Int, false)),
            (Type::TimeUuid, Type::Uuid),
        ] {
            assert!(!reads(&new, &old), "{new} {old}");
        }
    }
}
