//! SELECT.

use crate::judge::generate::maker::{Made, Maker};
use crate::judge::generate::relation;
use crate::judge::generate::schema::{Column, Table};
use crate::judge::generate::ty::{NATIVES, NUMBERS, Ty};

/// Functions of one argument, and of which type it is to be.
const FUNCTIONS: &[(&str, &str)] = &[
    ("abs", "int"),
    ("abs", "decimal"),
    ("exp", "double"),
    ("log", "double"),
    ("log10", "double"),
    ("round", "double"),
    ("round", "decimal"),
    ("to_date", "timestamp"),
    ("toDate", "timeuuid"),
    ("to_timestamp", "date"),
    ("to_timestamp", "timeuuid"),
    ("to_unix_timestamp", "timestamp"),
    ("toUnixTimestamp", "date"),
    ("min_timeuuid", "timestamp"),
    ("maxTimeuuid", "timestamp"),
    ("int_as_blob", "int"),
    ("textAsBlob", "text"),
    ("timestamp_as_blob", "timestamp"),
    ("blob_as_text", "blob"),
    ("blobAsInt", "blob"),
    ("blob_as_bigint", "blob"),
];

const COLLECTION_FUNCTIONS: &[&str] = &[
    "collection_count",
    "collection_min",
    "collection_max",
    "collection_sum",
    "collection_avg",
    "map_keys",
    "map_values",
];

/// A term of a type: a column of it, or a literal.
fn argument(maker: &mut Maker, table: &Table, ty: &Ty) -> String {
    let same: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.ty == *ty)
        .collect();
    if !same.is_empty() && maker.dice.chance(85) {
        return maker.dice.pick(&same).name.clone();
    }
    if maker.dice.chance(40) {
        maker.note("literal selector");
        maker.note("hint");
        return format!("({}) {}", ty.cql(), ty.literal(&mut maker.dice));
    }
    maker.dice.pick(&table.columns).name.clone()
}

fn element(maker: &mut Maker, table: &Table) -> Option<String> {
    let parts: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.ty.is_collection() || matches!(column.ty, Ty::Udt(..)))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let column = *maker.dice.pick(&parts);
    let name = &column.name;
    let inner = match &column.ty {
        Ty::List(..) => Ty::Native("int"),
        Ty::Set(element, _) => (**element).clone(),
        Ty::Map(key, ..) => (**key).clone(),
        Ty::Udt(udt, _) => {
            maker.note("field");
            return Some(format!("{name}.{}", maker.dice.pick(&udt.fields).0));
        }
        _ => return None,
    };
    if maker.dice.chance(70) {
        maker.note("element");
        return Some(format!("{name}[{}]", inner.literal(&mut maker.dice)));
    }
    maker.note("slice");
    let (low, high) = (
        inner.literal(&mut maker.dice),
        inner.literal(&mut maker.dice),
    );
    Some(match maker.dice.below(4) {
        0 => format!("{name}[{low}..]"),
        1 => format!("{name}[..{high}]"),
        _ => format!("{name}[{low}..{high}]"),
    })
}

fn cast(maker: &mut Maker, column: &Column) -> String {
    let name = &column.name;
    maker.note("cast");
    let legal: Vec<&str> = match &column.ty {
        ty if ty.is_number() => [NUMBERS, &["text"]].concat(),
        Ty::Native("date") => vec!["timestamp", "text"],
        Ty::Native("timestamp") => vec!["date", "text"],
        Ty::Native("timeuuid") => vec!["timestamp", "date"],
        Ty::Native(_) => vec!["text", "ascii"],
        _ => vec!["text", "int"],
    };
    let ty = match maker.dice.chance(85) {
        true => *maker.dice.pick(&legal),
        false => maker.dice.pick(NATIVES).0,
    };
    format!("CAST({name} AS {ty})")
}

