//! What the server is at: compactions, queues, clients, latencies, and its log.

use crate::clock::SystemClock;
use crate::commands::admin::text::{columns, row, sized, yaml};
use crate::commands::admin::words::Words;
use crate::error::Result;
use crate::server::admin::report::{Client, Compactions, Histograms, Stage, TableSwitch};
use crate::server::metrics::HistogramReading;
use chrono::DateTime;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `compactionstats`.
pub fn compactions(words: &Words, report: &Compactions) -> String {
    let human = words.has("--human-readable");
    let hours = report.uptime_seconds.max(1) as f64 / 3600.0;
    let rate = format!("{:.2}/hour", report.done as f64 / hours);
    let rows = [
        row(["concurrent compactors", "1"]),
        row(["pending tasks", &report.pending.to_string()]),
        row(["compactions completed", &report.done.to_string()]),
        row(["data compacted", &sized(report.read_bytes, human)]),
        row(["compactions aborted", &report.failed.to_string()]),
        row(["compactions reduced", "0"]),
        row(["sstables dropped from compaction", "0"]),
        row(["mean rate", &rate]),
        row(["compaction throughput (MiB/s)", "throttling disabled (0)"]),
    ];
    let mut text = columns(&rows, " ");
    if report.running.is_empty() {
        return text;
    }
    let mut rows = vec![row([
        "id",
        "compaction type",
        "keyspace",
        "table",
        "completed",
        "total",
        "unit",
        "progress",
    ])];
    for running in &report.running {
        let progress = match running.total_bytes {
            0 => "n/a".to_owned(),
            total => format!("{:.2}%", running.done_bytes as f64 * 100.0 / total as f64),
        };
        rows.push(row([
            &running.id.to_string(),
            &running.kind,
            &running.keyspace,
            &running.table,
            &sized(running.done_bytes, human),
            &sized(running.total_bytes, human),
            "bytes",
            &progress,
        ]));
    }
    text.push_str(&columns(&rows, " "));
    text.push_str("Active compaction remaining time :        n/a\n");
    text
}

/// `statusautocompaction`.
pub fn autocompaction(words: &Words, tables: &[TableSwitch]) -> String {
    let word = |on: bool| if on { "running" } else { "not running" };
    if words.has("--all") {
        let mut rows = vec![row(["Keyspace", "Table", "Status"])];
        let all = tables.iter();
        rows.extend(all.map(|it| row([&it.keyspace, &it.table, word(it.on)])));
        return columns(&rows, " ");
    }
    let on = tables.iter().filter(|table| table.on).count();
    let text = match on {
        0 if !tables.is_empty() => word(false),
        on if on < tables.len() => "partially running",
        _ => word(true),
    };
    format!("{text}\n")
}

/// `getlogginglevels`.
pub fn levels(levels: &[(String, String)]) -> String {
    let mut text = format!("\n{:<50}{:>10}\n", "Logger Name", "Log Level");
    for (name, level) in levels {
        let _ = writeln!(text, "{name:<50}{level:>10}");
    }
    text
}

/// `tpstats`.
pub fn stages(words: &Words, stages: &[Stage]) -> Result<String> {
    let format = words.value("--format");
    if format.is_some() {
        let pools = stages.iter().map(|stage| {
            let pool = json!({
                "ActiveTasks": stage.active,
                "PendingTasks": stage.pending,
                "CompletedTasks": stage.completed,
                "CurrentlyBlockedTasks": 0,
                "TotalBlockedTasks": stage.refused,
            });
            (stage.name.clone(), pool)
        });
        let pools: serde_json::Map<String, Value> = pools.collect();
        let whole = json!({"ThreadPools": pools, "DroppedMessage": {}, "WaitLatencies": {}});
        return Ok(match format {
            Some("json") => format!("{whole:#}\n"),
            _ => yaml(&whole),
        });
    }
    let titles = [
        "Pool Name",
        "Active",
        "Pending",
        "Completed",
        "Blocked",
        "All time blocked",
    ];
    let mut rows = vec![row(titles)];
    for stage in stages {
        rows.push(row([
            &stage.name,
            &stage.active.to_string(),
            &stage.pending.to_string(),
            &stage.completed.to_string(),
            "0",
            &stage.refused.to_string(),
        ]));
    }
    Ok(columns(&rows, " "))
}

