//! `tablestats`, as text, JSON and YAML.
//!
//! Every figure has a label for the text and a name for the other two, both nodetool's. In JSON
//! and YAML nodetool writes some figures as texts: so do we.

use crate::commands::admin::text::{file_size, memory, sized, yaml};
use crate::commands::admin::words::Words;
use crate::error::{Error, Result};
use crate::server::admin::report::{TableReport, TablesReport};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One figure of a table.
struct Field {
    /// Its label in the text.
    label: &'static str,
    /// Its value in the text.
    text: String,
    /// Its name in JSON and YAML.
    name: &'static str,
    /// Its value there.
    value: Value,
    /// What tables are sorted by.
    rank: f64,
}

/// Refuses formats that there are not, before anything is asked.
pub fn check_format(words: &Words) -> Result<()> {
    match words.value("--format") {
        None | Some("json" | "yaml") => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "{other}: arguments for -F are yaml and json only"
        ))),
    }
}

/// Statistics on those tables that were asked for.
pub fn table_stats(words: &Words, report: TablesReport) -> Result<String> {
    let pending_flushes = report.pending_flushes;
    let mut tables = chosen(words, report.tables)?;
    let human = words.has("--human-readable");
    let sorted = words.value("--sort");
    if let Some(key) = sorted {
        sort(&mut tables, key)?;
    }
    if let Some(top) = words.value("--top") {
        let top = top.parse::<usize>().ok().filter(|top| *top > 0);
        let top = top.ok_or_else(|| Error::invalid("-t wants a number above 0"))?;
        if sorted.is_none() {
            return Err(Error::invalid("-t can only be used with -s"));
        }
        tables.truncate(top);
    }
    let json = || whole(&tables, human, pending_flushes);
    Ok(match words.value("--format") {
        Some("json") => format!("{:#}\n", json()),
        Some(_) => yaml(&json()),
        None if sorted.is_some() => flat(&tables, human),
        None => grouped(&tables, human, pending_flushes),
    })
}

/// The tables that the operands name, or with `-i` all others.
fn chosen(words: &Words, tables: Vec<TableReport>) -> Result<Vec<TableReport>> {
    let mut named: Vec<(&str, Option<&str>)> = Vec::new();
    for operand in &words.operands {
        let (keyspace, table) = match operand.split_once('.') {
            Some((keyspace, table)) => (keyspace, Some(table)),
            None => (operand.as_str(), None),
        };
        let system = crate::cql::virtual_tables::is_system(keyspace);
        if !system && !tables.iter().any(|it| it.keyspace == keyspace) {
            return Err(Error::invalid(format!("Unknown keyspace: {keyspace}")));
        }
        let own = |it: &&TableReport| it.keyspace == keyspace;
        if let Some(table) = table
            && !system
            && !tables.iter().filter(own).any(|it| it.table == table)
        {
            let message = format!("Unknown tables: [{table}] in keyspace: {keyspace}");
            return Err(Error::invalid(message));
        }
        named.push((keyspace, table));
    }
    let is_named = |it: &TableReport| {
        named.iter().any(|(keyspace, table)| {
            *keyspace == it.keyspace && table.is_none_or(|table| table == it.table)
        })
    };
    let ignored = words.has("-i");
    let mut tables = tables;
    if !named.is_empty() {
        tables.retain(|it| is_named(it) != ignored);
    }
    Ok(tables)
}

fn sort(tables: &mut [TableReport], key: &str) -> Result<()> {
    if key == "full_name" || key == "table_name" {
        tables.sort_by(|a, b| match key {
            "table_name" => a.table.cmp(&b.table),
            _ => (&a.keyspace, &a.table).cmp(&(&b.keyspace, &b.table)),
        });
        return Ok(());
    }
    let key = match key {
        "reads" => "local_read_count",
        "writes" => "local_write_count",
        "read_latency" => "local_read_latency_ms",
        "write_latency" => "local_write_latency_ms",
        key => key,
    };
    let rank = |table: &TableReport| {
        let fields = fields(table, false);
        fields
            .iter()
            .find(|field| field.name == key)
            .map(|field| field.rank)
    };
    if rank(&TableReport::default()).is_none() {
        return Err(Error::invalid(format!(
            "argument for -s must be a sort key, not {key}"
        )));
    }
    // The largest first; what is no number comes last.
    let number = |table: &TableReport| {
        let rank = rank(table).unwrap_or(f64::NAN);
        if rank.is_nan() {
            f64::NEG_INFINITY
        } else {
            rank
        }
    };
    tables.sort_by(|a, b| number(b).total_cmp(&number(a)));
    Ok(())
}

/// The tables of a keyspace together.
#[derive(Default)]
struct Sum<'a> {
    tables: Vec<&'a TableReport>,
    reads: u64,
    read_micros: f64,
    writes: u64,
    write_micros: f64,
}

