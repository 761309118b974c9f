//! A rough look at CQL text, for what helps a person: highlighting, completion, hints.
//!
//! Text that is being typed is broken most of the time: a quote is open, a word half there. The
//! language's own lexer refuses such text, rightly. This one never fails: every byte belongs to
//! exactly one piece, and a piece that its text ends in the middle of says that it is open.

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A word without quotes.
    Word,
    /// A name in double quotes.
    Name,
    /// Text in single quotes or between `$$`.
    Text,
    /// A number, or what else begins with a digit.
    Number,
    /// A comment.
    Comment,
    /// White space.
    Space,
    /// One other character.
    Symbol,
}

/// A piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text, quotes included.
    pub text: &'a str,
    /// Where it starts, in bytes.
    pub start: usize,
    /// Whether it lacks its closing quote or mark.
    pub open: bool,
}

impl Piece<'_> {
    /// Whether it is this word, in any case.
    pub fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }

    /// The name that it stands for, if it may be one: folded unless quoted.
    pub fn name(&self) -> Option<String> {
        match self.kind {
            Kind::Word => Some(self.text.to_lowercase()),
            Kind::Name => {
                let inside = self.text.strip_prefix('"')?;
                Some(
                    inside
                        .strip_suffix('"')
                        .unwrap_or(inside)
                        .replace("\"\"", "\""),
                )
            }
            _ => None,
        }
    }
}

/// All pieces of `text`, in order.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let (kind, length, open) = piece(rest);
        found.push(Piece {
            kind,
            text: &rest[..length],
            start,
            open,
        });
        start += length;
    }
    found
}

/// The pieces of `text` that mean something: no space, no comments.
pub fn meaning(text: &str) -> Vec<Piece<'_>> {
    let mut found = pieces(text);
    found.retain(|piece| !matches!(piece.kind, Kind::Space | Kind::Comment));
    found
}

/// The first piece of `rest`, which is not empty: what, how long, whether open.
fn piece(rest: &str) -> (Kind, usize, bool) {
    let run = |keep: fn(char) -> bool| rest.find(|c| !keep(c)).unwrap_or(rest.len());
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let until = |kind, mark: &str, from: usize| {
        let end = rest.get(from..).and_then(|inside| inside.find(mark));
        match end {
            Some(end) => (kind, from + end + mark.len(), false),
            None => (kind, rest.len(), true),
        }
    };
    let first = rest.chars().next().unwrap_or(' ');
    if rest.starts_with("--") || rest.starts_with("//") {
        (Kind::Comment, rest.find('\n').unwrap_or(rest.len()), false)
    } else if rest.starts_with("/*") {
        until(Kind::Comment, "*/", 2)
    } else if rest.starts_with("$$") {
        until(Kind::Text, "$$", 2)
    } else if first == '\'' {
        quoted(Kind::Text, rest, '\'')
    } else if first == '"' {
        quoted(Kind::Name, rest, '"')
    } else if first.is_whitespace() {
        (Kind::Space, run(char::is_whitespace), false)
    } else if first.is_ascii_digit() {
        (
            Kind::Number,
            run(|c| c.is_alphanumeric() || c == '.' || c == '_'),
            false,
        )
    } else if is_word(first) {
        (
            Kind::Word,
            rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false,
        )
    } else {
        (Kind::Symbol, first.len_utf8(), false)
    }
}

/// A quoted piece; a doubled quote inside stands for itself.
fn quoted(kind: Kind, rest: &str, quote: char) -> (Kind, usize, bool) {
    let mut at = 1;
    loop {
        let Some(end) = rest.get(at..).and_then(|inside| inside.find(quote)) else {
            return (kind, rest.len(), true);
        };
        at += end + 1;
        if !rest.get(at..).is_some_and(|after| after.starts_with(quote)) {
            return (kind, at, false);
        }
        at += 1;
    }
}

/// Words that start a statement.
pub const STATEMENTS: &[&str] = &[
    "ALTER", "BEGIN", "COPY", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXPLAIN", "INSERT",
    "SELECT", "SQL", "TRUNCATE", "UPDATE", "USE", "WITH",
];

