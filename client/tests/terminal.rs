//! The client in a terminal, against a server that follows a script: what it leaves behind, however it ends.
#![cfg(unix)]

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longer than anything takes; a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks at something that will happen.
const STEP: Duration = Duration::from_millis(5);

#[test]
fn a_signal_gives_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let (mut client, mut server) = start("xterm", 80);
        server.write_all(b"* hello\r\n").unwrap();
        client.shows("* hello");
        assert!(client.is_raw());
        client.kill(signal);
        assert_eq!(client.wait().signal(), Some(signal.as_raw()), "{signal:?}");
        assert!(!client.is_raw(), "{signal:?} leaves the terminal raw");
    }
}

#[test]
fn a_signal_gives_the_terminal_back_even_if_nobody_reads_what_it_shows() {
    let (mut client, mut server) = start("xterm", 80);
    // The terminal takes a few kilobytes, and then the client waits.
    server.write_all(format!("* {}\r\n", "x".repeat(70)).repeat(2_000).as_bytes()).unwrap();
    client.shows("xxx");
    client.kill(Signal::TERM);
    assert_eq!(client.wait().signal(), Some(Signal::TERM.as_raw()));
    assert!(!client.is_raw());
}

#[test]
fn ctrl_z_stops_it_and_it_goes_on_where_it_was() {
    let (mut client, mut server) = start("xterm", 80);
    client.types("half a li");
    client.shows("half a li");
    client.types("\x1a");
    let stopped = waitpid(Some(client.pid()), WaitOptions::UNTRACED).unwrap();
    assert!(stopped.is_some_and(|(_, status)| status.stopped()), "{stopped:?}");
    assert!(!client.is_raw());
    client.kill(Signal::CONT);
    client.waits_until("it is raw again", Terminal::is_raw);
    client.types("ne\r");
    let mut line = [0; 12];
    server.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"half a line\n");
}

#[test]
fn a_terminal_without_a_size_keeps_what_was_said() {
    let (mut client, mut server) = start("xterm", 0);
    for line in ["* one\r\n", "* two\r\n", "* three\r\n"] {
        server.write_all(line.as_bytes()).unwrap();
        client.shows(line.trim_end());
    }
    // What would move the cursor up, to be written over: CSI, a number, A.
    let mut sequences = client.shown.split("\x1b[").skip(1);
    let up = sequences.find(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('A'));
    assert_eq!(up, None, "{:?}", client.shown);
}

#[test]
fn a_dumb_terminal_gets_no_escapes_and_keeps_its_own_editing() {
    let (mut client, mut server) = start("dumb", 80);
    server.write_all(b"* red \x1b[31m\r\n").unwrap();
    client.shows("* red \u{FFFD}[31m");
    assert!(!client.is_raw());
    client.types("ann\n");
    let mut line = [0; 4];
    server.read_exact(&mut line).unwrap();
    assert_eq!(&line, b"ann\n");
    drop(server);
    // The input has to end as well, as in any pipe.
    client.types("\x04");
    client.wait();
    assert!(!client.shown.contains('\x1b'), "{:?}", client.shown);
}

/// A terminal, and the client in it.
struct Terminal {
    /// The side of whoever sits before it.
    outside: File,
    /// The client's side.
    inside: File,
    client: Child,
    shown: String,
}

/// A client in a terminal of this kind and width, and the server's end of its connection.
fn start(kind: &str, columns: u16) -> (Terminal, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let outside = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&outside).unwrap();
    unlockpt(&outside).unwrap();
    let size = Winsize { ws_row: columns / 4, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&outside, size).unwrap();
    let name = ptsname(&outside, Vec::new()).unwrap();
    let inside =
        rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let (outside, inside) = (File::from(outside), File::from(inside));
    let client = Command::new(env!("CARGO_BIN_EXE_client"))
        .arg(listener.local_addr().unwrap().to_string())
        .env("TERM", kind)
        .stdin(inside.try_clone().unwrap())
        .stdout(inside.try_clone().unwrap())
        .stderr(inside.try_clone().unwrap())
        // Where a core may be left.
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .spawn()
        .unwrap();
    rustix::io::ioctl_fionbio(&outside, true).unwrap();
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut terminal = Terminal { outside, inside, client, shown: String::new() };
    if kind != "dumb" {
        terminal.waits_until("it is raw", Terminal::is_raw);
    }
    (terminal, stream)
}

impl Terminal {
    fn pid(&self) -> Pid {
        Pid::from_child(&self.client)
    }

    fn kill(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    fn types(&mut self, keys: &str) {
        self.outside.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether keys come one by one, and unseen.
    fn is_raw(&mut self) -> bool {
        let modes = tcgetattr(&self.inside).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// Reads until this was shown.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        let text = text.to_owned();
        self.waits_until(&text.clone(), |terminal| {
            terminal.reads();
            terminal.shown.contains(&text)
        });
    }

    fn reads(&mut self) {
        let mut bytes = [0; 1024];
        match self.outside.read(&mut bytes) {
            Ok(read) => self.shown.push_str(&String::from_utf8_lossy(&bytes[..read])),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }

    #[track_caller]
    fn waits_until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}; shown is {:?}", self.shown);
            sleep(STEP);
        }
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        self.waits_until("the client ends", |terminal| {
            status = terminal.client.try_wait().unwrap();
            status.is_some()
        });
        self.reads();
        status.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}
