//! nodetool's commands, all of them, and what becomes of each here.
//!
//! Scripts that were written for a cluster must go on: what only several nodes need is answered by
//! "nothing to do" and success. What helenus could do and does not yet fails instead: a script that
//! asks for a snapshot must not believe that it has one.

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It is done.
    Does,
    /// It is answered by a text that always holds.
    Says(&'static str),
    /// There is nothing to do, for this reason.
    Nothing(&'static str),
    /// It cannot be done, and this is what helps.
    Lacks(&'static str),
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// Its options: names of one option joined by commas, `=` behind those that take a value.
    pub options: &'static str,
    /// What stands behind them.
    pub operands: &'static str,
    /// What becomes of it.
    pub handling: Handling,
    /// What it does.
    pub about: &'static str,
}

const fn does(
    name: &'static str,
    options: &'static str,
    operands: &'static str,
    about: &'static str,
) -> Command {
    Command {
        name,
        options,
        operands,
        handling: Handling::Does,
        about,
    }
}

/// The commands that do something.
pub const DONE: &[Command] = &[
    does(
        "status",
        "-r,--resolve-ip",
        "[KEYSPACE]",
        "State, load and id of the node",
    ),
    does(
        "info",
        "-T,--tokens -O,--out-of-range-ops",
        "",
        "Uptime, load, memory, caches",
    ),
    does(
        "version",
        "-v,--verbose",
        "",
        "The version of Cassandra that it speaks like",
    ),
    does(
        "flush",
        "",
        "[KEYSPACE [TABLE…]]",
        "Write memtables to SSTables",
    ),
    does(
        "compact",
        "-f,--flush-memtables -s,--split-output -st,--start-token= -et,--end-token= \
         --partition= --user-defined",
        "[KEYSPACE [TABLE…]]",
        "Merge the SSTables of each table into one",
    ),
    does(
        "garbagecollect",
        "-g,--granularity= -j,--jobs=",
        "[KEYSPACE [TABLE…]]",
        "Drop deleted data: the same as compact",
    ),
    does(
        "disableautocompaction",
        "",
        "[KEYSPACE [TABLE…]]",
        "Compact on request only, until the server is started again",
    ),
    does(
        "enableautocompaction",
        "",
        "[KEYSPACE [TABLE…]]",
        "Compact by itself again",
    ),
    does(
        "statusautocompaction",
        "-a,--all",
        "[KEYSPACE [TABLE…]]",
        "Whether tables compact by themselves",
    ),
    does(
        "tablestats",
        "-F,--format= -H,--human-readable -i -l,--sstable-location-check -s,--sort= -t,--top=",
        "[KEYSPACE.TABLE | KEYSPACE]…",
        "Statistics on tables (also: cfstats)",
    ),
    does(
        "compactionstats",
        "-H,--human-readable -V,--vtable",
        "",
        "What compaction does and has done",
    ),
    does(
        "refreshsizeestimates",
        "",
        "",
        "Bring system.size_estimates up to date",
    ),
    does(
        "disablebinary",
        "",
        "",
        "Close the CQL port and its connections",
    ),
    does("enablebinary", "", "", "Open the CQL port again"),
    does("statusbinary", "", "", "Whether the CQL port is open"),
    does(
        "clientstats",
        "--all --by-protocol --clear-history --client-options",
        "",
        "Who is connected",
    ),
    does("getlogginglevels", "", "", "The levels of the server's log"),
    does(
        "setlogginglevel",
        "",
        "[COMPONENT [LEVEL]]",
        "Set a level; without LEVEL back to the initial one, without COMPONENT all of them",
    ),
    does(
        "drain",
        "",
        "",
        "Close the CQL port and write all memtables to SSTables",
    ),
    does(
        "describecluster",
        "",
        "",
        "Name, partitioner, schema version, keyspaces",
    ),
    does("gettimeout", "", "TYPE", "How long requests may take"),
    does("proxyhistograms", "", "", "Latencies of reads and writes"),
    does(
        "tpstats",
        "-F,--format= -v,--verbose",
        "",
        "Work under way, waiting and done",
    ),
    does(
        "netstats",
        "-H,--human-readable",
        "",
        "The mode of the node",
    ),
    does(
        "ring",
        "-r,--resolve-ip",
        "[KEYSPACE]",
        "The one token of the one node",
    ),
    does(
        "gossipinfo",
        "-r,--resolve-ip",
        "",
        "What the node would tell others",
    ),
    does(
        "getendpoints",
        "",
        "KEYSPACE TABLE KEY",
        "The node that has a key",
    ),
    does("help", "", "[COMMAND]", "This text"),
];

/// Older names.
pub const ALIASES: &[(&str, &str)] = &[
    ("cfstats", "tablestats"),
    ("cfhistograms", "tablehistograms"),
];

/// Commands whose answer never changes.
const SAID: &[(&str, &str)] = &[
    (
        "getcompactionthroughput",
        "Current compaction throughput: 0 MB/s",
    ),
    (
        "getconcurrentcompactors",
        "Current concurrent compactors in the system is: \n1",
    ),
    ("getdefaultrf", "1"),
    (
        "getseeds",
        "Seed node list does not contain any remote node IPs",
    ),
    ("gettraceprobability", "Current trace probability: 0.0"),
    ("failuredetector", "  Endpoint,             Phi"),
    (
        "listpendinghints",
        "This node does not have any pending hints",
    ),
    (
        "listsnapshots",
        "Snapshot Details: \nThere are no snapshots",
    ),
    ("repair_admin", "no sessions"),
    ("statusbackup", "not running"),
];

/// Commands for which there is nothing to do, and why.
const NOTHING: &[(&str, &str)] = &[
    (
        "one node is the whole cluster",
        "assassinate bootstrap checktokenmetadata cleanup decommission describering \
         disablegossip disablehandoff disablehintsfordc enablegossip enablehandoff \
         enablehintsfordc getinterdcstreamthroughput getmaxhintwindow getstreamthroughput \
         getbatchlogreplaythrottle join move pausehandoff rebuild reloadseeds removenode repair \
         replaybatchlog resumehandoff setbatchlogreplaythrottle sethintedhandoffthrottlekb \
         setinterdcstreamthroughput setmaxhintwindow setstreamthroughput statusgossip \
         statushandoff truncatehints setdefaultrf",
    ),
    (
        "there is no such cache",
        "invalidatecidrpermissionscache invalidatecountercache invalidatecredentialscache \
         invalidatejmxpermissionscache invalidatekeycache invalidatenetworkpermissionscache \
         invalidatepermissionscache invalidaterolescache invalidaterowcache \
         reloadcidrgroupscache setcachekeystosave getauthcacheconfig setauthcacheconfig",
    ),
    ("there is no garbage collector, no JVM", "gcstats"),
    (
        "the schema is always the one on disk",
        "reloadlocalschema resetlocalschema",
    ),
    (
        "every SSTable has the present format and place",
        "recompress_sstables relocatesstables upgradesstables",
    ),
    (
        "there are no materialized views, triggers or secondary indexes",
        "getconcurrentviewbuilders rebuild_index reloadtriggers setconcurrentviewbuilders \
         viewbuildstatus",
    ),
    (
        "all protocol versions that there are (3, 4, 5) are always served",
        "enableoldprotocolversions",
    ),
    (
        "it is not on",
        "disableauditlog disablebackup disablefullquerylog resetfullquerylog",
    ),
];

const CHECK: &str = "Stop the server and run `helenus check DATA_DIR`.";
const STATS: &str = "`tablestats` has what is counted by table.";
const METRICS: &str = "`GET /metrics` at the HTTP port has what is counted.";
const FIXED: &str = "It cannot be set while the server runs.";

/// Commands that cannot be done, and what helps.
const LACKED: &[(&str, &str)] = &[
    (
        "Copy the data directory while no server has it open.",
        "snapshot clearsnapshot",
    ),
    ("Use `helenus import`.", "import refresh"),
    (CHECK, "scrub verify"),
    (
        STATS,
        "tablehistograms toppartitions profileload rangekeysample getsstables datapaths",
    ),
    (METRICS, "compactionhistory sjk cidrfilteringstats"),
    ("Use `compact`.", "forcecompact"),
    (
        "Send the server SIGTERM: it finishes what it accepted.",
        "stopdaemon",
    ),
    (
        "`disableautocompaction` keeps new compactions from starting.",
        "stop",
    ),
    (
        FIXED,
        "settimeout setcompactionthroughput setconcurrentcompactors setconcurrency \
         getconcurrency setcolumnindexsize getcolumnindexsize setcachecapacity \
         setsnapshotthrottle getsnapshotthrottle setguardrailsconfig getguardrailsconfig",
    ),
    (
        "Use ALTER TABLE … WITH compaction, and DESCRIBE TABLE.",
        "setcompactionthreshold getcompactionthreshold",
    ),
    (
        "Trace a request with TRACING ON in the shell.",
        "settraceprobability",
    ),
    (
        "helenus does not have it.",
        "enableauditlog getauditlog enablefullquerylog getfullquerylog enablebackup \
         disableoldprotocolversions reloadssl dropcidrgroup getcidrgroupsofip listcidrgroups \
         updatecidrgroup",
    ),
];

/// The command called `name`, by its present or an older name.
pub fn find(name: &str) -> Option<Command> {
    let alias = ALIASES.iter().find(|(old, _)| *old == name);
    let name = alias.map_or(name, |(_, new)| new);
    if let Some(done) = DONE.iter().find(|command| command.name == name) {
        return Some(*done);
    }
    let said = SAID.iter().map(|(own, text)| (*own, Handling::Says(text)));
    let nothing = listed(NOTHING).map(|(own, why)| (own, Handling::Nothing(why)));
    let lacked = listed(LACKED).map(|(own, what)| (own, Handling::Lacks(what)));
    let mut others = said.chain(nothing).chain(lacked);
    let (name, handling) = others.find(|(own, _)| *own == name)?;
    Some(Command {
        name,
        options: "",
        operands: "",
        handling,
        about: "",
    })
}

fn listed(
    table: &'static [(&'static str, &'static str)],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    table
        .iter()
        .flat_map(|(why, names)| names.split_whitespace().map(move |name| (name, *why)))
}

/// The names of all commands, older ones included.
pub fn all() -> impl Iterator<Item = &'static str> {
    let done = DONE.iter().map(|command| command.name);
    let said = SAID.iter().map(|(name, _)| *name);
    let others = listed(NOTHING).chain(listed(LACKED)).map(|(name, _)| name);
    let old = ALIASES.iter().map(|(name, _)| *name);
    done.chain(said).chain(others).chain(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_found_once() {
        let mut seen = BTreeSet::new();
        for name in all() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(find(name).is_some(), "{name}");
        }
        assert!(find("nosuch").is_none() && find("").is_none());
        // nodetool 5.0.5 lists 145 commands.
        assert_eq!(seen.len(), 145 + ALIASES.len());
    }

    #[test]
    fn a_backup_is_not_pretended() {
        assert!(matches!(
            find("snapshot").unwrap().handling,
            Handling::Lacks(_)
        ));
        assert!(matches!(
            find("repair").unwrap().handling,
            Handling::Nothing(_)
        ));
        assert_eq!(find("cfstats").unwrap().name, "tablestats");
    }
}
