//! INSERT, UPDATE, DELETE, BATCH, with and without conditions.
//!
//! Writes say their timestamps, which are small and meet now and then. Only the table on which
//! conditions are used goes by the servers' clocks: a transaction's timestamp is its ballot.

use crate::judge::generate::maker::{Made, Maker};
use crate::judge::generate::relation;
use crate::judge::generate::schema::{Column, Role, Table};
use crate::judge::generate::ty::Ty;

/// `USING …` with a blank in front, or nothing.
fn using(maker: &mut Maker, table: &Table, takes_ttl: bool, in_batch: bool) -> String {
    let mut parts = Vec::new();
    let may_stamp = !table.is_conditional && !table.is_counter && !in_batch;
    if may_stamp || maker.dice.chance(2) {
        maker.note("using timestamp");
        parts.push(format!("TIMESTAMP {}", maker.number(1, 60)));
    }
    if takes_ttl && table.has_ttl && maker.dice.chance(if table.is_counter { 2 } else { 12 }) {
        maker.note("using ttl");
        let seconds = maker.dice.pick(&[0, 1, 10, 100, 1000, 100_000]).to_string();
        parts.push(format!("TTL {seconds}"));
    } else if maker.dice.chance(1) {
        maker.note("using ttl");
        parts.push("TTL -1".to_owned());
    }
    match parts.is_empty() {
        true => String::new(),
        false => format!(" USING {}", parts.join(" AND ")),
    }
}

/// Notes static columns among these.
fn note_static(maker: &mut Maker, columns: &[&Column]) {
    if columns.iter().any(|column| column.role == Role::Static) {
        maker.note("static");
    }
}

fn insert(maker: &mut Maker, table: &Table, in_batch: bool) -> String {
    maker.note("insert");
    let columns: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| match column.role {
            Role::Partition | Role::Clustering => !maker.dice.chance(1),
            _ => maker.dice.chance(65),
        })
        .collect();
    note_static(maker, &columns);
    let exists = table.is_conditional && maker.dice.chance(25) || maker.dice.chance(1);
    let condition = match exists {
        true => {
            maker.note("insert if not exists");
            " IF NOT EXISTS"
        }
        false => "",
    };
    if maker.dice.chance(12) {
        maker.note("insert json");
        let pairs: Vec<String> = columns
            .iter()
            .map(|column| format!("\"{}\": {}", column.name, column.ty.json(&mut maker.dice)))
            .collect();
        let default = match maker.dice.below(4) {
            0 => {
                maker.note("json default unset");
                " DEFAULT UNSET"
            }
            1 => " DEFAULT NULL",
            _ => "",
        };
        let json = format!("{{{}}}", pairs.join(", ")).replace('\'', "''");
        let using = using(maker, table, true, in_batch);
        return format!(
            "INSERT INTO {} JSON '{json}'{default}{condition}{using}",
            table.name
        );
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|column| maker.value(&column.ty))
        .collect();
    let using = using(maker, table, true, in_batch);
    format!(
        "INSERT INTO {} ({}) VALUES ({}){condition}{using}",
        table.name,
        names.join(", "),
        values.join(", ")
    )
}

fn assignment(maker: &mut Maker, column: &Column) -> String {
    let name = &column.name;
    let ty = &column.ty;
    if *ty == Ty::Counter {
        maker.note("counter");
        let operator = maker.dice.pick(&["+", "-"]).to_string();
        let value = maker.value(ty);
        return match maker.dice.below(12) {
            0 => format!("{name} = {value}"),
            1..=3 => format!("{name} {operator}= {value}"),
            _ => format!("{name} = {name} {operator} {value}"),
        };
    }
    if !ty.is_collection() && !matches!(ty, Ty::Udt(..)) || maker.dice.chance(30) {
        if maker.dice.chance(3) {
            maker.note("update plus");
            return format!("{name} = {name} + {}", maker.value(ty));
        }
        return format!("{name} = {}", maker.value(ty));
    }
    match ty {
        Ty::Udt(udt, _) => {
            maker.note("update field");
            let (field, kind) = maker.dice.pick(&udt.fields).clone();
            format!("{name}.{field} = {}", maker.value(&kind))
        }
        Ty::List(element, _) if maker.dice.chance(30) => {
            maker.note("update element");
            format!("{name}[{}] = {}", maker.dice.below(3), maker.value(element))
        }
        Ty::Map(key, value, _) if maker.dice.chance(40) => {
            maker.note("update element");
            let key = maker.value(key);
            format!("{name}[{key}] = {}", maker.value(value))
        }
        Ty::List(..) if maker.dice.chance(30) => {
            maker.note("update prepend");
            format!("{name} = {} + {name}", maker.value(ty))
        }
        _ if maker.dice.chance(35) => {
            maker.note("update minus");
            let removed = match ty {
                Ty::Map(key, ..) => Ty::Set(key.clone(), false),
                other => other.clone(),
            };
            match maker.dice.chance(30) {
                true => format!("{name} -= {}", maker.value(&removed)),
                false => format!("{name} = {name} - {}", maker.value(&removed)),
            }
        }
        _ => {
            maker.note("update plus");
            match maker.dice.chance(30) {
                true => format!("{name} += {}", maker.value(ty)),
                false => format!("{name} = {name} + {}", maker.value(ty)),
            }
        }
    }
}

