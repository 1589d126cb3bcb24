//! A client: what it does is a script, what it hears is its transcript.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout_at};
use turmoil::net::TcpStream;

use crate::adapters::host::{PORT, SERVER};
use crate::adapters::trace::Trace;

/// What a client reads at once.
const BUFFER: usize = 4 << 10;

/// One thing a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reads for so long.
    Wait(Duration),
    /// Stops reading for so long.
    Ignore(Duration),
    /// Sends this line.
    Send(String),
    /// Ends its sending side, and goes on reading.
    Finish,
    /// Drops the connection: a reset, if there is something that it has not read.
    Drop,
}

/// A client and its script. After the last step it reads until the server ends.
#[derive(Clone, Debug)]
pub struct Client {
    /// The nickname, which is also its name in the trace; the first line it sends.
    pub nick: String,
    /// The machine it runs on: one of [`HOSTS`](crate::HOSTS).
    pub host: &'static str,
    /// When it connects.
    pub from: Duration,
    /// What it does once it has sent its nickname.
    pub steps: Vec<Step>,
}

impl Client {
    /// A client that comes, and listens until the end.
    #[must_use]
    pub fn new(nick: impl Into<String>, host: &'static str, from: Duration) -> Self {
        Self { nick: nick.into(), host, from, steps: Vec::new() }
    }

    /// Adds a step.
    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Adds a line to send.
    #[must_use]
    pub fn say(self, line: impl Into<String>) -> Self {
        self.then(Step::Send(line.into()))
    }

    /// Adds a time to listen.
    #[must_use]
    pub fn wait(self, time: Duration) -> Self {
        self.then(Step::Wait(time))
    }

    /// The lines it says in rooms, in order.
    pub fn said(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(line) if !line.starts_with('/') => Some(line.as_str()),
            _ => None,
        })
    }

    /// Whether it does nothing to end the conversation.
    #[must_use]
    pub fn stays(&self) -> bool {
        !self.steps.iter().any(|step| match step {
            Step::Send(line) => line.starts_with("/quit"),
            Step::Finish | Step::Drop => true,
            Step::Wait(_) | Step::Ignore(_) => false,
        })
    }

    pub(crate) async fn run(self, transcript: Rc<RefCell<Transcript>>, trace: Trace) {
        sleep(self.from).await;
        let end = match self.converse(&transcript, &trace).await {
            Ok(end) => end,
            Err(error) => End::Failed(error.kind()),
        };
        trace.note(&self.nick, &format_args!("{end:?}"));
        transcript.borrow_mut().end = Some(end);
    }

    async fn converse(&self, transcript: &RefCell<Transcript>, trace: &Trace) -> io::Result<End> {
        let stream = TcpStream::connect((SERVER, PORT)).await?;
        trace.note(&self.nick, &"connected");
        let mut talk = Talk { nick: &self.nick, stream, transcript, trace };
        talk.send(&self.nick).await?;
        for step in &self.steps {
            match step {
                Step::Wait(time) => {
                    let until = Instant::now() + *time;
                    while let Ok(read) = timeout_at(until, talk.read()).await {
                        if read? == 0 {
                            return Ok(End::Eof);
                        }
                    }
                }
                Step::Ignore(time) => sleep(*time).await,
                Step::Send(line) => talk.send(line).await?,
                Step::Finish => talk.stream.shutdown().await?,
                Step::Drop => return Ok(End::Dropped),
            }
        }
        while talk.read().await? > 0 {}
        Ok(End::Eof)
    }
}

/// How a conversation ended, as the client saw it. A client that crashed saw nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The server ended its side.
    Eof,
    /// The client dropped the connection.
    Dropped,
    /// The connection failed.
    Failed(io::ErrorKind),
}

/// What a client heard.
#[derive(Clone, Debug, Default)]
pub struct Transcript {
    /// Whole lines, without their ends.
    pub lines: Vec<String>,
    /// What came after the last whole line.
    pub rest: Vec<u8>,
    /// How it ended, if the client lived to see it.
    pub end: Option<End>,
}

struct Talk<'a> {
    nick: &'a str,
    stream: TcpStream,
    transcript: &'a RefCell<Transcript>,
    trace: &'a Trace,
}

impl Talk<'_> {
    async fn send(&mut self, line: &str) -> io::Result<()> {
        self.stream.write_all(format!("{line}\n").as_bytes()).await
    }

    /// Reads what there is; 0 at the end.
    async fn read(&mut self) -> io::Result<usize> {
        let mut buffer = [0; BUFFER];
        let read = self.stream.read(&mut buffer).await?;
        let transcript = &mut *self.transcript.borrow_mut();
        transcript.rest.extend_from_slice(&buffer[..read]);
        while let Some(end) = transcript.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = transcript.rest.drain(..=end).collect();
            let line = std::str::from_utf8(&line[..end]).expect("the server writes UTF-8");
            self.trace.note(self.nick, &line);
            transcript.lines.push(line.to_owned());
        }
        Ok(read)
    }
}
