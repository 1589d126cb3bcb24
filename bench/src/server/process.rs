//! A server that runs: pinned to one processor, watched, and ended.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::Server;
use crate::Result;

/// The processor of the server; the generator has the next, so two are needed.
const SERVER_CPU: usize = 0;
const GENERATOR_CPU: usize = 1;
/// How long a server may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has this thread, and what it starts, run on one processor only.
fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}

/// A free port, and a folder for a server to write to. That lies where programs are built, since what is in a system's
/// temporary folder may never reach a disk.
pub(crate) fn place() -> Result<(u16, PathBuf)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let folder = std::env::current_exe()?.with_file_name(format!("bench-{}-{port}", std::process::id()));
    fs::create_dir_all(&folder)?;
    Ok((port, folder))
}

/// A running server. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// How long it took until it served.
    pub(crate) started: Duration,
    /// What it may write to.
    folder: PathBuf,
}

impl Process {
    /// Starts it on a free port, and waits until it serves. The calling thread is the generator's from then on.
    pub(crate) fn start(server: &Server) -> Result<Self> {
        let (port, folder) = place()?;
        let mut command = server.command(port, &folder)?;
        command.stderr(Stdio::null());
        Self::launch(command, port, folder, &server.label)
    }

    /// The same, with a command that was made for this port and folder. What it tells on stderr is the caller's.
    pub(crate) fn launch(mut command: Command, port: u16, folder: PathBuf, name: &str) -> Result<Self> {
        pin(SERVER_CPU)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut process =
            Self { child, addr: SocketAddr::from(([127, 0, 0, 1], port)), started: Duration::ZERO, folder };
        pin(GENERATOR_CPU)?;
        process.wait_until_it_serves(name)?;
        Ok(process)
    }

    fn wait_until_it_serves(&mut self, name: &str) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{name} did not start: {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{name} does not serve").into());
            }
            sleep(Duration::from_millis(2));
        }
        self.started = start.elapsed();
        // That connection, and what the start left to do.
        sleep(Duration::from_millis(200));
        Ok(())
    }

    /// What it may write to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it tells on stderr, if that is a pipe: once.
    pub(crate) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).ok_or("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// How it has ended; none, while it runs after so long.
    pub(crate) fn wait_for(&mut self, at_most: Duration) -> Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || start.elapsed() > at_most {
                return Ok(status);
            }
            sleep(Duration::from_millis(5));
        }
    }

    /// Ends it as an operator does, and waits for that.
    pub(crate) fn end_in_peace(mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) }
    }

    /// Processor time that all its threads have used.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let times = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += times.split(' ').next().ok_or("an empty schedstat")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Its resident memory, in bytes: without what the kernel keeps for its sockets.
    pub(crate) fn resident(&self) -> Result<u64> {
        let pages = fs::read_to_string(format!("/proc/{}/statm", self.child.id()))?;
        let resident: u64 = pages.split(' ').nth(1).ok_or("an empty statm")?.parse()?;
        Ok(resident * rustix::param::page_size() as u64)
    }
}

impl Process {
    /// The most resident memory that it has had, in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        let kib: u64 = line.split_whitespace().next().ok_or("an empty VmHWM")?.parse()?;
        Ok(kib << 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // At the end of a benchmark, what cannot be ended or removed is no error worth a word.
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
