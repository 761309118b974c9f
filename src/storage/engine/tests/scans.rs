//! Scans by column against reads by row, what they leave out, and pinned tables.

use super::*;
use crate::random::Random;
use crate::storage::ingest::IngestOptions;
use crate::storage::read::{
    ColumnBatch, ColumnVector, ScanCommand, ScanFigures, VectorValues, ZoneTest,
};
use crate::storage::shapes::DecimalShape;
use crate::types::{key, text as cql_text};
use std::sync::atomic::{AtomicBool, Ordering};

const WIDE: TableId = TableId(2);
const NUMBER: ColumnId = ColumnId(4);
const DAY: ColumnId = ColumnId(5);
const PRICE: ColumnId = ColumnId(8);

/// A table of many types, without static columns.
fn wide_table() -> Table {
    let typed = |id, name: &str, ty, kind| Column {
        ty,
        ..column(id, name, kind)
    };
    let regular = |id, name: &str, ty| typed(id, name, ty, ColumnKind::Regular);
    Table {
        id: WIDE,
        name: "wide".to_owned(),
        partition_key: vec![typed(0, "p", Type::BigInt, ColumnKind::PartitionKey)],
        clustering: vec![typed(1, "c", Type::Decimal, ColumnKind::Clustering)],
        statics: Vec::new(),
        regulars: vec![
            regular(3, "a", Type::Int),
            regular(4, "b", Type::BigInt),
            regular(5, "d", Type::Date),
            regular(6, "f", Type::Double),
            regular(7, "t", Type::Text),
            regular(8, "x", Type::Decimal),
        ],
        next_column_id: 9,
        ..table()
    }
}

fn wide_engine(block_bytes: usize) -> Engine {
    let clock = VirtualClock::shared(1_000 * SECOND);
    let config = Config {
        block_bytes,
        ..config()
    };
    let engine = Engine::in_memory(config, clock).unwrap();
    create(&engine, true);
    let change = SchemaChange::PutTable(Box::new(wide_table()));
    engine.change_schema(|_| Ok(vec![change])).unwrap();
    engine
}

/// The row at a decimal, whose text may have lost something in its clustering.
fn at(number: &str) -> Row {
    let value = cql_text::parse(&Type::Decimal, number).unwrap();
    let mut clustering = Vec::new();
    let lossy = key::encode_component(&Type::Decimal, false, Some(&value), &mut clustering);
    key::finish_clustering(&mut clustering);
    let mut row = Row::new(Bytes::from(clustering));
    if lossy.unwrap() {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        row.original = Some(Bytes::from([&length[..], &value].concat()));
    }
    row
}

fn wide_update(partition: i64, rows: Vec<Row>) -> PartitionUpdate {
    PartitionUpdate {
        table: WIDE,
        ..update(partition, rows)
    }
}

fn random_value(random: &Random, id: u32) -> Vec<u8> {
    let number = random.below(40) as i64 - 20;
    match id {
        3 => (number as i32).to_be_bytes().to_vec(),
        4 => number.to_be_bytes().to_vec(),
        5 => ((1_u32 << 31).wrapping_add_signed(number as i32))
            .to_be_bytes()
            .to_vec(),
        6 => (number as f64 / 4.0).to_be_bytes().to_vec(),
        7 => vec![b'a'; random.below(9) as usize],
        _ => cql_text::parse(&Type::Decimal, &format!("{number}.{:02}", random.below(99))).unwrap(),
    }
}

