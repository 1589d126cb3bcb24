//! Readiness of all connections, from one `epoll` of our own.
//!
//! smol's reactor arms a socket anew, with a system call, each time somebody waits for it, and keeps some 200 bytes
//! for it. Here a connection is registered once, edge-triggered, and smol's reactor sees only the `epoll` itself:
//! whether anybody is ready.

use std::cell::{RefCell, RefMut};
use std::io::{self, ErrorKind, Read as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventFlags};
use smol::Async;

use crate::io::Socket;

/// Events taken from the kernel at once.
const EVENTS: usize = 1_024;

/// Tells connections that they can go on.
pub struct Reactor {
    registry: Registry,
    events: Vec<epoll::Event>,
}

/// Where connections are registered.
#[derive(Clone)]
pub struct Registry(Rc<Shared>);

struct Shared {
    epoll: Async<OwnedFd>,
    slots: RefCell<Slots>,
}

#[derive(Default)]
struct Slots {
    all: Vec<Slot>,
    free: Vec<u32>,
}

/// What is known of one connection.
#[derive(Default)]
struct Slot {
    /// Whom to wake: one for both directions, as the driver has it.
    waker: Option<Waker>,
    /// There may be something to read.
    readable: bool,
    /// The peer has ended its side, the connection is broken, or there is an urgent byte, at which a read stops: the
    /// kernel tells of it once, and reads have to go on until they find nothing, whatever they find first.
    to_the_end: bool,
}

/// A TCP connection.
pub struct Connection {
    stream: TcpStream,
    token: u32,
    registry: Registry,
}

impl Reactor {
    /// One that watches nobody yet.
    pub fn new() -> io::Result<Self> {
        let epoll = Async::new(epoll::create(epoll::CreateFlags::CLOEXEC)?)?;
        let registry = Registry(Rc::new(Shared { epoll, slots: RefCell::default() }));
        Ok(Self { registry, events: Vec::with_capacity(EVENTS) })
    }

    /// For the listeners.
    #[must_use]
    pub fn registry(&self) -> Registry {
        self.registry.clone()
    }

    /// Wakes everybody who can go on. To be called in each turn; `cx` is woken when another call is due.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Shared { epoll, slots } = &*self.registry.0;
        loop {
            self.events.clear();
            match epoll::wait(epoll, spare_capacity(&mut self.events), Some(&Timespec::default())) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if !self.events.is_empty() {
                slots.borrow_mut().dispatch(&self.events);
                cx.waker().wake_by_ref();
                return Ok(());
            }
            match epoll.poll_readable(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => return Ok(()),
            }
        }
    }
}

impl Registry {
    /// Watches a connection from now on.
    pub(crate) fn register(&self, stream: TcpStream) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        let token = self.0.slots.borrow_mut().insert();
        // From here on, dropping it gives the slot back.
        let connection = Connection { stream, token, registry: self.clone() };
        let interest =
            EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::PRI | EventFlags::ET;
        epoll::add(&self.0.epoll, &connection.stream, epoll::EventData::new_u64(u64::from(token)), interest)?;
        Ok(connection)
    }
}

impl Slots {
    fn insert(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.all.push(Slot::default());
            u32::try_from(self.all.len() - 1).expect("fewer descriptors than 2^32")
        })
    }

    fn dispatch(&mut self, events: &[epoll::Event]) {
        let broken = EventFlags::HUP | EventFlags::ERR;
        for event in events {
            let flags = event.flags;
            // A closed connection has no events: the kernel forgets it, and these were taken in this turn.
            let slot = &mut self.all[event.data.u64() as usize];
            slot.readable |= flags.contains(EventFlags::IN);
            slot.to_the_end |= flags.intersects(EventFlags::RDHUP | EventFlags::PRI | broken);
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }
}

impl Slot {
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
    }
}

impl Connection {
    fn slot(&self) -> RefMut<'_, Slot> {
        RefMut::map(self.registry.0.slots.borrow_mut(), |slots| &mut slots.all[self.token as usize])
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut slots = self.registry.0.slots.borrow_mut();
        slots.all[self.token as usize] = Slot::default();
        slots.free.push(self.token);
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut slot = self.slot();
        while slot.readable || slot.to_the_end {
            match (&self.stream).read(buf) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    (slot.readable, slot.to_the_end) = (false, false);
                }
                result => {
                    // Less than was asked for is all there is; the next edge tells of more.
                    slot.readable = !matches!(result, Ok(count) if count < buf.len());
                    return Poll::Ready(result);
                }
            }
        }
        slot.wait(cx);
        Poll::Pending
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match chat_server::send(&self.stream, buf) {
            // The next edge tells of room in it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.slot().wait(cx);
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Socket for Connection {
    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    fn send_fin(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::net::TcpListener;

    use smol::future::FutureExt as _;
    use smol::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// Runs `act` with a connection that the reactor watches, and its other end.
    fn with_pair<T>(act: impl AsyncFnOnce(Connection, TcpStream) -> T) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let mut reactor = Reactor::new().unwrap();
        let connection = reactor.registry().register(stream).unwrap();
        let watch = poll_fn(move |cx| {
            reactor.poll(cx).unwrap();
            Poll::Pending
        });
        smol::block_on(watch.or(act(connection, peer)))
    }

    #[test]
    fn an_end_that_came_with_the_last_bytes_is_found() {
        let heard = with_pair(async |mut connection, mut peer| {
            peer.write_all(b"bye").unwrap();
            peer.shutdown(Shutdown::Write).unwrap();
            let mut heard = Vec::new();
            connection.read_to_end(&mut heard).await.unwrap();
            heard
        });
        assert_eq!(heard, b"bye");
    }

    #[test]
    fn a_read_waits_until_something_comes_and_does_so_again() {
        with_pair(async |mut connection, mut peer| {
            for word in [b"one", b"two"] {
                let writer = std::thread::spawn({
                    let mut peer = peer.try_clone().unwrap();
                    move || peer.write_all(word).unwrap()
                });
                let mut heard = [0; 3];
                connection.read_exact(&mut heard).await.unwrap();
                assert_eq!(&heard, word);
                writer.join().unwrap();
            }
            peer.flush().unwrap();
        });
    }

    #[test]
    fn a_blocked_write_goes_on_when_the_peer_reads() {
        /// More than a socket takes.
        const MUCH: usize = 32 << 20;
        with_pair(async |mut connection, mut peer| {
            let reader = std::thread::spawn(move || {
                let mut heard = vec![0; MUCH];
                peer.read_exact(&mut heard).unwrap();
                heard.iter().all(|&byte| byte == b'x')
            });
            connection.write_all(&vec![b'x'; MUCH]).await.unwrap();
            assert!(reader.join().unwrap());
        });
    }

    #[test]
    fn a_slot_is_used_again_and_knows_nothing_of_its_past() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let reactor = Reactor::new().unwrap();
        let connect = || {
            let _peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            reactor.registry().register(listener.accept().unwrap().0).unwrap()
        };
        let first = connect();
        first.slot().to_the_end = true;
        let token = first.token;
        drop(first);
        let second = connect();
        assert!(second.token == token && !second.slot().to_the_end);
    }
}
