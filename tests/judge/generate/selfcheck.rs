//! helenus held against itself.

use crate::judge::generate::dice::Dice;
use crate::judge::generate::schema::World;
use crate::judge::generate::{Line, comparable};
use crate::judge::recorded::is_refusal;
use crate::judge::side::{Ask, Side};

/// A result in pages is the whole result.
pub fn paged(side: &mut Side, line: &Line, answer: &str, dice: &mut Dice) -> Option<String> {
    if !line.text.starts_with("SELECT") || is_refusal(answer) {
        return None;
    }
    let mut ask = line.ask.clone();
    ask.page_rows = match ask.page_rows {
        Some(_) => None,
        None => Some(i32::try_from(dice.between(1, 4)).unwrap_or(1)),
    };
    let again = side.answer(&line.text, &ask);
    // A result that is sorted across partitions cannot be paged.
    if again.contains("Cannot page queries")
        || comparable(&again, false) == comparable(answer, false)
    {
        return None;
    }
    Some(format!(
        "{}\n  in pages of {:?}:\n{again}  else:\n{answer}",
        line.text, ask.page_rows
    ))
}

/// The rows of an answer.
pub fn rows(answer: &str) -> Vec<&str> {
    let lines: Vec<&str> = answer.lines().collect();
    let end = lines
        .iter()
        .rposition(|line| line.ends_with(" rows)"))
        .unwrap_or(lines.len());
    lines.get(1..end).unwrap_or_default().to_vec()
}

/// What an index of a plain column finds is what the table has.
pub fn indexes(side: &mut Side, world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    for table in world.tables.iter().filter(|table| !table.is_dead) {
        let whole = side.answer(&format!("SELECT * FROM {}", table.name), &Ask::default());
        if is_refusal(&whole) {
            continue;
        }
        let header = whole.lines().next().unwrap_or_default();
        for (index, column) in &table.indexes {
            let is_plain = |it: &&crate::judge::generate::schema::Column| {
                it.name == *column && !it.ty.is_multi_cell() && !it.ty.is_collection()
            };
            let Some(column) = table.columns.iter().find(is_plain) else {
                continue;
            };
            let prefix = format!("{} ", column.name);
            let Some(at) = header
                .split(" | ")
                .position(|name| name.starts_with(&prefix))
            else {
                continue;
            };
            let all = rows(&whole);
            let value = |row: &str| row.split(" | ").nth(at).unwrap_or_default().to_owned();
            for wanted in all.iter().take(3).map(|row| value(row)) {
                // A tuple that was cut short is shown with nulls, and is not the same bytes: to an
                // index those are two values, as to Cassandra's.
                if wanted.contains("null") || wanted.contains("blob_as") {
                    continue;
                }
                let text = format!(
                    "SELECT * FROM {} WHERE {} = {wanted}",
                    table.name, column.name
                );
                let found = side.answer(&text, &Ask::default());
                let kept: Vec<&str> = all
                    .iter()
                    .filter(|row| value(row) == wanted)
                    .copied()
                    .collect();
                if !is_refusal(&found) && rows(&found) != kept {
                    wrong.push(format!("{index}: {text}\n{found}  the table has\n{kept:?}"));
                }
            }
        }
    }
    wrong
}
