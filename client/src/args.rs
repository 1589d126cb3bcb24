//! The command line.

use std::fmt;
use std::str::FromStr;

use clap::Parser;

/// The port a server listens on unless told otherwise.
const DEFAULT_PORT: u16 = 8080;

/// Chat from a terminal, or from a script.
///
/// In a terminal: an input line with history (Up, Down) and the usual editing keys.
/// Ctrl-D or Ctrl-C leaves; a second Ctrl-C does not wait for the server's goodbye. Ctrl-Z stops
/// the client for a while.
///
/// When stdin or stdout is not a terminal: a plain pipe. What the server says goes to
/// stdout unchanged, and the end of the input is a polite quit.
#[derive(Debug, Parser)]
#[command(name = "client", version, after_help = EXIT_STATUS)]
pub(crate) struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[IPV6]:PORT`
    #[arg(value_name = "HOST:PORT", default_value = "localhost:8080")]
    pub(crate) address: Address,

    /// Register under this nickname without being asked
    #[arg(long, value_name = "NAME", value_parser = nick)]
    pub(crate) nick: Option<String>,

    /// Join this room after registration (in a pipe this needs --nick)
    #[arg(long, value_name = "ROOM", value_parser = room)]
    pub(crate) room: Option<String>,
}

/// The last part of `--help`; [`Failure::exit_code`](crate::failure::Failure::exit_code) keeps to it.
const EXIT_STATUS: &str = "\
Exit status:
  0  all input was sent, and the server closed the connection politely
  1  no connection
  2  wrong usage
  3  the server refused the nickname or the room (in a pipe; nothing else was sent)
  4  the connection broke, or input was left unsent, or output could not be written

NO_COLOR, when set, turns colours off. With TERM=dumb, lines are shown as they come,
and edited by the terminal.";

/// Where the server is. Names are resolved when connecting, not here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A host name or an IP address, an IPv6 address without its brackets.
    pub(crate) host: String,
    /// The TCP port.
    pub(crate) port: u16,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = if let Some(bracketed) = text.strip_prefix('[') {
            let (host, rest) = bracketed.split_once(']').ok_or("a closing `]` is missing")?;
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':').ok_or("after `]` only `:PORT` may follow")?),
            };
            (host, port)
        } else {
            match text.split_once(':') {
                // More than one colon and no brackets: an IPv6 address without a port.
                Some((_, rest)) if rest.contains(':') => (text, None),
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            }
        };
        if host.is_empty() {
            return Err("the host is missing");
        }
        let port = match port {
            Some(digits) => digits.parse().map_err(|_| "the port is not a number below 65536")?,
            None => DEFAULT_PORT,
        };
        Ok(Self { host: host.to_owned(), port })
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

/// Whether a nickname is usable is for the server to say; only what would not be one line
/// with a nickname on it is refused here.
fn nick(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') {
        return Err("a nickname does not start with `/`");
    }
    one_word(text)
}

/// A room; the `#`, which a shell takes for a comment unless quoted, may be left out.
fn room(text: &str) -> Result<String, &'static str> {
    let name = one_word(text)?;
    Ok(if name.starts_with('#') { name } else { format!("#{name}") })
}

fn one_word(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("a name is one word");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Result<String, &'static str> {
        text.parse::<Address>().map(|address| address.to_string())
    }

    #[test]
    fn addresses_in_every_form() {
        for (given, meant) in [
            ("chat.example", "chat.example:8080"),
            ("chat.example:99", "chat.example:99"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]:99", "[::1]:99"),
            ("[::1]", "[::1]:8080"),
            ("::1", "[::1]:8080"),
        ] {
            assert_eq!(address(given).as_deref(), Ok(meant), "{given}");
        }
    }

    #[test]
    fn addresses_that_are_none() {
        for given in ["", ":80", "host:", "host:http", "host:65536", "[::1", "[::1]80", "[]:80"] {
            assert!(address(given).is_err(), "{given}");
        }
    }

    #[test]
    fn names_are_one_word() {
        assert_eq!(nick("ann").as_deref(), Ok("ann"));
        assert_eq!(room("#rust").as_deref(), Ok("#rust"));
        assert_eq!(room("rust").as_deref(), Ok("#rust"));
        for given in ["", "two words", "two\nlines", "bell\u{7}"] {
            assert!(nick(given).is_err() && room(given).is_err(), "{given:?}");
        }
        assert!(nick("/quit").is_err());
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }
}
