//! Without a terminal, or with one that can only show text: stdin to the server, the server to stdout. Bytes are passed
//! on as they are, but to a terminal nothing that it could obey.

use std::io::{self, BufRead, BufReader, IsTerminal as _, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::args::Args;
use crate::failure::Failure;
use crate::line::{Line, confirms};
use crate::wire::{read_line, to_text};

/// How long the server may take to confirm a nickname or a room.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the input may take to end once the server has closed: whoever writes `/quit` last
/// may need a moment to exit.
const INPUT_GRACE: Duration = Duration::from_secs(3);

/// Refuses what only works in a terminal: where in the input a nickname ends, and a room could
/// be joined, is not for a pipe to guess.
pub(crate) fn check(args: &Args) -> Result<(), Failure> {
    if args.room.is_some() && args.nick.is_none() { Err(Failure::RoomWithoutNick) } else { Ok(()) }
}

/// Runs until the server closes.
pub(crate) fn run(stream: TcpStream, args: &Args) -> Result<(), Failure> {
    let mut server = BufReader::new(stream.try_clone().map_err(Failure::Lost)?);
    let stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let mut output = Output { to: stdout.lock(), is_terminal };
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(Failure::Lost)?;
    if let Some(nick) = &args.nick {
        ask(&stream, nick)?;
        await_confirmation(&mut server, &mut output, nick)?;
    }
    if let Some(room) = &args.room {
        ask(&stream, &format!("/join {room}"))?;
        await_confirmation(&mut server, &mut output, room)?;
    }
    stream.set_read_timeout(None).map_err(Failure::Lost)?;

    let sending = send_input(stream.try_clone().map_err(Failure::Lost)?);
    receive(&mut server, &mut output)?;
    // From here on the server hears nothing more, so input that still comes fails to be sent.
    // An error says that it cannot be sent already.
    let _ = stream.shutdown(Shutdown::Write);
    match sending.recv_timeout(INPUT_GRACE) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure::Unsent(Some(error))),
        Err(_) => Err(Failure::Unsent(None)),
    }
}

/// Where what is received goes.
struct Output<W> {
    to: W,
    /// Whether it could be obeyed there.
    is_terminal: bool,
}

impl<W: Write> Output<W> {
    /// Passes on what was received; to a terminal, that has to be a line.
    fn pass_on(&mut self, received: &[u8]) -> io::Result<()> {
        if self.is_terminal {
            writeln!(self.to, "{}", to_text(received))?;
        } else {
            self.to.write_all(received)?;
        }
        self.to.flush()
    }
}

fn ask(mut stream: &TcpStream, line: &str) -> Result<(), Failure> {
    stream.write_all(format!("{line}\n").as_bytes()).map_err(Failure::Lost)
}

/// Passes lines on until one confirms the name we asked for.
///
/// Nothing else is sent before: after a refused nickname our next line would be taken for
/// another nickname, after a refused room it would be said in the wrong one. The greeting is
/// a `* ` line too (the server sends it when we are slow), but cannot name us.
fn await_confirmation<W: Write>(
    server: &mut impl BufRead,
    output: &mut Output<W>,
    name: &str,
) -> Result<(), Failure> {
    loop {
        let line = match read_line(server) {
            Ok(Some(line)) => line,
            Ok(None) => return Err(Failure::Unsent(None)),
            // Which of the two a timeout is depends on the platform.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(Failure::Unconfirmed(name.to_owned()));
            }
            Err(error) => return Err(Failure::Lost(error)),
        };
        let text = to_text(&line);
        let kind = Line::parse(&text);
        if kind == Line::Error {
            return Err(Failure::Refused(text));
        }
        output.pass_on(&line).map_err(Failure::Output)?;
        if kind == Line::Notice && confirms(&text, name) {
            return Ok(());
        }
    }
}

/// Sends stdin to its end from a thread of its own, then half-closes.
///
/// The result is handed over before the half-close: a server that closes in answer to it must
/// find the result known.
fn send_input(mut stream: TcpStream) -> Receiver<io::Result<()>> {
    let (done, sending) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let sent = io::copy(&mut io::stdin().lock(), &mut stream).map(drop);
        // Nobody is listening when the session has already ended, and that is well.
        let _ = done.send(sent);
        let _ = stream.shutdown(Shutdown::Write);
    });
    sending
}

/// Passes on what the server says, until it closes.
fn receive<W: Write>(server: &mut impl BufRead, output: &mut Output<W>) -> Result<(), Failure> {
    if output.is_terminal {
        while let Some(line) = read_line(server).map_err(Failure::Lost)? {
            output.pass_on(&line).map_err(Failure::Output)?;
        }
        return Ok(());
    }
    loop {
        let chunk = match server.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::Lost(error)),
        };
        output.pass_on(chunk).map_err(Failure::Output)?;
        let length = chunk.len();
        server.consume(length);
    }
}
