//! A server that runs: pinned to one processor, watched, and ended.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Stdio};
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
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = std::env::temp_dir().join(format!("bench-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder)?;
        pin(SERVER_CPU)?;
        let mut command = server.command(port, &folder)?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let mut process =
            Self { child, addr: SocketAddr::from(([127, 0, 0, 1], port)), started: Duration::ZERO, folder };
        pin(GENERATOR_CPU)?;
        process.wait_until_it_serves(server)?;
        Ok(process)
    }

    fn wait_until_it_serves(&mut self, server: &Server) -> Result<()> {
        let start = Instant::now();
        while TcpStream::connect(self.addr).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{server} did not start: {status}").into());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{server} does not serve").into());
            }
            sleep(Duration::from_millis(2));
        }
        self.started = start.elapsed();
        // That connection, and what the start left to do.
        sleep(Duration::from_millis(200));
        Ok(())
    }

    /// Ends it as an operator does, and waits for that.
    pub(crate) fn end_in_peace(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).ok_or("no process")?;
        kill_process(pid, Signal::TERM)?;
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
