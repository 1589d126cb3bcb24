//! One client: a socket, what it expects, and a transcript for the day it is disappointed.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use socket2::{Domain, SockRef, Socket, Type};

use crate::wire::Wire;
use crate::{DEADLINE, Server};

/// A connection to a server.
///
/// Every line it reads is checked for what holds for all lines: it is UTF-8, starts as the protocol says, and has
/// nothing in it that could steer a terminal.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Wire>,
    /// Lines read ahead, while looking for another.
    ahead: VecDeque<String>,
    transcript: VecDeque<String>,
}

/// A command that no server knows. Its answer is one `! ` line, and so a fence behind all that came before it.
const FENCE: &str = "/fence";

/// Entries of a transcript: enough to see what led to a failure.
const TRANSCRIPT: usize = 100;

/// Bytes of one entry that are shown.
const SHOWN: usize = 200;

impl Client {
    /// Connects.
    #[must_use]
    #[track_caller]
    pub fn connect(server: &Server) -> Self {
        Self::from_stream(TcpStream::connect(server.addr()).expect("the server accepts"), server.tls())
    }

    /// Connects to one of the addresses of a server, with TLS or without.
    #[must_use]
    #[track_caller]
    pub fn connect_to(addr: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Self {
        Self::from_stream(TcpStream::connect(addr).expect("the server accepts"), tls.cloned())
    }

    /// Connects with a small receive buffer, so that not reading is soon felt by the server.
    #[must_use]
    #[track_caller]
    pub fn connect_narrow(server: &Server) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a buffer may be small");
        socket.connect(&server.addr().into()).expect("the server accepts");
        Self::from_stream(socket.into(), server.tls())
    }

    /// Connects as a proxy does that says `header` first.
    #[must_use]
    #[track_caller]
    pub fn connect_through(server: &Server, header: &[u8]) -> Self {
        let mut stream = TcpStream::connect(server.addr()).expect("the server accepts");
        stream.write_all(header).expect("it takes a header");
        Self::from_stream(stream, server.tls())
    }

    #[track_caller]
    fn from_stream(stream: TcpStream, tls: Option<Arc<ClientConfig>>) -> Self {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        stream.set_write_timeout(Some(DEADLINE)).expect("a write timeout");
        let wire = Wire::new(stream, tls).expect("the server shakes hands");
        Self { stream: BufReader::new(wire), ahead: VecDeque::new(), transcript: VecDeque::new() }
    }

    /// Connects and registers as `nick`.
    #[must_use]
    #[track_caller]
    pub fn register(server: &Server, nick: &str) -> Self {
        Self::connect(server).registered(nick)
    }

