//! CREATE, DROP and RUN JOB.

use crate::cql::ast::{CreateJob, DropJob, RunJob, StatementKind};
use crate::cql::lexer::TokenKind;
use crate::cql::parser::Parser;
use crate::error::Result;

impl Parser<'_> {
    /// Behind `CREATE JOB`. What follows AS is a statement of its own, maybe of another language:
    /// its text is taken as it is.
    pub(super) fn create_job(&mut self) -> Result<StatementKind> {
        let if_not_exists = self.if_not_exists()?;
        let name = self.name()?;
        self.expect("EVERY")?;
        let every = self.string()?;
        let starting = match self.eat("STARTING")? {
            true => Some(self.string()?),
            false => None,
        };
        if !self.at("AS") {
            return Err(self.mismatched("K_AS"));
        }
        let text = self.lexer.text();
        let rest = text.get(self.token.end..).unwrap_or_default();
        let statement = rest
            .trim()
            .trim_end_matches(|c: char| c == ';' || c.is_whitespace())
            .to_owned();
        self.token.kind = TokenKind::End;
        if statement.is_empty() {
            return Err(self.no_viable());
        }
        Ok(StatementKind::CreateJob(CreateJob {
            name,
            if_not_exists,
            every,
            starting,
            statement,
        }))
    }

    /// Behind `DROP JOB`.
    pub(super) fn drop_job(&mut self) -> Result<StatementKind> {
        let if_exists = self.if_exists()?;
        let name = self.name()?;
        Ok(StatementKind::DropJob(DropJob { name, if_exists }))
    }

    /// Behind `RUN`.
    pub(super) fn run_job(&mut self) -> Result<StatementKind> {
        self.expect("JOB")?;
        let name = self.name()?;
        Ok(StatementKind::RunJob(RunJob { name }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cql::parser::parse_statement;

    #[test]
    fn the_statement_of_a_job_is_taken_as_it_is() {
        let text = "CREATE JOB IF NOT EXISTS \"Daily\" EVERY '1d' STARTING '2026-01-01' AS \
                    INSERT INTO t SELECT a->'x' FROM u ; ";
        let StatementKind::CreateJob(job) = parse_statement(text).unwrap().kind else {
            panic!("a CREATE JOB")
        };
        assert_eq!((job.name.text.as_str(), job.if_not_exists), ("Daily", true));
        assert_eq!(job.every, "1d");
        assert_eq!(job.starting.as_deref(), Some("2026-01-01"));
        assert_eq!(job.statement, "INSERT INTO t SELECT a->'x' FROM u");
    }

    #[test]
    fn jobs_are_dropped_and_run() {
        let kind = parse_statement("drop job if exists j").unwrap().kind;
        assert!(matches!(kind, StatementKind::DropJob(job) if job.if_exists));
        let kind = parse_statement("RUN JOB j;").unwrap().kind;
        assert!(matches!(kind, StatementKind::RunJob(job) if job.name.text == "j"));
    }

    #[test]
    fn what_is_missing_is_told() {
        for (text, words) in [
            ("CREATE JOB j AS DELETE FROM t", "expecting K_EVERY"),
            (
                "CREATE JOB j EVERY 5 AS DELETE FROM t",
                "expecting STRING_LITERAL",
            ),
            ("CREATE JOB j EVERY '5m' DELETE FROM t", "expecting K_AS"),
            ("CREATE JOB j EVERY '5m' AS ;", "no viable alternative"),
            ("RUN j", "expecting K_JOB"),
            ("DROP JOB", "no viable alternative"),
        ] {
            let error = parse_statement(text).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
