//! The frames of batch statements.

use crate::analytics::statement::scan::{Kind, Token, place, tokens};
use crate::analytics::statement::{
    CreateTableAs, Delete, Explain, Insert, Statement, TableName, Update, Using,
};
use crate::error::{Error, Result};
use crate::limits::TTL_SECONDS_MAX;

/// What a query starts with, besides a parenthesis.
const QUERY_WORDS: [&str; 4] = ["SELECT", "WITH", "VALUES", "TABLE"];

/// Words behind a table's name that are no alias of it.
const CLAUSE_WORDS: [&str; 5] = ["SET", "USING", "FROM", "WHERE", "AS"];

/// Reads a statement.
pub(super) fn statement(text: &str) -> Result<Statement> {
    let mut parser = Parser {
        text,
        tokens: tokens(text)?,
        at: 0,
    };
    while matches!(
        parser.tokens.last().map(|token| token.kind),
        Some(Kind::Sign(';'))
    ) {
        parser.tokens.pop();
    }
    parser.statement(true)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
}

impl<'a> Parser<'a> {
    fn statement(&mut self, outermost: bool) -> Result<Statement> {
        if self.at_query() {
            return Ok(Statement::Query(self.rest("a query")?));
        }
        if self.eat("INSERT") {
            return self.insert().map(Statement::Insert);
        }
        if self.eat("CREATE") {
            return self.create().map(Statement::CreateTableAs);
        }
        if self.eat("UPDATE") {
            return self.update().map(Statement::Update);
        }
        if self.eat("DELETE") {
            return self.delete().map(Statement::Delete);
        }
        if self.at_word("EXPLAIN") && outermost {
            self.at += 1;
            let analyze = self.eat("ANALYZE");
            let inner = Box::new(self.statement(false)?);
            return Ok(Statement::Explain(Explain { analyze, inner }));
        }
        let word = match self.current() {
            Some(token) => self.slice(token).to_uppercase(),
            None => return Err(Error::syntax("there is no statement")),
        };
        Err(Error::invalid(format!(
            "{word} is no statement of batch SQL, which has SELECT, INSERT INTO … SELECT, CREATE \
             TABLE … AS SELECT, UPDATE, DELETE and EXPLAIN"
        ))
        .with_hint("statements of CQL go without SQL in front"))
    }

    fn insert(&mut self) -> Result<Insert> {
        self.expect("INTO")?;
        let table = self.table()?;
        let mut columns = None;
        if self.at_sign('(') && !self.query_at(self.at + 1) {
            columns = Some(self.names()?);
        }
        let using = self.using(&["TTL", "TIMESTAMP", "NULLS"])?;
        if !self.at_query() {
            return Err(self.expected("a query: SELECT …"));
        }
        Ok(Insert {
            table,
            columns,
            using,
            query: self.rest("a query")?,
        })
    }

    fn create(&mut self) -> Result<CreateTableAs> {
        self.expect("TABLE")?;
        let if_not_exists = self.eat("IF");
        if if_not_exists {
            self.expect("NOT")?;
            self.expect("EXISTS")?;
        }
        let table = self.table()?;
        if !self.at_sign('(') {
            return Err(self.expected("the key: (PRIMARY KEY (…))"));
        }
        self.at += 1;
        self.expect("PRIMARY")?;
        self.expect("KEY")?;
        self.expect_sign('(')?;
        let partition_key = match self.at_sign('(') {
            true => self.names()?,
            false => vec![self.name()?],
        };
        let mut clustering = Vec::new();
        while self.eat_sign(',') {
            clustering.push(self.name()?);
        }
        self.expect_sign(')')?;
        self.expect_sign(')')?;
        let mut options = None;
        if self.eat("WITH") {
            let end = self.find(&["AS"])?;
            options = Some(self.take(end, "the table's options")?);
        }
        self.expect("AS")?;
        if !self.at_query() {
            return Err(self.expected("a query: SELECT …"));
        }
        Ok(CreateTableAs {
            table,
            if_not_exists,
            partition_key,
            clustering,
            options,
            query: self.rest("a query")?,
        })
    }

