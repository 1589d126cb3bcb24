//! A server process under test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use rustls::ClientConfig;

use crate::identity::Identity;
use crate::{Binary, Client, DEADLINE, POLL, wait_until, wire};

/// A running server. Dropping it kills the process, and fails the test if it had died or panicked before.
#[derive(Debug)]
pub struct Server {
    child: Child,
    addr: SocketAddr,
    /// What its clients need, if it takes TLS only.
    tls: Option<Arc<ClientConfig>>,
    log: Arc<Log>,
    exit: Option<ExitStatus>,
}

/// What a process left that ended by itself.
#[derive(Debug)]
pub struct Finished {
    /// Its exit status.
    pub status: ExitStatus,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

impl Server {
    /// Starts `binary` with `flags` on a free port of the loopback interface.
    #[must_use]
    #[track_caller]
    pub fn start(binary: Binary, flags: &[&str]) -> Self {
        let mut command = binary.command();
        command.args(flags);
        if !binary.is_secured() {
            return Self::spawn(command);
        }
        let identity = Identity::shared();
        command.args(identity.flags()).arg("--require-tls");
        let mut server = Self::spawn(command);
        server.tls = Some(identity.trusted());
        server
    }

    /// Starts a server from a prepared command; where to listen is added to it.
    #[must_use]
    #[track_caller]
    pub fn spawn(mut command: Command) -> Self {
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the server starts");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("standard error is piped");
        let drain = Arc::clone(&log);
        thread::spawn(move || drain.fill(stderr));
        let addr = log.wait_for("listening", |line| address(line).is_some());
        Self { child, addr: address(&addr).expect("it was found"), tls: None, log, exit: None }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What its clients need, if it takes TLS only.
    pub(crate) fn tls(&self) -> Option<Arc<ClientConfig>> {
        self.tls.clone()
    }

    /// What a client says first, if it takes TLS only.
    #[must_use]
    pub fn client_hello(&self) -> Option<Vec<u8>> {
        let mut session = wire::session(self.tls()?).expect("a session");
        let mut hello = Vec::new();
        session.write_tls(&mut hello).expect("memory takes all");
        Some(hello)
    }

    /// The first line of its log that fits, now or later.
    #[track_caller]
    pub fn logged(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        self.log.wait_for(what, fits)
    }

    /// The lines it has logged until now.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// Reads its log no longer, so that its pipe is full soon, until [`read_log`](Self::read_log).
    pub fn ignore_log(&self) {
        self.log.lock().ignored = true;
    }

    /// Reads its log again.
    pub fn read_log(&self) {
        self.log.lock().ignored = false;
        self.log.grown.notify_all();
    }

    /// Descriptors it holds open.
    #[must_use]
    pub fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("the server runs").count()
    }

    /// Descriptors it holds while nobody is connected.
    ///
    /// A first connection is served for it: some descriptors of a runtime are opened on demand.
    #[must_use]
    #[track_caller]
    pub fn idle_descriptors(&self) -> usize {
        let mut first = Client::connect(self);
        first.ask("/help");
        let serving = self.descriptors();
        first.half_close();
        first.expect_closed();
        wait_until("the first connection is released", || self.descriptors() < serving);
        self.descriptors()
    }

    /// Waits until it holds no more descriptors than `before`: every connection is released.
    #[track_caller]
    pub fn expect_descriptors(&self, before: usize) {
        wait_until("all connections are released", || self.descriptors() <= before);
    }

    /// Its resident memory in bytes.
    #[must_use]
    pub fn resident(&self) -> usize {
        let status = fs::read_to_string(self.proc("status")).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
        let kibibytes = line.trim().trim_end_matches("kB").trim_end();
        kibibytes.parse::<usize>().expect("VmRSS is a number of kB") * 1024
    }

    /// Processor time it has used, in the kernel's hundredths of a second.
    #[must_use]
    pub fn processor_ticks(&self) -> u64 {
        let stat = fs::read_to_string(self.proc("stat")).expect("the server runs");
        let (_, fields) = stat.rsplit_once(") ").expect("the name ends in a bracket");
        // Behind the name, user and system time are the 12th and 13th field.
        fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }

