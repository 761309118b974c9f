//! The generator: random schemas and statements, asked of both sides.
//!
//! A run is a row of worlds. Each has two user types and five tables of its own seed and lives for
//! a few hundred statements, because schema changes are slow where Cassandra makes them. Statements
//! are made from the model of the schema that [`schema`] keeps; what they mean is nobody's business
//! here: the other side is the oracle. A table on which the sides have come apart is left alone
//! from then on, since whatever follows would only repeat the difference.
//!
//! Without a Cassandra helenus is held against itself: a result read in pages is the whole one,
//! what an index finds is what the table has, and nothing is an internal error.
//!
//! What the clauses of a statement were, and whether it was taken, is counted: a clause that is
//! never taken, or never refused, is not tested, and fails the run.

mod change;
mod dice;
mod explain;
mod maker;
mod pieces;
mod relation;
mod report;
mod schema;
mod select;
mod selfcheck;
mod shrink;
mod times;
mod ty;
mod words;
mod write;

use crate::judge::recorded::{self, is_refusal};
use crate::judge::side::{Ask, Side};
use change::follow;
use maker::{Change, Made, Maker};
use report::Difference;
pub use report::Report;
use schema::World;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use times::Times;

/// How many statements a world lives: Cassandra needs as long for making one as for hundreds.
const WORLD_STATEMENTS: usize = 800;
/// So many different answers end a table.
const TABLE_DIFFERENCES_MAX: usize = 3;

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    pub statements: usize,
    /// The Cassandra to hold helenus against.
    pub judge: Option<String>,
    /// How often scripts are tried again to find shorter ones.
    pub shrinks: usize,
    /// How many worlds live at a time.
    pub threads: usize,
}

/// A line of a script: a statement, or `WAIT n`.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    pub ask: Ask,
    /// The table that it is about; none: all.
    pub table: Option<usize>,
}

/// Both sides.
pub struct Pair {
    pub ours: Side,
    pub theirs: Option<Side>,
    pub keyspace: String,
    times: Times,
}

impl Pair {
    pub fn open(keyspace: &str, judge: Option<&str>) -> Self {
        Self {
            ours: Side::ours(keyspace),
            theirs: judge.map(|address| Side::at(address, keyspace)),
            keyspace: keyspace.to_owned(),
            times: Times::default(),
        }
    }

    pub fn close(self) -> Times {
        self.ours.finish();
        if let Some(theirs) = self.theirs {
            theirs.finish();
        }
        self.times
    }

    /// What both answer: ours, and theirs where there is such a side.
    pub fn ask(&mut self, line: &Line) -> (String, Option<String>) {
        if let Some(seconds) = line.text.strip_prefix("WAIT ") {
            let seconds = seconds.parse().unwrap();
            self.ours.wait(seconds);
            if let Some(theirs) = &mut self.theirs {
                theirs.wait(seconds);
            }
            return (String::new(), None);
        }
        let verb = line.text.split(' ').next().unwrap_or_default();
        let ours = self
            .times
            .measure(verb, "here", || self.ours.answer(&line.text, &line.ask));
        let theirs = self.theirs.as_mut().map(|it| {
            self.times
                .measure(verb, "there", || it.answer(&line.text, &line.ask))
        });
        (ours, theirs)
    }
}

