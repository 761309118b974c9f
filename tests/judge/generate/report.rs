//! What a run found: how often each clause was taken and refused, and what differed.

use crate::judge::generate::Line;
use crate::judge::generate::maker::CLAUSES;
use crate::judge::generate::times::Times;
use crate::judge::recorded::{contrast, is_refusal};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Clauses that are never taken by their nature, or never refused.
const NEVER_TAKEN: &[&str] = &[];
const NEVER_REFUSED: &[&str] = &[];

/// An answer that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    pub seed: u64,
    pub clauses: Vec<String>,
    /// What leads to it; the last line is the one that differs.
    pub script: Vec<Line>,
    pub ours: String,
    pub theirs: String,
    pub is_loose: bool,
    /// How often one like it was found.
    pub count: usize,
    /// Whether no line can be left out any more.
    pub is_shrunk: bool,
}

/// What a run found.
#[derive(Debug, Default)]
pub struct Report {
    pub statements: usize,
    pub refused: usize,
    counts: BTreeMap<&'static str, [usize; 2]>,
    /// How often each difference that the manual explains was met, by its name there.
    explained: BTreeMap<&'static str, usize>,
    /// One of each sort.
    pub differences: BTreeMap<String, Difference>,
    /// What is wrong without another side.
    pub failures: Vec<String>,
    pub times: Times,
}

/// A text without its names, numbers and strings.
fn shape(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    for c in text.chars() {
        if c == '\'' {
            quoted = !quoted;
            if quoted {
                out.push('S');
            }
        } else if !quoted && !c.is_ascii_digit() {
            out.push(c);
        }
    }
    out
}

impl Difference {
    /// What it has in common with others of its sort.
    fn sort(&self) -> String {
        let text = self.script.last().map_or("", |line| line.text.as_str());
        let verb = text.split(' ').next().unwrap_or_default();
        let first = |answer: &str| shape(answer.lines().next().unwrap_or_default());
        match (is_refusal(&self.theirs), is_refusal(&self.ours)) {
            (false, false) => format!("{verb} answers: {}", self.clauses.join(", ")),
            (true, true) => {
                let both = format!("{} / {}", first(&self.theirs), first(&self.ours));
                let names = both.split_whitespace().filter(|word| word.len() > 2);
                format!("words: {}", names.collect::<Vec<_>>().join(" "))
            }
            (true, false) => format!("{verb} only here taken: {}", first(&self.theirs)),
            (false, true) => format!("{verb} only here refused: {}", first(&self.ours)),
        }
    }

    /// Whether both refuse, in other words.
    pub fn is_of_words(&self) -> bool {
        is_refusal(&self.theirs) && is_refusal(&self.ours)
    }

    /// As a script in the form of the recorded ones.
    fn script(&self) -> String {
        let mut out = String::new();
        let last = self.script.len() - 1;
        for (at, line) in self.script.iter().enumerate() {
            let is_schema = line.text.starts_with("CREATE") || line.text.starts_with("ALTER");
            if self.is_of_words() && at != last && !is_schema {
                continue;
            }
            if let Some(values) = &line.ask.values {
                writeln!(out, "    BIND ({});", values.join(", ")).unwrap();
            }
            if let Some(rows) = line.ask.page_rows {
                writeln!(out, "    PAGE {rows};").unwrap();
            }
            writeln!(out, "    {};", line.text).unwrap();
        }
        out
    }
}

impl Report {
    /// Counts a statement.
    pub fn count(&mut self, clauses: &[&'static str], refused: bool) {
        self.statements += 1;
        self.refused += usize::from(refused);
        for clause in clauses {
            self.counts.entry(clause).or_default()[usize::from(refused)] += 1;
        }
    }

    /// Counts a difference that the manual explains.
    pub fn count_explained(&mut self, name: &'static str) {
        *self.explained.entry(name).or_default() += 1;
    }

    /// Remembers a difference, if none like it is known by a shorter script.
    pub fn add(&mut self, difference: Difference) {
        let sort = difference.sort();
        match self.differences.get_mut(&sort) {
            None => drop(self.differences.insert(sort, difference)),
            Some(known) => {
                let count = known.count + difference.count;
                if difference.script.len() < known.script.len() {
                    *known = difference;
                }
                known.count = count;
            }
        }
    }

    /// Adds what another run found.
    pub fn merge(&mut self, other: Self) {
        self.statements += other.statements;
        self.refused += other.refused;
        for (clause, [taken, refused]) in other.counts {
            let count = self.counts.entry(clause).or_default();
            count[0] += taken;
            count[1] += refused;
        }
        for (name, count) in other.explained {
            *self.explained.entry(name).or_default() += count;
        }
        for difference in other.differences.into_values() {
            self.add(difference);
        }
        self.failures.extend(other.failures);
        self.times.merge(other.times);
    }

    /// The clauses that were never taken or never refused; with `both` false those that never
    /// turned up at all.
    pub fn missing(&self, both: bool) -> Vec<String> {
        let mut missing = Vec::new();
        for clause in CLAUSES {
            let [taken, refused] = self.counts.get(clause).copied().unwrap_or_default();
            if !both {
                if taken + refused == 0 {
                    missing.push(format!("{clause}: never"));
                }
                continue;
            }
            if taken == 0 && !NEVER_TAKEN.contains(clause) {
                missing.push(format!("{clause}: never taken"));
            }
            if refused == 0 && !NEVER_REFUSED.contains(clause) {
                missing.push(format!("{clause}: never refused"));
            }
        }
        missing
    }

    /// The clauses with their counts.
    pub fn clauses(&self) -> String {
        let mut out = format!("{:<24} {:>7} {:>7}\n", "clause", "taken", "refused");
        for clause in CLAUSES {
            let [taken, refused] = self.counts.get(clause).copied().unwrap_or_default();
            writeln!(out, "{clause:<24} {taken:>7} {refused:>7}").unwrap();
        }
        writeln!(
            out,
            "{} statements, {} taken, {} refused",
            self.statements,
            self.statements - self.refused,
            self.refused
        )
        .unwrap();
        for (name, count) in &self.explained {
            writeln!(out, "explained: {name:<24} {count:>4}").unwrap();
        }
        let unexplained: usize = self.differences.values().map(|it| it.count).sum();
        writeln!(out, "not explained: {unexplained}").unwrap();
        out
    }

    /// The differences, each with its script.
    pub fn shown_differences(&self) -> String {
        let mut out = String::new();
        let mut sorted: Vec<(&String, &Difference)> = self.differences.iter().collect();
        sorted.sort_by_key(|(_, it)| (it.is_of_words(), std::cmp::Reverse(it.count)));
        for (sort, it) in sorted {
            writeln!(out, "===== {} times, seed {}: {sort}", it.count, it.seed).unwrap();
            out += &it.script();
            writeln!(out, "{}", contrast(&it.theirs, &it.ours)).unwrap();
        }
        out
    }
}
