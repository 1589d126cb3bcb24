//! The listening socket and its clients, on a thread of their own.
//!
//! Whoever is slow or silent holds up nobody: nothing blocks but the question to the driver, which all who wait share.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use chat_driver::Handle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{error, warn};

use crate::Surroundings;
use crate::http::{Request, Status, Wants};
use crate::snapshot::Snapshot;

/// How long the driver may take to answer before it counts as dead.
const ALIVE: Duration = Duration::from_secs(1);
/// How long a client may take from its connection to its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clients at one time. For one more, the oldest has to go: silent ones cannot keep others out.
pub(crate) const CLIENTS: usize = 8;
/// Bytes of a request.
const REQUEST: usize = 8 << 10;
/// How long nobody is accepted after that has failed: most likely for want of descriptors.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves the numbers of a [`Meter`](crate::Meter), and whether its driver is alive.
pub struct Endpoint {
    listener: TcpListener,
    answers: Receiver<Snapshot>,
    surroundings: Box<dyn Fn() -> Surroundings + Send>,
    /// In the order in which they came.
    clients: Vec<Client>,
    /// Nobody is accepted until then.
    paused: Option<Instant>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Endpoint {
    pub(crate) fn new(
        listener: TcpListener,
        answers: Receiver<Snapshot>,
        surroundings: Box<dyn Fn() -> Surroundings + Send>,
    ) -> Self {
        Self { listener, answers, surroundings, clients: Vec::new(), paused: None }
    }

    /// Serves for as long as the process lives and its sockets can be waited for, on a thread of its own. `handle` is that of the meter's driver.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn serve(mut self, handle: Handle) -> io::Result<()> {
        let serve = move || {
            let error = loop {
                if let Err(error) = self.turn(&handle) {
                    break error;
                }
            };
            error!(%error, "metrics are served no longer");
        };
        thread::Builder::new().name(String::from("metrics")).spawn(serve)?;
        Ok(())
    }

    /// Waits for something to do, and does it.
    fn turn(&mut self, handle: &Handle) -> io::Result<()> {
        self.wait()?;
        self.accept();
        self.clients.retain_mut(|client| client.step().is_ok());
        if self.clients.iter().any(|client| client.asks().is_some()) {
            let snapshot = self.inspect(handle).map(|snapshot| snapshot.with((self.surroundings)()));
            for client in &mut self.clients {
                if let Some(request) = client.asks() {
                    client.state = State::Answering(request.answer(snapshot.as_ref()), 0);
                }
            }
            self.clients.retain_mut(|client| client.step().is_ok());
        }
        let now = Instant::now();
        self.clients.retain(|client| client.deadline > now);
        Ok(())
    }

    /// Waits until somebody can go on, or has taken too long.
    fn wait(&mut self) -> io::Result<()> {
        let now = Instant::now();
        self.paused = self.paused.filter(|&until| until > now);
        let mut sockets: Vec<_> = self.clients.iter().map(Client::wishes).collect();
        if self.paused.is_none() {
            sockets.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        let deadline = self.clients.iter().map(|client| client.deadline).chain(self.paused).min();
        let timeout = deadline.map(|at| at.saturating_duration_since(now));
        let timeout = timeout.map(|timeout| Timespec::try_from(timeout).expect("a few seconds"));
        match poll(&mut sockets, timeout.as_ref()) {
            // A signal may end it early, which costs a look at who is there.
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Takes in one client; those behind it wait until it has had its chance.
    fn accept(&mut self) {
        if self.paused.is_some() {
            return;
        }
        match self.listener.accept() {
            Ok((stream, _)) if stream.set_nonblocking(true).is_ok() => {
                if self.clients.len() == CLIENTS {
                    self.clients.remove(0);
                }
                let (deadline, state) = (Instant::now() + PATIENCE, State::Asking(Vec::new()));
                self.clients.push(Client { stream, deadline, state });
            }
            Err(error) if !is_passing(error.kind()) => {
                warn!(%error, "cannot accept who asks for metrics");
                self.paused = Some(Instant::now() + PAUSE);
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// Asks the driver for its numbers; none, if it does not answer in time.
    fn inspect(&self, handle: &Handle) -> Option<Snapshot> {
        // An answer that came too late for those who asked is not for those who ask now.
        while self.answers.try_recv().is_ok() {}
        handle.inspect();
        self.answers.recv_timeout(ALIVE).ok()
    }
}

/// A client.
#[derive(Debug)]
struct Client {
    stream: TcpStream,
    /// When it has to be gone.
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// What has come of its request.
    Asking(Vec<u8>),
    Asked(Request),
    /// The answer, and how much of it has left.
    Answering(Vec<u8>, usize),
    /// It has its answer, and is to close: what it still sends is read, since a reset could destroy the answer.
    Ending,
}

/// The client has gone, or has to.
struct Gone;

impl Client {
    /// What it waits for.
    fn wishes(&self) -> PollFd<'_> {
        let writes = matches!(self.state, State::Answering(..));
        PollFd::new(&self.stream, if writes { PollFlags::OUT } else { PollFlags::IN })
    }

    /// Its request, if it waits for the answer.
    fn asks(&self) -> Option<Request> {
        match self.state {
            State::Asked(request) => Some(request),
            _ => None,
        }
    }

    /// Goes on as far as it can.
    fn step(&mut self) -> Result<(), Gone> {
        if matches!(self.state, State::Asking(_)) {
            self.read()?;
        }
        if matches!(self.state, State::Answering(..)) {
            self.write()?;
        }
        match self.state {
            State::Ending => self.discard(),
            _ => Ok(()),
        }
    }

    fn read(&mut self) -> Result<(), Gone> {
        let State::Asking(request) = &mut self.state else { return Ok(()) };
        let mut buffer = [0; 1 << 10];
        while let Some(read) = progress(self.stream.read(&mut buffer))? {
            request.extend_from_slice(&buffer[..read]);
            let asked = if request.len() > REQUEST {
                Some(Request::refused(Status::HeadersTooLarge))
            } else {
                Request::read(request)
            };
            if let Some(asked) = asked {
                self.state = match asked.wants {
                    Wants::Metrics | Wants::Health => State::Asked(asked),
                    // The driver need not be asked for that.
                    Wants::Refused(_) => State::Answering(asked.answer(None), 0),
                };
                return Ok(());
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Gone> {
        let State::Answering(answer, sent) = &mut self.state else { return Ok(()) };
        while *sent < answer.len() {
            match progress(self.stream.write(&answer[*sent..]))? {
                Some(written) => *sent += written,
                None => return Ok(()),
            }
        }
        self.state = State::Ending;
        self.stream.shutdown(Shutdown::Write).map_err(|_| Gone)
    }

    /// Reads what is there, but no more than a buffer of it: others wait.
    fn discard(&mut self) -> Result<(), Gone> {
        progress(self.stream.read(&mut [0; 1 << 10])).map(|_| ())
    }
}

/// How far it went; none, if it has to wait. The end is the end of a client, too.
fn progress(result: io::Result<usize>) -> Result<Option<usize>, Gone> {
    match result {
        Ok(0) => Err(Gone),
        Ok(count) => Ok(Some(count)),
        Err(error) if is_passing(error.kind()) => Ok(None),
        Err(_) => Err(Gone),
    }
}

/// Whether it is worth another try: there is nobody, or they have gone again.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}
