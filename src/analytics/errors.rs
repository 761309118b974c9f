//! The planner's errors in one line, as errors of ours.

use crate::error::{Error, ErrorKind};
use datafusion::error::DataFusionError;

/// Wraps an error of ours on its way through the planner's operators.
pub(super) fn outward(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error to tell.
pub(super) fn inward(error: DataFusionError) -> Error {
    if let Some(own) = own(&error) {
        return own.clone();
    }
    let kind = match error.find_root() {
        DataFusionError::SQL(..) => ErrorKind::Syntax,
        DataFusionError::Internal(_) => ErrorKind::Internal,
        DataFusionError::IoError(_) => ErrorKind::Io,
        _ => ErrorKind::Invalid,
    };
    let full = matches!(error.find_root(), DataFusionError::ResourcesExhausted(_));
    let text = error.strip_backtrace();
    let line = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let told = Error::new(kind, line);
    if full {
        return told.with_hint("the query needs more memory than memory_bytes_max allows");
    }
    told
}

fn own(error: &DataFusionError) -> Option<&Error> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own);
        }
        if let Some(DataFusionError::External(inner)) = error.downcast_ref::<DataFusionError>()
            && let Some(own) = inner.downcast_ref::<Error>()
        {
            return Some(own);
        }
        at = error.source();
    }
    None
}
