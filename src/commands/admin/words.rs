//! The words behind `helenus admin`, read as nodetool reads them.
//!
//! ```text
//! [-h HOST] [-p PORT] [--data-dir DIR] COMMAND [OPTION…] [--] [OPERAND…]
//! ```
//!
//! `-h` is the host, and many of the commands' options clash with what a command line usually
//! means by them, so that these few rules are simpler by hand: an option takes its value from the
//! next word or from behind `=`, an unknown one is refused by name, `--` ends them. Options about
//! the connection may stand behind the command too, as nodetool has it.

use crate::commands::admin::names::{self, Command};
use crate::shell::nearest;
use std::path::PathBuf;

/// Where HTTP is served unless told otherwise.
const HTTP_PORT: u16 = crate::server::options::HTTP_PORT;

/// Options about the connection; those of JMX are taken for the sake of old scripts.
const GLOBAL: &str = "-h,--host= -p,--port= --data-dir= -u,--username= -pw,--password= \
                      -pwf,--password-file= -pp,--print-port --help";

/// Where the database is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The host of the server.
    pub host: String,
    /// Its HTTP port.
    pub port: u16,
    /// The data directory, if it is worked on without a server.
    pub data_dir: Option<PathBuf>,
    /// Whether a user or a password was given, which nobody asks for.
    pub credentials: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: HTTP_PORT,
            data_dir: None,
            credentials: false,
        }
    }
}

/// What the words say.
#[derive(Clone, Debug)]
pub struct Words {
    /// Where the database is reached.
    pub place: Place,
    /// The command.
    pub command: Command,
    /// Its options, by their last name, with their values.
    options: Vec<(String, Option<String>)>,
    /// What stands behind them.
    pub operands: Vec<String>,
    /// Whether only help is wanted.
    pub help: bool,
}

impl Words {
    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| given == name)
    }

    /// The value of an option; the last one counts.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut given = self.options.iter().rev();
        given.find(|(own, _)| own == name)?.1.as_deref()
    }
}

/// Reads the words; what is wrong with them is told in a line or two.
pub fn parse(words: &[String]) -> Result<Words, String> {
    let mut place = Place::default();
    let mut command: Option<Command> = None;
    let mut options = Vec::new();
    let mut operands: Vec<String> = Vec::new();
    let mut help = false;
    let mut ended = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if ended || word == "-" || !word.starts_with('-') || is_number(word) {
            match command {
                None => command = Some(find(word)?),
                Some(_) => operands.push(word.clone()),
            }
            continue;
        }
        if word == "--" {
            ended = true;
            continue;
        }
        let (name, behind) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let own = command.map_or("", |command| command.options);
        let Some((name, takes)) = option(own, name).or_else(|| option(GLOBAL, name)) else {
            // What there is nothing to do for, there is nothing to do for with its options too.
            if command.is_some_and(|command| command.handling != names::Handling::Does) {
                continue;
            }
            return Err(unknown_option(word, command));
        };
        let value = match (takes, behind) {
            (true, Some(value)) => Some(value),
            (true, None) => match words.next() {
                Some(value) => Some(value.clone()),
                None => return Err(format!("{word} wants a value")),
            },
            (false, None) => None,
            (false, Some(_)) => return Err(format!("{name} takes no value")),
        };
        if option(own, name).is_some() {
            options.push((name.to_owned(), value));
        } else {
            help |= connect(&mut place, name, value.unwrap_or_default())?;
        }
    }
    let command = match command {
        Some(command) => command,
        None if help => find("help")?,
        None => return Err("which command? `helenus admin help` lists them".to_owned()),
    };
    Ok(Words {
        place,
        command,
        options,
        operands,
        help,
    })
}

/// A negative number, such as a token, is no option.
fn is_number(word: &str) -> bool {
    word.parse::<i64>().is_ok()
}

fn find(name: &str) -> Result<Command, String> {
    names::find(name).ok_or_else(|| match nearest(name, names::all()) {
        Some(near) => format!("there is no command {name}; did you mean {near}?"),
        None => format!("there is no command {name}; `helenus admin help` lists them"),
    })
}

/// The last name of the option called `name`, and whether it takes a value.
fn option<'a>(known: &'a str, name: &str) -> Option<(&'a str, bool)> {
    known.split_whitespace().find_map(|option| {
        let names = option.trim_end_matches('=');
        let called = names.split(',').any(|own| own == name);
        let last = names.rsplit(',').next()?;
        called.then_some((last, names.len() < option.len()))
    })
}

fn unknown_option(word: &str, command: Option<Command>) -> String {
    match command {
        None => format!("there is no option {word} before the command"),
        Some(command) if command.options.is_empty() => {
            format!("{} has no option {word}", command.name)
        }
        Some(command) => {
            let known = command.options.split_whitespace();
            let known = known.map(|it| it.replace(',', " or ").replace('=', " VALUE"));
            let known = known.collect::<Vec<_>>().join(", ");
            format!("{} has no option {word}; it has {known}", command.name)
        }
    }
}

/// Takes in an option about the connection; answers whether help is wanted.
fn connect(place: &mut Place, name: &str, value: String) -> Result<bool, String> {
    match name {
        "--help" => return Ok(true),
        "--host" => place.host = value,
        "--port" => {
            place.port = value
                .parse()
                .map_err(|_| format!("-p wants the HTTP port of the server, not {value}"))?;
        }
        "--data-dir" => place.data_dir = Some(value.into()),
        "--print-port" => {}
        _ => place.credentials = true,
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Words, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn options_stand_where_nodetool_has_them() {
        let words = read("-h ::1 -p 99 tablestats -F json -H -- -odd nyc.flights").unwrap();
        assert_eq!((words.place.host.as_str(), words.place.port), ("::1", 99));
        assert_eq!(words.command.name, "tablestats");
        assert_eq!(words.value("--format"), Some("json"));
        assert!(words.has("--human-readable") && !words.has("-i"));
        assert_eq!(words.operands, ["-odd", "nyc.flights"]);
        let behind = read("cfstats --format=yaml --port=7 --data-dir d").unwrap();
        assert_eq!(behind.place.port, 7);
        assert_eq!(behind.place.data_dir, Some("d".into()));
        assert_eq!(behind.value("--format"), Some("yaml"));
        assert!(read("-u me -pw x -pp status").unwrap().place.credentials);
        assert_eq!(read("getendpoints k t -5").unwrap().operands.len(), 3);
        assert!(read("repair -pr --full nyc").is_ok());
        assert!(read("--help").unwrap().help);
    }

    #[test]
    fn wrong_words_are_named() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(
            wrong("tablestat"),
            "there is no command tablestat; did you mean tablestats?"
        );
        assert!(wrong("quetzal").contains("admin help"));
        assert!(wrong("").contains("which command"));
        assert!(wrong("-x status").contains("-x"));
        assert!(wrong("flush -x").contains("flush has no option -x"));
        assert!(wrong("tablestats -x").contains("-F or --format VALUE, -H"));
        assert!(wrong("-p http status").contains("HTTP port"));
        assert!(wrong("status -h").contains("wants a value"));
        assert!(wrong("compact --split-output=1").contains("takes no value"));
    }
}
