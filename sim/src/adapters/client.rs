//! The clients, who do what they are told and keep what they hear.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use turmoil::net::TcpStream;

use super::ground::{Ground, now};
use super::host::{PORT, SERVER};
use crate::plan::{Act, Appetite};
use crate::seen::Seen;
use crate::transcript::Transcript;

/// What a client reads at once.
const BUFFER: usize = 4 << 10;
/// How often somebody who trickles reads.
const BITE: Duration = Duration::from_millis(10);
/// How long a client waits for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// A client: a handle to it, which tells it what to do.
#[derive(Clone)]
pub(super) struct Client {
    number: usize,
    ground: Ground,
    orders: Rc<Orders>,
}

#[derive(Default)]
struct Orders {
    acts: RefCell<VecDeque<Act>>,
    given: Notify,
}

/// The one connection of a client.
struct Talk {
    stream: TcpStream,
    /// Its place among all transcripts.
    transcript: usize,
}

/// Runs the clients of one machine, which outlives them: it still answers for their connections.
pub(super) async fn all(clients: Vec<Client>) -> turmoil::Result {
    let mut running = JoinSet::new();
    for client in clients {
        running.spawn_local(client.run());
    }
    while let Some(result) = running.join_next().await {
        result?;
    }
    Ok(())
}

impl Client {
    pub(super) fn new(number: usize, ground: Ground) -> Self {
        Self { number, ground, orders: Rc::default() }
    }

    /// Tells it to do something, behind all it was told before.
    pub(super) fn tell(&self, act: Act) {
        self.orders.acts.borrow_mut().push_back(act);
        self.orders.given.notify_one();
    }

    async fn run(self) {
        let mut talk: Option<Talk> = None;
        let mut appetite = Appetite::Eager;
        loop {
            let act = self.orders.acts.borrow_mut().pop_front();
            match act {
                Some(Act::Connect) if talk.is_none() => {
                    appetite = Appetite::Eager;
                    talk = self.connect().await;
                }
                Some(Act::Read(other)) => appetite = other,
                Some(act) => self.act(act, &mut talk).await,
                None => tokio::select! {
                    // In this order, so that a run is the same every time.
                    biased;
                    () = self.orders.given.notified() => {}
                    () = self.read(&mut talk, appetite) => {}
                },
            }
        }
    }

    async fn connect(&self) -> Option<Talk> {
        let stream = timeout(CONNECT, TcpStream::connect((SERVER, PORT))).await.ok()?.ok()?;
        let from = stream.local_addr().ok();
        let mut transcripts = self.ground.transcripts.borrow_mut();
        transcripts.push(Transcript { client: self.number, from, ..Transcript::default() });
        Some(Talk { stream, transcript: transcripts.len() - 1 })
    }

    async fn act(&self, act: Act, talk: &mut Option<Talk>) {
        let Some(open) = talk else { return };
        match act {
            Act::Send(bytes) => {
                // A connection that fails is found to have failed by reading.
                if !self.edit(open, |seen| seen.finished) && open.stream.write_all(&bytes).await.is_ok() {
                    self.edit(open, |seen| seen.sent.extend_from_slice(&bytes));
                }
            }
            Act::Finish => {
                if open.stream.shutdown().await.is_ok() {
                    self.edit(open, |seen| seen.finished = true);
                }
            }
            Act::Reset => {
                let from = self.edit(open, |seen| {
                    seen.cut = true;
                    seen.from
                });
                if let Some(from) = from {
                    self.ground.wire(from).borrow_mut().reset = Some(now());
                }
                *talk = None;
            }
            Act::Connect | Act::Read(_) => {}
        }
    }

    /// Reads as it likes to; never ready while there is nothing to read.
    async fn read(&self, talk: &mut Option<Talk>, appetite: Appetite) {
        let Some(open) = talk else { return std::future::pending().await };
        let most = match appetite {
            Appetite::Eager => BUFFER,
            Appetite::Trickle(bytes) => {
                sleep(BITE).await;
                bytes.clamp(1, BUFFER)
            }
            Appetite::None => return std::future::pending().await,
        };
        let mut buffer = vec![0; most];
        match open.stream.read(&mut buffer).await {
            Ok(read) if read > 0 => {
                let (from, received) = self.edit(open, |seen| {
                    seen.received.extend_from_slice(&buffer[..read]);
                    (seen.from, seen.received.len() as u64)
                });
                self.ground.note(&Seen::Client(self.number, received));
                self.has_read(from, read);
            }
            end => {
                self.edit(open, |seen| (seen.eof, seen.cut) = (end.is_ok(), end.is_err()));
                self.ground
                    .note(&Seen::ClientEnd(self.number, if end.is_ok() { "the end" } else { "a reset" }));
                *talk = None;
            }
        }
    }

    /// The server's kernel has room again.
    fn has_read(&self, from: Option<std::net::SocketAddr>, read: usize) {
        let Some(from) = from else { return };
        let wire = self.ground.wire(from);
        let mut wire = wire.borrow_mut();
        wire.unread = wire.unread.saturating_sub(read);
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
    }

    fn edit<T>(&self, talk: &Talk, edit: impl FnOnce(&mut Transcript) -> T) -> T {
        edit(&mut self.ground.transcripts.borrow_mut()[talk.transcript])
    }
}