    /// Stops it as it is, as a machine that falls asleep does.
    pub fn suspend(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).expect("the server runs");
    }

    /// Lets it go on after [`suspend`](Self::suspend).
    pub fn resume(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).expect("the server runs");
    }

    /// Lets it have no more descriptors than it holds now.
    pub fn exhaust_descriptors(&self) {
        self.limit_descriptors(Some(self.descriptors() as u64));
    }

    /// Lets it have as many as at first.
    pub fn restore_descriptors(&self) {
        self.limit_descriptors(getrlimit(Resource::Nofile).maximum);
    }

    fn limit_descriptors(&self, current: Option<u64>) {
        // The hard limit is the one that it has from us.
        let limit = Rlimit { current, maximum: getrlimit(Resource::Nofile).maximum };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Nofile, limit).expect("the server runs");
    }

    /// Asks it to read its files again: with SIGHUP.
    pub fn reload(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("the server runs");
    }

    /// Asks it to end, as an operator or a supervisor does: with SIGTERM.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the server runs");
    }

    /// Ends it as a crash would: with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the server runs");
        self.exit = Some(self.child.wait().expect("it is our child"));
    }

    /// Ends it as an operator does, and waits for that.
    #[track_caller]
    pub fn stop(mut self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "{status}");
    }

    /// Waits for it to end by itself.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        wait_until("the server ends", || {
            self.exit = self.child.try_wait().expect("it is our child");
            self.exit.is_some()
        });
        self.exit.expect("it was waited for")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let died = self.exit.is_none() && self.child.try_wait().is_ok_and(|status| status.is_some());
        // Neither can fail in a way that matters: the process is gone, or goes.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        let panicked = log.iter().any(|line| line.contains("panicked"));
        if thread::panicking() || died || panicked {
            eprintln!("the end of the server's log:\n  {}", log[log.len().saturating_sub(30)..].join("\n  "));
        }
        if !thread::panicking() {
            assert!(!died, "the server died");
            assert!(!panicked, "the server panicked");
        }
    }
}

impl Finished {
    /// Runs a command that must end by itself.
    #[must_use]
    #[track_caller]
    pub fn run(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server starts");
        // Read all the time, or a process that says more than a pipe takes would wait for ever.
        let stdout = read(child.stdout.take().expect("piped"));
        let stderr = read(child.stderr.take().expect("piped"));
        let start = Instant::now();
        while child.try_wait().expect("it is our child").is_none() {
            if start.elapsed() > DEADLINE {
                let _ = child.kill();
                panic!("{command:?} does not end");
            }
            thread::sleep(POLL);
        }
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().expect("it does not panic"));
        Self { status: child.wait().expect("it is our child"), stdout, stderr }
    }
}

fn read(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        from.read_to_string(&mut text).expect("UTF-8");
        text
    })
}

/// The address in a line that ends `listening addr=ADDRESS`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, addr) = line.split_once("listening addr=")?;
    addr.split(' ').next()?.parse().ok()
}

/// What the server wrote to standard error.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
    /// Whether nobody reads what comes.
    ignored: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads until the process ends, so that a full pipe never holds it up.
    fn fill(&self, stderr: ChildStderr) {
        let mut stderr = BufReader::new(stderr);
        let mut line = Vec::new();
        while stderr.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            self.lock().lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            self.grown.notify_all();
            line.clear();
            drop(self.grown.wait_while(self.lock(), |state| state.ignored));
        }
        self.lock().ended = true;
        self.grown.notify_all();
    }

    #[track_caller]
    fn wait_for(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut state = self.lock();
        loop {
            if let Some(line) = state.lines.iter().find(|line| fits(line)) {
                return line.clone();
            }
            let left = DEADLINE.saturating_sub(start.elapsed());
            assert!(!state.ended && !left.is_zero(), "not in the log: {what}\n{:#?}", state.lines);
            state = self.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
