//! What all parts of a statement are made with: the dice, the clauses noted so far, the values that
//! are bound.

use crate::judge::generate::dice::Dice;
use crate::judge::generate::ty::{Ty, any_literal};
use crate::judge::side::Ask;
use std::collections::BTreeSet;

/// Everything that the generator says must turn up, taken and refused.
pub const CLAUSES: &[&str] = &[
    "insert",
    "insert json",
    "json default unset",
    "insert if not exists",
    "update",
    "update plus",
    "update minus",
    "update prepend",
    "update element",
    "update field",
    "counter",
    "delete",
    "delete row",
    "delete columns",
    "delete element",
    "delete range",
    "delete partition",
    "using timestamp",
    "using ttl",
    "if exists",
    "if condition",
    "if element",
    "if in",
    "batch",
    "batch unlogged",
    "batch counter",
    "batch conditional",
    "batch timestamp",
    "select",
    "select distinct",
    "select json",
    "star",
    "count",
    "aggregate",
    "writetime",
    "ttl",
    "cast",
    "arithmetic",
    "function",
    "token selector",
    "element",
    "slice",
    "field",
    "hint",
    "alias",
    "literal selector",
    "where partition",
    "where in",
    "where token",
    "where clustering",
    "where slice",
    "where multi-column",
    "where multi-column in",
    "where regular",
    "where contains",
    "where contains key",
    "where entry",
    "where static",
    "allow filtering",
    "group by",
    "group by floor",
    "order by",
    "limit",
    "per partition limit",
    "page",
    "bind",
    "unset",
    "null",
    "wrong value",
    "create index",
    "drop index",
    "alter add",
    "alter drop",
    "alter rename",
    "alter with",
    "alter type",
    "truncate",
    "describe",
    "static",
    "nonsense",
    "index read",
];

/// A statement that was made.
#[derive(Clone, Debug)]
pub struct Made {
    pub text: String,
    pub ask: Ask,
    pub clauses: Vec<&'static str>,
    /// Of which table.
    pub table: usize,
    pub change: Change,
    /// Whether it changes nothing.
    pub is_read: bool,
    /// Whether of an error only the class is compared, for no one can tell which is found first.
    pub is_loose: bool,
}

/// What a statement does to the schema if it is taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change {
    #[default]
    Nothing,
    Add(String, Ty, bool),
    Drop(String),
    Rename(String, String),
    Index(String, String),
    DropIndex(String),
    AddField(String, String, Ty),
    RenameField(String, String, String),
}

/// Makes statements.
pub struct Maker {
    pub dice: Dice,
    noted: BTreeSet<&'static str>,
    binds: Option<Vec<String>>,
    is_loose: bool,
}

impl Maker {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            noted: BTreeSet::new(),
            binds: None,
            is_loose: false,
        }
    }

    /// Notes that a clause is used.
    pub fn note(&mut self, clause: &'static str) {
        assert!(CLAUSES.contains(&clause), "{clause}");
        self.noted.insert(clause);
    }

    /// Begins a statement; its values may be bound.
    pub fn begin(&mut self) {
        self.noted.clear();
        self.is_loose = false;
        self.binds = self.dice.chance(20).then(Vec::new);
    }

    /// From here on values stand in the text.
    pub fn bind_no_more(&mut self) {
        self.binds = None;
    }

    /// There may be several errors, and no one can tell which is found first.
    pub fn loosen(&mut self) {
        self.is_loose = true;
    }

    /// Ends it.
    pub fn end(&mut self, table: usize, text: String) -> Made {
        let mut ask = Ask::default();
        if let Some(values) = self.binds.take()
            && !values.is_empty()
        {
            self.note("bind");
            ask.values = Some(values);
        }
        let clauses = std::mem::take(&mut self.noted).into_iter().collect();
        Made {
            text,
            ask,
            clauses,
            table,
            change: Change::Nothing,
            is_read: false,
            is_loose: self.is_loose,
        }
    }

    /// A value of this type: a literal or a marker, now and then one that is wrong.
    pub fn value(&mut self, ty: &Ty) -> String {
        if let Some(binds) = &mut self.binds
            && self.dice.chance(80)
        {
            let shown = match self.dice.below(40) {
                0 => "null".to_owned(),
                1 => "unset".to_owned(),
                _ => ty.literal(&mut self.dice),
            };
            let (is_null, is_unset) = (shown == "null", shown == "unset");
            binds.push(shown);
            if is_null {
                self.note("null");
            }
            if is_unset {
                self.note("unset");
            }
            return "?".to_owned();
        }
        match self.dice.below(100) {
            0 => {
                self.note("null");
                "null".to_owned()
            }
            1 => {
                self.note("wrong value");
                self.loosen();
                any_literal(&mut self.dice)
            }
            2 if !matches!(ty, Ty::Counter) && !ty.is_multi_cell() => {
                self.note("hint");
                format!("({}) {}", ty.cql(), ty.literal(&mut self.dice))
            }
            // Results in a varint or decimal are not in their shortest form there: the table of
            // differences knows it as `varint-of-arithmetic`.
            3 | 4 if ty.is_number() && !ty.is("varint") && !ty.is("decimal") => {
                self.note("arithmetic");
                let operator = self.dice.pick(&["+", "-", "*", "/", "%"]).to_string();
                format!(
                    "{} {operator} {}",
                    self.dice.between(1, 9),
                    self.dice.between(1, 4)
                )
            }
            _ => ty.literal(&mut self.dice),
        }
    }

    /// A value that bounds a slice. Null means something there that it should not: the table of
    /// differences knows it as `slice-of-null`.
    pub fn bound(&mut self, ty: &Ty) -> String {
        ty.literal(&mut self.dice)
    }

    /// A small number: a limit, a time to live.
    pub fn number(&mut self, low: usize, high: usize) -> String {
        let number = self.dice.between(low, high).to_string();
        match &mut self.binds {
            Some(binds) if self.dice.chance(50) => {
                binds.push(number);
                "?".to_owned()
            }
            _ => number,
        }
    }
}
