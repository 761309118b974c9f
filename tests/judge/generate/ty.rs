//! Types and their values, from pools so small that equal ones meet.

use crate::judge::generate::dice::Dice;

/// A type of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Ty {
    Native(&'static str),
    List(Box<Ty>, bool),
    Set(Box<Ty>, bool),
    Map(Box<Ty>, Box<Ty>, bool),
    Tuple(Vec<Ty>),
    Udt(Udt, bool),
    Counter,
}

/// A user type.
#[derive(Clone, Debug, PartialEq)]
pub struct Udt {
    pub name: String,
    pub fields: Vec<(String, Ty)>,
}

/// The types without parts, and a few literals of each.
pub const NATIVES: &[(&str, &[&str])] = &[
    ("ascii", &["'a'", "'b'", "'Zz'", "'it''s'", "''"]),
    ("text", &["'a'", "'b'", "'äö'", "'x y'", "''", "'b b'"]),
    (
        "int",
        &["0", "1", "2", "3", "-1", "2147483647", "-2147483648"],
    ),
    ("bigint", &["0", "1", "2", "3", "-5", "9223372036854775807"]),
    ("smallint", &["0", "1", "2", "-32768", "32767"]),
    ("tinyint", &["0", "1", "2", "-128", "127"]),
    (
        "varint",
        &["0", "1", "2", "-1", "123456789012345678901234567890"],
    ),
    ("decimal", &["0.5", "1.25", "-2.5", "10.75", "1E+20"]),
    ("float", &["0.5", "1.25", "-2.5", "1e10", "3.0"]),
    ("double", &["0.5", "1.25", "-2.5", "1e100", "3.0"]),
    ("boolean", &["true", "false"]),
    ("blob", &["0x", "0x00", "0xff01", "0xcafe", "0x01"]),
    (
        "date",
        &[
            "'2013-01-01'",
            "'1969-12-31'",
            "'2000-02-29'",
            "'2020-06-15'",
        ],
    ),
    (
        "time",
        &[
            "'00:00:00'",
            "'08:12:54.123456789'",
            "'23:59:59'",
            "'12:00:00'",
        ],
    ),
    (
        "timestamp",
        &[
            "'2013-01-01 00:00:00+0000'",
            "'2013-01-01 10:30:00.500+0000'",
            "'1969-12-31 23:00:00+0000'",
            "'2020-06-15 12:00:00+0000'",
        ],
    ),
    (
        "uuid",
        &[
            "50554d6e-29bb-11e5-b345-feff819cdc9f",
            "5b6962dd-3f90-4c93-8f61-eabfa4a803e2",
            "00000000-0000-0000-0000-000000000000",
        ],
    ),
    (
        "timeuuid",
        &[
            "50554d6e-29bb-11e5-b345-feff819cdc9f",
            "e23f1e02-8c2e-11e9-bc42-526af7764f64",
            "00000000-0000-1000-8000-000000000000",
        ],
    ),
    (
        "inet",
        &["'127.0.0.1'", "'::1'", "'10.0.0.255'", "'2001:db8::2'"],
    ),
    ("duration", &["1h", "2d3h", "-1mo", "P1Y2M3D", "15ns", "1d"]),
];

/// The natives that keys may have.
pub const KEYED: &[&str] = &[
    "ascii",
    "text",
    "int",
    "bigint",
    "smallint",
    "tinyint",
    "varint",
    "decimal",
    "float",
    "double",
    "boolean",
    "blob",
    "date",
    "time",
    "timestamp",
    "uuid",
    "timeuuid",
    "inet",
];

/// Those that can be added and multiplied.
pub const NUMBERS: &[&str] = &[
    "int", "bigint", "smallint", "tinyint", "varint", "decimal", "float", "double",
];

