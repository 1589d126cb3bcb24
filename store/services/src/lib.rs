//! Private PostgreSQL and Redis servers for tests: each with a folder and a socket of its own, so that any number of them
//! run side by side. They are gone when the value is, also when the test panics.
//!
//! What is missing or fails is a panic that says what to do.

mod process;

use std::path::Path;

use process::{Home, Process, find};

/// The port that PostgreSQL's socket is named after.
const PORT: &str = "5432";

/// A private PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    home: Home,
}

impl Postgres {
    /// Starts one with an empty database. What it says it stored survives [`kill`](Self::kill).
    ///
    /// # Panics
    ///
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let home = Home::new("postgres");
        let initdb = find("initdb", "postgresql");
        let mut command = home.command(&initdb);
        command.args(["--username=chat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = command.arg(home.path().join("data")).output().expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = Self { process: None, home };
        server.restart();
        server
    }

    /// Where it is, for clients. The same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://chat@{}/postgres", encoded(self.home.path()))
    }

    /// Ends it as a crash would, if it runs.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again with what it has stored; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = self.home.command(&find("postgres", "postgresql"));
        command.arg("-D").arg(self.home.path().join("data")).arg("-k").arg(self.home.path());
        command.args(["-p", PORT, "-c", "listen_addresses="]);
        self.process = Some(Process::start(command, "ready to accept connections"));
    }
}

/// A private Redis server, which survives a crash with all that it confirmed.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    home: Home,
    is_volatile: bool,
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(false)
    }

    /// Starts an empty one that forgets everything when it ends.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start_volatile() -> Self {
        Self::with(true)
    }

    fn with(is_volatile: bool) -> Self {
        let mut server = Self { process: None, home: Home::new("redis"), is_volatile };
        server.restart();
        server
    }

    /// Where it is, for clients. The same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.home.path().join("redis.sock").display())
    }

    /// Stops it as it is, if it runs: it keeps its connections, and answers nobody.
    pub fn suspend(&self) {
        self.process.iter().for_each(Process::suspend);
    }

    /// Lets it go on after [`suspend`](Self::suspend).
    pub fn resume(&self) {
        self.process.iter().for_each(Process::resume);
    }

    /// Ends it as a crash would, if it runs.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it again with what it has stored; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = self.home.command(&find("redis-server", "redis-server"));
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(self.home.path().join("redis.sock"));
        command.arg("--dir").arg(self.home.path());
        let appendonly = if self.is_volatile { "no" } else { "yes" };
        command.args(["--appendonly", appendonly, "--appendfsync", "always"]);
        self.process = Some(Process::start(command, "ready to accept connections"));
    }
}

/// A folder as the host of a URL.
fn encoded(path: &Path) -> String {
    let mut host = String::new();
    for byte in path.display().to_string().bytes() {
        if byte.is_ascii_alphanumeric() {
            host.push(char::from(byte));
        } else {
            host.push_str(&format!("%{byte:02X}"));
        }
    }
    host
}
