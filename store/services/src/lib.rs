//! Private PostgreSQL, PgBouncer and Redis servers for tests: each with a folder and a socket of its own, so that any number of them
//! run side by side. They are gone when the value is, also when the test panics.
//!
//! What is missing or fails is a panic that says what to do.

mod process;

use std::net::TcpListener;
use std::path::Path;

use process::{Home, Process, find};

/// The port that PostgreSQL's socket is named after.
const PORT: &str = "5432";

/// A private PostgreSQL server.
#[derive(Debug)]
pub struct Postgres {
    process: Option<Process>,
    home: Home,
    /// The port of the loopback interface where it takes TLS, too.
    secured: Option<u16>,
}

impl Postgres {
    /// Starts one with an empty database. What it says it stored survives [`kill`](Self::kill).
    ///
    /// # Panics
    ///
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::with(None)
    }

    /// Starts one that is on the network, too, and can speak TLS there with this certificate and key, in PEM.
    ///
    /// # Panics
    ///
    /// If PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start_secured(certificate: &str, key: &str) -> Self {
        Self::with(Some((certificate, key)))
    }

    fn with(identity: Option<(&str, &str)>) -> Self {
        let home = Home::new("postgres");
        let initdb = find("initdb", "postgresql");
        let mut command = home.command(&initdb);
        command.args(["--username=chat", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = command.arg(home.path().join("data")).output().expect("initdb starts");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        if let Some((certificate, key)) = identity {
            home.write_identity(certificate, key);
            let files = "ssl_cert_file = '../certificate.pem'
ssl_key_file = '../key.pem'
";
            home.append(
                "data/postgresql.conf",
                &format!(
                    "ssl = on
{files}"
                ),
            );
        }
        let mut server = Self { process: None, home, secured: identity.map(|_| free_port()) };
        server.restart();
        server
    }

    /// Where it is, for clients. The same after a restart.
    #[must_use]
    pub fn url(&self) -> String {
        let port = self.secured.map_or(String::new(), |port| format!(":{port}"));
        format!("postgres://chat@{}{port}/postgres", encoded(self.home.path()))
    }

    /// Where it is on the network, under this name.
    ///
    /// # Panics
    ///
    /// If it is not there.
    #[must_use]
    pub fn url_at(&self, host: &str) -> String {
        format!("postgres://chat@{host}:{}/postgres", self.secured.expect("it is on the network"))
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
        match self.secured {
            None => command.args(["-p", PORT, "-c", "listen_addresses="]),
            Some(port) => command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]),
        };
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
    /// The port of the loopback interface where it takes TLS, and nothing else.
    secured: Option<u16>,
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
        let home = Home::new("redis");
        let mut server = Self { process: None, home, settings: settings.to_vec(), secured: None };
        server.restart();
        server
    }

    /// Starts an empty one that is on the network, too, and speaks TLS there with this certificate and key, in PEM.
    ///
    /// # Panics
    ///
    /// If Redis is not installed, or does not start.
    #[must_use]
    pub fn start_secured(certificate: &str, key: &str) -> Self {
        let home = Home::new("redis");
        home.write_identity(certificate, key);
        let mut server = Self { process: None, home, settings: Vec::new(), secured: Some(free_port()) };
        server.restart();
        server
    }

    /// Where it is on the network, under this name.
    ///
    /// # Panics
    ///
    /// If it is not there.
    #[must_use]
    pub fn url_at(&self, host: &str) -> String {
        format!("rediss://{host}:{}/", self.secured.expect("it is on the network"))
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
        if let Some(port) = self.secured {
            command.args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
            command.args(["--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem"]);
            command.args(["--tls-ca-cert-file", "certificate.pem"]);
        }
        self.process = Some(Process::start(command, "ready to accept connections"));
    }
}

/// A port that nobody has just now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a loopback interface");
    listener.local_addr().expect("it is bound").port()
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