/// `proxyhistograms`.
pub fn histograms(report: &Histograms) -> String {
    let of = |kinds: &[&str]| {
        let chosen = report.requests.iter();
        let chosen = chosen.filter(|(kind, _)| kinds.contains(&kind.as_str()));
        let sum = HistogramReading::default();
        chosen.fold(sum, |sum, (_, reading)| sum.plus(reading))
    };
    let none = HistogramReading::default();
    let all = [
        ("Read Latency", of(&["select"])),
        (
            "Write Latency",
            of(&["insert", "update", "delete", "batch"]),
        ),
        ("Range Latency", none.clone()),
        ("CAS Read Latency", none.clone()),
        ("CAS Write Latency", none.clone()),
        ("View Write Latency", none),
    ];
    let mut text = format!("proxy histograms\n{:<10}", "Percentile");
    for (name, _) in &all {
        let _ = write!(text, "{name:>19}");
    }
    let _ = write!(text, "\n{:<10}", "");
    for _ in &all {
        let _ = write!(text, "{:>19}", "(micros)");
    }
    let rows = [
        ("50%", 0.5),
        ("75%", 0.75),
        ("95%", 0.95),
        ("98%", 0.98),
        ("99%", 0.99),
        ("Min", 0.0),
        ("Max", 1.0),
    ];
    for (name, fraction) in rows {
        let _ = write!(text, "\n{name:<10}");
        for (_, reading) in &all {
            let _ = write!(text, "{:>19.2}", reading.percentile_micros(fraction));
        }
    }
    text.push_str("\n\n");
    text
}

/// `clientstats`.
pub fn clients(words: &Words, clients: &[Client]) -> String {
    if words.has("--clear-history") {
        return "Clearing connection history\n".to_owned();
    }
    if words.has("--by-protocol") {
        return by_protocol(clients);
    }
    let mut text = String::new();
    let options = words.has("--client-options");
    if (options || words.has("--all")) && !clients.is_empty() {
        let mut titles = row([
            "Address",
            "SSL",
            "Cipher",
            "Protocol",
            "Version",
            "User",
            "Keyspace",
            "Requests",
            "Driver-Name",
            "Driver-Version",
        ]);
        if options {
            titles.push("Client-Options".to_owned());
        }
        let mut rows = vec![titles];
        rows.extend(clients.iter().map(|it| client(it, options)));
        text.push_str(&columns(&rows, " "));
        text.push('\n');
    }
    let _ = writeln!(text, "Total connected clients: {}\n", clients.len());
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    for client in clients {
        *users.entry(&client.user).or_default() += 1;
    }
    let mut rows = vec![row(["User", "Connections"])];
    rows.extend(
        users
            .iter()
            .map(|(user, count)| row([user, &count.to_string()])),
    );
    text.push_str(&columns(&rows, " "));
    text
}

fn client(client: &Client, options: bool) -> Vec<String> {
    let address = format!("/{}", client.address);
    let mut cells = row([
        &address,
        "false",
        "undefined",
        "undefined",
        &client.protocol_version.to_string(),
        &client.user,
        &client.keyspace,
        &client.requests.to_string(),
        &client.driver_name,
        &client.driver_version,
    ]);
    if options {
        let given = client.options.iter();
        let given: Vec<_> = given
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        cells.push(format!("{{{}}}", given.join(", ")));
    }
    cells
}

/// No history is kept: who is connected was seen just now.
fn by_protocol(clients: &[Client]) -> String {
    let now = DateTime::from_timestamp_micros(SystemClock::shared().now_micros());
    let now = now
        .unwrap_or_default()
        .format("%b %d, %Y %H:%M:%S")
        .to_string();
    let mut rows = vec![row(["Protocol-Version", "IP-Address", "Last-Seen"])];
    for client in clients {
        let version = client.protocol_version;
        let ip = client.address.rsplit_once(':').map_or("", |(ip, _)| ip);
        let seen = row([&format!("{version}/v{version}"), &format!("/{ip}"), &now]);
        if !rows.contains(&seen) {
            rows.push(seen);
        }
    }
    let table = match rows.len() {
        1 => String::new(),
        _ => columns(&rows, " ") + "\n",
    };
    format!("Clients by protocol version\n\n{table}")
}
