//! Stores of history for scenarios, each with a server or a folder of its own, and what stands in them.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use test_services::{Postgres, Redis};

use crate::{Binary, Finished, Server};

/// Where a scenario's history is. Gone with it.
#[derive(Debug)]
pub enum Store {
    /// A file in a folder.
    Sqlite(TempDir),
    /// A private PostgreSQL server.
    Postgres(Postgres),
    /// A private Redis server.
    Redis(Redis),
}

/// An event as it is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The room's key.
    pub room: String,
    /// Its number.
    pub seq: u64,
    /// Who.
    pub nick: String,
    /// What it was.
    pub kind: String,
    /// The text.
    pub text: String,
}

impl Store {
    /// An empty one in SQLite.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a temporary folder"))
    }

    /// An empty one in PostgreSQL.
    #[must_use]
    pub fn postgres() -> Self {
        Self::Postgres(Postgres::start())
    }

    /// An empty one in Redis.
    #[must_use]
    pub fn redis() -> Self {
        Self::Redis(Redis::start())
    }

    /// The value of `--history`.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("history.db").display()),
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }

    /// The folder of its file.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn folder(&self) -> &Path {
        match self {
            Self::Sqlite(folder) => folder.path(),
            _ => panic!("it has a server"),
        }
    }

    /// Its server ends as in a crash.
    ///
    /// # Panics
    /// If it has none.
    pub fn kill(&mut self) {
        match self {
            Self::Sqlite(_) => panic!("it has no server"),
            Self::Postgres(server) => server.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    /// Its server starts again.
    ///
    /// # Panics
    /// If it has none.
    pub fn restart(&mut self) {
        match self {
            Self::Sqlite(_) => panic!("it has no server"),
            Self::Postgres(server) => server.restart(),
            Self::Redis(server) => server.restart(),
        }
    }

    /// Whatever keeps a second server away is gone, as far as a server can lose it that stands still.
    ///
    /// # Panics
    /// If it cannot be done.
    pub fn lose_guard(&mut self) {
        match self {
            Self::Sqlite(folder) => {
                std::fs::remove_file(folder.path().join("history.db-lock")).expect("a server is running");
            }
            Self::Postgres(server) => server.restart(),
            // Its lease runs out.
            Self::Redis(_) => {}
        }
    }

    /// Its server, which has to be Redis, stops as it is: it keeps its connections, and answers nobody.
    ///
    /// # Panics
    /// If it has none.
    pub fn suspend(&self) {
        let Self::Redis(server) = self else { panic!("only Redis is one process") };
        server.suspend();
    }

    /// Its server goes on.
    ///
    /// # Panics
    /// If it has none.
    pub fn resume(&self) {
        let Self::Redis(server) = self else { panic!("only Redis is one process") };
        server.resume();
    }

    /// A chat server with this history and without flood control.
    #[must_use]
    #[track_caller]
    pub fn serve(&self, binary: Binary, more: &[&str]) -> Server {
        Server::start(binary, &[&["--flood", "off", "--history", &self.url()], more].concat())
    }

    /// A command of a binary about this history.
    #[must_use]
    pub fn command(&self, binary: Binary, what: &str) -> Command {
        let mut command = binary.command();
        command.args([what, "--history", &self.url()]);
        command
    }

    /// All that is exported.
    #[must_use]
    #[track_caller]
    pub fn exported(&self, binary: Binary) -> String {
        let finished = Finished::run(&mut self.command(binary, "export"));
        assert!(finished.status.success() && finished.stderr.is_empty(), "{finished:?}");
        finished.stdout
    }

    /// The events in it, room by room, of which each has every number from 1 to its last one once.
    #[must_use]
    #[track_caller]
    pub fn events(&self, binary: Binary) -> Vec<Exported> {
        let text = self.exported(binary);
        let events: Vec<_> = text.lines().filter_map(Exported::parse).collect();
        for (index, event) in events.iter().enumerate() {
            let before = index.checked_sub(1).map(|index| &events[index]);
            let before = before.filter(|before| before.room == event.room).map_or(0, |before| before.seq);
            assert_eq!(event.seq, before + 1, "{event:?} is out of order, or one is missing");
        }
        events
    }
}

impl Exported {
    fn parse(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).expect("a line of JSON");
        let text = |key: &str| line[key].as_str().map(String::from);
        let seq = line["seq"].as_u64()?;
        let [room, nick, kind, text] = [text("key")?, text("nick")?, text("kind")?, text("text")?];
        Some(Self { room, seq, nick, kind, text })
    }
}

/// Lines without their stamps.
#[must_use]
pub fn unstamped(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        let line = crate::stamped(line).unwrap_or(line);
        let _ = writeln!(text, "{line}");
        text
    })
}
