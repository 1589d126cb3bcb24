//! The servers that are compared: how each is started, such that nothing but its work limits it.

mod command;
mod process;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

pub(crate) use process::{Process, place};

use crate::Result;
use crate::dialect::Dialect;
use crate::document::repository;

/// A server that anybody can compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Known {
    /// This one, on tokio, with its history where it is by default: in SQLite.
    Tokio,
    /// The same without history.
    TokioNone,
    /// This one, on smol, with its history where it is by default.
    Smol,
    /// The same without history.
    SmolNone,
    /// Redis pub/sub.
    Redis,
    /// NATS.
    Nats,
    /// No protocol at all.
    Floor,
    /// InspIRCd.
    Inspircd,
}

/// A server under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) label: String,
    /// How it is spoken to, and so what kind of program it is.
    pub(crate) dialect: Dialect,
    program: PathBuf,
    /// Flags beside those that every server of its kind is given.
    flags: Vec<String>,
}

/// Builds this server on each runtime, on all processors, before anything is pinned.
pub(crate) fn build() -> Result<()> {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", "runtime-tokio", "-p", "runtime-smol"])
        .current_dir(repository())
        .status()?;
    if status.success() { Ok(()) } else { Err("the servers cannot be built".into()) }
}

impl Known {
    /// Those that are compared unless others are named. InspIRCd lets so few join in a second that it would take hours.
    pub(crate) const USUAL: [Self; 7] =
        [Self::Tokio, Self::TokioNone, Self::Smol, Self::SmolNone, Self::Redis, Self::Nats, Self::Floor];

    /// As it is started. Our own programs lie where this one lies.
    pub(crate) fn server(self) -> Result<Server> {
        let this = std::env::current_exe()?;
        let own = |name| this.with_file_name(name);
        let (label, dialect, program) = match self {
            Self::TokioNone => return Ok(Self::Tokio.server()?.without_history()),
            Self::SmolNone => return Ok(Self::Smol.server()?.without_history()),
            Self::Tokio => ("chat on tokio", Dialect::Plain, own("runtime-tokio")),
            Self::Smol => ("chat on smol", Dialect::Plain, own("runtime-smol")),
            Self::Redis => ("Redis", Dialect::Redis, "redis-server".into()),
            Self::Nats => ("NATS", Dialect::Nats, "nats-server".into()),
            Self::Floor => ("floor", Dialect::Floor, this),
            Self::Inspircd => ("InspIRCd", Dialect::Irc, "/usr/sbin/inspircd".into()),
        };
        Ok(Server { label: label.into(), dialect, program, flags: Vec::new() })
    }
}

/// `LABEL=PROGRAM FLAGS`: some other build of the chat server, or one with other flags.
impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let (label, command) = text.split_once('=').ok_or("LABEL=PROGRAM FLAGS")?;
        let mut words = command.split_whitespace();
        let program = words.next().ok_or("no program")?.into();
        let flags = words.map(Into::into).collect();
        Ok(Self { label: label.into(), dialect: Dialect::Plain, program, flags })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl Server {
    /// The same, with these flags as well.
    pub(crate) fn with_flags<'a>(mut self, flags: impl IntoIterator<Item = &'a str>) -> Self {
        self.flags.extend(flags.into_iter().map(Into::into));
        self
    }

    /// The same, without history: what it is compared with to see what storing costs.
    pub(crate) fn without_history(&self) -> Self {
        let mut server = self.clone().with_flags(["--history", "none"]);
        server.label += ", no history";
        server
    }

    /// What starts it.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// What it is given beside what its kind is.
    pub(crate) fn flags(&self) -> &[String] {
        &self.flags
    }

    /// Whether this is the server that all this is about.
    pub(crate) fn is_chat(&self) -> bool {
        self.dialect == Dialect::Plain
    }

    /// The version of the installed program; none, where there is none.
    pub(crate) fn version(&self) -> Option<String> {
        let output = Command::new(&self.program).arg("--version").output().ok()?;
        version_in(&String::from_utf8_lossy(&output.stdout)).map(Into::into)
    }
}

/// The first part of a word that looks like a version.
fn version_in(text: &str) -> Option<&str> {
    let bare =
        |part: &'_ str| -> usize { part.len() - part.trim_start_matches("v=").trim_start_matches('v').len() };
    text.split(|letter: char| letter.is_whitespace() || letter == '-')
        .map(|part| &part[bare(part)..])
        .find(|part| part.contains('.') && part.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_programs_put_them() {
        assert_eq!(version_in("Redis server v=7.0.15 sha=00000000:0"), Some("7.0.15"));
        assert_eq!(version_in("nats-server: v2.9.10"), Some("2.9.10"));
        assert_eq!(version_in("chat 0.1.0"), Some("0.1.0"));
        assert_eq!(version_in("InspIRCd-3.15.0-debian"), Some("3.15.0"));
    }

    #[test]
    fn a_server_without_history_is_known_for_its_twin() {
        let [with, without] = [Known::Smol, Known::SmolNone].map(|known| known.server().unwrap());
        assert_eq!(
            (with.without_history(), without.label.as_str()),
            (without.clone(), "chat on smol, no history")
        );
        assert_ne!(with, without);
    }

    #[test]
    fn another_server_is_a_label_and_a_command() {
        let server: Server = "old=target/old --record x".parse().unwrap();
        assert_eq!((server.label.as_str(), server.flags.len(), server.is_chat()), ("old", 2, true));
        assert!("target/old".parse::<Server>().is_err());
    }
}
