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
    let place = if kind == ErrorKind::Syntax {
        place(&line)
    } else {
        None
    };
    let told = match place {
        Some((line_number, column)) => Error::new(kind, line).at(line_number, column),
        None => Error::new(kind, line),
    };
    if full {
        return told.with_hint("the query needs more memory than memory_bytes_max allows");
    }
    told
}

/// Where the parser stopped, of which its message alone tells: `… at Line: 1, Column: 18")`.
fn place(message: &str) -> Option<(u32, u32)> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let (line, column) = place.split_once(", Column: ")?;
    let digits = |text: &str| {
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len())
    };
    let column = column[..digits(column)].parse::<u32>().ok()?;
    Some((line.parse().ok()?, column.checked_sub(1)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_tells_its_place_in_words() {
        let told = r#"SQL error: ParserError("Expected: end, found: x at Line: 2, Column: 18")"#;
        assert_eq!(place(told), Some((2, 17)));
        for none in [
            "found: EOF",
            " at Line: 0, Column: 0",
            " at Line: x, Column: 3",
        ] {
            assert_eq!(place(none), None, "{none}");
        }
    }
}
