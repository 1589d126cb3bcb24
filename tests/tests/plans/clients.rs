//! The clients of a plan: sockets that do what they are told and keep what they hear, all on one thread.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sim::plan::{Act, Appetite, Options};
use sim::transcript::Transcript;
use socket2::{Domain, SockRef, Socket, Type};

/// How often somebody who trickles reads.
const BITE: Duration = Duration::from_millis(10);
/// A small buffer of a kernel's.
const NARROW: usize = 4 << 10;
/// What is read at once.
const CHUNK: usize = 64 << 10;

/// All of them.
pub(crate) struct Clients {
    server: SocketAddr,
    /// Whether their kernels take little for them, so that not reading is soon felt by the server.
    narrow: bool,
    clients: Vec<Client>,
    transcripts: Vec<Transcript>,
    chunk: Vec<u8>,
}

#[derive(Default)]
struct Client {
    talk: Option<Talk>,
}

/// The one connection of a client.
struct Talk {
    stream: TcpStream,
    /// Its place among all transcripts.
    transcript: usize,
    appetite: Appetite,
    /// When somebody who trickles reads next.
    bite: Instant,
    /// What is to be sent, and whether the end is to follow.
    outgoing: Vec<u8>,
    finishing: bool,
}

impl Clients {
    pub(crate) fn new(options: &Options, server: SocketAddr) -> Self {
        let clients = (0..options.everybody()).map(|_| Client::default()).collect();
        Self {
            server,
            narrow: options.send_buffer <= NARROW,
            clients,
            transcripts: Vec::new(),
            chunk: vec![0; CHUNK],
        }
    }

    pub(crate) fn transcripts(self) -> Vec<Transcript> {
        self.transcripts
    }

    pub(crate) fn act_all(&mut self, act: &Act) {
        (0..self.clients.len()).for_each(|client| self.act(client, act));
    }

    pub(crate) fn act(&mut self, client: usize, act: &Act) {
        let Some(talk) = &mut self.clients[client].talk else {
            if let Act::Connect = act {
                self.connect(client);
            }
            return;
        };
        match act {
            Act::Connect => {}
            Act::Send(bytes) if !talk.finishing => talk.outgoing.extend_from_slice(bytes),
            Act::Send(_) => {}
            Act::Read(appetite) => talk.appetite = *appetite,
            Act::Finish => talk.finishing = true,
            Act::Reset => {
                SockRef::from(&talk.stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
                self.transcripts[talk.transcript].cut = true;
                self.clients[client].talk = None;
            }
        }
        self.write(client);
    }

    fn connect(&mut self, client: usize) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        if self.narrow {
            socket.set_recv_buffer_size(NARROW).expect("a buffer may be small");
        }
        // A server that is about to end may refuse.
        let Ok(()) = socket.connect(&self.server.into()) else { return };
        let stream = TcpStream::from(socket);
        stream.set_nonblocking(true).expect("O_NONBLOCK");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        let from = stream.local_addr().ok();
        let transcript = self.transcripts.len();
        self.transcripts.push(Transcript { client, from, ..Transcript::default() });
        let (appetite, bite) = (Appetite::Eager, Instant::now());
        let (outgoing, finishing) = (Vec::new(), false);
        self.clients[client].talk = Some(Talk { stream, transcript, appetite, bite, outgoing, finishing });
    }

    /// Sends what can be sent. A connection that fails is found to have failed by reading.
    fn write(&mut self, client: usize) {
        let Some(talk) = &mut self.clients[client].talk else { return };
        let seen = &mut self.transcripts[talk.transcript];
        while !talk.outgoing.is_empty() {
            match talk.stream.write(&talk.outgoing) {
                Ok(sent) => seen.sent.extend(talk.outgoing.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return talk.outgoing.clear(),
            }
        }
        if talk.finishing && !seen.finished {
            seen.finished = talk.stream.shutdown(Shutdown::Write).is_ok();
        }
    }

    /// Reads up to `most` bytes; tells whether there may be more.
    fn read(&mut self, client: usize, most: usize) -> bool {
        let Some(talk) = &mut self.clients[client].talk else { return false };
        let seen = &mut self.transcripts[talk.transcript];
        match talk.stream.read(&mut self.chunk[..most]) {
            Ok(0) => seen.eof = true,
            Ok(read) => {
                seen.received.extend_from_slice(&self.chunk[..read]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => seen.cut = true,
        }
        self.clients[client].talk = None;
        false
    }

    /// Reads and sends until then.
    pub(crate) fn run_until(&mut self, end: Instant) {
        loop {
            let now = Instant::now();
            self.turn(end.saturating_duration_since(now));
            if now >= end {
                return;
            }
        }
    }

    /// Reads and sends until the server has ended every connection.
    #[track_caller]
    pub(crate) fn run_to_end(&mut self, deadline: Instant) {
        while self.clients.iter().any(|client| client.talk.is_some()) {
            assert!(Instant::now() < deadline, "the server does not end every connection");
            self.turn(BITE);
        }
    }

    /// Waits for something that can be done, at most so long, and does it.
    fn turn(&mut self, wait: Duration) {
        let open = || {
            self.clients.iter().enumerate().filter_map(|(index, client)| Some((index, client.talk.as_ref()?)))
        };
        let numbers: Vec<usize> = open().map(|(index, _)| index).collect();
        let bites = open()
            .filter(|(_, talk)| matches!(talk.appetite, Appetite::Trickle(_)))
            .map(|(_, talk)| talk.bite);
        let now = Instant::now();
        let wait = bites.map(|bite| bite.saturating_duration_since(now)).chain([wait]).min().unwrap_or(wait);
        let mut sockets: Vec<_> =
            open().map(|(_, talk)| PollFd::new(&talk.stream, talk.awaited(now))).collect();
        let wait = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) };
        poll(&mut sockets, Some(&wait)).expect("poll");
        let ready: Vec<_> = sockets.iter().map(PollFd::revents).collect();
        for (client, ready) in numbers.into_iter().zip(ready) {
            if ready.contains(PollFlags::OUT) {
                self.write(client);
            }
            if ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
                self.eat(client);
            }
        }
    }

    /// Reads as it likes to.
    fn eat(&mut self, client: usize) {
        let Some(talk) = &mut self.clients[client].talk else { return };
        match talk.appetite {
            Appetite::Eager => while self.read(client, CHUNK) {},
            Appetite::Trickle(bytes) if talk.bite <= Instant::now() => {
                talk.bite = Instant::now() + BITE;
                self.read(client, bytes.clamp(1, CHUNK));
            }
            Appetite::Trickle(_) | Appetite::None => {}
        }
    }
}

impl Talk {
    /// What it waits for.
    fn awaited(&self, now: Instant) -> PollFlags {
        let hungry = match self.appetite {
            Appetite::Eager => true,
            Appetite::Trickle(_) => self.bite <= now,
            Appetite::None => false,
        };
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, hungry);
        flags.set(PollFlags::OUT, !self.outgoing.is_empty());
        flags
    }
}
