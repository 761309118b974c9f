//! Cursors: pages, their order, their loss.

use super::*;
use crate::clock::VirtualClock;
use crate::types::Type;

const FIRST: i32 = 100;

/// Counts up to a number, or until it is stopped.
struct Counting {
    next: i32,
    end: i32,
    interrupt: Arc<AtomicBool>,
}

impl RowSource for Counting {
    fn next(&mut self) -> Result<Option<RowValues>> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Cancelled, "stopped"));
        }
        if self.next == self.end {
            return Ok(None);
        }
        self.next += 1;
        let value = Bytes::copy_from_slice(&(self.next - 1).to_be_bytes());
        Ok(Some(vec![Some(value), None]))
    }
}

struct World {
    cursors: Arc<Cursors>,
    clock: Arc<VirtualClock>,
}

fn world() -> World {
    let clock = VirtualClock::shared(0);
    let cursors = Cursors::new(
        Arc::clone(&clock) as SharedClock,
        Random::seeded(1),
        std::env::temp_dir(),
    );
    World { cursors, clock }
}

fn reading(page_size: usize) -> Reading {
    Reading {
        page_size,
        statement: 7,
        interrupt: Arc::default(),
    }
}

fn counted(rows: i32, interrupt: &Arc<AtomicBool>) -> Rows {
    let column = |name: &str| ColumnSpec {
        keyspace: String::new(),
        table: String::new(),
        name: name.to_owned(),
        ty: Type::Int,
    };
    let source = Counting {
        next: FIRST,
        end: FIRST + rows,
        interrupt: Arc::clone(interrupt),
    };
    Rows::new(Arc::from([column("a"), column("b")]), Box::new(source))
}

/// The numbers of a page, and its paging state.
fn read(mut rows: Rows) -> Result<(Vec<i32>, Option<Bytes>)> {
    let mut out = BytesMut::new();
    let page = rows.encode_page(&mut out)?;
    let mut numbers = Vec::new();
    while out.has_remaining() {
        assert_eq!(out.get_i32(), 4);
        numbers.push(out.get_i32());
        assert_eq!(out.get_i32(), -1);
    }
    assert_eq!(numbers.len(), page.rows as usize);
    Ok((numbers, page.paging_state))
}

fn first(world: &World, rows: i32, page: usize) -> (Vec<i32>, Option<Bytes>) {
    let reading = reading(page);
    let rows = counted(rows, &reading.interrupt);
    read(world.cursors.first_page(rows, &reading).unwrap()).unwrap()
}

fn next(world: &World, state: &Bytes, page: usize) -> Result<(Vec<i32>, Option<Bytes>)> {
    read(world.cursors.next_page(state, &reading(page))?)
}

#[test]
fn pages_follow_each_other_to_the_end() {
    let world = world();
    for (rows, page) in [
        (0, 3),
        (3, 3),
        (1, 3),
        (4, 3),
        (10, 3),
        (20_000, 1_000),
        (9, 1),
    ] {
        let (mut all, mut state) = first(&world, rows, page);
        while let Some(at) = state {
            let (more, after) = next(&world, &at, page).unwrap();
            assert!(!more.is_empty());
            all.extend(more);
            state = after;
        }
        assert_eq!(all, (FIRST..FIRST + rows).collect::<Vec<_>>());
        assert_eq!(world.cursors.open_count(), 0, "{rows} rows");
    }
}

#[test]
fn a_page_can_be_asked_for_again_and_in_another_size() {
    let world = world();
    let (_, state) = first(&world, 10, 2);
    let state = state.unwrap();
    let (again, _) = next(&world, &state, 3).unwrap();
    assert_eq!(next(&world, &state, 3).unwrap().0, again);
    assert_eq!(again, [102, 103, 104]);
    // Values one by one.
    let mut rows = world.cursors.next_page(&state, &reading(2)).unwrap();
    let row = rows.next().unwrap().unwrap();
    assert_eq!(row, vec![Some(Bytes::from_static(&[0, 0, 0, 102])), None]);
}

#[test]
fn states_that_are_damaged_or_of_others_are_refused() {
    let world = world();
    let (_, state) = first(&world, 10, 2);
    let state = state.unwrap();
    for at in 0..state.len() {
        let mut damaged = state.to_vec();
        damaged[at] ^= 1;
        let error = next(&world, &Bytes::from(damaged), 2).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
    }
    assert!(next(&world, &Bytes::from_static(b"x"), 2).is_err());
    let other = Reading {
        statement: 8,
        ..reading(2)
    };
    assert!(world.cursors.next_page(&state, &other).is_err());
    // A place behind all chunks is the end, not a fault.
    let (id, _) = decode(&state, 7).unwrap();
    let far = SpoolPlace { chunk: 9, byte: 9 };
    let (rows, after) = next(&world, &encode(7, &id, far), 2).unwrap();
    assert!(rows.is_empty() && after.is_none());
}

#[test]
fn a_lost_cursor_says_so() {
    let world = world();
    let (_, state) = first(&world, 10, 2);
    let state = state.unwrap();
    // Idle for too long.
    world
        .clock
        .advance_micros(limits::CURSOR_IDLE_SECONDS_MAX * 1_000_000);
    assert!(next(&world, &state, 2).is_ok());
    world
        .clock
        .advance_micros(limits::CURSOR_IDLE_SECONDS_MAX * 1_000_000 + 1);
    let error = next(&world, &state, 2).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
    assert!(
        error.message.contains("Run the statement again"),
        "{}",
        error.message
    );
    // Too many: the one that was not used for the longest goes.
    let (_, oldest) = first(&world, 10, 2);
    for _ in 0..limits::CURSORS_MAX {
        world.clock.advance_micros(1);
        first(&world, 10, 2).1.unwrap();
    }
    assert_eq!(world.cursors.open_count(), limits::CURSORS_MAX);
    assert!(next(&world, &oldest.unwrap(), 2).is_err());
    // Another server.
    let (_, state) = first(&self::world(), 10, 2);
    assert!(next(&world, &state.unwrap(), 2).is_err());
}

#[test]
fn who_does_not_come_back_stops_the_query() {
    let world = world();
    let reading = reading(2);
    let endless = counted(i32::MAX - FIRST, &reading.interrupt);
    let mut page = world.cursors.first_page(endless, &reading).unwrap();
    assert!(page.next().unwrap().is_some());
    assert!(!reading.interrupt.load(Ordering::Relaxed));
    drop(page);
    assert!(reading.interrupt.load(Ordering::Relaxed));
}

#[test]
fn a_query_that_fails_fails_the_page_that_needs_it() {
    let world = world();
    let reading = reading(2);
    reading.interrupt.store(true, Ordering::Relaxed);
    let rows = counted(10, &reading.interrupt);
    let page = world.cursors.first_page(rows, &reading).unwrap();
    assert_eq!(read(page).unwrap_err().kind, ErrorKind::Cancelled);
}
