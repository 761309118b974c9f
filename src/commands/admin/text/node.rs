//! The node: `status`, `info`, `ring` and their like.

use crate::commands::admin::text::{columns, file_size, row};
use crate::commands::admin::words::Words;
use crate::error::{Error, Result};
use crate::server::admin::report::{Info, Node};
use std::fmt::Write as _;

/// What a command shows of the node.
pub fn node(words: &Words, node: &Node) -> Result<String> {
    let operand = words.operands.first();
    if let ("status" | "ring" | "getendpoints", Some(keyspace)) = (words.command.name, operand)
        && !node.keyspaces.iter().any(|(name, _)| name == keyspace)
        && !crate::cql::virtual_tables::is_system(keyspace)
    {
        let message = format!("The keyspace {keyspace}, does not exist");
        return Err(Error::invalid(message));
    }
    Ok(match words.command.name {
        "version" => version(words, node),
        "describecluster" => cluster(node),
        "netstats" => net(node),
        "ring" => ring(node),
        "gossipinfo" => gossip(node),
        "getendpoints" => format!("{}\n", node.address),
        _ => status(node),
    })
}

/// `U`p while clients may connect, `D`own otherwise.
fn state(node: &Node) -> &'static str {
    match node.binary {
        true => "UN",
        false => "DN",
    }
}

fn status(node: &Node) -> String {
    let title = format!("Datacenter: {}", node.data_center);
    let rule = "=".repeat(title.chars().count());
    let load = file_size(node.load_bytes);
    let rows = [
        row([
            "--",
            "Address",
            "Load",
            "Owns (effective)",
            "Host ID",
            "Token",
            "Rack ",
        ]),
        row([
            state(node),
            &node.address,
            &load,
            "100.0%",
            &node.host_id,
            &node.token,
            &node.rack,
        ]),
    ];
    let table = columns(&rows, "  ");
    format!("{title}\n{rule}\nStatus=Up/Down\n|/ State=Normal/Leaving/Joining/Moving\n{table}\n")
}

fn version(words: &Words, node: &Node) -> String {
    let mut text = format!("ReleaseVersion: {}\n", node.release_version);
    if words.has("--verbose") {
        let _ = writeln!(text, "HelenusVersion: {}", node.helenus_version);
    }
    text
}

/// How the process is doing.
pub fn info(info: &Info) -> String {
    let node = &info.node;
    let megabytes = |bytes: u64| format!("{:.2}", bytes as f64 / f64::from(1 << 20));
    let none = "entries 0, size 0 bytes, capacity 0 bytes, 0 hits, 0 requests, NaN recent hit \
                rate, 0 save period in seconds";
    let cache = &info.block_cache;
    let lookups = cache.hits.saturating_add(cache.misses);
    let rate = match lookups {
        0 => "NaN".to_owned(),
        _ => format!("{:.3}", cache.hits as f64 / lookups as f64),
    };
    let blocks = format!(
        "entries {}, size {}, capacity {}, {} misses, {lookups} requests, {rate} recent hit rate, \
         NaN microseconds miss latency",
        cache.entries,
        file_size(cache.bytes),
        file_size(cache.bytes_max),
        cache.misses,
    );
    let heap = format!(
        "{} / {}",
        megabytes(info.process.resident_bytes),
        megabytes(info.process.machine_bytes)
    );
    let lines: [(&str, String); 21] = [
        ("ID", node.host_id.clone()),
        ("Gossip active", "false".to_owned()),
        ("Native Transport active", node.binary.to_string()),
        ("Load", file_size(node.load_bytes)),
        ("Generation No", node.started_at_seconds.to_string()),
        ("Uptime (seconds)", info.uptime_seconds.to_string()),
        ("Heap Memory (MB)", heap),
        ("Off Heap Memory (MB)", megabytes(info.memtable_bytes)),
        ("Data Center", node.data_center.clone()),
        ("Rack", node.rack.clone()),
        ("Exceptions", info.exceptions.to_string()),
        ("Key Cache", none.to_owned()),
        ("Row Cache", none.to_owned()),
        ("Counter Cache", none.to_owned()),
        ("Chunk Cache", blocks),
        ("Percent Repaired", "100.0%".to_owned()),
        ("Token", node.token.clone()),
        ("Bootstrap state", "COMPLETED".to_owned()),
        ("Bootstrap failed", "false".to_owned()),
        ("Decommissioning", "false".to_owned()),
        ("Decommission failed", "false".to_owned()),
    ];
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name:<23}: {value}\n"));
    lines.collect()
}

