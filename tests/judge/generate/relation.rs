//! WHERE, legal and not.

use crate::judge::generate::maker::Maker;
use crate::judge::generate::schema::{Column, Role, Table};
use crate::judge::generate::ty::Ty;

fn comparison(maker: &mut Maker) -> &'static str {
    match maker.dice.below(40) {
        0 => "!=",
        _ => maker.dice.word(&["<", "<=", ">", ">="]),
    }
}

fn list(maker: &mut Maker, ty: &Ty) -> String {
    let count = maker.dice.between(1, 3);
    let values: Vec<String> = (0..count).map(|_| maker.value(ty)).collect();
    format!("({})", values.join(", "))
}

/// `column = value` or `column IN (…)`.
pub fn equal(maker: &mut Maker, column: &Column, in_percent: usize) -> String {
    if maker.dice.chance(in_percent) {
        maker.note("where in");
        return format!("{} IN {}", column.name, list(maker, &column.ty));
    }
    format!("{} = {}", column.name, maker.value(&column.ty))
}

/// The partition key: each column equal to something, or IN.
pub fn partition(maker: &mut Maker, table: &Table, in_percent: usize) -> Vec<String> {
    maker.note("where partition");
    let mut parts = Vec::new();
    for column in table.partition() {
        if maker.dice.chance(2) {
            continue;
        }
        parts.push(equal(maker, column, in_percent));
    }
    parts
}

/// Every clustering column equal to something.
pub fn clustering(maker: &mut Maker, table: &Table, in_percent: usize) -> Vec<String> {
    let columns = table.clustering();
    if !columns.is_empty() {
        maker.note("where clustering");
    }
    columns
        .iter()
        .map(|column| equal(maker, column, in_percent))
        .collect()
}

/// A prefix of the clustering columns, and perhaps a slice behind it.
pub fn prefix(maker: &mut Maker, table: &Table, in_percent: usize) -> Vec<String> {
    let columns = table.clustering();
    let mut parts = Vec::new();
    if columns.is_empty() || maker.dice.chance(15) {
        return parts;
    }
    maker.note("where clustering");
    if maker.dice.chance(15) {
        parts.push(tuple(maker, &columns));
        return parts;
    }
    let equals = maker.dice.below(columns.len() + 1);
    for column in &columns[..equals] {
        parts.push(equal(maker, column, in_percent));
    }
    if let Some(column) = columns.get(equals)
        && maker.dice.chance(70)
    {
        maker.note("where slice");
        let operator = comparison(maker);
        parts.push(format!(
            "{} {operator} {}",
            column.name,
            maker.value(&column.ty)
        ));
        if maker.dice.chance(30) {
            let operator = comparison(maker);
            parts.push(format!(
                "{} {operator} {}",
                column.name,
                maker.value(&column.ty)
            ));
        }
    }
    parts
}

fn tuple(maker: &mut Maker, columns: &[&Column]) -> String {
    let start = if maker.dice.chance(90) {
        0
    } else {
        maker.dice.below(columns.len())
    };
    let end = maker.dice.between(start + 1, columns.len());
    let chosen = &columns[start..end];
    let names: Vec<&str> = chosen.iter().map(|column| column.name.as_str()).collect();
    let one = |maker: &mut Maker| {
        let values: Vec<String> = chosen
            .iter()
            .map(|column| maker.value(&column.ty))
            .collect();
        format!("({})", values.join(", "))
    };
    if maker.dice.chance(35) {
        maker.note("where multi-column in");
        let values: Vec<String> = (0..maker.dice.between(1, 3)).map(|_| one(maker)).collect();
        return format!("({}) IN ({})", names.join(", "), values.join(", "));
    }
    maker.note("where multi-column");
    let operator = if maker.dice.chance(30) {
        "="
    } else {
        comparison(maker)
    };
    let first = format!("({}) {operator} {}", names.join(", "), one(maker));
    if maker.dice.chance(20) {
        let operator = comparison(maker);
        return format!(
            "{first} AND ({}) {operator} {}",
            names.join(", "),
            one(maker)
        );
    }
    first
}

