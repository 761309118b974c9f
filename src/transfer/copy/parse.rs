//! The grammar of COPY, over CQL's lexer.

use crate::cql::lexer::{Lexer, Symbol, Token, TokenKind};
use crate::error::{Error, Result};

/// Which way the data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Into the table.
    From,
    /// Out of the table.
    To,
}

impl Direction {
    /// The word that says so.
    pub fn word(self) -> &'static str {
        match self {
            Self::From => "FROM",
            Self::To => "TO",
        }
    }
}

/// A COPY, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyStatement {
    /// The keyspace, where the table is qualified.
    pub keyspace: Option<String>,
    /// The table; empty where a query stands in its place.
    pub table: String,
    /// The query, where it is `COPY (SELECT …) TO`.
    pub query: Option<String>,
    /// The columns, where they are listed.
    pub columns: Option<Vec<String>>,
    /// Which way.
    pub direction: Direction,
    /// The files; none means STDIN or STDOUT.
    pub files: Vec<String>,
    /// The options: upper-case names and values.
    pub options: Vec<(String, String)>,
}

/// Whether a statement is a COPY.
pub fn is_copy(text: &str) -> bool {
    let mut lexer = Lexer::new(text);
    lexer.next().is_ok_and(|token| {
        token.kind == TokenKind::Word && lexer.slice(&token).eq_ignore_ascii_case("copy")
    })
}

/// Parses a COPY, with or without its semicolon.
pub fn parse(text: &str) -> Result<CopyStatement> {
    let mut parser = Parser::new(text)?;
    parser.word("COPY")?;
    if parser.token.kind == TokenKind::Symbol(Symbol::LeftParen) {
        return parser.query();
    }
    let first = parser.name("a table's name")?;
    let (keyspace, table) = if parser.take_symbol(Symbol::Dot)? {
        (Some(first), parser.name("a table's name")?)
    } else {
        (None, first)
    };
    let mut columns = None;
    if parser.take_symbol(Symbol::LeftParen)? {
        let mut names = vec![parser.name("a column's name")?];
        while parser.take_symbol(Symbol::Comma)? {
            names.push(parser.name("a column's name")?);
        }
        parser.symbol(Symbol::RightParen)?;
        columns = Some(names);
    }
    let direction = if parser.take_word("FROM")? {
        Direction::From
    } else if parser.take_word("TO")? {
        Direction::To
    } else {
        return Err(parser.expected("FROM or TO"));
    };
    let (files, options) = parser.rest(direction)?;
    Ok(CopyStatement {
        keyspace,
        table,
        query: None,
        columns,
        direction,
        files,
        options,
    })
}

/// What stands behind WITH: names and values.
type Options = Vec<(String, String)>;