fn cluster(node: &Node) -> String {
    let mut text = format!(
        "Cluster Information:\n\tName: {}\n\tSnitch: org.apache.cassandra.locator.SimpleSnitch\n\
         \tDynamicEndPointSnitch: disabled\n\tPartitioner: {}\n\tSchema versions:\n\
         \t\t{}: [{}]\n\nStats for all nodes:\n\tLive: 1\n\tJoining: 0\n\tMoving: 0\n\
         \tLeaving: 0\n\tUnreachable: 0\n\nData Centers: \n\t{} #Nodes: 1 #Down: 0\n\n\
         Database versions:\n\t{}: [{}:{}]\n\nKeyspaces:\n",
        node.cluster_name,
        node.partitioner,
        node.schema_version,
        node.address,
        node.data_center,
        node.release_version,
        node.address,
        node.port,
    );
    for (name, replication) in &node.keyspaces {
        let class = replication.get("class").map_or("", String::as_str);
        let class = class.rsplit('.').next().unwrap_or(class);
        let factors = replication.iter().filter(|(option, _)| *option != "class");
        let factors: Vec<_> = factors
            .map(|(name, factor)| format!("{name}={factor}"))
            .collect();
        let factors = factors.join(", ");
        let _ = writeln!(text, "\t{name} -> Replication class: {class} {{{factors}}}");
    }
    text
}

fn net(node: &Node) -> String {
    let mode = if node.drained { "DRAINED" } else { "NORMAL" };
    let mut text = format!(
        "Mode: {mode}\nNot sending any streams.\nRead Repair Statistics:\nAttempted: 0\n\
         Mismatch (Blocking): 0\nMismatch (Background): 0\n"
    );
    let mut line = |name: &str, active: &str, pending: &str, completed: &str, dropped: &str| {
        let _ = writeln!(
            text,
            "{name:<25}{active:>10}{pending:>10}{completed:>15}{dropped:>10}"
        );
    };
    line("Pool Name", "Active", "Pending", "Completed", "Dropped");
    for name in ["Large messages", "Small messages", "Gossip messages"] {
        line(name, "n/a", "0", "0", "0");
    }
    text
}

fn ring(node: &Node) -> String {
    let title = format!("Datacenter: {}", node.data_center);
    let up = if node.binary { "Up" } else { "Down" };
    let load = file_size(node.load_bytes);
    let line = |cells: [&str; 7]| {
        let [address, rack, status, state, load, owns, token] = cells;
        format!("{address:<17}{rack:<12}{status:<7}{state:<8}{load:<16}{owns:<20}{token:<44}\n")
    };
    let titles = [
        "Address", "Rack", "Status", "State", "Load", "Owns", "Token",
    ];
    let titles = line(titles);
    let own = [
        &node.address,
        &node.rack,
        up,
        "Normal",
        &load,
        "100.00%",
        &node.token,
    ];
    format!("\n{title}\n==========\n{titles}\n{}\n", line(own))
}

fn gossip(node: &Node) -> String {
    format!(
        "localhost/{}\n  generation:{}\n  heartbeat:0\n  STATUS:0:NORMAL,{}\n  LOAD:0:{}.0\n  \
         SCHEMA:0:{}\n  DC:0:{}\n  RACK:0:{}\n  RELEASE_VERSION:0:{}\n  RPC_ADDRESS:0:{}\n  \
         HOST_ID:0:{}\n  RPC_READY:0:{}\n  NATIVE_ADDRESS_AND_PORT:0:{}:{}\n  \
         TOKENS:0:<hidden>\n\n",
        node.address,
        node.started_at_seconds,
        node.token,
        node.load_bytes,
        node.schema_version,
        node.data_center,
        node.rack,
        node.release_version,
        node.address,
        node.host_id,
        node.binary,
        node.address,
        node.port,
    )
}
