//! Changes of the schema under way, and nonsense.

use crate::judge::generate::maker::{Change, Made, Maker};
use crate::judge::generate::schema::{Column, Role, Table, World, value_type};
use crate::judge::generate::ty::Ty;

/// A change of a table, its indexes or the types.
pub fn make(maker: &mut Maker, world: &World, at: usize) -> Made {
    maker.begin();
    maker.bind_no_more();
    let table = &world.tables[at];
    let name = &table.name;
    let mut is_read = false;
    let (text, change) = match maker.dice.weighted(&[14, 9, 5, 5, 22, 8, 9, 4, 8]) {
        0 => add(maker, world, table),
        1 => drop_column(maker, table),
        2 => rename(maker, table),
        3 => {
            maker.note("alter with");
            let option = maker.dice.pick(&[
                "comment = 'changed'",
                "gc_grace_seconds = 1000000",
                "default_time_to_live = 0",
                "bloom_filter_fp_chance = 2",
                "caching = {'keys': 'SOME'}",
                "nope = 1",
                "min_index_interval = 64 AND max_index_interval = 32",
            ]);
            (format!("ALTER TABLE {name} WITH {option}"), Change::Nothing)
        }
        4 => create_index(maker, table),
        5 => {
            maker.note("drop index");
            let known = (!table.indexes.is_empty() && maker.dice.chance(80))
                .then(|| maker.dice.pick(&table.indexes).0.clone());
            let index = known.unwrap_or_else(|| "nope_idx".to_owned());
            let exists = if maker.dice.chance(20) {
                "IF EXISTS "
            } else {
                ""
            };
            (
                format!("DROP INDEX {exists}{index}"),
                Change::DropIndex(index),
            )
        }
        6 => alter_type(maker, world),
        7 => {
            maker.note("truncate");
            let which = if maker.dice.chance(70) {
                name.as_str()
            } else {
                "nowhere"
            };
            (format!("TRUNCATE {which}"), Change::Nothing)
        }
        _ => {
            maker.note("describe");
            is_read = true;
            let what = match maker.dice.below(4) {
                0 => "TYPE u0".to_owned(),
                1 => "INDEX nope_idx".to_owned(),
                2 => "TABLES".to_owned(),
                _ => format!("TABLE {name}"),
            };
            (format!("DESCRIBE {what}"), Change::Nothing)
        }
    };
    let mut made = maker.end(at, text);
    made.change = change;
    made.is_read = is_read;
    made
}

fn drop_column(maker: &mut Maker, table: &Table) -> (String, Change) {
    let name = &table.name;
    maker.note("alter drop");
    let others = table.others();
    let column = match others.len() < 2 || maker.dice.chance(20) {
        true => maker.dice.pick(&table.columns).name.clone(),
        false => maker.dice.pick(&others).name.clone(),
    };
    (
        format!("ALTER TABLE {name} DROP {column}"),
        Change::Drop(column),
    )
}

fn rename(maker: &mut Maker, table: &Table) -> (String, Change) {
    let name = &table.name;
    maker.note("alter rename");
    let column = maker.dice.pick(&table.columns).name.clone();
    let other = match maker.dice.chance(80) {
        true => format!("r{}", table.made),
        false => maker.dice.pick(&table.columns).name.clone(),
    };
    (
        format!("ALTER TABLE {name} RENAME {column} TO {other}"),
        Change::Rename(column, other),
    )
}

fn add(maker: &mut Maker, world: &World, table: &Table) -> (String, Change) {
    maker.note("alter add");
    let column = match maker.dice.chance(85) {
        true => format!("v{}", table.made),
        false => maker.dice.pick(&table.columns).name.clone(),
    };
    let ty = match table.is_counter == maker.dice.chance(4) {
        true => value_type(maker, &world.udts, 0),
        false => Ty::Counter,
    };
    let is_static = maker.dice.chance(15);
    let fixed = if is_static { " static" } else { "" };
    (
        format!(
            "ALTER TABLE {} ADD {column} {}{fixed}",
            table.name,
            ty.cql()
        ),
        Change::Add(column, ty, is_static),
    )
}

fn create_index(maker: &mut Maker, table: &Table) -> (String, Change) {
    maker.note("create index");
    let others = table.others();
    let column = match table.has_ttl && !others.is_empty() {
        true => (*maker.dice.pick(&others)).clone(),
        false => maker.dice.pick(&table.columns).clone(),
    };
    let name = &column.name;
    let target = match &column.ty {
        Ty::Map(.., false) => match maker.dice.below(4) {
            0 => format!("keys({name})"),
            1 => format!("entries({name})"),
            2 => format!("values({name})"),
            _ => name.clone(),
        },
        ty if ty.is_collection() && !ty.is_multi_cell() && maker.dice.chance(80) => {
            format!("full({name})")
        }
        _ if maker.dice.chance(4) => {
            let part = maker
                .dice
                .pick(&["keys", "values", "entries", "full"])
                .to_string();
            format!("{part}({name})")
        }
        _ => name.clone(),
    };
    let index = format!("{}_{name}_{}", table.name, maker.dice.below(1000));
    let exists = if maker.dice.chance(10) {
        "IF NOT EXISTS "
    } else {
        ""
    };
    (
        format!("CREATE INDEX {exists}{index} ON {} ({target})", table.name),
        Change::Index(index, name.clone()),
    )
}

