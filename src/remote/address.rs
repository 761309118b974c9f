//! Where a server is: `HOST`, `HOST:PORT`, and the same with an IPv6 address in brackets.

use std::fmt;
use std::str::FromStr;

/// The port of the native protocol.
const PORT: u16 = 9042;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected HOST, HOST:PORT or [IPV6]:PORT, got {text}");
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(wrong()),
                }
            }
            // An IPv6 address without brackets has no room for a port.
            None if text.matches(':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(wrong)?,
            None => PORT,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong());
        }
        let host = host.to_owned();
        Ok(Self { host, port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, shown) in [
            ("localhost", "localhost:9042"),
            ("10.0.0.1:19042", "10.0.0.1:19042"),
            ("[::1]", "[::1]:9042"),
            ("[fe80::1]:7", "[fe80::1]:7"),
            ("::1", "[::1]:9042"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for text in [
            "", ":9042", "a:", "a:0", "a:x", "a:70000", "[::1", "[::1]x", "a b",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
