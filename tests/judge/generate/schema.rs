//! Random schemas: user types, tables, indexes, and what happens to them later.

use crate::judge::generate::maker::Maker;
use crate::judge::generate::ty::{KEYED, NATIVES, Ty, Udt};

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Partition,
    Clustering,
    Static,
    Regular,
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub ty: Ty,
    pub role: Role,
    pub is_descending: bool,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub is_counter: bool,
    /// Whether conditions are used: then write times are the servers' own.
    pub is_conditional: bool,
    /// Whether rows may expire. Where they do no key column has an index: Cassandra reckons by
    /// its own clock when it builds one, not by the time that requests tell.
    pub has_ttl: bool,
    pub indexes: Vec<(String, String)>,
    /// How many columns it ever had.
    pub made: usize,
    /// Not used any more, for the sides have come apart.
    pub is_dead: bool,
}

/// A keyspace's types and tables.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub udts: Vec<Udt>,
    pub tables: Vec<Table>,
}

impl Table {
    pub fn of(&self, role: Role) -> Vec<&Column> {
        self.columns.iter().filter(|it| it.role == role).collect()
    }

    pub fn partition(&self) -> Vec<&Column> {
        self.of(Role::Partition)
    }

    pub fn clustering(&self) -> Vec<&Column> {
        self.of(Role::Clustering)
    }

    /// Columns that are no key's.
    pub fn others(&self) -> Vec<&Column> {
        let of_key = |it: &&Column| matches!(it.role, Role::Partition | Role::Clustering);
        self.columns.iter().filter(|it| !of_key(it)).collect()
    }
}

/// A type for a column that is no key's.
pub fn value_type(maker: &mut Maker, udts: &[Udt], depth: usize) -> Ty {
    let frozen = depth > 0 || maker.dice.chance(35);
    let inner = |maker: &mut Maker| value_type(maker, udts, depth + 1);
    let keyed = |maker: &mut Maker| Ty::Native(maker.dice.word(KEYED));
    let kind = if depth > 1 {
        0
    } else {
        maker.dice.weighted(&[50, 12, 12, 14, 6, 6])
    };
    match kind {
        1 => Ty::List(Box::new(inner(maker)), frozen),
        2 => Ty::Set(Box::new(keyed(maker)), frozen),
        3 => Ty::Map(Box::new(keyed(maker)), Box::new(inner(maker)), frozen),
        4 => Ty::Tuple(vec![inner(maker), inner(maker)]),
        5 if !udts.is_empty() => Ty::Udt(maker.dice.pick(udts).clone(), frozen),
        _ => Ty::Native(maker.dice.pick(NATIVES).0),
    }
}

fn key_type(maker: &mut Maker, udts: &[Udt]) -> Ty {
    let keyed = |maker: &mut Maker| Ty::Native(maker.dice.word(KEYED));
    match maker.dice.weighted(&[40, 50, 3, 3, 4]) {
        0 => Ty::Native(maker.dice.word(&["int", "text", "int"])),
        1 => keyed(maker),
        2 => Ty::List(Box::new(keyed(maker)), true),
        3 if !udts.is_empty() => Ty::Udt(maker.dice.pick(udts).clone(), true),
        _ => Ty::Tuple(vec![keyed(maker), keyed(maker)]),
    }
}

impl World {
    /// A new one, and the statements that make it.
    pub fn new(maker: &mut Maker) -> (Self, Vec<String>) {
        let mut world = Self::default();
        let mut made = Vec::new();
        for at in 0..2 {
            let fields: Vec<(String, Ty)> = (0..maker.dice.between(1, 4))
                .map(|field| {
                    let kind = value_type(maker, &world.udts.clone(), 1);
                    (format!("f{field}"), kind)
                })
                .collect();
            let udt = Udt {
                name: format!("u{at}"),
                fields,
            };
            let fields: Vec<String> = udt
                .fields
                .iter()
                .map(|(name, ty)| format!("{name} {}", ty.cql()))
                .collect();
            made.push(format!("CREATE TYPE {} ({})", udt.name, fields.join(", ")));
            world.udts.push(udt);
        }
        for at in 0..5 {
            let table = world.table(maker, at);
            made.push(create(maker, &table));
            world.tables.push(table);
        }
        (world, made)
    }

    fn table(&self, maker: &mut Maker, at: usize) -> Table {
        let mut columns = Vec::new();
        let mut add = |name: String, ty: Ty, role: Role, is_descending: bool| {
            columns.push(Column {
                name,
                ty,
                role,
                is_descending,
            });
        };
        // The first table is the plain one that most applications have.
        let is_counter = at == 4;
        let keys = if at == 0 { 1 } else { maker.dice.between(1, 2) };
        for key in 0..keys {
            let ty = if at == 0 {
                Ty::Native("int")
            } else {
                key_type(maker, &self.udts)
            };
            add(format!("p{key}"), ty, Role::Partition, false);
        }
        let clusterings = if at == 0 { 2 } else { maker.dice.between(0, 3) };
        for key in 0..clusterings {
            let ty = if at == 0 {
                Ty::Native("int")
            } else {
                key_type(maker, &self.udts)
            };
            add(
                format!("c{key}"),
                ty,
                Role::Clustering,
                maker.dice.chance(40),
            );
        }
        if clusterings > 0 && !is_counter {
            for one in 0..maker.dice.between(0, 2) {
                add(
                    format!("s{one}"),
                    value_type(maker, &self.udts, 0),
                    Role::Static,
                    false,
                );
            }
        }
        for one in 0..maker.dice.between(2, 7) {
            let ty = match (is_counter, at, one) {
                (true, ..) => Ty::Counter,
                (_, 0, 0) => Ty::Native("int"),
                (_, 0, 1) => Ty::Native("text"),
                (_, 0, 2) => Ty::Map(
                    Box::new(Ty::Native("text")),
                    Box::new(Ty::Native("int")),
                    false,
                ),
                _ => value_type(maker, &self.udts, 0),
            };
            add(format!("v{one}"), ty, Role::Regular, false);
        }
        Table {
            name: format!("t{at}"),
            made: columns.len(),
            columns,
            is_counter,
            is_conditional: at == 3,
            has_ttl: at > 1,
            indexes: Vec::new(),
            is_dead: false,
        }
    }
}

fn create(maker: &mut Maker, table: &Table) -> String {
    let mut parts: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let fixed = if column.role == Role::Static {
                " static"
            } else {
                ""
            };
            format!("{} {}{fixed}", column.name, column.ty.cql())
        })
        .collect();
    let names = |columns: Vec<&Column>| -> Vec<String> {
        columns.iter().map(|column| column.name.clone()).collect()
    };
    let mut key = vec![format!("({})", names(table.partition()).join(", "))];
    key.extend(names(table.clustering()));
    parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
    let mut options = Vec::new();
    if table.clustering().iter().any(|column| column.is_descending) {
        let orders: Vec<String> = table
            .clustering()
            .iter()
            .map(|column| {
                format!(
                    "{} {}",
                    column.name,
                    if column.is_descending { "DESC" } else { "ASC" }
                )
            })
            .collect();
        options.push(format!("CLUSTERING ORDER BY ({})", orders.join(", ")));
    }
    if !table.is_counter && table.has_ttl && maker.dice.chance(15) {
        options.push("default_time_to_live = 1000".to_owned());
    }
    if maker.dice.chance(20) {
        options.push("comment = 'generated'".to_owned());
    }
    let with = match options.is_empty() {
        true => String::new(),
        false => format!(" WITH {}", options.join(" AND ")),
    };
    format!("CREATE TABLE {} ({}){with}", table.name, parts.join(", "))
}