/// `token(…)` against a value.
fn token(maker: &mut Maker, table: &Table) -> Vec<String> {
    maker.note("where token");
    let columns = table.partition();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let mut parts = Vec::new();
    for _ in 0..maker.dice.between(1, 2) {
        let operator = if maker.dice.chance(8) {
            "="
        } else {
            comparison(maker)
        };
        let value = if maker.dice.chance(50) {
            maker
                .dice
                .pick(&["0", "-9223372036854775808", "3000000000000000000"])
                .to_string()
        } else {
            let values: Vec<String> = columns
                .iter()
                .map(|column| maker.value(&column.ty))
                .collect();
            format!("token({})", values.join(", "))
        };
        parts.push(format!("token({}) {operator} {value}", names.join(", ")));
    }
    parts
}

/// A condition on a column that is no key's (or on one, out of order).
pub fn filter(maker: &mut Maker, table: &Table) -> Option<String> {
    let others = table.others();
    let indexed: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| {
            table
                .indexes
                .iter()
                .any(|(_, target)| *target == column.name)
        })
        .collect();
    let column = match maker.dice.weighted(&[60, 30, 10]) {
        0 if !others.is_empty() => *maker.dice.pick(&others),
        1 if !indexed.is_empty() => *maker.dice.pick(&indexed),
        _ => maker.dice.pick(&table.columns),
    };
    if table
        .indexes
        .iter()
        .any(|(_, target)| *target == column.name)
    {
        maker.note("index read");
    }
    maker.note(if column.role == Role::Static {
        "where static"
    } else {
        "where regular"
    });
    let name = &column.name;
    Some(match &column.ty {
        Ty::List(element, _) | Ty::Set(element, _) if maker.dice.chance(75) => {
            maker.note("where contains");
            format!("{name} CONTAINS {}", maker.value(element))
        }
        Ty::Map(key, value, _) if maker.dice.chance(85) => match maker.dice.below(3) {
            0 => {
                maker.note("where contains");
                format!("{name} CONTAINS {}", maker.value(value))
            }
            1 => {
                maker.note("where contains key");
                format!("{name} CONTAINS KEY {}", maker.value(key))
            }
            _ => {
                maker.note("where entry");
                let key = maker.value(key);
                format!("{name}[{key}] = {}", maker.value(value))
            }
        },
        _ if maker.dice.chance(3) => {
            maker.note("where contains");
            format!("{name} CONTAINS {}", maker.value(&Ty::Native("int")))
        }
        ty => match maker.dice.below(10) {
            0 => {
                maker.note("where in");
                format!("{name} IN {}", list(maker, ty))
            }
            1..=3 => {
                let operator = comparison(maker);
                format!("{name} {operator} {}", maker.bound(ty))
            }
            _ => format!("{name} = {}", maker.value(ty)),
        },
    })
}

/// The WHERE of a SELECT and what stands behind it, with a blank in front; or nothing.
pub fn select(maker: &mut Maker, table: &Table) -> String {
    let mut parts = Vec::new();
    match maker.dice.weighted(&[55, 12, 15, 18]) {
        0 => {
            parts.extend(partition(maker, table, 15));
            parts.extend(prefix(maker, table, 12));
        }
        1 => parts.extend(token(maker, table)),
        2 => parts.extend(prefix(maker, table, 10)),
        _ => {}
    }
    let filters = maker.dice.weighted(&[60, 30, 10]);
    for _ in 0..filters {
        parts.extend(filter(maker, table));
    }
    if parts.is_empty() {
        return String::new();
    }
    if parts.len() > 1 && maker.dice.chance(10) {
        let last = parts.len() - 1;
        parts.swap(0, last);
    }
    format!(" WHERE {}", parts.join(" AND "))
}