fn random_update(random: &Random, timestamp: i64, tame: bool) -> PartitionUpdate {
    let mut update = wide_update(random.below(30) as i64, Vec::new());
    let deletion = Deletion {
        timestamp,
        deleted_at_seconds: 1_000,
    };
    for _ in 0..1 + random.below(12) {
        let zeros = ["", ".0", ".00"][random.below(3) as usize];
        let mut row = at(&format!("{}{zeros}", random.below(20)));
        let kind = if tame { 0 } else { random.below(20) };
        match kind {
            18 => row.deletion = RowDeletion::plain(deletion),
            19 => {
                let end = Slice::row(at("15").clustering).end;
                let start = row.clustering.clone();
                if start < end {
                    update.ranges.push(RangeDeletion {
                        start,
                        end,
                        deletion,
                    });
                }
                continue;
            }
            _ => {
                if random.below(4) > 0 {
                    row.liveness = Liveness {
                        timestamp,
                        ..Liveness::NONE
                    };
                }
                for id in 3..=8 {
                    let cell = Cell::plain(timestamp, Bytes::from(random_value(random, id)));
                    let cell = match if tame { 0 } else { random.below(12) } {
                        0..=5 => cell,
                        6 => Cell::tombstone(timestamp, 1_000),
                        7 => Cell {
                            ttl_seconds: 5,
                            expiry_seconds: 998 + random.below(5) as i64,
                            ..cell
                        },
                        _ => continue,
                    };
                    row = with_cell(row, id, cell);
                }
                if row.liveness.is_none() && row.columns.is_empty() {
                    continue;
                }
            }
        }
        update.rows.push(row);
    }
    if !tame && random.below(20) == 0 {
        update.deletion = deletion;
    }
    update
}

type Flat = (PartitionKey, Bytes, Option<Bytes>, Vec<Option<Bytes>>);

fn value_at(column: &ColumnVector, row: usize) -> Option<Bytes> {
    let present = column.present[row / 64] >> (row % 64) & 1 == 1;
    present.then(|| match &column.values {
        VectorValues::Int32(all) => Bytes::copy_from_slice(&all[row].to_be_bytes()),
        VectorValues::Int64(all) => Bytes::copy_from_slice(&all[row].to_be_bytes()),
        VectorValues::Float64(all) => Bytes::copy_from_slice(&all[row].to_be_bytes()),
        VectorValues::Bytes { offsets, data } => {
            let range = offsets[row] as usize..offsets[row + 1] as usize;
            Bytes::copy_from_slice(&data[range])
        }
        other => other.compact_wire(row).unwrap().into(),
    })
}

fn flatten(batch: &ColumnBatch, out: &mut Vec<Flat>) {
    let originals: BTreeMap<usize, Bytes> = batch.originals.iter().cloned().collect();
    for row in 0..batch.rows {
        let before = batch.partitions.partition_point(|(start, _)| *start <= row);
        out.push((
            batch.partitions[before - 1].1.clone(),
            Bytes::copy_from_slice(batch.clustering.get(row).unwrap()),
            originals.get(&row).cloned(),
            batch.columns.iter().map(|it| value_at(it, row)).collect(),
        ));
    }
}

fn scanned(pinned: &Pinned, command: &ScanCommand) -> Vec<Flat> {
    let mut stream = pinned.scan(command.clone()).unwrap();
    let mut out = Vec::new();
    while let Some(batch) = stream.next().unwrap() {
        flatten(&batch, &mut out);
    }
    out
}

fn counted(pinned: &Pinned, command: &ScanCommand) -> usize {
    let mut stream = pinned.scan(command.clone()).unwrap();
    let mut rows = 0;
    while let Some(batch) = stream.next().unwrap() {
        rows += batch.rows;
    }
    rows
}

fn read_rows(engine: &Engine, scan: &ScanCommand) -> Vec<Flat> {
    let read = ReadCommand {
        table: scan.table,
        partitions: scan.partitions.clone(),
        slices: scan.slices.clone(),
        reversed: scan.reversed,
        columns: Projection::Columns(scan.columns.clone()),
        now_seconds: scan.now_seconds,
    };
    let mut stream = engine.read(read).unwrap();
    let (mut key, mut out) = (None, Vec::new());
    while let Some(item) = stream.next().unwrap() {
        match item {
            ReadItem::Partition { key: next, .. } => key = Some(next),
            ReadItem::Row(row) => {
                let value = |id: &ColumnId| match row.column(*id)? {
                    ColumnData::Simple(cell) => Some(cell.value.clone()),
                    ColumnData::Complex { .. } => None,
                };
                let values = scan.columns.iter().map(value).collect();
                out.push((key.clone().unwrap(), row.clustering, row.original, values));
            }
        }
    }
    out
}

