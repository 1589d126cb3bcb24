//! One connection of the generator, and the poller behind all of them.

use std::hint::spin_loop;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::SockRef;

use crate::Result;

/// Turns of an empty loop between two looks at who is ready: about a microsecond.
const PAUSE: u32 = 50;
/// Readiness that is taken in at once.
const EVENTS: usize = 1_024;

/// Tells which clients can be read from, or written to again.
pub(crate) struct Poller(OwnedFd);

/// Who is ready.
pub(crate) type Ready = Vec<epoll::Event>;

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(epoll::CreateFlags::CLOEXEC)?))
    }

    /// Puts the clients that are ready into `ready`; waits at most so long for the first.
    ///
    /// It asks again and again instead of sleeping: it has a processor of its own, and no server has to pay for
    /// waking it, which would cost as much as a message.
    pub(crate) fn wait(&self, ready: &mut Ready, at_most: Duration) -> io::Result<()> {
        ready.clear();
        ready.reserve(EVENTS);
        let start = Instant::now();
        while ready.is_empty() {
            match epoll::wait(&self.0, spare_capacity(ready), Some(&Timespec::default())) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            if ready.is_empty() {
                if start.elapsed() >= at_most {
                    break;
                }
                // The kernel's lock on the list of those who are ready is the server's meanwhile.
                (0..PAUSE).for_each(|_| spin_loop());
            }
        }
        Ok(())
    }
}

/// What the kernel keeps for a client that does not read.
const STALLED_BUFFER: usize = 64 << 10;
/// How long nothing may come for somebody who has not read for long, and does again: the server's kernel asks whether there
/// is room less and less often, every two minutes in the end (`TCP_RTO_MAX`).
const LONGEST_PAUSE: Duration = Duration::from_secs(150);

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    index: usize,
    /// What the kernel has not taken yet.
    unsent: Vec<u8>,
}

impl Client {
    /// Connects, and has the poller call it `index`.
    pub(crate) fn connect(addr: SocketAddr, index: usize, poller: &Poller) -> Result<Self> {
        let stream = TcpStream::connect(addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        // Closed by a reset, it leaves no port behind that waits for a minute.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        epoll::add(&poller.0, &stream, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)?;
        Ok(Self { stream, index, unsent: Vec::new() })
    }

    /// Sends `bytes`, at once or as soon as the kernel takes them.
    pub(crate) fn send(&mut self, bytes: &[u8], poller: &Poller) -> Result<()> {
        let was_blocked = !self.unsent.is_empty();
        self.unsent.extend_from_slice(bytes);
        if was_blocked { Ok(()) } else { self.flush(false, poller) }
    }

    /// Reads what is there; none, when nothing is, and an empty slice at the end.
    pub(crate) fn read<'a>(&mut self, buffer: &'a mut [u8], poller: &Poller) -> Result<Option<&'a [u8]>> {
        if !self.unsent.is_empty() {
            self.flush(true, poller)?;
        }
        match self.stream.read(buffer) {
            Ok(count) => Ok(Some(&buffer[..count])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads no more: the poller tells of it no more, and its socket takes little.
    pub(crate) fn stall(&self, poller: &Poller) -> Result<()> {
        SockRef::from(&self.stream).set_recv_buffer_size(STALLED_BUFFER)?;
        Ok(epoll::delete(&poller.0, &self.stream)?)
    }

    /// Reads all that is left, until the server has closed.
    pub(crate) fn read_to_end(&mut self) -> Result<Vec<u8>> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(LONGEST_PAUSE))?;
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    fn flush(&mut self, was_blocked: bool, poller: &Poller) -> Result<()> {
        match self.stream.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let is_blocked = !self.unsent.is_empty();
        if !is_blocked {
            // Idle connections are to cost the generator little, too.
            self.unsent = Vec::new();
        }
        if is_blocked != was_blocked {
            let flags = if is_blocked {
                epoll::EventFlags::IN | epoll::EventFlags::OUT
            } else {
                epoll::EventFlags::IN
            };
            epoll::modify(&poller.0, &self.stream, epoll::EventData::new_u64(self.index as u64), flags)?;
        }
        Ok(())
    }
}
