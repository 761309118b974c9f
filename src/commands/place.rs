//! The database that a command works on: one of its own process, or a server.

use crate::clock::SystemClock;
use crate::commands::DataDir;
use crate::error::Result;
use crate::remote::{Address, Remote, RemoteOptions};
use crate::shell::read_password;
use std::time::Duration;

/// Holds the password of --user, so that it need not stand on the command line.
const PASSWORD_VARIABLE: &str = "HELENUS_PASSWORD";

/// Where the database is.
#[derive(Debug, clap::Args)]
pub struct Place {
    #[command(flatten)]
    pub data: DataDir,

    /// Work through a server: HOST, HOST:PORT or [IPV6]:PORT; the port is 9042 unless given
    #[arg(long, value_name = "HOST[:PORT]", conflicts_with = "data_dir")]
    connect: Option<Address>,

    /// The role to log in as; its password is asked for unless it is given
    #[arg(short, long, value_name = "NAME", requires = "connect")]
    user: Option<String>,

    /// The role's password; better in the environment, as HELENUS_PASSWORD
    #[arg(
        short,
        long,
        value_name = "TEXT",
        requires = "user",
        allow_hyphen_values = true
    )]
    password: Option<String>,

    /// How long to wait for a connection
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "connect",
        default_value = "5"
    )]
    #[arg(value_parser = seconds)]
    connect_timeout: Duration,

    /// How long to wait for an answer
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "connect",
        default_value = "10"
    )]
    #[arg(value_parser = seconds)]
    request_timeout: Duration,
}

impl Place {
    /// The server, if it is one: nothing has been said to it yet.
    pub fn server(&self) -> Result<Option<Remote>> {
        let Some(address) = &self.connect else {
            return Ok(None);
        };
        let mut options = RemoteOptions::new(address.clone());
        options.connect_timeout = self.connect_timeout;
        options.request_timeout = self.request_timeout;
        if let Some(user) = &self.user {
            let password = match (&self.password, std::env::var(PASSWORD_VARIABLE)) {
                (Some(password), _) => password.clone(),
                (None, Ok(password)) => password,
                (None, Err(_)) => read_password("Password: ")?,
            };
            options.login = Some((user.clone(), password));
        }
        Remote::connect(options, SystemClock::shared()).map(Some)
    }
}

/// A number of seconds, more than none.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if !(0.001..=86_400.0).contains(&seconds) {
        return Err("expected seconds, from 0.001 to a day".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
