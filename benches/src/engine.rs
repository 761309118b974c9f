//! helenus beside fjall 3, one process, one machine: rows of 8 typed columns.
//!
//! Run with `cargo run --release --manifest-path benches/Cargo.toml --bin engine -- [ROWS] [ROUNDS]`.
//! Neither side syncs its log per write; both hand each write to the operating system, and both
//! have the same cache. Each round loads fresh databases; the table shows the median round.
//! Every read is checked against what was written.

mod fjall_side;
mod helenus_side;
mod rows;
mod side;

use fjall_side::FjallSide;
use helenus_side::{EngineSide, PreparedSide};
use rows::{EventRow, ROWS_A_PARTITION, mix, row, shuffled};
use side::Side;
use std::time::Instant;

const CACHE_BYTES: u64 = 256 << 20;
const BATCH_ROWS: usize = 100;
const POINT_READS: u64 = 200_000;
const SLICES: u64 = 10_000;

const WORKS: [(&str, &str); 7] = [
    ("load one by one", "rows/s"),
    ("load in batches of 100", "rows/s"),
    ("hot point read", "reads/s"),
    ("missing key", "reads/s"),
    ("100-row slice", "slices/s"),
    ("full scan", "rows/s"),
    ("one-column scan", "rows/s"),
];

/// How many of something a second, by `work`, which answers how many it did.
fn rate(work: impl FnOnce() -> u64) -> f64 {
    let start = Instant::now();
    let done = work();
    done as f64 / start.elapsed().as_secs_f64()
}

fn measure(open: &dyn Fn(&std::path::Path) -> Box<dyn Side>, count: u64) -> Vec<f64> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let order = shuffled(count);
    let mut rates = Vec::new();

    let mut single = open(&folder.path().join("single"));
    let work: Vec<EventRow> = order.iter().map(|number| row(*number)).collect();
    rates.push(rate(|| {
        work.iter().for_each(|row| single.write(row));
        count
    }));
    drop(single);
    let mut side = open(&folder.path().join("batches"));
    rates.push(rate(|| {
        work.chunks(BATCH_ROWS)
            .for_each(|rows| side.write_batch(rows));
        count
    }));
    let expected = work
        .iter()
        .fold(0u64, |sum, row| sum.wrapping_add(row.checksum()));
    let expected_count: i64 = work.iter().map(|row| row.count).sum();
    drop(work);
    side.settle();

    let partitions = count / ROWS_A_PARTITION;
    // Hot: a thousand partitions, read once before the clock runs.
    let hot = partitions.min(1_000);
    let points: Vec<(u64, u64, u64)> = (0..POINT_READS)
        .map(|number| (mix(number) % hot, mix(number ^ 77) % ROWS_A_PARTITION))
        .map(|(partition, n)| {
            (
                partition,
                n,
                row(partition * ROWS_A_PARTITION + n).checksum(),
            )
        })
        .collect();
    let read = || {
        for (partition, n, expected) in &points {
            assert_eq!(side.get(*partition, *n), Some(*expected));
        }
        POINT_READS
    };
    read();
    rates.push(rate(read));
    rates.push(rate(|| {
        for number in 0..POINT_READS {
            assert_eq!(side.get(mix(number) % hot, ROWS_A_PARTITION + number), None);
        }
        POINT_READS
    }));
    rates.push(rate(|| {
        for number in 0..SLICES {
            let (seen, sum) = side.slice(mix(number) % hot, mix(number ^ 5) % 100, 100);
            assert_eq!(seen, 100);
            std::hint::black_box(sum);
        }
        SLICES
    }));
    rates.push(rate(|| {
        assert_eq!(side.scan(), (count as usize, expected));
        count
    }));
    rates.push(rate(|| {
        assert_eq!(side.scan_column(), (count as usize, expected_count));
        count
    }));
    rates
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

type Open = Box<dyn Fn(&std::path::Path) -> Box<dyn Side>>;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse().expect("number"));
    let count: u64 = arguments.next().unwrap_or(1_000_000);
    let rounds: u64 = arguments.next().unwrap_or(3);
    assert!(
        count >= ROWS_A_PARTITION && count % ROWS_A_PARTITION == 0,
        "rows: a multiple of 200"
    );
    let sides: [(&str, Open); 3] = [
        (
            "fjall",
            Box::new(|path| Box::new(FjallSide::open(path, CACHE_BYTES))),
        ),
        (
            "Engine",
            Box::new(|path| Box::new(EngineSide::open(path, CACHE_BYTES))),
        ),
        (
            "execute",
            Box::new(|path| Box::new(PreparedSide::open(path, CACHE_BYTES))),
        ),
    ];
    let mut results = vec![Vec::new(); sides.len()];
    for round in 1..=rounds {
        for (side, rounds_of_side) in sides.iter().zip(&mut results) {
            eprintln!("round {round}: {}", side.0);
            rounds_of_side.push(measure(&side.1, count));
        }
    }
    println!("{count} rows of 8 columns, median of {rounds} rounds");
    println!(
        "{:<24}{:>14}{:>14}{:>14}  {:<9}{:>8}{:>9}",
        "work", "fjall", "Engine", "execute", "unit", "Engine", "execute"
    );
    for (at, (work, unit)) in WORKS.iter().enumerate() {
        let of = |side: usize| median(results[side].iter().map(|rates| rates[at]).collect());
        let (fjall, engine, execute) = (of(0), of(1), of(2));
        println!(
            "{work:<24}{fjall:>14.0}{engine:>14.0}{execute:>14.0}  {unit:<9}{:>7.2}x{:>8.2}x",
            engine / fjall,
            execute / fjall
        );
    }
}