impl Sum<'_> {
    fn read_millis(&self) -> f64 {
        self.read_micros / self.reads as f64 / 1e3
    }

    fn write_millis(&self) -> f64 {
        self.write_micros / self.writes as f64 / 1e3
    }
}

fn by_keyspace(tables: &[TableReport]) -> BTreeMap<&str, Sum<'_>> {
    let mut sums: BTreeMap<&str, Sum<'_>> = BTreeMap::new();
    for table in tables {
        let sum = sums.entry(&table.keyspace).or_default();
        sum.reads += table.reads;
        sum.read_micros += table.read_micros_mean.unwrap_or(0.0) * table.reads as f64;
        sum.writes += table.writes;
        sum.write_micros += table.write_micros_mean.unwrap_or(0.0) * table.writes as f64;
        sum.tables.push(table);
    }
    sums
}

fn grouped(tables: &[TableReport], human: bool, pending_flushes: u64) -> String {
    let mut text = format!(
        "Total number of tables: {}\n----------------\n",
        tables.len()
    );
    for (keyspace, sum) in by_keyspace(tables) {
        let _ = write!(
            text,
            "Keyspace: {keyspace}\n\tRead Count: {}\n\tRead Latency: {:?} ms\n\
             \tWrite Count: {}\n\tWrite Latency: {:?} ms\n\tPending Flushes: {pending_flushes}\n",
            sum.reads,
            sum.read_millis(),
            sum.writes,
            sum.write_millis(),
        );
        for table in &sum.tables {
            let _ = writeln!(text, "\t\tTable: {}", table.table);
            for field in fields(table, human) {
                let _ = writeln!(text, "\t\t{}: {}", field.label, field.text);
            }
            text.push('\n');
        }
        text.push_str("----------------\n");
    }
    text
}

fn flat(tables: &[TableReport], human: bool) -> String {
    let mut text = format!(
        "Total number of tables: {}\n----------------\n",
        tables.len()
    );
    for table in tables {
        let _ = writeln!(text, "\tTable: {}.{}", table.keyspace, table.table);
        for field in fields(table, human) {
            let _ = writeln!(text, "\t{}: {}", field.label, field.text);
        }
        text.push('\n');
    }
    text.push_str("----------------\n");
    text
}

fn whole(tables: &[TableReport], human: bool, pending_flushes: u64) -> Value {
    let mut whole = Map::new();
    whole.insert("total_number_of_tables".to_owned(), json!(tables.len()));
    for (keyspace, sum) in by_keyspace(tables) {
        let tables: Map<String, Value> = sum
            .tables
            .iter()
            .map(|table| {
                let fields = fields(table, human).into_iter();
                let fields: Map<_, _> = fields
                    .map(|field| (field.name.to_owned(), field.value))
                    .collect();
                (table.table.clone(), Value::Object(fields))
            })
            .collect();
        let own = json!({
            "read_count": sum.reads,
            "read_latency": number(sum.read_millis()),
            "read_latency_ms": number(sum.read_millis()),
            "write_count": sum.writes,
            "write_latency_ms": number(sum.write_millis()),
            "pending_flushes": pending_flushes,
            "tables": tables,
        });
        whole.insert(keyspace.to_owned(), own);
    }
    Value::Object(whole)
}

/// A number, or the text `NaN`, which JSON has no number for.
fn number(value: f64) -> Value {
    match value.is_nan() {
        true => json!("NaN"),
        false => json!(value),
    }
}

