//! `helenus shell`: statements from a person, the command line, files, or a pipe.

use crate::commands::place::Place;
use crate::commands::{shows_color, shows_progress, stop_on_interrupt};
use crate::error::{Error, Result};
use crate::shell::{
    Connected, Embedded, Flow, Format, Out, Palette, Peer, Settings, Shell, run_interactive,
};
use clap::ArgMatches;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// Run CQL: type it, or give it with -e, -f or standard input
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  helenus shell                                   type statements; HELP tells more
  helenus shell -k shop -e 'SELECT * FROM items'  run statements
  helenus shell -f schema.cql -f data.cql         run files, one after the other
  helenus shell --format csv -e '…' > rows.csv    only the rows go to standard output
  generate | helenus shell                        run what a program writes
  helenus shell --connect db.example:9042 -u ann  speak to a server, as a role

Several statements are separated by ; and the first that fails ends the run, with exit code 1.")]
pub struct Args {
    #[command(flatten)]
    place: Place,

    /// The keyspace of names without one, as USE would set it
    #[arg(short, long, value_name = "KEYSPACE")]
    keyspace: Option<String>,

    /// Run these statements; -e and -f may be given several times and run in the order given
    #[arg(short, long, value_name = "TEXT", allow_hyphen_values = true)]
    execute: Vec<String>,

    /// Run the statements of this file; - is standard input
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// How rows are written: aligned tables, RFC 4180 with a header, or one JSON object a line
    #[arg(long, value_name = "FORMAT", value_parser = ["table", "csv", "json"])]
    #[arg(default_value = "table")]
    format: String,
}

/// A piece of work from the command line.
enum Job<'a> {
    Text(&'a str),
    File(&'a PathBuf),
}

/// Runs the command; `matches` knows the order of -e and -f.
pub fn run(args: &Args, matches: Option<&ArgMatches>) -> Result<()> {
    let jobs = jobs(args, matches);
    let terminal = std::io::stdout().is_terminal();
    let settings = Settings {
        format: match args.format.as_str() {
            "csv" => Format::Csv,
            "json" => Format::Json,
            _ => Format::Table,
        },
        palette: Palette {
            color: shows_color(),
        },
        terminal,
        progress: shows_progress(),
        width: 80,
    };
    let interactive = jobs.is_empty() && std::io::stdin().is_terminal();
    // The database outlives the shell: it is closed last, whatever came of the work.
    let mut database = None;
    let peer: Box<dyn Peer> = match args.place.server()? {
        Some(remote) => Box::new(Connected::new(remote)),
        None => {
            let opened = database.insert(args.place.data.open()?);
            let host = format!(
                "the embedded engine in {}",
                args.place.data.data_dir.display()
            );
            Box::new(Embedded::new(opened, &host))
        }
    };
    let mut shell = Shell::with(peer, settings, Out::stdout(), Out::stderr());
    // Ctrl-C stops the statement. Where no prompt follows, a second one ends the process.
    if interactive {
        signal_hook::flag::register(signal_hook::consts::SIGINT, shell.interrupt())
            .map_err(|error| Error::io("SIGINT", "be handled", &error))?;
    } else {
        stop_on_interrupt(shell.interrupt())?;
    }
    let worked = work(&mut shell, args, &jobs, interactive);
    match database {
        Some(database) => worked.and(database.close()),
        None => worked,
    }
}

fn work(shell: &mut Shell, args: &Args, jobs: &[Job<'_>], interactive: bool) -> Result<()> {
    if let Some(keyspace) = &args.keyspace {
        shell.use_keyspace(keyspace)?;
    }
    if interactive {
        let banner = format!(
            "{}\nHELP shows what there is, EXIT or Ctrl-D leaves.",
            shell.greeting()
        );
        writeln!(std::io::stderr(), "{banner}")
            .map_err(|error| Error::io("standard error", "write", &error))?;
        return run_interactive(shell);
    }
    if jobs.is_empty() {
        shell.run_stdin()?;
    }
    for job in jobs {
        let flow = match job {
            Job::Text(text) => shell.run_script("-e", text.as_bytes())?,
            Job::File(file) if file.as_os_str() == "-" => shell.run_stdin()?,
            Job::File(file) => {
                let name = file.display().to_string();
                #[expect(clippy::disallowed_methods, reason = "a script is the person's file")]
                let opened = std::fs::File::open(file);
                let script = opened.map_err(|error| Error::io(&name, "open", &error))?;
                shell.run_script(&name, script)?
            }
        };
        if flow == Flow::Exit {
            break;
        }
    }
    shell.finish()
}

/// -e and -f in the order in which they stand on the command line.
fn jobs<'a>(args: &'a Args, matches: Option<&ArgMatches>) -> Vec<Job<'a>> {
    let places = |name: &str| -> Vec<usize> {
        matches
            .and_then(|matches| matches.indices_of(name))
            .into_iter()
            .flatten()
            .collect()
    };
    let texts = places("execute")
        .into_iter()
        .zip(args.execute.iter().map(|text| Job::Text(text)));
    let files = places("file")
        .into_iter()
        .zip(args.file.iter().map(Job::File));
    let mut jobs: Vec<(usize, Job<'a>)> = texts.chain(files).collect();
    jobs.sort_by_key(|(place, _)| *place);
    jobs.into_iter().map(|(_, job)| job).collect()
}