    fn update(&mut self) -> Result<Update> {
        let table = self.table()?;
        let alias = self.alias()?;
        let using = self.using(&["TTL", "TIMESTAMP"])?;
        self.expect("SET")?;
        let mut assignments = Vec::new();
        loop {
            let column = self.name()?;
            self.expect_sign('=')?;
            let end = self.find(&[",", "FROM", "WHERE"])?;
            let value = self.take(end, "an expression")?;
            assignments.push((column, value));
            if !self.eat_sign(',') {
                break;
            }
        }
        let (from, condition) = self.from_where("FROM")?;
        Ok(Update {
            table,
            alias,
            using,
            assignments,
            from,
            condition,
        })
    }

    fn delete(&mut self) -> Result<Delete> {
        if !self.at_word("FROM") {
            return Err(self.expected("FROM; to delete values of columns, UPDATE … SET c = NULL"));
        }
        self.at += 1;
        let table = self.table()?;
        let alias = self.alias()?;
        let using = self.using(&["TIMESTAMP"])?;
        let (from, condition) = self.from_where("USING")?;
        Ok(Delete {
            table,
            alias,
            using,
            from,
            condition,
        })
    }

    /// `[FROM tables] [WHERE condition]` and then the end.
    #[expect(
        clippy::wrong_self_convention,
        reason = "FROM and WHERE are the clauses"
    )]
    fn from_where(&mut self, word: &str) -> Result<(Option<String>, Option<String>)> {
        let mut from = None;
        if self.eat(word) {
            let end = self.find(&["WHERE"])?;
            from = Some(self.take(end, "tables")?);
        }
        let mut condition = None;
        if self.eat("WHERE") {
            condition = Some(self.rest("a condition")?);
        }
        match self.current() {
            None => Ok((from, condition)),
            Some(_) => Err(self.expected("WHERE or the end")),
        }
    }

    /// `USING TTL n AND TIMESTAMP n AND NULLS`; `USING` with tables behind it is left where it is.
    fn using(&mut self, words: &[&str]) -> Result<Using> {
        let mut using = Using::default();
        if !self.at_word("USING") || !words.iter().any(|word| self.word_at(self.at + 1, word)) {
            return Ok(using);
        }
        self.at += 1;
        loop {
            if !words.iter().any(|word| self.at_word(word)) {
                return Err(self.expected(&words.join(" or ")));
            }
            if self.eat("TTL") {
                let seconds = self.number()?;
                let fits = i32::try_from(seconds).ok();
                let fits = fits.filter(|it| (0..=TTL_SECONDS_MAX).contains(it));
                let wrong = || {
                    Error::invalid(format!(
                        "a TTL is of 0 to {TTL_SECONDS_MAX} seconds, not {seconds}"
                    ))
                };
                using.ttl_seconds = Some(fits.ok_or_else(wrong)?);
            } else if self.eat("TIMESTAMP") {
                using.timestamp_micros = Some(self.number()?);
            } else {
                self.at += 1;
                using.nulls = true;
            }
            if !self.eat("AND") {
                return Ok(using);
            }
        }
    }

    fn number(&mut self) -> Result<i64> {
        let negative = self.eat_sign('-');
        let number = self
            .current()
            .and_then(|token| self.slice(token).parse::<i64>().ok());
        let Some(number) = number else {
            return Err(self.expected("a whole number"));
        };
        self.at += 1;
        Ok(if negative { -number } else { number })
    }

    fn table(&mut self) -> Result<TableName> {
        let first = self.name()?;
        if !self.eat_sign('.') {
            return Ok(TableName {
                keyspace: None,
                name: first,
            });
        }
        Ok(TableName {
            keyspace: Some(first),
            name: self.name()?,
        })
    }

    fn alias(&mut self) -> Result<Option<String>> {
        if self.eat("AS") {
            return self.name().map(Some);
        }
        match self.current() {
            Some(Token {
                kind: Kind::Word | Kind::Quoted,
                ..
            }) if !CLAUSE_WORDS.iter().any(|word| self.at_word(word)) => self.name().map(Some),
            _ => Ok(None),
        }
    }

    fn names(&mut self) -> Result<Vec<String>> {
        self.expect_sign('(')?;
        let mut names = vec![self.name()?];
        while self.eat_sign(',') {
            names.push(self.name()?);
        }
        self.expect_sign(')')?;
        Ok(names)
    }

    /// A name: in lower case unless it is quoted.
    fn name(&mut self) -> Result<String> {
        let Some(token) = self.current() else {
            return Err(self.expected("a name"));
        };
        let slice = self.slice(token);
        let name = match token.kind {
            Kind::Word if !slice.starts_with(|c: char| c.is_ascii_digit()) => slice.to_lowercase(),
            Kind::Quoted => slice
                .get(1..slice.len() - 1)
                .unwrap_or_default()
                .replace("\"\"", "\""),
            _ => return Err(self.expected("a name")),
        };
        self.at += 1;
        Ok(name)
    }

    // ---- tokens

    fn current(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn slice(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn word_at(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| {
            token.kind == Kind::Word && self.slice(*token).eq_ignore_ascii_case(word)
        })
    }

    fn at_word(&self, word: &str) -> bool {
        self.word_at(self.at, word)
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        self.at += usize::from(found);
        found
    }

    fn at_sign(&self, sign: char) -> bool {
        self.current()
            .is_some_and(|token| token.kind == Kind::Sign(sign))
    }

    fn eat_sign(&mut self, sign: char) -> bool {
        let found = self.at_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<()> {
        match self.eat(word) {
            true => Ok(()),
            false => Err(self.expected(word)),
        }
    }

    fn expect_sign(&mut self, sign: char) -> Result<()> {
        match self.eat_sign(sign) {
            true => Ok(()),
            false => Err(self.expected(&sign.to_string())),
        }
    }

    fn expected(&self, what: &str) -> Error {
        let (found, at) = match self.current() {
            Some(token) => (format!("'{}'", self.slice(token)), token.start),
            None => ("the end".to_owned(), self.text.len()),
        };
        Error::syntax(format!(
            "{} expected {what}, found {found}",
            place(self.text, at)
        ))
    }

    /// Whether a query starts at token `at`, behind any parentheses.
    fn query_at(&self, mut at: usize) -> bool {
        while self
            .tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Sign('('))
        {
            at += 1;
        }
        QUERY_WORDS.iter().any(|word| self.word_at(at, word))
    }

    fn at_query(&self) -> bool {
        self.query_at(self.at)
    }

    /// The next token, at the depth of the current one, that is one of `ends`; the number of tokens
    /// where none is.
    fn find(&self, ends: &[&str]) -> Result<usize> {
        let Some(depth) = self.current().map(|token| token.depth) else {
            return Err(self.expected("more"));
        };
        let mut at = self.at;
        while let Some(token) = self.tokens.get(at) {
            let sign = matches!(token.kind, Kind::Sign(',')) && ends.contains(&",");
            let word = ends.iter().any(|word| self.word_at(at, word));
            // IS DISTINCT FROM is an operator.
            let operator = at > 0 && self.word_at(at, "FROM") && self.word_at(at - 1, "DISTINCT");
            if token.depth == depth && (sign || (word && !operator)) {
                break;
            }
            at += 1;
        }
        Ok(at)
    }

    /// The text up to token `end`.
    fn take(&mut self, end: usize, what: &str) -> Result<String> {
        let (Some(first), Some(last)) = (
            self.current().filter(|_| end > self.at),
            end.checked_sub(1).and_then(|at| self.tokens.get(at)),
        ) else {
            return Err(self.expected(what));
        };
        let taken = self.text.get(first.start..last.end).unwrap_or_default();
        self.at = end;
        Ok(taken.to_owned())
    }

    fn rest(&mut self, what: &str) -> Result<String> {
        self.take(self.tokens.len(), what)
    }
}