/// ` IF …` on the table of conditions, seldom elsewhere.
fn condition(maker: &mut Maker, table: &Table) -> String {
    if !maker.dice.chance(if table.is_conditional { 45 } else { 1 }) {
        return String::new();
    }
    if maker.dice.chance(25) {
        maker.note("if exists");
        return " IF EXISTS".to_owned();
    }
    maker.note("if condition");
    let others = table.others();
    let mut parts = Vec::new();
    for _ in 0..maker.dice.between(1, 2) {
        let column = match others.is_empty() || maker.dice.chance(2) {
            true => maker.dice.pick(&table.columns).clone(),
            false => (*maker.dice.pick(&others)).clone(),
        };
        let name = &column.name;
        let operator = maker
            .dice
            .pick(&["=", "=", "!=", "<", ">", "<=", ">="])
            .to_string();
        parts.push(match &column.ty {
            Ty::Map(key, value, _) if maker.dice.chance(40) => {
                maker.note("if element");
                let key = maker.value(key);
                format!("{name}[{key}] {operator} {}", maker.value(value))
            }
            Ty::List(element, _) if maker.dice.chance(40) => {
                maker.note("if element");
                format!(
                    "{name}[{}] {operator} {}",
                    maker.dice.below(3),
                    maker.value(element)
                )
            }
            Ty::List(element, _) | Ty::Set(element, _) if maker.dice.chance(30) => {
                maker.note("if element");
                format!("{name} CONTAINS {}", maker.value(element))
            }
            Ty::Udt(udt, _) if maker.dice.chance(40) => {
                maker.note("if element");
                let (field, kind) = maker.dice.pick(&udt.fields).clone();
                format!("{name}.{field} {operator} {}", maker.value(&kind))
            }
            ty if maker.dice.chance(20) => {
                maker.note("if in");
                let first = maker.value(ty);
                format!("{name} IN ({first}, {})", maker.value(ty))
            }
            _ if maker.dice.chance(8) => format!("{name} = null"),
            ty => format!("{name} {operator} {}", maker.value(ty)),
        });
    }
    format!(" IF {}", parts.join(" AND "))
}

fn update(maker: &mut Maker, table: &Table, in_batch: bool) -> String {
    maker.note("update");
    let using = using(maker, table, true, in_batch);
    let others = table.others();
    let mut chosen: Vec<Column> = maker
        .dice
        .some(&others, 35)
        .into_iter()
        .map(|it| (*it).clone())
        .collect();
    if maker.dice.chance(1) {
        chosen.push(table.columns[0].clone());
    }
    note_static(maker, &chosen.iter().collect::<Vec<_>>());
    let sets: Vec<String> = chosen
        .iter()
        .map(|column| assignment(maker, column))
        .collect();
    let mut parts = relation::partition(maker, table, 8);
    let only_static = chosen.iter().all(|column| column.role == Role::Static);
    if !only_static || maker.dice.chance(20) {
        // Lists and counters that are static grow once a row there: `statics-with-in`.
        let grows = |column: &Column| {
            column.role == Role::Static && matches!(column.ty, Ty::List(..) | Ty::Counter)
        };
        let in_percent = if chosen.iter().any(grows) { 0 } else { 4 };
        match maker.dice.chance(96) {
            true => parts.extend(relation::clustering(maker, table, in_percent)),
            false => parts.extend(relation::prefix(maker, table, 4)),
        }
    }
    if maker.dice.chance(1) {
        parts.extend(relation::filter(maker, table));
    }
    let condition = condition(maker, table);
    format!(
        "UPDATE {}{using} SET {} WHERE {}{condition}",
        table.name,
        sets.join(", "),
        parts.join(" AND ")
    )
}