fn function(maker: &mut Maker, table: &Table, column: &Column) -> String {
    let name = &column.name;
    maker.note("function");
    if maker.dice.chance(30) {
        let function = maker.dice.pick(COLLECTION_FUNCTIONS).to_string();
        let sets: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| column.ty.is_collection())
            .collect();
        let of = match sets.is_empty() {
            true => column.clone(),
            false => (*maker.dice.pick(&sets)).clone(),
        };
        return format!("{function}({})", of.name);
    }
    if maker.dice.chance(15) {
        return format!("to_json({name})");
    }
    let (function, ty) = maker.dice.pick(FUNCTIONS);
    format!("{function}({})", argument(maker, table, &Ty::Native(ty)))
}

fn arithmetic(maker: &mut Maker, table: &Table, column: &Column) -> String {
    maker.note("arithmetic");
    let operator = maker.dice.pick(&["+", "-", "*", "/", "%"]).to_string();
    let numbers: Vec<&Column> = table
        .columns
        .iter()
        .filter(|column| column.ty.is_number())
        .collect();
    let left = match numbers.is_empty() {
        true => column.clone(),
        false => (*maker.dice.pick(&numbers)).clone(),
    };
    let right = match maker.dice.below(4) {
        0 => maker.dice.pick(&table.columns).name.clone(),
        1 => "1.5".to_owned(),
        2 => "2d".to_owned(),
        _ => "3".to_owned(),
    };
    format!("{} {operator} {right}", left.name)
}

fn scalar(maker: &mut Maker, table: &Table) -> String {
    let column = maker.dice.pick(&table.columns).clone();
    let name = &column.name;
    match maker.dice.weighted(&[40, 10, 8, 10, 12, 10, 4, 6]) {
        1 if !table.is_conditional && !table.is_counter => {
            maker.note("writetime");
            let function = maker
                .dice
                .pick(&["writetime", "writetime", "maxwritetime"])
                .to_string();
            format!("{function}({name})")
        }
        2 => {
            maker.note("ttl");
            format!("ttl({name})")
        }
        3 => cast(maker, &column),
        4 => arithmetic(maker, table, &column),
        5 => function(maker, table, &column),
        6 => {
            maker.note("token selector");
            let names: Vec<String> = table
                .partition()
                .iter()
                .map(|column| column.name.clone())
                .collect();
            format!("token({})", names.join(", "))
        }
        7 => element(maker, table).unwrap_or(column.name),
        _ => column.name,
    }
}

fn aggregate(maker: &mut Maker, table: &Table) -> String {
    if maker.dice.chance(30) {
        maker.note("count");
        return maker.dice.pick(&["count(*)", "count(1)"]).to_string();
    }
    maker.note("aggregate");
    let function = maker
        .dice
        .pick(&["min", "max", "sum", "avg", "count"])
        .to_string();
    let numbers: Vec<&Column> = table
        .columns
        .iter()
        .filter(|it| it.ty.is_number())
        .collect();
    let column = match numbers.is_empty() || maker.dice.chance(30) {
        true => maker.dice.pick(&table.columns).clone(),
        false => (*maker.dice.pick(&numbers)).clone(),
    };
    format!("{function}({})", column.name)
}

fn selectors(maker: &mut Maker, table: &Table, is_grouped: bool) -> String {
    if !is_grouped && maker.dice.chance(25) {
        maker.note("star");
        return "*".to_owned();
    }
    let are_aggregates = is_grouped || maker.dice.chance(12);
    let mut parts = Vec::new();
    for _ in 0..maker.dice.between(1, 3) {
        let mut part = match are_aggregates && maker.dice.chance(75) {
            true => aggregate(maker, table),
            false => scalar(maker, table),
        };
        if maker.dice.chance(8) {
            maker.note("alias");
            part += &format!(" AS a{}", parts.len());
        }
        parts.push(part);
    }
    parts.join(", ")
}

/// Whether groups may be made of ranges of a column's values.
fn has_floor(column: &Column) -> bool {
    is_time(column) || column.ty.is_number()
}

fn is_time(column: &Column) -> bool {
    let times = ["timestamp", "date", "time"];
    times.iter().any(|name| column.ty.is(name))
}

