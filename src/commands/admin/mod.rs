//! `helenus admin`: what nodetool does, under nodetool's names.
//!
//! The words of the command line become requests (`server::admin`), which a running server answers
//! over HTTP, or, with `--data-dir`, this process on the data directory itself. The reports that
//! come back are laid out as nodetool lays them out, since scripts read that.
//!
//! ```text
//! words ─ names ─▶ Request ─┬─ remote: HTTP ─────────────┬─▶ Report ─▶ text
//!                           └─ local: the data directory ┘
//! ```

mod names;
mod remote;
mod text;
mod words;

use crate::commands::DataDir;
use crate::error::{Error, ErrorKind, Result};
use crate::server::admin::report::Timeouts;
use crate::server::admin::request::{Compact, LoggingLevel, Nothing, Tables};
use crate::server::admin::{Report, Request, answer_locally};
use names::Handling;
use std::io::Write;
use words::Words;

/// Administer a running server (or a data directory) with nodetool's commands
#[derive(Debug, clap::Args)]
#[command(
    disable_help_flag = true,
    override_usage = "helenus admin [-h HOST] [-p HTTP_PORT] [--data-dir DIR] COMMAND [OPTION…] \
                      [KEYSPACE [TABLE…]]"
)]
pub struct Args {
    /// Options, a command and its operands; `helenus admin help` lists the commands
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    words: Vec<String>,
}

impl Args {
    /// What the words say; what is wrong with them is told in a line.
    pub fn words(&self) -> Result<Words, String> {
        let words = words::parse(&self.words)?;
        let command = words.command;
        if command.handling == Handling::Does && !words.help {
            let wanted = command.operands;
            let least = wanted
                .split_whitespace()
                .filter(|word| !word.starts_with('[') && !wanted.contains('['))
                .count();
            let most = match wanted.contains('…') {
                true => usize::MAX,
                false => wanted.split_whitespace().count(),
            };
            let given = words.operands.len();
            if given < least || given > most {
                let usage = format!("{} {wanted}", command.name);
                return Err(format!("expected: helenus admin {}", usage.trim_end()));
            }
        }
        Ok(words)
    }
}

/// Runs the command.
pub fn run(words: &Words) -> Result<()> {
    let command = words.command;
    let text = match command.handling {
        _ if words.help || command.name == "help" => help(words)?,
        Handling::Says(text) => format!("{text}\n"),
        Handling::Nothing(why) => format!("{}: nothing to do, {why}\n", command.name),
        Handling::Lacks(hint) => {
            let message = format!("{} is not supported", command.name);
            return Err(Error::invalid(message).with_hint(hint));
        }
        Handling::Does => done(words)?,
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Error::io("standard output", "write", &error))
}

fn done(words: &Words) -> Result<String> {
    let place = &words.place;
    if place.credentials {
        note("no user and no password are asked for: those given are not used");
    }
    let request = request(words)?;
    let report = match &place.data_dir {
        Some(directory) => locally(
            DataDir {
                data_dir: directory.clone(),
            },
            &request,
        )?,
        None => remote::ask(place, &request)?,
    };
    shown(words, report)
}

/// Answers the request in this process.
fn locally(directory: DataDir, request: &Request) -> Result<Report> {
    let database = directory
        .open_existing()
        .map_err(|error| match error.kind {
            ErrorKind::Locked => error.with_hint(
                "If a server has it open, leave out --data-dir: it is reached at its HTTP port.",
            ),
            _ => error,
        })?;
    let answered = answer_locally(&database, request);
    let closed = database.close();
    answered.and_then(|report| closed.map(|()| report))
}

