//! The servers that are compared: how each is started, such that nothing but its work limits it.

mod process;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use process::Process;

use crate::Result;
use crate::dialect::Dialect;

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Server {
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

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tokio => "chat on tokio",
            Self::Smol => "chat on smol",
            Self::Redis => "Redis",
            Self::Nats => "NATS",
            Self::Floor => "floor",
        })
    }
}

impl Server {
    /// How it is spoken to.
    pub(crate) fn dialect(self) -> Dialect {
        match self {
            Self::Tokio | Self::Smol => Dialect::Plain,
            Self::Redis => Dialect::Redis,
            Self::Nats => Dialect::Nats,
            Self::Floor => Dialect::Floor,
        }
    }

    /// Whether this is the server that all this is about.
    pub(crate) fn is_chat(self) -> bool {
        self.dialect() == Dialect::Plain
    }

    /// Its program. Ours lie where this one lies.
    fn program(self) -> Result<PathBuf> {
        let this = std::env::current_exe()?;
        Ok(match self {
            Self::Tokio => this.with_file_name("runtime-tokio"),
            Self::Smol => this.with_file_name("runtime-smol"),
            Self::Redis => "redis-server".into(),
            Self::Nats => "nats-server".into(),
            Self::Floor => this,
        })
    }

    /// The version of the installed program; none, where there is none.
    pub(crate) fn version(self) -> Option<String> {
        let output = Command::new(self.program().ok()?).arg("--version").output().ok()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let is_number = |word: &&str| {
            word.contains('.')
                && word.trim_start_matches("v=").starts_with(|c: char| c.is_ascii_digit() || c == 'v')
        };
        let version = said.split_whitespace().find(is_number)?;
        Some(version.trim_start_matches("v=").trim_start_matches('v').to_owned())
    }

    /// What starts it on a port of the loopback address; `folder` is for whatever it wants to write.
    fn command(self, port: u16, folder: &Path, extra: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.program()?);
        let listen = format!("127.0.0.1:{port}");
        match self {
            Self::Tokio | Self::Smol => {
                command.args(["--listen", &listen, "--lobby", "none", "--flood", "off", "--history", "none"]);
                command.args(["--log-level", "error"]).args(extra);
            }
            Self::Redis => {
                let port = port.to_string();
                command.args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
                command.args(["--maxclients", "19900", "--tcp-backlog", "4096", "--dir"]).arg(folder);
                // No limit on what a slow subscriber may owe.
                command.args(["--client-output-buffer-limit", "pubsub 0 0 0"]);
            }
            Self::Nats => {
                let config = folder.join("nats.conf");
                let limits = "max_connections: 19900\nmax_pending: 1GB\nwrite_deadline: \"60s\"\nping_interval: \"1h\"\n";
                std::fs::write(&config, limits)?;
                command.args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--config"]).arg(config);
            }
            Self::Floor => drop(command.args(["floor", &listen])),
        }
        Ok(command)
    }
}
