//! The servers that are compared: how each is started, such that nothing but its work limits it.

mod process;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;

pub(crate) use process::Process;

use crate::Result;
use crate::dialect::Dialect;

/// A server that anybody can compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Known {
    /// This one, on tokio.
    Tokio,
    /// This one, on smol.
    Smol,
    /// Redis pub/sub.
    Redis,
    /// NATS.
    Nats,
    /// No protocol at all.
    Floor,
}

/// A server under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) label: String,
    /// How it is spoken to.
    pub(crate) dialect: Dialect,
    program: PathBuf,
    /// Flags beside those that every server of its kind is given.
    flags: Vec<String>,
}

impl Known {
    /// As it is started. Our own programs lie where this one lies.
    pub(crate) fn server(self) -> Result<Server> {
        let this = std::env::current_exe()?;
        let (label, dialect, program) = match self {
            Self::Tokio => ("chat on tokio", Dialect::Plain, this.with_file_name("runtime-tokio")),
            Self::Smol => ("chat on smol", Dialect::Plain, this.with_file_name("runtime-smol")),
            Self::Redis => ("Redis", Dialect::Redis, "redis-server".into()),
            Self::Nats => ("NATS", Dialect::Nats, "nats-server".into()),
            Self::Floor => ("floor", Dialect::Floor, this),
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

    /// Whether this is the server that all this is about.
    pub(crate) fn is_chat(&self) -> bool {
        self.dialect == Dialect::Plain
    }

    /// The version of the installed program; none, where there is none.
    pub(crate) fn version(&self) -> Option<String> {
        let output = Command::new(&self.program).arg("--version").output().ok()?;
        version_in(&String::from_utf8_lossy(&output.stdout)).map(Into::into)
    }

    /// What starts it on a port of the loopback address; `folder` is for whatever it wants to write.
    fn command(&self, port: u16, folder: &Path) -> Result<Command> {
        let mut command = Command::new(&self.program);
        let (listen, port) = (format!("127.0.0.1:{port}"), port.to_string());
        match self.dialect {
            Dialect::Plain => {
                command.args(["--listen", &listen, "--lobby", "none", "--flood", "off"]);
                if !self.flags.iter().any(|flag| flag == "--history") {
                    command.args(["--history", "none"]);
                }
                command.args(["--log-level", "error"]);
            }
            Dialect::Redis => {
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
                command.args(["--maxclients", "19900", "--tcp-backlog", "4096", "--dir"]).arg(folder);
                // No limit on what a slow subscriber may owe.
                command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
            }
            Dialect::Nats => {
                let config = folder.join("nats.conf");
                std::fs::write(
                    &config,
                    "max_connections: 19900\nmax_pending: 1GB\nwrite_deadline: \"60s\"\nping_interval: \"1h\"\n",
                )?;
                command.args(["--addr", "127.0.0.1", "--port", &port, "--config"]).arg(config);
            }
            Dialect::Floor => drop(command.args(["floor", &listen])),
        }
        command.args(&self.flags);
        Ok(command)
    }
}

/// The first word that looks like a version.
fn version_in(text: &str) -> Option<&str> {
    let bare =
        |word: &'_ str| -> usize { word.len() - word.trim_start_matches("v=").trim_start_matches('v').len() };
    text.split_whitespace()
        .map(|word| &word[bare(word)..])
        .find(|word| word.contains('.') && word.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_programs_put_them() {
        assert_eq!(version_in("Redis server v=7.0.15 sha=00000000:0"), Some("7.0.15"));
        assert_eq!(version_in("nats-server: v2.9.10"), Some("2.9.10"));
        assert_eq!(version_in("chat 0.1.0"), Some("0.1.0"));
    }

    #[test]
    fn another_server_is_a_label_and_a_command() {
        let server: Server = "old=target/old --record x".parse().unwrap();
        assert_eq!((server.label.as_str(), server.flags.len(), server.is_chat()), ("old", 2, true));
        assert!("target/old".parse::<Server>().is_err());
    }
}
