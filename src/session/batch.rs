//! A batch of statements that were prepared one by one.

use crate::error::{Error, Result};
use crate::session::request::{Answer, RequestOptions, Values};
use crate::session::{BatchKind, Prepared, Shared};

/// Executes `statements` as one batch.
pub fn run(
    shared: &Shared,
    kind: BatchKind,
    statements: Vec<(Prepared, Values)>,
    options: RequestOptions,
) -> Result<Answer> {
    let _ = (shared, kind, statements, options);
    Err(Error::internal(
        "batches of prepared statements are not there yet",
    ))
}
