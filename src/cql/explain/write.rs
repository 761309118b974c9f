//! The words about statements that write.

use crate::cql::explain::counted;
use crate::cql::plan::{BatchPlan, Choice, WriteKind, WritePlan};

/// The words about one.
pub fn lines(plan: &WritePlan) -> Vec<String> {
    let table = plan.table.full_name();
    let verb = match plan.kind {
        WriteKind::Insert => "Insert into",
        WriteKind::Update => "Update",
        WriteKind::Delete => "Delete from",
    };
    let single = plan.partition.iter().all(|it| matches!(it, Choice::One(_)));
    let place = match single {
        true => "one partition",
        false => "several partitions",
    };
    let mut lines = vec![format!(
        "{verb} {table}: {place}, in one record of the commit log"
    )];
    let columns = plan.statics.len() + plan.regulars.len();
    lines.push(format!("  {} written", counted(columns, "column")));
    if plan.condition.is_some() {
        lines.push("  condition: the partition is locked, read and judged first".to_owned());
    } else if plan.reads {
        lines.push("  reads before it writes: the partition is locked meanwhile".to_owned());
    } else {
        lines.push("  nothing is read before".to_owned());
    }
    if !plan.table.indexes.is_empty() {
        lines.push(format!(
            "  {} kept: the row's old values are read, entries go in the same record",
            counted(plan.table.indexes.len(), "index").replace("indexs", "indexes")
        ));
    }
    lines
}

/// The words about a batch.
pub fn batch_lines(plan: &BatchPlan) -> Vec<String> {
    let mut lines = vec![format!(
        "Apply {} as one record of the commit log",
        counted(plan.statements.len(), "statement")
    )];
    for statement in &plan.statements {
        lines.extend(
            self::lines(statement)
                .into_iter()
                .map(|line| format!("  {line}")),
        );
    }
    lines
}
