//! One of several scalar functions of a name: its types and what it does.

use crate::cql::functions::resolve::Signature;
use crate::cql::functions::{ArgumentBytes, Body, Environment};
use crate::error::Result;
use crate::types::Type;
use bytes::Bytes;
use std::sync::Arc;

/// A function that a name may mean.
pub(super) struct Overload {
    pub(super) signature: Signature,
    pub(super) pure: bool,
    pub(super) body: Body,
}

impl Overload {
    /// A function of one argument, null of null.
    pub(super) fn unary(
        argument: Type,
        returns: Type,
        compute: impl Fn(&[u8]) -> Result<Option<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            signature: Signature::new(&[argument], returns),
            pure: true,
            body: unary_body(compute),
        }
    }

    /// A function of two arguments, null of any null.
    pub(super) fn binary(
        arguments: [Type; 2],
        returns: Type,
        compute: impl Fn(&[u8], &[u8]) -> Result<Option<Vec<u8>>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            signature: Signature::new(&arguments, returns),
            pure: true,
            body: binary_body(compute),
        }
    }

    /// A function of the time and of chance.
    pub(super) fn of_world(
        returns: Type,
        compute: impl Fn(&Environment<'_>) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self {
            signature: Signature::new(&[], returns),
            pure: false,
            body: Arc::new(move |_: ArgumentBytes<'_>, env: &Environment<'_>| {
                Ok(Some(Bytes::from(compute(env))))
            }),
        }
    }
}

/// The body of a function of one argument.
pub(super) fn unary_body(
    compute: impl Fn(&[u8]) -> Result<Option<Vec<u8>>> + Send + Sync + 'static,
) -> Body {
    Arc::new(
        move |arguments: ArgumentBytes<'_>, _: &Environment<'_>| match arguments {
            [Some(argument)] => Ok(compute(argument)?.map(Bytes::from)),
            _ => Ok(None),
        },
    )
}

/// The body of a function of two arguments.
pub(super) fn binary_body(
    compute: impl Fn(&[u8], &[u8]) -> Result<Option<Vec<u8>>> + Send + Sync + 'static,
) -> Body {
    Arc::new(
        move |arguments: ArgumentBytes<'_>, _: &Environment<'_>| match arguments {
            [Some(left), Some(right)] => Ok(compute(left, right)?.map(Bytes::from)),
            _ => Ok(None),
        },
    )
}