fn random_scan(random: &Random) -> ScanCommand {
    let columns = (3..=8).filter(|_| random.below(2) == 0).map(ColumnId);
    let bound = || match random.below(3) {
        0 => PartitionBound::Before(key(random.below(30) as i64)),
        1 => PartitionBound::AfterToken(random.below(30) as i64),
        _ => PartitionBound::Open,
    };
    let partitions = match random.below(6) {
        0 => Partitions::Keys(vec![key(3), key(29), key(77), key(0)]),
        1 => Partitions::Keys(vec![key(random.below(30) as i64)]),
        _ => Partitions::Range {
            start: bound(),
            end: bound(),
        },
    };
    let slice = |from: &str, to: &str| Slice {
        start: at(from).clustering,
        end: at(to).clustering,
    };
    let slices = match random.below(4) {
        0 => vec![slice("2", "6")],
        1 => vec![
            slice("1", "3"),
            Slice::row(at("7").clustering),
            slice("9", "18.5"),
        ],
        _ => vec![Slice::all()],
    };
    ScanCommand {
        partitions,
        slices,
        reversed: random.below(5) == 0,
        columns: columns.collect(),
        keys: true,
        clusterings: true,
        compact: random.below(2) == 0,
        ..ScanCommand::new(WIDE, 1_000)
    }
}

/// Writes of all kinds into memtables and files: every scan yields what the read by row does.
#[test]
fn scans_yield_what_reads_do() {
    for seed in 0..12 {
        let random = Random::seeded(seed);
        let tame = seed % 3 == 0;
        let engine = wide_engine(if seed % 2 == 0 { 300 } else { 4_000 });
        for timestamp in 1..120 {
            write(&engine, random_update(&random, timestamp, tame));
            match random.below(40) {
                0 => engine.flush(None).unwrap(),
                1 if seed % 4 == 0 => engine.compact(WIDE).unwrap(),
                _ => {}
            }
        }
        if seed % 5 == 0 {
            engine.compact(WIDE).unwrap();
        }
        let pinned = engine.pin(&[WIDE]).unwrap();
        for number in 0..40 {
            let scan = random_scan(&random);
            let expected = read_rows(&engine, &scan);
            assert_eq!(
                scanned(&pinned, &scan),
                expected,
                "{seed} {number} {scan:?}"
            );
            let bare = ScanCommand {
                columns: Vec::new(),
                keys: false,
                clusterings: false,
                ..scan.clone()
            };
            assert_eq!(counted(&pinned, &bare), expected.len(), "{bare:?}");
            zones_leave_out_only_what_fails(&pinned, &random, scan);
        }
    }
}

fn zones_leave_out_only_what_fails(pinned: &Pinned, random: &Random, scan: ScanCommand) {
    let (least, greatest) = (random.below(20) as i64 - 20, random.below(20) as i64 - 10);
    let epoch = 1_u32 << 31;
    let days = [least, greatest].map(|it| epoch.wrapping_add_signed(it as i32));
    let scan = ScanCommand {
        columns: vec![NUMBER, DAY],
        reversed: false,
        ..scan
    };
    let between = |value: Option<&Bytes>, least: &[u8], greatest: &[u8]| {
        value.is_some_and(|value| least <= &value[..] && &value[..] <= greatest)
    };
    let order = |value: i64| (value ^ i64::MIN).to_be_bytes();
    let passes = |row: &Flat| {
        let number = row.3[0].as_ref().map(|value| {
            let bytes = <[u8; 8]>::try_from(&value[..]).unwrap();
            Bytes::copy_from_slice(&order(i64::from_be_bytes(bytes)))
        });
        between(number.as_ref(), &order(least), &order(greatest))
            && between(
                row.3[1].as_ref(),
                &days[0].to_be_bytes(),
                &days[1].to_be_bytes(),
            )
    };
    let mut expected = scanned(pinned, &scan);
    expected.retain(passes);
    let zones = vec![
        ZoneTest::integers(NUMBER, least, greatest),
        ZoneTest::dates(DAY, days[0], days[1]),
    ];
    let mut found = scanned(pinned, &ScanCommand { zones, ..scan });
    found.retain(passes);
    assert_eq!(found, expected);
}

