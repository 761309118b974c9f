//! The engine against a model: random operations, no mismatch.
//!
//! Each seed is one run of writes of every kind (with timestamps out of order, TTLs, deletions of
//! cells, collections, rows, ranges and partitions, batches), reads of every kind, scans, flushes,
//! compactions, clean and unclean restarts, and a clock that moves on. After each read the engine's
//! answer must equal the model's, which keeps all writes and knows nothing of merging.
//!
//! One table keeps its tombstones for as long as the run lasts, so that its writes may be as late
//! as they like. The other has `gc_grace_seconds = 0`: there a write older than a deletion that was
//! already purged would rightly come to life, so whatever follows a compaction is newer than all
//! before it.
//!
//! Runs of even seeds have indexes of all kinds, which come and go. Now and then, and after every
//! restart, what each yields is compared with what its table's rows say.

#![expect(clippy::unwrap_used, reason = "a failure here is the test's")]

#[path = "model/indexes.rs"]
mod indexes;
#[path = "model/oracle.rs"]
mod oracle;
#[path = "model/run.rs"]
mod run;
#[path = "model/scans.rs"]
mod scans;
#[path = "model/setup.rs"]
mod setup;

use run::Run;

/// Operations of one seed, without indexes and with them: there each does more.
const OPERATIONS: [usize; 2] = [25_000, 10_000];

fn check(seed: u64) {
    let mut run = Run::new(seed);
    for number in 0..OPERATIONS[usize::from(run.indexed)] {
        run.step(number);
    }
    run.finish();
}

#[test]
fn seeds_1_and_2() {
    check(1);
    check(2);
}

#[test]
fn seeds_3_and_4() {
    check(3);
    check(4);
}

#[test]
fn seeds_5_and_6() {
    check(5);
    check(6);
}

#[test]
fn seeds_7_and_8() {
    check(7);
    check(8);
}
