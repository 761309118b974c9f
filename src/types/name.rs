//! Types and identifiers as CQL writes them.
//!
//! Tuples are always frozen, and Cassandra says so when it writes one: `frozen<tuple<int, text>>`.

use crate::types::Type;
use std::fmt;

/// The words that cannot be names unless quoted, in upper case and sorted. (`true` and `false` are
/// constants.)
pub const RESERVED_WORDS: [&str; 59] = [
    "ADD",
    "ALLOW",
    "ALTER",
    "AND",
    "APPLY",
    "ASC",
    "AUTHORIZE",
    "BATCH",
    "BEGIN",
    "BY",
    "COLUMNFAMILY",
    "CREATE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DROP",
    "ENTRIES",
    "EXECUTE",
    "FALSE",
    "FROM",
    "FULL",
    "GRANT",
    "IF",
    "IN",
    "INDEX",
    "INFINITY",
    "INSERT",
    "INTO",
    "IS",
    "KEYSPACE",
    "LIMIT",
    "MATERIALIZED",
    "MODIFY",
    "NAN",
    "NORECURSIVE",
    "NOT",
    "NULL",
    "OF",
    "ON",
    "OR",
    "ORDER",
    "PRIMARY",
    "RENAME",
    "REVOKE",
    "SCHEMA",
    "SELECT",
    "SET",
    "TABLE",
    "TO",
    "TOKEN",
    "TRUE",
    "TRUNCATE",
    "UNLOGGED",
    "UPDATE",
    "USE",
    "USING",
    "VIEW",
    "WHERE",
    "WITH",
];

/// Where in [`RESERVED_WORDS`] the words with each first letter start; the last entry is its end.
const RESERVED_STARTS: [usize; 27] = {
    let mut starts = [0; 27];
    let mut letter = 0;
    while letter < 26 {
        let mut at = starts[letter];
        while at < RESERVED_WORDS.len()
            && RESERVED_WORDS[at].as_bytes()[0] as usize == b'A' as usize + letter
        {
            at += 1;
        }
        letter += 1;
        starts[letter] = at;
    }
    starts
};

/// Whether `word`, in any case, cannot be a name unless quoted.
pub fn is_reserved(word: &str) -> bool {
    let Some(letter) = word.bytes().next().map(|first| first.to_ascii_uppercase()) else {
        return false;
    };
    let letter = usize::from(letter.wrapping_sub(b'A'));
    let (Some(&start), Some(&end)) = (
        RESERVED_STARTS.get(letter),
        RESERVED_STARTS.get(letter.wrapping_add(1)),
    ) else {
        return false;
    };
    RESERVED_WORDS[start..end]
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
}

/// A stored name as CQL text: in double quotes where it would not be read back as itself.
pub fn quote_identifier(name: &str) -> String {
    let mut bytes = name.bytes();
    let plain = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !is_reserved(name);
    if plain {
        name.to_string()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

/// The native types by name, as they are declared. `varchar` is `text`.
pub fn native_type(name: &str) -> Option<Type> {
    let ty = match name.to_ascii_lowercase().as_str() {
        "ascii" => Type::Ascii,
        "bigint" => Type::BigInt,
        "blob" => Type::Blob,
        "boolean" => Type::Boolean,
        "counter" => Type::Counter,
        "date" => Type::Date,
        "decimal" => Type::Decimal,
        "double" => Type::Double,
        "duration" => Type::Duration,
        "float" => Type::Float,
        "inet" => Type::Inet,
        "int" => Type::Int,
        "smallint" => Type::SmallInt,
        "text" | "varchar" => Type::Text,
        "time" => Type::Time,
        "timestamp" => Type::Timestamp,
        "timeuuid" => Type::TimeUuid,
        "tinyint" => Type::TinyInt,
        "uuid" => Type::Uuid,
        "varint" => Type::VarInt,
        _ => return None,
    };
    Some(ty)
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self {
            Self::Ascii => "ascii",
            Self::BigInt => "bigint",
            Self::Blob => "blob",
            Self::Boolean => "boolean",
            Self::Counter => "counter",
            Self::Date => "date",
            Self::Decimal => "decimal",
            Self::Double => "double",
            Self::Duration => "duration",
            Self::Float => "float",
            Self::Inet => "inet",
            Self::Int => "int",
            Self::SmallInt => "smallint",
            Self::Text => "text",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimeUuid => "timeuuid",
            Self::TinyInt => "tinyint",
            Self::Uuid => "uuid",
            Self::VarInt => "varint",
            Self::List { element, frozen } => {
                return frame(f, *frozen, format_args!("list<{element}>"));
            }
            Self::Set { element, frozen } => {
                return frame(f, *frozen, format_args!("set<{element}>"));
            }
            Self::Map { key, value, frozen } => {
                return frame(f, *frozen, format_args!("map<{key}, {value}>"));
            }
            Self::Udt { udt, frozen } => {
                let name = quote_identifier(&udt.name);
                return frame(f, *frozen, format_args!("{name}"));
            }
            Self::Tuple(types) => {
                f.write_str("frozen<tuple<")?;
                for (at, ty) in types.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{ty}")?;
                }
                return f.write_str(">>");
            }
            Self::Vector {
                element,
                dimensions,
            } => return write!(f, "vector<{element}, {dimensions}>"),
        };
        f.write_str(word)
    }
}

fn frame(f: &mut fmt::Formatter<'_>, frozen: bool, inner: fmt::Arguments<'_>) -> fmt::Result {
    if frozen {
        write!(f, "frozen<{inner}>")
    } else {
        f.write_fmt(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn names() {
        assert!(RESERVED_WORDS.is_sorted());
        for word in RESERVED_WORDS {
            assert!(is_reserved(word) && is_reserved(&word.to_ascii_lowercase()));
        }
        for word in [
            "", "key", "zone", "é", "_a", "1", "{", "selec", "selects", "default",
        ] {
            assert!(!is_reserved(word), "{word}");
        }
        assert_eq!(quote_identifier("abc_1"), "abc_1");
        assert_eq!(quote_identifier("Abc"), "\"Abc\"");
        assert_eq!(quote_identifier("table"), "\"table\"");
        assert_eq!(quote_identifier("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote_identifier("1a"), "\"1a\"");
        let list = Type::List {
            element: Arc::new(Type::Text),
            frozen: false,
        };
        assert_eq!(list.to_string(), "list<text>");
        assert_eq!(list.freeze().to_string(), "frozen<list<text>>");
        let tuple = Type::Tuple([Type::Int, list.freeze()].into());
        assert_eq!(tuple.to_string(), "frozen<tuple<int, frozen<list<text>>>>");
        let vector = Type::Vector {
            element: Arc::new(Type::Float),
            dimensions: 3,
        };
        assert_eq!(vector.to_string(), "vector<float, 3>");
    }
}