fn level_blocks(figures: &ScanFigures) -> (u64, u64) {
    let sum = |part: &dyn Fn(&crate::storage::read::LevelFigures) -> u64| {
        figures.levels().iter().map(|(_, level)| part(level)).sum()
    };
    (
        sum(&|level| level.blocks.load(Ordering::Relaxed)),
        sum(&|level| level.blocks_pruned.load(Ordering::Relaxed)),
    )
}

/// Rows whose numbers rise with their clustering, in 4 partitions of 500 rows.
fn rising() -> Engine {
    let engine = wide_engine(1_000);
    let options = IngestOptions {
        memory_bytes_max: 1 << 20,
        timestamp_min: 5,
    };
    let mut ingest = engine.ingest(WIDE, options).unwrap();
    for number in 0..2_000_i64 {
        let value = Bytes::copy_from_slice(&number.to_be_bytes());
        let mut row = with_cell(at(&number.to_string()), 4, Cell::plain(5, value));
        row.liveness.timestamp = 5;
        ingest.add(&key(number / 500), &row).unwrap();
    }
    ingest.finish().unwrap();
    engine
}

#[test]
fn blocks_are_left_out_by_zones_slices_and_filters() {
    let engine = rising();
    let pinned = engine.pin(&[WIDE]).unwrap();
    let watched = |scan: ScanCommand| {
        let figures = Arc::new(ScanFigures::default());
        let scan = ScanCommand {
            figures: Some(Arc::clone(&figures)),
            ..scan
        };
        (counted(&pinned, &scan), figures)
    };
    let all = ScanCommand {
        columns: vec![NUMBER],
        ..ScanCommand::new(WIDE, 1_000)
    };
    let (rows, figures) = watched(all.clone());
    let (blocks, pruned) = level_blocks(&figures);
    assert!(rows == 2_000 && blocks > 20 && pruned == 0);
    let (_, level) = &figures.levels()[0];
    assert_eq!(
        (level.files(), level.rows.load(Ordering::Relaxed)),
        (1, 2_000)
    );
    // Counting reads no block.
    let (rows, figures) = watched(ScanCommand::new(WIDE, 1_000));
    assert_eq!((rows, level_blocks(&figures)), (2_000, (0, 0)));
    let (rows, figures) = watched(ScanCommand {
        zones: vec![ZoneTest::integers(NUMBER, 700, 720)],
        ..all.clone()
    });
    let (read, pruned) = level_blocks(&figures);
    assert!((21..200).contains(&rows) && read <= 3 && read + pruned == blocks);
    // A slice of one partition, and of all.
    let slices = vec![Slice {
        start: at("800").clustering,
        end: at("820").clustering,
    }];
    let (rows, figures) = watched(ScanCommand {
        partitions: Partitions::Keys(vec![key(1)]),
        slices: slices.clone(),
        ..all.clone()
    });
    assert!(rows == 20 && level_blocks(&figures).0 <= 3);
    let (rows, figures) = watched(ScanCommand {
        slices,
        ..all.clone()
    });
    let (read, pruned) = level_blocks(&figures);
    assert!(rows == 20 && read <= 10 && read + pruned == blocks);
    // A partition that no file has is not looked for in any.
    let (rows, figures) = watched(ScanCommand {
        partitions: Partitions::Keys(vec![PartitionKey {
            token: 2,
            key: Bytes::from_static(b"absent"),
        }]),
        ..all
    });
    assert_eq!((rows, level_blocks(&figures)), (0, (1, 0)));
    let splits = pinned.splits(WIDE, 4);
    assert_eq!(splits.len(), 4);
}