/// The request that the words make.
fn request(words: &Words) -> Result<Request> {
    let tables = || Tables {
        keyspace: words.operands.first().cloned(),
        tables: words.operands.iter().skip(1).cloned().collect(),
    };
    let nothing = Nothing {};
    Ok(match words.command.name {
        "info" => Request::Info(nothing),
        "flush" => Request::Flush(tables()),
        "compact" | "garbagecollect" => Request::Compact(compact(words)?),
        "disableautocompaction" => Request::DisableAutocompaction(tables()),
        "enableautocompaction" => Request::EnableAutocompaction(tables()),
        "statusautocompaction" => Request::StatusAutocompaction(tables()),
        "tablestats" => {
            text::check_format(words)?;
            Request::TableStats(nothing)
        }
        "compactionstats" => Request::CompactionStats(nothing),
        "refreshsizeestimates" => Request::RefreshSizeEstimates(nothing),
        "disablebinary" => Request::DisableBinary(nothing),
        "enablebinary" => Request::EnableBinary(nothing),
        "statusbinary" => Request::StatusBinary(nothing),
        "clientstats" => Request::ClientStats(nothing),
        "getlogginglevels" => Request::GetLoggingLevels(nothing),
        "setlogginglevel" => Request::SetLoggingLevel(LoggingLevel {
            target: words.operands.first().cloned(),
            level: words.operands.get(1).cloned(),
        }),
        "drain" => Request::Drain(nothing),
        "gettimeout" => Request::GetTimeout(nothing),
        "tpstats" => {
            text::check_format(words)?;
            Request::Histograms(nothing)
        }
        "proxyhistograms" => Request::Histograms(nothing),
        _ => Request::Node(nothing),
    })
}

fn compact(words: &Words) -> Result<Compact> {
    for option in [
        "--start-token",
        "--end-token",
        "--partition",
        "--user-defined",
    ] {
        if words.has(option) {
            let message = format!("compact {option} is not supported");
            return Err(Error::invalid(message)
                .with_hint("Whole tables are compacted: leave the option out."));
        }
    }
    if words.has("--split-output") {
        note("the output is one SSTable a table: -s splits nothing");
    }
    Ok(Compact {
        keyspace: words.operands.first().cloned(),
        tables: words.operands.iter().skip(1).cloned().collect(),
        flush_memtables: words.has("--flush-memtables"),
    })
}

/// The report as text.
fn shown(words: &Words, report: Report) -> Result<String> {
    Ok(match report {
        Report::Done(None) => String::new(),
        Report::Done(Some(said)) => format!("{said}\n"),
        Report::Node(node) => text::node(words, &node)?,
        Report::Info(info) => text::info(&info),
        Report::Autocompaction(tables) => text::autocompaction(words, &tables),
        Report::TableStats(report) => text::table_stats(words, report)?,
        Report::Compactions(compactions) => text::compactions(words, &compactions),
        Report::Binary(true) => "running\n".to_owned(),
        Report::Binary(false) => "not running\n".to_owned(),
        Report::Clients(clients) => text::clients(words, &clients),
        Report::LoggingLevels(levels) => text::levels(&levels),
        Report::Histograms(report) if words.command.name == "tpstats" => {
            text::stages(words, &report.stages)?
        }
        Report::Histograms(report) => text::histograms(&report),
        Report::Timeouts(timeouts) => timeout(words, &timeouts)?,
    })
}

fn timeout(words: &Words, timeouts: &Timeouts) -> Result<String> {
    let kind = words.operands.first().map_or("", String::as_str);
    let millis = match kind {
        "read" => timeouts.read,
        "range" => timeouts.range,
        "write" | "counterwrite" | "cascontention" => timeouts.write,
        "truncate" => timeouts.truncate,
        "internodeconnect" | "internodeuser" | "internodestreaminguser" => {
            return Ok(format!(
                "{kind}: nothing to do, one node is the whole cluster\n"
            ));
        }
        // What is neither of the others.
        "misc" => timeouts.range,
        _ => {
            return Err(Error::invalid(format!(
                "{kind}: the type is one of read, range, write, counterwrite, cascontention, \
                 truncate, misc"
            )));
        }
    };
    Ok(format!("Current timeout for type {kind}: {millis} ms\n"))
}

fn help(words: &Words) -> Result<String> {
    let about = match words.operands.first() {
        Some(name) if words.command.name == "help" => Some(
            names::find(name)
                .ok_or_else(|| Error::invalid(format!("there is no command {name}")))?,
        ),
        _ if words.command.name == "help" => None,
        _ => Some(words.command),
    };
    Ok(about.map_or_else(text::help, |command| text::help_for(&command)))
}

/// Says something about the work to who is at the terminal.
fn note(text: &str) {
    // Nothing is left to be done if not even this can be written.
    let _ = writeln!(std::io::stderr(), "{text}");
}