    /// Registers as `nick` and reads the welcome. Events of the lobby that come with it stay to be read.
    #[must_use]
    #[track_caller]
    pub fn registered(mut self, nick: &str) -> Self {
        let lines = self.ask(nick);
        let (welcome, events): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| line.starts_with("* "));
        self.ahead.extend(events);
        self.ensure(welcome.iter().any(|line| line.contains(nick)), "a welcome with the nickname");
        self
    }

    /// Registers several in this order; each has read that the later ones joined.
    #[must_use]
    #[track_caller]
    pub fn party<const N: usize>(server: &Server, nicks: [&str; N]) -> [Self; N] {
        let mut party: Vec<Self> = Vec::new();
        for nick in nicks {
            let new = Self::register(server, nick);
            for member in &mut party {
                member.expect(&format!("#lobby -- {nick} joined"));
            }
            party.push(new);
        }
        party.try_into().expect("one client for each nickname")
    }

    /// Its own address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.stream.get_ref().addr().expect("it is connected")
    }

    /// Sends one line.
    #[track_caller]
    pub fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.note('>', bytes);
        let sent = self.stream.get_mut().write_all(bytes);
        self.ensure(sent.is_ok(), &format!("to send: {sent:?}"));
    }

    /// Sends bytes, the last of which TCP calls urgent. Not over TLS.
    #[track_caller]
    pub fn send_urgent(&mut self, bytes: &[u8]) {
        self.note('>', bytes);
        let sent = SockRef::from(self.stream.get_ref().stream()).send_out_of_band(bytes);
        self.ensure(sent.as_ref().is_ok_and(|&sent| sent == bytes.len()), &format!("to send: {sent:?}"));
    }

    /// A second handle for sending, so that one thread can write while another reads.
    #[must_use]
    pub fn sender(&self) -> Wire {
        self.stream.get_ref().try_clone().expect("a descriptor is left")
    }

    /// The next line, without its end.
    #[track_caller]
    pub fn line(&mut self) -> String {
        if let Some(line) = self.ahead.pop_front() {
            return line;
        }
        let line = self.read_line();
        self.ensure(line.is_some(), "a line, but the connection was closed");
        let line = line.unwrap_or_default();
        self.ensure(is_clean(&line), "no control characters in a line");
        self.ensure(starts_well(&line), "a line to start as the protocol says");
        line
    }

    #[track_caller]
    fn read_line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let read = self.stream.read_until(b'\n', &mut bytes);
        if read.is_ok() || !bytes.is_empty() {
            self.note('<', &bytes);
        }
        self.ensure(!read.as_ref().is_err_and(timed_out), &format!("to read something within {DEADLINE:?}"));
        self.ensure(read.is_ok(), &format!("to read, not {read:?}"));
        if bytes.is_empty() {
            return None;
        }
        self.ensure(bytes.pop() == Some(b'\n'), "a whole line");
        let line = String::from_utf8(bytes);
        self.ensure(line.is_ok(), "a line in UTF-8");
        line.ok()
    }

    /// The next bytes are these, which are no line.
    #[track_caller]
    pub fn expect_bytes(&mut self, bytes: &[u8]) {
        let mut read = vec![0; bytes.len()];
        let end = self.stream.read_exact(&mut read);
        self.note('<', &read);
        self.ensure(end.is_ok() && read == bytes, &format!("{:?}", bytes.escape_ascii().to_string()));
    }

    /// The next line fits.
    #[track_caller]
    pub fn expect_line(&mut self, what: &str, fits: impl FnOnce(&str) -> bool) -> String {
        let line = self.line();
        self.ensure(fits(&line), what);
        line
    }

    /// The next line is a stamp and exactly this behind it.
    #[track_caller]
    pub fn expect(&mut self, event: &str) {
        self.expect_line(&format!("[HH:MM:SS] {event:?}"), |line| stamped(line) == Some(event));
    }

    /// The next line speaks to this client alone, and has all of `parts` in it.
    #[track_caller]
    pub fn expect_notice(&mut self, parts: &[&str]) -> String {
        self.expect_line(&format!("a notice with {parts:?}"), |line| {
            line.starts_with("* ") && parts.iter().all(|part| line.contains(part))
        })
    }

    /// The next line is an error, and has all of `parts` in it.
    #[track_caller]
    pub fn expect_error(&mut self, parts: &[&str]) -> String {
        self.expect_line(&format!("an error with {parts:?}"), |line| {
            line.starts_with("! ") && parts.iter().all(|part| line.contains(part))
        })
    }

    /// Sends a line and gives all lines that come until it was dealt with; none of them is an error.
    #[track_caller]
    pub fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(line);
        self.drain()
    }

    /// All lines that come until what was sent before was dealt with; none of them is an error.
    #[track_caller]
    pub fn drain(&mut self) -> Vec<String> {
        self.send(FENCE);
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with("! ") {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Nothing has come for this client, and nothing comes of what others were already answered.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        let lines = self.drain();
        self.ensure(lines.is_empty(), "nothing");
    }

    /// The server closes cleanly; gives the lines that come before.
    #[track_caller]
    pub fn expect_closed(&mut self) -> Vec<String> {
        let mut lines = Vec::from(std::mem::take(&mut self.ahead));
        while let Some(line) = self.read_line() {
            self.ensure(is_clean(&line), "no control characters in a line");
            lines.push(line);
        }
        lines
    }

    /// The server closes with an error line, and says nothing else.
    #[track_caller]
    pub fn expect_turned_away(&mut self) {
        let lines = self.expect_closed();
        self.ensure(lines.len() == 1 && lines[0].starts_with("! "), "one error and the end");
    }

    /// The server answers with something that is not chat, and closes cleanly.
    #[track_caller]
    pub fn expect_answered_as_http(&mut self) -> String {
        let mut answer = String::new();
        let end = self.stream.read_to_string(&mut answer);
        self.ensure(end.is_ok(), &format!("an answer and a clean end: {end:?}"));
        answer
    }

    /// The connection ends, cleanly or not, whatever comes before.
    #[track_caller]
    pub fn expect_cut_off(&mut self) {
        let mut rest = Vec::new();
        let end = self.stream.read_to_end(&mut rest);
        self.ensure(!end.as_ref().is_err_and(timed_out), "to be cut off");
    }

    /// Ends its input; it goes on reading.
    pub fn half_close(&mut self) {
        self.note('>', b"");
        self.stream.get_mut().finish().expect("it is connected");
    }

    /// Ends its input as somebody on the way might do: without the goodbye of TLS.
    pub fn cut_short(&mut self) {
        self.note('>', b"");
        self.stream.get_ref().stream().shutdown(Shutdown::Write).expect("it is connected");
    }

    /// Whether its TLS session is one from before.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.stream.get_ref().is_resumed()
    }

    /// Resets the connection.
    pub fn reset(self) {
        let linger = SockRef::from(self.stream.get_ref().stream()).set_linger(Some(Duration::ZERO));
        linger.expect("SO_LINGER");
    }

    /// Adds to the transcript; nothing stands for the end.
    fn note(&mut self, direction: char, bytes: &[u8]) {
        if self.transcript.len() == TRANSCRIPT {
            self.transcript.pop_front();
        }
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]);
        let rest = bytes.len().saturating_sub(SHOWN);
        self.transcript.push_back(match (bytes.len(), rest) {
            (0, _) => format!("{direction} (end)"),
            (_, 0) => format!("{direction} {start:?}"),
            (_, _) => format!("{direction} {start:?} and {rest} bytes more"),
        });
    }

    #[track_caller]
    fn ensure(&self, holds: bool, what: &str) {
        assert!(
            holds,
            "expected {what:.SHOWN$}\ntranscript:\n  {}",
            Vec::from(self.transcript.clone()).join("\n  ")
        );
    }
}

/// What stands behind the stamp of a line, if it has one.
#[must_use]
pub fn stamped(line: &str) -> Option<&str> {
    let (stamp, event) = line.split_at_checked(11)?;
    let fits = |(shape, byte): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { shape == byte };
    b"[00:00:00] ".iter().copied().zip(stamp.bytes()).all(fits).then_some(event)
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn starts_well(line: &str) -> bool {
    let event = stamped(line).is_some_and(|event| event.starts_with(['#', '<']));
    event || line.starts_with("* ") || line.starts_with("! ")
}

/// Nothing a terminal would obey, and nothing that reorders or breaks a line on it.
fn is_clean(line: &str) -> bool {
    let harmful = |c: char| match c {
        '\t' => false,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    !line.contains(harmful)
}
