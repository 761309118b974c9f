//! `--mapping 'a=c1, *=-c2, ts=__timestamp'`: which field is which column.
//!
//! ```text
//! field=column      the field goes into the column (import), the column into the field (export)
//! *=*               all that is not named otherwise: by the same name
//! *=-column         the same, but for this column; several: *=-c2, *=-c3 or *=[-c2,-c3]
//! ```
//!
//! Without a `*` only what is named is moved. In a file without a header a field is its number,
//! from 1. `__timestamp`, `__ttl` and `__expires` are columns here.

use crate::error::{Error, Result};

/// A mapping, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Fields and their columns.
    pub pairs: Vec<(String, String)>,
    /// Whether other columns go by their names.
    pub rest: bool,
    /// Columns that the rest leaves out.
    pub except: Vec<String>,
}

impl Mapping {
    /// Reads a mapping.
    pub fn parse(text: &str) -> Result<Self> {
        let mut mapping = Self::default();
        for item in split(text)? {
            let (field, column) = item.split_once('=').ok_or_else(|| {
                wrong(&format!(
                    "'{}' is not of the form field=column",
                    item.trim()
                ))
            })?;
            let (field, column) = (name(field)?, column.trim());
            if field != "*" {
                mapping.pairs.push((field, name(column)?));
                continue;
            }
            mapping.rest = true;
            let list = column
                .strip_prefix('[')
                .and_then(|column| column.strip_suffix(']'))
                .unwrap_or(column);
            for excluded in list.split(',').map(str::trim).filter(|part| *part != "*") {
                let excluded = excluded
                    .strip_prefix('-')
                    .ok_or_else(|| wrong("behind '*=' come '*' or columns with a minus"))?;
                mapping.except.push(name(excluded)?);
            }
        }
        if mapping.pairs.is_empty() && !mapping.rest {
            return Err(wrong("it names nothing"));
        }
        let mut columns: Vec<&String> = mapping.pairs.iter().map(|(_, column)| column).collect();
        columns.sort();
        if let Some([twice, _]) = columns.array_windows().find(|[one, other]| one == other) {
            return Err(wrong(&format!("the column {twice} is given twice")));
        }
        Ok(mapping)
    }

    /// The field that is named for `column`.
    pub fn field_of(&self, column: &str) -> Option<&str> {
        let pair = self.pairs.iter().find(|(_, known)| known == column)?;
        Some(&pair.0)
    }

    /// Whether `column` goes by its own name.
    pub fn takes_by_name(&self, column: &str) -> bool {
        self.rest
            && self.field_of(column).is_none()
            && !self.except.iter().any(|name| name == column)
    }

    /// Whether `column` takes part.
    pub fn takes(&self, column: &str) -> bool {
        self.field_of(column).is_some() || self.takes_by_name(column)
    }
}

fn wrong(what: &str) -> Error {
    Error::invalid(format!("the mapping cannot be read: {what}"))
        .with_hint("an example: --mapping 'a=c1, *=-c2, ts=__timestamp'")
}

/// A name as it stands, or between CQL's quotes.
fn name(text: &str) -> Result<String> {
    let text = text.trim();
    let bare = match text.strip_prefix('"') {
        Some(rest) => rest
            .strip_suffix('"')
            .ok_or_else(|| wrong("a quoted name is not closed"))?
            .replace("\"\"", "\""),
        None => text.to_owned(),
    };
    if bare.is_empty() {
        return Err(wrong("a name is missing"));
    }
    Ok(bare)
}

/// The items between commas that stand outside of quotes and brackets.
fn split(text: &str) -> Result<Vec<&str>> {
    let (mut items, mut start) = (Vec::new(), 0);
    let (mut quoted, mut depth) = (false, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                items.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || depth > 0 {
        return Err(wrong("a quote or a bracket is not closed"));
    }
    items.push(text.get(start..).unwrap_or_default());
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read() {
        let mapping = Mapping::parse("a=c1, *=-c2, ts=__timestamp, \"x,y\"=\"Q\"").unwrap();
        assert_eq!(mapping.field_of("c1"), Some("a"));
        assert_eq!(mapping.field_of("Q"), Some("x,y"));
        assert!(mapping.takes_by_name("other") && !mapping.takes("c2"));
        assert!(!mapping.takes_by_name("c1") && mapping.takes("__timestamp"));
        let mapping = Mapping::parse("*=[-a, -b]").unwrap();
        assert_eq!(mapping.except, ["a", "b"]);
        assert!(!Mapping::parse("a=b").unwrap().takes("c"));
        for bad in ["", "a", "a=", "=b", "*=x", "a=b,c=b", "\"a=b"] {
            assert!(Mapping::parse(bad).is_err(), "{bad}");
        }
    }
}
