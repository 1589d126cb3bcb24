//! Programs of servers, where they live, and as whom.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take until it is ready: with all cores busy, and a log to go through.
const PATIENCE: Duration = Duration::from_secs(60);

/// Finds a program where packages put it.
pub(crate) fn find(program: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    // Debian keeps those of PostgreSQL out of the way, by version: the newest first.
    let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.extend(versions.into_iter().map(|version| version.join("bin")));
    folders.extend(["/usr/local/bin".into(), "/usr/sbin".into()]);
    let found = folders.into_iter().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("{program} is missing: install the package {package} (on Debian: apt-get install {package})")
    })
}

/// A folder of its own, and who runs programs in it.
#[derive(Debug)]
pub(crate) struct Home {
    folder: TempDir,
    /// PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
}

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
        let user = rustix::process::geteuid().is_root().then(|| {
            let users = fs::read_to_string("/etc/passwd").expect("a list of users");
            let (user, group) = ["postgres", "nobody"]
                .into_iter()
                .find_map(|name| ids(&users, name))
                .expect("as root, there is a user postgres or nobody to run servers as");
            chown(folder.path(), Some(user), Some(group)).expect("root may give it away");
            (user, group)
        });
        Self { folder, user }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file in it that programs may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group)).expect("root may give it away");
        }
    }

    /// More at the end of a file.
    pub(crate) fn append(&self, name: &str, text: &str) {
        let before = fs::read_to_string(self.path().join(name)).expect("it is there");
        self.write(name, &(before + text));
    }

    /// A certificate and its key, in PEM.
    pub(crate) fn write_identity(&self, certificate: &str, key: &str) {
        self.write("certificate.pem", certificate);
        self.write("key.pem", key);
    }

    /// A program that runs in this folder.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }
}

/// The ids of a user and its group.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// A running server. When this is dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Reads what it says until the last of its processes has ended.
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts a server, and waits until it says that it is ready.
    pub(crate) fn start(mut command: Command, ready: &'static str) -> Self {
        // A signal for the terminal is none for the server: it ends with this value.
        command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (said, lines) = mpsc::channel();
        let out = child.stdout.take().map(|out| read(out, said.clone()));
        let err = child.stderr.take().map(|err| read(err, said));
        let process = Self { child, readers: out.into_iter().chain(err).collect() };
        let mut log = Vec::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.to_lowercase().contains(ready) => return process,
                Ok(line) => log.push(line),
                Err(error) => panic!("{command:?} does not become ready ({error}): {}", log.join("\n")),
            }
        }
    }
}

impl Process {
    /// Stops it as it is, if it is one process.
    pub(crate) fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("it has an id");
        kill_process(pid, signal).expect("it runs");
    }
}

fn read(from: impl std::io::Read + Send + 'static, to: mpsc::Sender<String>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Read on when nobody listens any longer, or the server would block.
            let _ = to.send(line);
        }
    })
}

/// The processes that this one started.
fn children(parent: u32) -> Vec<Pid> {
    let child = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw)?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // Behind the name, which may have anything in it, are the state and the parent.
        let (_, fields) = stat.rsplit_once(')')?;
        (fields.split_whitespace().nth(1)?.parse() == Ok(parent)).then_some(pid)
    };
    fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(child).collect()
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id();
        let pid = |id: u32| i32::try_from(id).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid(id) {
            // As it stands still, it has no more children than these.
            let _ = kill_process(pid, Signal::STOP);
            let children = children(id);
            let _ = kill_process(pid, Signal::KILL);
            for child in children {
                let _ = kill_process(child, Signal::KILL);
            }
        }
        let _ = self.child.wait();
        // When the last of them has ended, so have these. Only then may another server have the folder.
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_found() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let id = Pid::from_child(&child);
        assert!(children(std::process::id()).contains(&id));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children(std::process::id()).contains(&id));
    }
}