/// An answer without what legitimately differs: the words of syntax errors, the words of errors
/// where there may be several (`is_loose`), and timestamps that are a server's own.
pub fn comparable(answer: &str, is_loose: bool) -> String {
    if is_refusal(answer) {
        let class = answer.split(": ").next().unwrap_or_default();
        if class == "Syntax" || is_loose {
            return class.to_owned();
        }
    }
    let answer = recorded::comparable(answer);
    let mut out = String::new();
    let mut digits = String::new();
    for c in answer.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        out.push_str(if digits.len() == 16 { "<now>" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// Whether the answers are the same, but for what legitimately differs.
pub fn agree(ours: &str, theirs: &str, is_loose: bool) -> bool {
    comparable(ours, is_loose) == comparable(theirs, is_loose)
}

/// A world under way.
struct Run {
    report: Report,
    maker: Maker,
    world: World,
    pair: Pair,
    /// What was done so far.
    journal: Vec<Line>,
    differences: HashMap<usize, usize>,
    seed: u64,
}

/// Runs it: worlds one after another, several at a time.
pub fn run(options: &Options) -> Report {
    let report = Mutex::new(Report::default());
    let next = AtomicU64::new(options.seed * 1000);
    std::thread::scope(|scope| {
        for _ in 0..options.threads {
            scope.spawn(|| {
                while report.lock().unwrap().statements < options.statements {
                    let of_world = live(next.fetch_add(1, Ordering::Relaxed), options);
                    report.lock().unwrap().merge(of_world);
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap();
    shrink::differences(&mut report, options);
    report
}

/// A world from its beginning to its end.
fn live(seed: u64, options: &Options) -> Report {
    let mut maker = Maker::new(seed);
    let (world, made) = World::new(&mut maker);
    let mut run = Run {
        report: Report::default(),
        maker,
        world,
        pair: Pair::open(&format!("g_{seed}"), options.judge.as_deref()),
        journal: Vec::new(),
        differences: HashMap::new(),
        seed,
    };
    run.create(made);
    run.live(options.statements.min(WORLD_STATEMENTS));
    let times = run.pair.close();
    run.report.times.merge(times);
    run.report
}

impl Run {
    fn create(&mut self, made: Vec<String>) {
        let types = self.world.udts.len();
        for (at, text) in made.into_iter().enumerate() {
            let table = at.checked_sub(types);
            let line = Line {
                text,
                ask: Ask::default(),
                table,
            };
            let (ours, theirs) = self.pair.ask(&line);
            self.note_difference(
                &line,
                &ours,
                theirs.as_deref(),
                false,
                &["create".to_owned()],
            );
            self.journal.push(line);
            if let Some(table) = table
                && is_refusal(&ours)
            {
                self.world.tables[table].is_dead = true;
            }
        }
    }

    fn live(&mut self, statements: usize) {
        for step in 0..statements {
            let alive: Vec<usize> = (0..self.world.tables.len())
                .filter(|at| !self.world.tables[*at].is_dead)
                .collect();
            if alive.is_empty() {
                break;
            }
            let table = *self.maker.dice.pick(&alive);
            let made = self.make(table, step);
            let wait = self.maker.dice.chance(1);
            self.step(made);
            if wait {
                let seconds = self.maker.dice.between(1, 40);
                let text = format!("WAIT {seconds}");
                let line = Line {
                    text,
                    ask: Ask::default(),
                    table: None,
                };
                self.pair.ask(&line);
                self.journal.push(line);
            }
        }
        if self.pair.theirs.is_none() {
            self.report
                .failures
                .extend(selfcheck::indexes(&mut self.pair.ours, &self.world));
        }
    }

    fn make(&mut self, at: usize, step: usize) -> Made {
        let table = &self.world.tables[at];
        let weights = if step < 60 { [85, 8, 7] } else { [35, 60, 5] };
        let made = match self.maker.dice.weighted(&weights) {
            0 => write::make(&mut self.maker, table, at),
            1 => select::make(&mut self.maker, table, at),
            _ => change::make(&mut self.maker, &self.world, at),
        };
        if self.maker.dice.chance(4) {
            let mut spoiled = change::spoil(&mut self.maker, made);
            spoiled.change = Change::Nothing;
            return spoiled;
        }
        made
    }

    fn step(&mut self, made: Made) {
        let line = Line {
            text: made.text,
            ask: made.ask,
            table: Some(made.table),
        };
        let (ours, theirs) = self.pair.ask(&line);
        let judged = theirs.as_deref().unwrap_or(&ours);
        let refused = is_refusal(judged);
        self.report.count(&made.clauses, refused);
        let clauses: Vec<String> = made.clauses.iter().map(|it| (*it).to_owned()).collect();
        let differs =
            self.note_difference(&line, &ours, theirs.as_deref(), made.is_loose, &clauses);
        if differs {
            let so_far = self.differences.entry(made.table).or_default();
            *so_far += 1;
            // Refused by both in other words changes nothing.
            if !made.is_read && !refused || *so_far >= TABLE_DIFFERENCES_MAX && !is_refusal(&ours) {
                self.world.tables[made.table].is_dead = true;
            }
        }
        let is_apart = is_refusal(&ours) != refused || !refused && !agree(&ours, judged, false);
        if !made.is_read && is_apart {
            // Explained or not: what one side took the other did not.
            self.world.tables[made.table].is_dead = true;
            if matches!(made.change, Change::AddField(..) | Change::RenameField(..)) {
                self.world
                    .tables
                    .iter_mut()
                    .for_each(|it| it.is_dead = true);
            }
        }
        if theirs.is_none() && made.is_read {
            let paged = selfcheck::paged(&mut self.pair.ours, &line, &ours, &mut self.maker.dice);
            self.report.failures.extend(paged);
        }
        let taken = ["CREATED", "UPDATED", "DROPPED"]
            .iter()
            .any(|it| judged.starts_with(it));
        if taken {
            follow(&mut self.world, made.table, &made.change);
        }
        if !refused && !made.is_read {
            self.journal.push(line);
        }
    }

    /// Compares two answers; remembers where they differ.
    fn note_difference(
        &mut self,
        line: &Line,
        ours: &str,
        theirs: Option<&str>,
        is_loose: bool,
        clauses: &[String],
    ) -> bool {
        if ours.starts_with("Internal: ") || ours.starts_with("Io: ") {
            self.report
                .failures
                .push(format!("seed {}: {}\n  {ours}", self.seed, line.text));
        }
        let Some(theirs) = theirs else {
            return false;
        };
        if theirs.contains("Timeout: ") || agree(ours, theirs, is_loose) {
            return false;
        }
        let about = |it: &&Line| it.table.is_none() || it.table == line.table;
        let mut script: Vec<Line> = self.journal.iter().filter(about).cloned().collect();
        script.push(line.clone());
        if let Some(name) = explain::name(&mut self.pair, &script, ours, theirs) {
            self.report.count_explained(name);
            return false;
        }
        self.report.add(Difference {
            seed: self.seed,
            clauses: clauses.to_vec(),
            script,
            ours: ours.to_owned(),
            theirs: theirs.to_owned(),
            is_loose,
            count: 1,
            is_shrunk: false,
        });
        true
    }
}