/// All figures of a table, in nodetool's order. (Every line is one: there is no shorter way.)
#[expect(clippy::too_many_lines, reason = "a table of one figure a line")]
fn fields(table: &TableReport, human: bool) -> Vec<Field> {
    let field = |label, name, text: String, value, rank| Field {
        label,
        text,
        name,
        value,
        rank,
    };
    let count =
        |label, name, count: u64| field(label, name, count.to_string(), json!(count), count as f64);
    // Sizes that JSON has as texts.
    let size = |label, name, bytes: u64| {
        let text = sized(bytes, human);
        field(label, name, text.clone(), json!(text), bytes as f64)
    };
    let short =
        |label, name, bytes: u64| field(label, name, memory(bytes), json!(bytes), bytes as f64);
    let ratio = |label, name, ratio: f64| {
        let text = format!("{ratio:.5}");
        field(label, name, text.clone(), json!(text), ratio)
    };
    let latency = |label, name, micros: Option<f64>| {
        let millis = micros.map_or(f64::NAN, |micros| micros / 1e3);
        let text = match millis.is_nan() {
            true => "NaN".to_owned(),
            false => format!("{millis:.3}"),
        };
        field(label, name, format!("{text} ms"), json!(text), millis)
    };
    let mean = |label, name| field(label, name, "NaN".to_owned(), json!("NaN"), f64::NAN);
    // Cassandra's way to say that it is not known.
    let compression = -1.0;
    let share = |part: u64, whole: u64| match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    };
    let filtered = table
        .filter_negatives
        .saturating_add(table.filter_false_positives);
    let known = table.rows.saturating_add(table.tombstones);
    let largest = match human {
        true => file_size(table.sstable_bytes_max),
        false => memory(table.sstable_bytes_max),
    };
    vec![
        count("SSTable count", "sstable_count", table.sstables),
        count("Old SSTable count", "old_sstable_count", 0),
        Field {
            text: largest,
            ..short(
                "Max SSTable size",
                "max_sstable_size",
                table.sstable_bytes_max,
            )
        },
        size("Space used (live)", "space_used_live", table.disk_bytes),
        size(
            "Space used (total)",
            "space_used_total",
            table.disk_bytes_total,
        ),
        size(
            "Space used by snapshots (total)",
            "space_used_by_snapshots_total",
            0,
        ),
        size(
            "Off heap memory used (total)",
            "off_heap_memory_used_total",
            table.memtable_bytes.saturating_add(table.filter_bytes),
        ),
        field(
            "SSTable Compression Ratio",
            "sstable_compression_ratio",
            format!("{compression:.5}"),
            json!(compression),
            compression,
        ),
        count(
            "Number of partitions (estimate)",
            "number_of_partitions_estimate",
            table.partitions,
        ),
        count(
            "Memtable cell count",
            "memtable_cell_count",
            table.memtable_entries,
        ),
        size(
            "Memtable data size",
            "memtable_data_size",
            table.memtable_bytes,
        ),
        size(
            "Memtable off heap memory used",
            "memtable_off_heap_memory_used",
            table.memtable_bytes,
        ),
        count(
            "Memtable switch count",
            "memtable_switch_count",
            table.memtable_switches,
        ),
        count("Speculative retries", "speculative_retries", 0),
        count("Local read count", "local_read_count", table.reads),
        latency(
            "Local read latency",
            "local_read_latency_ms",
            table.read_micros_mean,
        ),
        count("Local write count", "local_write_count", table.writes),
        latency(
            "Local write latency",
            "local_write_latency_ms",
            table.write_micros_mean,
        ),
        ratio(
            "Local read/write ratio",
            "local_read_write_ratio",
            share(table.reads, table.writes),
        ),
        count("Pending flushes", "pending_flushes", 0),
        field(
            "Percent repaired",
            "percent_repaired",
            "0.0".to_owned(),
            json!(0.0),
            0.0,
        ),
        short("Bytes repaired", "bytes_repaired", 0),
        short("Bytes unrepaired", "bytes_unrepaired", table.disk_bytes),
        short("Bytes pending repair", "bytes_pending_repair", 0),
        count(
            "Bloom filter false positives",
            "bloom_filter_false_positives",
            table.filter_false_positives,
        ),
        ratio(
            "Bloom filter false ratio",
            "bloom_filter_false_ratio",
            share(table.filter_false_positives, filtered),
        ),
        size(
            "Bloom filter space used",
            "bloom_filter_space_used",
            table.filter_bytes,
        ),
        size(
            "Bloom filter off heap memory used",
            "bloom_filter_off_heap_memory_used",
            table.filter_bytes,
        ),
        size(
            "Index summary off heap memory used",
            "index_summary_off_heap_memory_used",
            0,
        ),
        size(
            "Compression metadata off heap memory used",
            "compression_metadata_off_heap_memory_used",
            0,
        ),
        count(
            "Compacted partition minimum bytes",
            "compacted_partition_minimum_bytes",
            0,
        ),
        count(
            "Compacted partition maximum bytes",
            "compacted_partition_maximum_bytes",
            0,
        ),
        count(
            "Compacted partition mean bytes",
            "compacted_partition_mean_bytes",
            table.partition_bytes_mean,
        ),
        mean(
            "Average live cells per slice (last five minutes)",
            "average_live_cells_per_slice_last_five_minutes",
        ),
        count(
            "Maximum live cells per slice (last five minutes)",
            "maximum_live_cells_per_slice_last_five_minutes",
            0,
        ),
        mean(
            "Average tombstones per slice (last five minutes)",
            "average_tombstones_per_slice_last_five_minutes",
        ),
        count(
            "Maximum tombstones per slice (last five minutes)",
            "maximum_tombstones_per_slice_last_five_minutes",
            0,
        ),
        ratio(
            "Droppable tombstone ratio",
            "droppable_tombstone_ratio",
            share(table.tombstones, known),
        ),
    ]
}