impl Ty {
    /// The name as CQL declares it.
    pub fn cql(&self) -> String {
        let frozen = |frozen: bool, inner: String| match frozen {
            true => format!("frozen<{inner}>"),
            false => inner,
        };
        match self {
            Self::Native(name) => (*name).to_owned(),
            Self::Counter => "counter".to_owned(),
            Self::List(element, is) => frozen(*is, format!("list<{}>", element.cql())),
            Self::Set(element, is) => frozen(*is, format!("set<{}>", element.cql())),
            Self::Map(key, value, is) => {
                frozen(*is, format!("map<{}, {}>", key.cql(), value.cql()))
            }
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Self::cql).collect();
                format!("tuple<{}>", parts.join(", "))
            }
            Self::Udt(udt, is) => frozen(*is, udt.name.clone()),
        }
    }

    pub fn is_multi_cell(&self) -> bool {
        matches!(
            self,
            Self::List(_, false)
                | Self::Set(_, false)
                | Self::Map(_, _, false)
                | Self::Udt(_, false)
        )
    }

    pub fn is_collection(&self) -> bool {
        matches!(self, Self::List(..) | Self::Set(..) | Self::Map(..))
    }

    pub fn is_number(&self) -> bool {
        matches!(self, Self::Native(name) if NUMBERS.contains(name))
    }

    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Native(own) if *own == name)
    }

    /// A literal of this type.
    pub fn literal(&self, dice: &mut Dice) -> String {
        match self {
            Self::Counter => dice.pick(&["1", "2", "-1"]).to_string(),
            Self::Native(name) => {
                let pool = NATIVES.iter().find(|(own, _)| own == name).unwrap().1;
                (*dice.pick(pool)).to_owned()
            }
            Self::List(element, _) => format!("[{}]", element.literals(dice, 3).join(", ")),
            Self::Set(element, _) => format!("{{{}}}", element.literals(dice, 3).join(", ")),
            Self::Map(key, value, _) => {
                let mut keys = key.literals(dice, 3);
                keys.sort();
                keys.dedup();
                let pairs: Vec<String> = keys
                    .iter()
                    .map(|key| format!("{key}: {}", value.literal(dice)))
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Self::Tuple(parts) => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|part| match dice.chance(8) {
                        true => "null".to_owned(),
                        false => part.literal(dice),
                    })
                    .collect();
                format!("({})", parts.join(", "))
            }
            Self::Udt(udt, _) => {
                let mut parts = Vec::new();
                for (name, ty) in &udt.fields {
                    if dice.chance(80) {
                        parts.push(format!("{name}: {}", ty.literal(dice)));
                    }
                }
                if parts.is_empty() {
                    parts.push(format!(
                        "{}: {}",
                        udt.fields[0].0,
                        udt.fields[0].1.literal(dice)
                    ));
                }
                format!("{{{}}}", parts.join(", "))
            }
        }
    }

    fn literals(&self, dice: &mut Dice, most: usize) -> Vec<String> {
        (0..dice.between(0, most))
            .map(|_| self.literal(dice))
            .collect()
    }

    /// The same as JSON.
    pub fn json(&self, dice: &mut Dice) -> String {
        if dice.chance(3) {
            return "null".to_owned();
        }
        match self {
            Self::Native("boolean") => self.literal(dice),
            Self::Native(_) | Self::Counter => {
                let literal = self.literal(dice);
                let quoted = !self.is_number() || dice.chance(8);
                match (literal.strip_prefix('\''), quoted) {
                    (Some(rest), _) => {
                        format!("\"{}\"", rest.trim_end_matches('\'').replace("''", "'"))
                    }
                    (None, true) => format!("\"{literal}\""),
                    (None, false) => literal,
                }
            }
            Self::List(element, _) | Self::Set(element, _) => {
                let parts: Vec<String> = (0..dice.between(0, 3))
                    .map(|_| element.json(dice))
                    .collect();
                format!("[{}]", parts.join(", "))
            }
            Self::Tuple(types) => {
                let parts: Vec<String> = types.iter().map(|ty| ty.json(dice)).collect();
                format!("[{}]", parts.join(", "))
            }
            Self::Map(key, value, _) => {
                let mut keys: Vec<String> =
                    (0..dice.between(0, 2)).map(|_| key.json(dice)).collect();
                keys.sort();
                keys.dedup();
                let pairs: Vec<String> = keys
                    .iter()
                    .map(|key| match key.starts_with('"') {
                        true => format!("{key}: {}", value.json(dice)),
                        false => format!("\"{}\": {}", key.replace('"', "\\\""), value.json(dice)),
                    })
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Self::Udt(udt, _) => {
                let parts: Vec<String> = udt
                    .fields
                    .iter()
                    .map(|(name, ty)| format!("\"{name}\": {}", ty.json(dice)))
                    .collect();
                format!("{{{}}}", parts.join(", "))
            }
        }
    }
}

/// A literal that hardly any type takes by accident.
pub fn any_literal(dice: &mut Dice) -> String {
    let (_, pool) = dice.pick(NATIVES);
    let one = (*dice.pick(pool)).to_owned();
    match dice.below(8) {
        0 => format!("[{one}]"),
        1 => format!("({one}, {one})"),
        2 => format!("{{{one}: {one}}}"),
        _ => one,
    }
}
