//! Private PostgreSQL, PgBouncer and Redis servers for tests: each with a folder and a socket of its own, so that any number of them
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

/// A private PgBouncer in front of a PostgreSQL server.
#[derive(Debug)]
pub struct PgBouncer {
    _process: Process,
    home: Home,
}

impl PgBouncer {
    /// Starts one with these settings, each a line of its configuration.
    ///
    /// # Panics
    ///
    /// If PgBouncer is not installed, or does not start.
    #[must_use]
    pub fn start(server: &Postgres, settings: &str) -> Self {
        let home = Home::new("pgbouncer");
        let (here, there) = (home.path().display(), server.home.path().display());
        home.write("users", "\"chat\" \"\"\n");
        home.write(
            "pgbouncer.ini",
            &format!(
                "[databases]\npostgres = host={there} port={PORT}\n[pgbouncer]\nlisten_addr =\nlisten_port = {PORT}\n\
                unix_socket_dir = {here}\nauth_type = trust\nauth_file = {here}/users\n{settings}\n"
            ),
        );
        let mut command = home.command(&find("pgbouncer", "pgbouncer"));
        command.arg(home.path().join("pgbouncer.ini"));
        Self { _process: Process::start(command, "process up"), home }
    }

    /// Where it is, for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://chat@{}/postgres", encoded(self.home.path()))
    }
}

/// A private Redis server, which survives a crash with all that it confirmed.
#[derive(Debug)]
pub struct Redis {
    process: Option<Process>,
    home: Home,
    settings: Vec<&'static str>,
}

impl Redis {
    /// Starts an empty one.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts an empty one that forgets everything when it ends.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start_volatile() -> Self {
        Self::start_with(&["--appendonly", "no"])
    }

    /// Starts an empty one with these settings, as on its command line.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start_with(settings: &[&'static str]) -> Self {
        let mut server = Self { process: None, home: Home::new("redis"), settings: settings.to_vec() };
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
        command.args(["--appendonly", "yes", "--appendfsync", "always"]).args(&self.settings);
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