/// A batch over two tables shows in both or in neither, whatever is set aside meanwhile.
#[test]
fn pinned_tables_are_of_one_moment() {
    let engine = wide_engine(4_000);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..400 {
                let mut row = at("1");
                row.liveness.timestamp = 1;
                let other = with_cell(super::row(b'a'), 3, text(1, "x"));
                let updates = vec![update(number, vec![other]), wide_update(number, vec![row])];
                engine.apply(Mutation { updates }).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                engine.flush(Some(TableId(1))).unwrap();
                engine.flush(Some(WIDE)).unwrap();
            }
        });
        loop {
            let last = done.load(Ordering::SeqCst);
            let pinned = engine.pin(&[WIDE, TableId(1)]).unwrap();
            let rows = |id| counted(&pinned, &ScanCommand::new(id, 1_000));
            assert_eq!(rows(WIDE), rows(TableId(1)));
            if last {
                assert_eq!(rows(WIDE), 400);
                break;
            }
        }
    });
    let pinned = engine.pin(&[WIDE]).unwrap();
    engine.truncate(WIDE).unwrap();
    assert_eq!(counted(&pinned, &ScanCommand::new(WIDE, 1_000)), 400);
    assert!(pinned.scan(ScanCommand::new(TableId(1), 0)).is_err());
}

#[test]
fn statistics_know_the_decimals() {
    let engine = wide_engine(4_000);
    let shape = |scale_max, integer_digits_max| DecimalShape {
        scale_max,
        integer_digits_max,
    };
    let put = |clustering: &str, price: &str| {
        let price = cql_text::parse(&Type::Decimal, price).unwrap();
        let mut row = with_cell(at(clustering), 8, Cell::plain(1, Bytes::from(price)));
        row.liveness.timestamp = 1;
        write(&engine, wide_update(1, vec![row]));
    };
    let shapes = || {
        let statistics = engine.pin(&[WIDE]).unwrap().statistics(WIDE).unwrap();
        let of = |id| statistics.columns.get(&id).and_then(|it| it.decimal);
        (
            of(ColumnId(1)),
            of(PRICE),
            statistics.exact,
            statistics.rows,
        )
    };
    assert_eq!(shapes(), (None, None, true, 0));
    put("1.50", "-12.5");
    assert_eq!(shapes(), (Some(shape(2, 1)), Some(shape(1, 2)), false, 1));
    engine.flush(None).unwrap();
    assert_eq!(shapes(), (Some(shape(2, 1)), Some(shape(1, 2)), true, 1));
    put("100", "0.00001");
    assert_eq!(shapes(), (Some(shape(2, 3)), Some(shape(5, 2)), false, 2));
    engine.flush(None).unwrap();
    engine.compact(WIDE).unwrap();
    let after = (Some(shape(2, 3)), Some(shape(5, 2)), true, 2);
    assert_eq!(shapes(), after);
    let statistics = engine.pin(&[WIDE]).unwrap().statistics(WIDE).unwrap();
    assert_eq!(statistics.columns[&PRICE].present, Some(2));
    assert_eq!(statistics.columns[&NUMBER].present, Some(0));
    let numbers = rising();
    let statistics = numbers.pin(&[WIDE]).unwrap().statistics(WIDE).unwrap();
    let number = statistics.columns[&NUMBER];
    assert_eq!((number.min, number.max), (Some(0), Some(1_999)));
    assert_eq!((number.present, statistics.partitions), (Some(2_000), 4));
}
