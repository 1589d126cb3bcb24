//! Black-box conformance: real server processes, real sockets, and one set of scenarios for every binary.
//!
//! A scenario is a function of a [`Binary`]; [`scenarios!`] makes a test of it for each of them, and
//! [`secured_scenarios!`] another over TLS. A scenario
//! starts a [`Server`] with the flags it is about and talks to it through a [`Client`], or through a [`Crowd`]
//! where one thread must read thousands.
//!
//! Nothing here sleeps and hopes. What must arrive is read with a generous deadline; what must *not* arrive is
//! shown by something that would have come after it ([`Client::expect_nothing`]); and a state that only the
//! operating system can tell is polled until it holds ([`wait_until`]).

mod client;
mod crowd;
mod entrance;
mod history;
mod identity;
mod server;
mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

pub use client::{Client, stamped};
pub use crowd::{Crowd, allow_descriptors};
pub use entrance::{PROXIES, file, proxy_header, proxy_header_v2};
pub use history::{Exported, Store, unstamped};
pub use identity::Identity;
pub use server::{Finished, Server};
pub use wire::Wire;

/// How long anything may take that must happen. Far above what it takes, for slow and busy machines.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How often something is looked at that only a look can tell.
const POLL: Duration = Duration::from_millis(5);

/// Flags for scenarios that are not about flood control.
pub const UNTHROTTLED: &[&str] = &["--flood", "off"];

/// The server binaries, which must behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// The server on tokio.
    Tokio,
    /// The server on smol.
    Smol,
    /// The server on tokio, and every connection secured.
    TokioTls,
    /// The server on smol, and every connection secured.
    SmolTls,
}

impl Binary {
    /// The name of its package, and of its executable.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokio | Self::TokioTls => "runtime-tokio",
            Self::Smol | Self::SmolTls => "runtime-smol",
        }
    }

    /// Whether every connection is secured.
    #[must_use]
    pub fn is_secured(self) -> bool {
        matches!(self, Self::TokioTls | Self::SmolTls)
    }

    /// A command that runs it, without the settings that the environment of the tests may hold. It stores nothing, unless
    /// a flag says otherwise.
    #[must_use]
    pub fn command(self) -> Command {
        clean(Command::new(self.path()))
    }

    /// A command that runs it with at most so many descriptors.
    #[must_use]
    pub fn command_with_descriptors(self, limit: u32) -> Command {
        self.command_behind(&format!("ulimit -n {limit}"))
    }

    /// A command that runs it where no file can be written, as on a full disk.
    #[must_use]
    pub fn command_with_full_disk(self) -> Command {
        self.command_behind("ulimit -f 0")
    }

    /// A command that runs it in a shell that was prepared like this.
    fn command_behind(self, prepare: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!(r#"{prepare} && exec "$0" "$@""#)).arg(self.path());
        clean(command)
    }

    fn path(self) -> PathBuf {
        build().join(self.name())
    }
}

fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CHAT_")) {
            command.env_remove(name);
        }
    }
    // What a scenario is not about is not stored, and not shown to newcomers.
    command.env("CHAT_HISTORY", "memory").env("CHAT_HISTORY_REPLAY", "0");
    command
}

/// Builds the binaries in the profile of this test, once per process; gives their folder.
///
/// Cargo builds the executables of a package for its own tests only, so those of others are asked for here.
fn build() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("a running test has a path");
        let folder = test.ancestors().nth(2).expect("it lies in TARGET/PROFILE/deps").to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        // What cargo tells a test of its package would have some dependencies built anew, and then again next time.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
            {
                cargo.env_remove(name);
            }
        }
        cargo.args(["build", "--quiet", "--manifest-path"]).arg(workspace().join("Cargo.toml"));
        cargo.arg("--target-dir").arg(folder.parent().expect("it lies in TARGET/PROFILE"));
        cargo.args(["-p", Binary::Tokio.name(), "-p", Binary::Smol.name()]);
        if folder.ends_with("release") {
            cargo.arg("--release");
        }
        let status = cargo.status().expect("cargo runs");
        assert!(status.success(), "the server binaries do not build");
        folder
    })
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this package lies in the workspace")
}

/// Polls until `holds`; fails after [`DEADLINE`].
#[track_caller]
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::sleep(POLL);
    }
}

/// The same, and over TLS as well: `tokio_tls::name` and `smol_tls::name`.
#[macro_export]
macro_rules! secured_scenarios {
    ($($name:ident),+ $(,)?) => {
        $crate::scenarios! { $($name),+ }
        mod tokio_tls {
            $(#[test] fn $name() { super::$name($crate::Binary::TokioTls); })+
        }
        mod smol_tls {
            $(#[test] fn $name() { super::$name($crate::Binary::SmolTls); })+
        }
    };
}

/// Makes a test of each scenario for each binary: `tokio::name` and `smol::name`.
#[macro_export]
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        mod tokio {
            $(#[test] fn $name() { super::$name($crate::Binary::Tokio); })+
        }
        mod smol {
            $(#[test] fn $name() { super::$name($crate::Binary::Smol); })+
        }
    };
}
