//! The machine stops, or a call fails, at every single input or output of seeded workloads.
//!
//! A workload is a sequence of operations by one client over the simulated disk: writes to several
//! partitions and tables at once, deletions of all kinds, flushes, compactions, schema changes,
//! indexes built anew, TRUNCATE. Before each call that changes the disk, the disk that a power cut
//! at this moment would leave is set aside, with what was acknowledged by then. Each such image is
//! opened and must hold exactly what the workload had written up to some operation between the last
//! acknowledged one and the one under way: nothing lost, batches whole, nothing invented, no hole,
//! every index built and its entries as the rows say. Some images are taken while another image
//! recovers. With a periodic log, the last flush or TRUNCATE stands in for the last acknowledged
//! operation.
//!
//! `HELENUS_SEEDS=n` runs n workloads in place of the default, `HELENUS_SEED=s` starts at seed s.

#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "simulate/faults.rs"]
mod faults;
#[path = "simulate/world.rs"]
mod world;

use helenus::config::CommitlogSync;
use helenus::random::Random;
use helenus::storage::disk::simulated::SimulatedDisk;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use world::{Contents, Operation, next_operation, open, open_as, perform};

const OPERATIONS: u64 = 60;
/// One image of so many is watched while it recovers.
const COMPOUND: u64 = 10;

fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A disk as a crash left it, and between which states of the workload it must be.
struct Image {
    disk: SimulatedDisk,
    acknowledged: usize,
    tried: usize,
    call: u64,
}

/// What a workload did: the contents after each operation, and the images.
struct History {
    states: Vec<Contents>,
    images: Vec<Image>,
}

/// Watches a disk: an image before each call that changes it.
fn watch(
    disk: &SimulatedDisk,
    seed: u64,
    bounds: impl Fn() -> (usize, usize) + Send + 'static,
) -> Arc<Mutex<Vec<Image>>> {
    let images = Arc::new(Mutex::new(Vec::new()));
    let (shared, taken) = (disk.clone(), Arc::clone(&images));
    disk.set_observer(Some(Box::new(move |call| {
        let (acknowledged, tried) = bounds();
        taken.lock().unwrap().push(Image {
            disk: shared.crash_image(seed << 24 ^ call),
            acknowledged,
            tried,
            call,
        });
    })));
    images
}

/// In which mode the log of a workload is: one of three is periodic.
fn mode(seed: u64) -> CommitlogSync {
    match seed % 3 {
        0 => CommitlogSync::Periodic,
        1 => CommitlogSync::Group,
        _ => CommitlogSync::Batch,
    }
}

/// Whether all that was done before is durable once the operation has been done. With a periodic
/// log a write alone proves nothing.
fn makes_durable(mode: CommitlogSync, operation: &Operation) -> bool {
    let writes = matches!(operation, Operation::Write(_) | Operation::Background);
    mode != CommitlogSync::Periodic || !writes
}

fn run(seed: u64) -> History {
    let random = Random::seeded(seed);
    let mode = mode(seed);
    let disk = SimulatedDisk::new();
    let (durable, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (first, second) = (Arc::clone(&durable), Arc::clone(&done));
    let images = watch(&disk, seed, move || {
        let acknowledged = first.load(Ordering::SeqCst) as usize;
        (acknowledged, second.load(Ordering::SeqCst) as usize + 1)
    });
    let mut states = vec![Contents::default()];
    let mut contents = Contents::default();
    let mut engine = open_as(&disk, mode).unwrap();
    for number in 1..=OPERATIONS {
        if random.below(25) == 0 {
            // A restart, now and then a clean one.
            if random.below(2) == 0 {
                engine.close().unwrap();
            }
            drop(engine);
            engine = open_as(&disk, mode).unwrap();
        }
        let mut operation = next_operation(&random, &contents);
        if mode == CommitlogSync::Periodic && changes_schema(&operation) && number > 4 {
            // The log may be behind the manifest here: such states are none of the workload's.
            operation = Operation::Background;
        }
        perform(&engine, number, &operation)
            .unwrap_or_else(|error| panic!("seed {seed}, {number} {operation:?}: {error}"));
        contents.apply(number, &operation);
        let found = Contents::of(&engine).unwrap();
        assert!(
            found == contents,
            "seed {seed}, {number} {operation:?}: found {found:?}\nexpected {contents:?}"
        );
        states.push(contents.clone());
        if makes_durable(mode, &operation) {
            durable.store(number, Ordering::SeqCst);
        }
        done.store(number, Ordering::SeqCst);
    }
    drop(engine);
    disk.set_observer(None);
    let images = std::mem::take(&mut *images.lock().unwrap());
    History { states, images }
}

fn changes_schema(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Create(_) | Operation::Drop(_) | Operation::Comment(..) | Operation::Reindex(_)
    )
}

/// Opens an image and answers the state that it is in.
fn verify(image: &Image, states: &[Contents], seed: u64) -> usize {
    let place = format!("seed {seed}, call {}", image.call);
    let engine = open(&image.disk).unwrap_or_else(|error| panic!("{place}: {error}"));
    let found = Contents::of(&engine).unwrap_or_else(|error| panic!("{place}: {error}"));
    let tried = image.tried.min(states.len() - 1);
    let state = (image.acknowledged..=tried).find(|number| states[*number] == found);
    let state = state.unwrap_or_else(|| {
        let expected = &states[image.acknowledged];
        panic!("{place}: found {found:?}\nexpected from {expected:?} on")
    });
    assert!(world::all_built(&engine), "{place}: an index is not built");
    // It takes writes again, and they last.
    if let Some(table) = found.tables.keys().next() {
        let row = world::Change::Put(vec![77]);
        let write = Operation::Write(vec![(table.clone(), 9, row)]);
        perform(&engine, 5000, &write).unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    state
}

/// Verifies an image while every call of its recovery is watched, and then what that left.
fn verify_compound(image: &Image, states: &[Contents], seed: u64) -> u64 {
    let (acknowledged, tried) = (image.acknowledged, image.tried);
    let nested = watch(&image.disk, seed + 1, move || (acknowledged, tried));
    let engine = open(&image.disk).unwrap();
    drop(engine);
    image.disk.set_observer(None);
    let nested = std::mem::take(&mut *nested.lock().unwrap());
    for inner in &nested {
        verify(inner, states, seed);
    }
    verify(image, states, seed);
    nested.len() as u64
}

#[test]
fn a_crash_at_any_call_leaves_all_that_was_acknowledged() {
    let (first, seeds) = (setting("HELENUS_SEED", 1), setting("HELENUS_SEEDS", 3));
    let next = AtomicU64::new(first);
    let verified = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= first + seeds {
                        return;
                    }
                    let history = run(seed);
                    for (number, image) in history.images.iter().enumerate() {
                        let nested = if number as u64 % COMPOUND == seed % COMPOUND {
                            verify_compound(image, &history.states, seed)
                        } else {
                            verify(image, &history.states, seed);
                            0
                        };
                        verified.fetch_add(1 + nested, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let verified = verified.load(Ordering::SeqCst);
    println!("seeds {first} to {}: {verified} images", first + seeds - 1);
    assert!(verified >= seeds * 1000, "only {verified} images");
}