struct Parser<'a> {
    whole: &'a str,
    lexer: Lexer<'a>,
    token: Token,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self> {
        let mut lexer = Lexer::new(text);
        let token = lexer.next()?;
        Ok(Self {
            whole: text,
            lexer,
            token,
        })
    }

    fn text(&self) -> &'a str {
        self.lexer.slice(&self.token)
    }

    fn advance(&mut self) -> Result<()> {
        self.token = self.lexer.next()?;
        Ok(())
    }

    fn expected(&self, what: &str) -> Error {
        let position = self.token.position;
        let found = match self.token.kind {
            TokenKind::End => "the end of the statement".to_owned(),
            _ => format!("'{}'", self.text()),
        };
        Error::syntax(format!(
            "line {}:{} COPY: {what} was expected, {found} found",
            position.line, position.column
        ))
    }

    fn take_word(&mut self, word: &str) -> Result<bool> {
        let found = self.token.kind == TokenKind::Word && self.text().eq_ignore_ascii_case(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word)? {
            Ok(())
        } else {
            Err(self.expected(word))
        }
    }

    fn take_symbol(&mut self, symbol: Symbol) -> Result<bool> {
        let found = self.token.kind == TokenKind::Symbol(symbol);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn symbol(&mut self, symbol: Symbol) -> Result<()> {
        if self.take_symbol(symbol)? {
            Ok(())
        } else {
            Err(self.expected(symbol.text()))
        }
    }

    fn name(&mut self, what: &str) -> Result<String> {
        let name = match self.token.kind {
            TokenKind::Word => self.text().to_lowercase(),
            TokenKind::QuotedName => unquote(self.text(), '"'),
            _ => return Err(self.expected(what)),
        };
        self.advance()?;
        Ok(name)
    }

    /// The files and the options, up to the end.
    fn rest(&mut self, direction: Direction) -> Result<(Vec<String>, Options)> {
        let files = self.files(direction)?;
        let options = if self.take_word("WITH")? {
            self.options()?
        } else {
            Vec::new()
        };
        self.take_symbol(Symbol::Semicolon)?;
        if self.token.kind != TokenKind::End {
            return Err(self.expected("the end of the statement"));
        }
        Ok((files, options))
    }

    /// What follows `COPY` where it is `(SELECT …) TO …`: the query is taken as it stands.
    fn query(mut self) -> Result<CopyStatement> {
        let start = self.token.end;
        let mut depth = 0_u32;
        let end = loop {
            match self.token.kind {
                TokenKind::Symbol(Symbol::LeftParen) => depth += 1,
                TokenKind::Symbol(Symbol::RightParen) => depth -= 1,
                TokenKind::End => return Err(self.expected("a closing parenthesis")),
                _ => {}
            }
            if depth == 0 {
                break self.token.start;
            }
            self.advance()?;
        };
        let text = self.whole.get(start..end).unwrap_or_default();
        self.advance()?;
        self.word("TO")?;
        let (files, options) = self.rest(Direction::To)?;
        Ok(CopyStatement {
            keyspace: None,
            table: String::new(),
            query: Some(text.trim().to_owned()),
            columns: None,
            direction: Direction::To,
            files,
            options,
        })
    }

    fn files(&mut self, direction: Direction) -> Result<Vec<String>> {
        let stream = match direction {
            Direction::From => "STDIN",
            Direction::To => "STDOUT",
        };
        if self.take_word(stream)? {
            return Ok(Vec::new());
        }
        let mut files = Vec::new();
        loop {
            match self.token.kind {
                // cqlsh takes several files between the same quotes, with commas.
                TokenKind::String if direction == Direction::From => {
                    let names = unquote(self.text(), '\'');
                    files.extend(names.split(',').map(|name| name.trim().to_owned()));
                }
                TokenKind::String => files.push(unquote(self.text(), '\'')),
                _ => return Err(self.expected(&format!("a file's name in quotes or {stream}"))),
            }
            self.advance()?;
            if direction == Direction::To || !self.take_symbol(Symbol::Comma)? {
                break;
            }
        }
        files.retain(|name| !name.is_empty());
        if files.is_empty() {
            return Err(Error::invalid("COPY: the file's name is empty"));
        }
        Ok(files)
    }

    fn options(&mut self) -> Result<Vec<(String, String)>> {
        let mut options: Vec<(String, String)> = Vec::new();
        loop {
            if self.token.kind != TokenKind::Word {
                return Err(self.expected("an option's name"));
            }
            let name = self.text().to_uppercase();
            self.advance()?;
            self.symbol(Symbol::Eq)?;
            let value = self.value()?;
            if options.iter().any(|(known, _)| *known == name) {
                return Err(Error::invalid(format!(
                    "COPY: the option {name} is given twice"
                )));
            }
            options.push((name, value));
            if !self.take_word("AND")? {
                return Ok(options);
            }
        }
    }

    fn value(&mut self) -> Result<String> {
        let sign = if self.take_symbol(Symbol::Minus)? {
            "-"
        } else {
            ""
        };
        let value = match self.token.kind {
            TokenKind::String if sign.is_empty() => unquote(self.text(), '\''),
            TokenKind::Word if sign.is_empty() => self.text().to_owned(),
            TokenKind::Integer | TokenKind::Float => format!("{sign}{}", self.text()),
            _ => return Err(self.expected("an option's value")),
        };
        self.advance()?;
        Ok(value)
    }
}

/// What stands between quotes, doubled ones made single.
fn unquote(text: &str, quote: char) -> String {
    let inner = text
        .strip_prefix(quote)
        .and_then(|text| text.strip_suffix(quote));
    let doubled = format!("{quote}{quote}");
    inner.unwrap_or(text).replace(&doubled, &quote.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_cqlshs() {
        let text = "copy Ks.\"My T\" (a, \"B b\") from 'it''s.csv, b.csv', 'c*.gz' \
                    with header = TRUE and delimiter='|' AND maxrows=-1 and NULL = 'NA';";
        let copy = parse(text).unwrap();
        assert_eq!(copy.keyspace.as_deref(), Some("ks"));
        assert_eq!(copy.table, "My T");
        assert_eq!(copy.columns.unwrap(), ["a", "B b"]);
        assert_eq!(copy.direction, Direction::From);
        assert_eq!(copy.files, ["it's.csv", "b.csv", "c*.gz"]);
        let options: Vec<(&str, &str)> = copy
            .options
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let expected = [
            ("HEADER", "TRUE"),
            ("DELIMITER", "|"),
            ("MAXROWS", "-1"),
            ("NULL", "NA"),
        ];
        assert_eq!(options, expected);
        assert!(parse("COPY t TO STDOUT").unwrap().files.is_empty());
        assert!(is_copy(" -- so\n copy t from stdin"));
        assert!(!is_copy("SELECT copy FROM t") && !is_copy("copyright"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, words) in [
            (
                "COPY t FROM file.csv",
                "line 1:12 COPY: a file's name in quotes or STDIN was",
            ),
            (
                "COPY t\nINTO 'x'",
                "line 2:0 COPY: FROM or TO was expected, 'INTO' found",
            ),
            ("COPY t TO STDIN", "a file's name in quotes or STDOUT"),
            ("COPY t (a b) TO 'x'", "COPY: ) was expected, 'b' found"),
            (
                "COPY t TO 'x' WITH HEADER",
                "= was expected, the end of the statement found",
            ),
            (
                "COPY t TO 'x' extra",
                "the end of the statement was expected, 'extra' found",
            ),
            ("COPY t FROM ''", "the file's name is empty"),
            (
                "COPY t TO 'x' WITH HEADER=1 AND header=0",
                "HEADER is given twice",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