fn group_by(maker: &mut Maker, table: &Table) -> String {
    maker.note("group by");
    let mut keys: Vec<&Column> = table.partition();
    keys.extend(table.clustering());
    let partition = table.partition().len();
    let floored = keys[partition..].iter().position(|it| has_floor(it));
    let floored = floored.filter(|_| maker.dice.chance(35));
    let count = match (floored, maker.dice.chance(75)) {
        (Some(at), _) => partition + at + 1,
        (None, true) => maker.dice.between(partition, keys.len()),
        (None, false) => maker.dice.between(1, keys.len()),
    };
    let of_last = if floored.is_some() { 90 } else { 35 };
    let mut parts: Vec<String> = Vec::new();
    for (at, column) in keys[..count].iter().enumerate() {
        let is_last = at + 1 == count;
        let floors = maker.dice.chance(if is_last { of_last } else { 4 });
        parts.push(if floors && is_time(column) {
            maker.note("group by floor");
            format!(
                "floor({}, {})",
                column.name,
                maker.dice.pick(&["1h", "1d", "1mo"])
            )
        } else if floors && has_floor(column) {
            maker.note("group by floor");
            format!("floor({}, 2)", column.name)
        } else {
            column.name.clone()
        });
    }
    if maker.dice.chance(4) {
        parts.push(maker.dice.pick(&table.columns).name.clone());
    }
    format!(" GROUP BY {}", parts.join(", "))
}

fn order_by(maker: &mut Maker, table: &Table) -> String {
    maker.note("order by");
    let columns = table.clustering();
    let is_reversed = maker.dice.chance(50);
    let count = maker.dice.between(1, columns.len().max(1));
    let mut parts = Vec::new();
    for column in columns.iter().take(count) {
        let descends = column.is_descending != is_reversed;
        let descends = descends != maker.dice.chance(6);
        parts.push(format!(
            "{} {}",
            column.name,
            if descends { "DESC" } else { "ASC" }
        ));
    }
    if parts.is_empty() || maker.dice.chance(4) {
        parts.push(maker.dice.pick(&table.columns).name.clone());
    }
    format!(" ORDER BY {}", parts.join(", "))
}

/// A SELECT of this table.
pub fn make(maker: &mut Maker, table: &Table, at: usize) -> Made {
    maker.begin();
    maker.note("select");
    let is_grouped = maker.dice.chance(14);
    let (mut head, chosen) = if !is_grouped && maker.dice.chance(5) {
        maker.note("select distinct");
        let mut names: Vec<String> = table
            .partition()
            .iter()
            .map(|column| column.name.clone())
            .collect();
        if maker.dice.chance(15) {
            names.push(maker.dice.pick(&table.columns).name.clone());
        }
        ("SELECT DISTINCT ".to_owned(), names.join(", "))
    } else {
        ("SELECT ".to_owned(), selectors(maker, table, is_grouped))
    };
    if maker.dice.chance(6) {
        maker.note("select json");
        head = head.replacen("SELECT", "SELECT JSON", 1);
    }
    let mut text = format!("{head}{chosen} FROM {}", table.name);
    text += &relation::select(maker, table);
    if is_grouped {
        text += &group_by(maker, table);
    }
    if maker.dice.chance(14) {
        text += &order_by(maker, table);
    }
    if maker.dice.chance(8) {
        maker.note("per partition limit");
        text += &format!(" PER PARTITION LIMIT {}", maker.number(0, 3));
    }
    if maker.dice.chance(12) {
        maker.note("limit");
        text += &format!(" LIMIT {}", maker.number(0, 5));
    }
    if maker
        .dice
        .chance(if text.contains("WHERE") { 50 } else { 5 })
    {
        maker.note("allow filtering");
        text += " ALLOW FILTERING";
    }
    let page = maker.dice.chance(20).then(|| maker.dice.between(1, 5));
    if page.is_some() {
        maker.note("page");
    }
    let mut made = maker.end(at, text);
    made.ask.page_rows = page.map(|rows| i32::try_from(rows).unwrap_or(1));
    made.is_read = true;
    made
}