fn deleted(maker: &mut Maker, table: &Table) -> String {
    let others = table.others();
    let mut parts = Vec::new();
    for _ in 0..maker.dice.between(1, 2) {
        if others.is_empty() || maker.dice.chance(2) {
            parts.push(maker.dice.pick(&table.columns).name.clone());
            continue;
        }
        let column = (*maker.dice.pick(&others)).clone();
        note_static(maker, &[&column]);
        let name = &column.name;
        parts.push(match &column.ty {
            Ty::Map(key, ..) | Ty::Set(key, _) if maker.dice.chance(60) => {
                maker.note("delete element");
                format!("{name}[{}]", maker.value(key))
            }
            Ty::List(..) if maker.dice.chance(60) => {
                maker.note("delete element");
                format!("{name}[{}]", maker.dice.below(3))
            }
            Ty::Udt(udt, _) if maker.dice.chance(60) => {
                maker.note("delete element");
                format!("{name}.{}", maker.dice.pick(&udt.fields).0)
            }
            _ => name.clone(),
        });
    }
    parts.join(", ")
}

fn delete(maker: &mut Maker, table: &Table, in_batch: bool) -> String {
    maker.note("delete");
    let stamp = match maker.dice.chance(98) {
        true => using(maker, table, false, in_batch),
        false => using(maker, table, true, in_batch),
    };
    let what = match maker.dice.chance(40) {
        true => {
            maker.note("delete columns");
            format!(" {}", deleted(maker, table))
        }
        false => String::new(),
    };
    let mut parts = relation::partition(maker, table, 8);
    match maker.dice.below(10) {
        0 => maker.note("delete partition"),
        1..=3 => {
            maker.note("delete range");
            parts.extend(relation::prefix(maker, table, 10));
        }
        _ => {
            maker.note("delete row");
            parts.extend(relation::clustering(maker, table, 4));
        }
    }
    if maker.dice.chance(1) {
        parts.extend(relation::filter(maker, table));
    }
    let condition = condition(maker, table);
    format!(
        "DELETE{what} FROM {}{stamp} WHERE {}{condition}",
        table.name,
        parts.join(" AND ")
    )
}

fn single(maker: &mut Maker, table: &Table, in_batch: bool) -> String {
    // What is deleted of a counter may come back or not, if it is counted on.
    let weights = match table.is_counter {
        true => [3, 96, 1],
        false => [45, 35, 20],
    };
    match maker.dice.weighted(&weights) {
        0 => insert(maker, table, in_batch),
        1 => update(maker, table, in_batch),
        _ if table.is_counter => {
            maker.note("delete");
            maker.note("using timestamp");
            format!(
                "DELETE FROM {} USING TIMESTAMP 1 WHERE nope = 1",
                table.name
            )
        }
        _ => delete(maker, table, in_batch),
    }
}

/// A write to this table.
pub fn make(maker: &mut Maker, table: &Table, at: usize) -> Made {
    maker.begin();
    if !maker.dice.chance(8) {
        let text = single(maker, table, false);
        return maker.end(at, text);
    }
    maker.note("batch");
    let mut head = "BEGIN BATCH".to_owned();
    if table.is_counter && maker.dice.chance(90) || maker.dice.chance(2) {
        maker.note("batch counter");
        head = "BEGIN COUNTER BATCH".to_owned();
    } else if maker.dice.chance(40) {
        maker.note("batch unlogged");
        head = "BEGIN UNLOGGED BATCH".to_owned();
    }
    let stamps = !table.is_counter && !table.is_conditional || maker.dice.chance(2);
    // A statement that says its own timestamp in a batch that says one is refused.
    let of_batch = stamps && maker.dice.chance(70);
    if of_batch {
        maker.note("batch timestamp");
        head += &format!(" USING TIMESTAMP {}", maker.dice.between(1, 60));
    }
    let own = !of_batch || maker.dice.chance(5);
    if table.is_conditional {
        maker.note("batch conditional");
    }
    let statements: Vec<String> = (0..maker.dice.between(1, 3))
        .map(|_| single(maker, table, !own))
        .collect();
    let text = format!("{head} {}; APPLY BATCH", statements.join("; "));
    // Which statement's error is told first is nobody's business.
    maker.loosen();
    maker.end(at, text)
}