fn alter_type(maker: &mut Maker, world: &World) -> (String, Change) {
    maker.note("alter type");
    let udt = maker.dice.pick(&world.udts).clone();
    let name = udt.name;
    let field = match maker.dice.chance(80) {
        true => format!("g{}", udt.fields.len()),
        false => "f0".to_owned(),
    };
    if maker.dice.chance(60) {
        let ty = Ty::Native(maker.dice.word(&["int", "text", "boolean"]));
        let text = format!("ALTER TYPE {name} ADD {field} {}", ty.cql());
        return (text, Change::AddField(name, field, ty));
    }
    let old = maker.dice.pick(&udt.fields).0.clone();
    (
        format!("ALTER TYPE {name} RENAME {old} TO {field}"),
        Change::RenameField(name, old, field),
    )
}

/// Follows a change that was taken.
pub fn follow(world: &mut World, at: usize, change: &Change) {
    match change {
        Change::AddField(name, field, ty) => {
            for_types(world, &mut |of| {
                if of.name == *name {
                    of.fields.push((field.clone(), ty.clone()));
                }
            });
            return;
        }
        Change::RenameField(name, old, new) => {
            for_types(world, &mut |of| {
                for field in of
                    .fields
                    .iter_mut()
                    .filter(|field| of.name == *name && field.0 == *old)
                {
                    field.0.clone_from(new);
                }
            });
            return;
        }
        _ => {}
    }
    let table = &mut world.tables[at];
    match change {
        Change::Add(name, ty, is_static) => {
            table.made += 1;
            table.columns.push(Column {
                name: name.clone(),
                ty: ty.clone(),
                role: if *is_static {
                    Role::Static
                } else {
                    Role::Regular
                },
                is_descending: false,
            });
        }
        Change::Drop(name) => table.columns.retain(|column| column.name != *name),
        Change::Rename(old, new) => {
            table.made += 1;
            for column in table
                .columns
                .iter_mut()
                .filter(|column| column.name == *old)
            {
                column.name.clone_from(new);
            }
            for (_, target) in table.indexes.iter_mut().filter(|(_, target)| target == old) {
                target.clone_from(new);
            }
        }
        Change::Index(index, column) => table.indexes.push((index.clone(), column.clone())),
        Change::DropIndex(index) => table.indexes.retain(|(name, _)| name != index),
        _ => {}
    }
}

/// Every mention of a user type.
fn for_types(world: &mut World, each: &mut dyn FnMut(&mut crate::judge::generate::ty::Udt)) {
    fn within(ty: &mut Ty, each: &mut dyn FnMut(&mut crate::judge::generate::ty::Udt)) {
        match ty {
            Ty::Udt(udt, _) => {
                for (_, field) in &mut udt.fields {
                    within(field, each);
                }
                each(udt);
            }
            Ty::List(inner, _) | Ty::Set(inner, _) => within(inner, each),
            Ty::Map(key, value, _) => {
                within(key, each);
                within(value, each);
            }
            Ty::Tuple(parts) => parts.iter_mut().for_each(|part| within(part, each)),
            Ty::Native(_) | Ty::Counter => {}
        }
    }
    for udt in &mut world.udts {
        for (_, field) in &mut udt.fields {
            within(field, each);
        }
        each(udt);
    }
    for table in &mut world.tables {
        for column in &mut table.columns {
            within(&mut column.ty, each);
        }
    }
}

/// The same statement with words lost, doubled, swapped or replaced.
pub fn spoil(maker: &mut Maker, mut made: Made) -> Made {
    let mut words: Vec<String> = made.text.split(' ').map(str::to_owned).collect();
    for _ in 0..maker.dice.between(1, 2) {
        let at = maker.dice.below(words.len());
        match maker.dice.below(4) {
            0 if words.len() > 2 => drop(words.remove(at)),
            1 => {
                let word = words[at].clone();
                words.insert(at, word);
            }
            2 => {
                let other = maker.dice.below(words.len());
                words.swap(at, other);
            }
            _ => {
                let junk = [
                    "=", "(", ")", "WHERE", "null", "?", "'x'", ",", "IN", "nope", "17",
                ];
                words[at] = maker.dice.pick(&junk).to_string();
            }
        }
    }
    made.text = words.join(" ");
    made.clauses.push("nonsense");
    made.is_loose = true;
    made.ask.values = None;
    made
}