/// Words that start a command of the shell.
pub const COMMANDS: &[&str] = &[
    "CAPTURE",
    "CLEAR",
    "CONSISTENCY",
    "EXIT",
    "EXPAND",
    "HELP",
    "HISTORY",
    "LOGIN",
    "PAGING",
    "QUIT",
    "SERIAL",
    "SHOW",
    "SOURCE",
    "TRACING",
    "WAIT",
];

/// The names of the types.
pub const TYPES: &[&str] = &[
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "counter",
    "date",
    "decimal",
    "double",
    "duration",
    "float",
    "frozen",
    "inet",
    "int",
    "list",
    "map",
    "set",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "tuple",
    "uuid",
    "varchar",
    "varint",
    "vector",
];

/// Keywords inside of statements.
const OTHER_KEYWORDS: &[&str] = &[
    "ADD",
    "AGGREGATE",
    "ALL",
    "ALLOW",
    "ANALYZE",
    "AND",
    "APPLY",
    "AS",
    "ASC",
    "BATCH",
    "BETWEEN",
    "BY",
    "CALLED",
    "CASE",
    "CAST",
    "CLUSTERING",
    "COLUMNFAMILY",
    "COMPACT",
    "CONTAINS",
    "CROSS",
    "CUBE",
    "CURRENT",
    "CUSTOM",
    "DESC",
    "DISTINCT",
    "ELSE",
    "END",
    "ENTRIES",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FILTERING",
    "FOLLOWING",
    "FROM",
    "FULL",
    "FUNCTION",
    "GRANT",
    "GROUP",
    "GROUPING",
    "HAVING",
    "IF",
    "IN",
    "INDEX",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "JSON",
    "KEY",
    "KEYS",
    "KEYSPACE",
    "KEYSPACES",
    "LANGUAGE",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LIST",
    "LOGGED",
    "MATERIALIZED",
    "NAN",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFF",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PER",
    "PRECEDING",
    "PRIMARY",
    "QUALIFY",
    "RECURSIVE",
    "RENAME",
    "REPLACE",
    "RETURNS",
    "REVOKE",
    "RIGHT",
    "ROLE",
    "ROLLUP",
    "ROWS",
    "SCHEMA",
    "SET",
    "SETS",
    "STATIC",
    "STORAGE",
    "TABLE",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TO",
    "TOKEN",
    "TRUE",
    "TTL",
    "TYPE",
    "TYPES",
    "UNBOUNDED",
    "UNION",
    "UNLOGGED",
    "UNNEST",
    "UNSET",
    "USING",
    "VALUES",
    "VIEW",
    "WHEN",
    "WHERE",
    "WINDOW",
    "WRITETIME",
];

/// Whether `word` is a keyword, in any case.
pub fn is_keyword(word: &str) -> bool {
    [STATEMENTS, COMMANDS, TYPES, OTHER_KEYWORDS]
        .into_iter()
        .flatten()
        .any(|keyword| keyword.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_one_piece() {
        for text in [
            "SELECT a, \"B\"\"c\" FROM t WHERE x = 'it''s' AND y > 1.5e3; -- end",
            "'open",
            "\"open",
            "$$ a ' $$ $$ open",
            "/* open",
            "漢字 = '漢'",
            "'a'''",
            "",
        ] {
            let joined: String = pieces(text).iter().map(|piece| piece.text).collect();
            assert_eq!(joined, text);
        }
    }

    #[test]
    fn pieces_know_what_they_are() {
        let kinds: Vec<(Kind, &str, bool)> = meaning("Use \"A\"\"b\" /* c */ 1x '' $$;$$ 'o")
            .iter()
            .map(|piece| (piece.kind, piece.text, piece.open))
            .collect();
        assert_eq!(
            kinds,
            [
                (Kind::Word, "Use", false),
                (Kind::Name, "\"A\"\"b\"", false),
                (Kind::Number, "1x", false),
                (Kind::Text, "''", false),
                (Kind::Text, "$$;$$", false),
                (Kind::Text, "'o", true),
            ]
        );
        assert_eq!(meaning("\"A\"\"b\"")[0].name().unwrap(), "A\"b");
        assert_eq!(meaning("AbC")[0].name().unwrap(), "abc");
    }
}
