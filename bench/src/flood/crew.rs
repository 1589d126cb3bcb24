//! Those who mean no good: many connections on one thread, which send what they are told to, as fast as the server takes it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::{Domain, SockRef, Socket, Type};

use crate::Result;

/// What one read may bring.
const BUFFER: usize = 256 << 10;
/// Readiness that is taken in at once.
const EVENTS: usize = 256;
/// How long a connection may take to be made, or what is waited for to come.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// How long nobody looks whether all this takes too long.
const LOOK: Duration = Duration::from_millis(100);
/// What the kernel keeps for somebody who does not read, at least.
const SMALL_BUFFER: usize = 4 << 10;

/// Connections that say, as a proxy does, from which address they come.
pub(super) struct Crew {
    server: SocketAddr,
    poller: OwnedFd,
    members: Vec<Option<Member>>,
    buffer: Box<[u8]>,
    /// Bytes that the kernel took, and that came.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Connections that the server has closed.
    pub(super) cut_off: usize,
}

struct Member {
    stream: TcpStream,
    /// What the kernel has not taken yet.
    unsent: Vec<u8>,
    reads: bool,
}

impl Crew {
    pub(super) fn new(server: SocketAddr) -> Result<Self> {
        Ok(Self {
            server,
            poller: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            members: Vec::new(),
            buffer: vec![0; BUFFER].into(),
            sent: 0,
            received: 0,
            cut_off: 0,
        })
    }

    /// One more, from this address, that sends `hello` first. Without `reads`, it takes nothing that comes.
    pub(super) fn come(&mut self, from: IpAddr, hello: &[u8], reads: bool) -> Result<usize> {
        let who = self.members.len();
        self.members.push(None);
        self.come_again(who, from, hello, reads)?;
        Ok(who)
    }

    /// The same in the place of one that has gone.
    pub(super) fn come_again(&mut self, who: usize, from: IpAddr, hello: &[u8], reads: bool) -> Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        if !reads {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        socket.connect_timeout(&self.server.into(), PATIENCE)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        // Closed by a reset, it leaves no port behind that waits for a minute.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        let flags = if reads { epoll::EventFlags::IN } else { epoll::EventFlags::empty() };
        epoll::add(&self.poller, &stream, epoll::EventData::new_u64(who as u64), flags)?;
        self.members[who] = Some(Member { stream, unsent: Vec::new(), reads });
        self.send(who, &[header(from).as_bytes(), hello].concat())
    }

    /// How many there are, those that have gone included.
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    pub(super) fn is_here(&self, who: usize) -> bool {
        self.members[who].is_some()
    }

    /// Whether the kernel has taken all that this one was to send.
    pub(super) fn has_sent_all(&self, who: usize) -> bool {
        self.members[who].as_ref().is_some_and(|member| member.unsent.is_empty())
    }

    /// One goes without a word.
    pub(super) fn leave(&mut self, who: usize) {
        self.members[who] = None;
    }

    /// One sends `bytes`, at once or as soon as the kernel takes them.
    pub(super) fn send(&mut self, who: usize, bytes: &[u8]) -> Result<()> {
        let Some(member) = &mut self.members[who] else { return Ok(()) };
        let was_blocked = !member.unsent.is_empty();
        member.unsent.extend_from_slice(bytes);
        if was_blocked { Ok(()) } else { self.flush(who, false) }
    }

    /// Takes in what comes within `at_most`, and hands it to `heard`; waits for the first.
    pub(super) fn hear(&mut self, at_most: Duration, mut heard: impl FnMut(usize, &[u8])) -> Result<()> {
        let mut ready = Vec::with_capacity(EVENTS);
        match epoll::wait(&self.poller, spare_capacity(&mut ready), Some(&Timespec::try_from(at_most)?)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &ready {
            let (who, flags) = (event.data.u64() as usize, event.flags);
            if flags.contains(epoll::EventFlags::OUT) {
                self.flush(who, true)?;
            }
            let Some(member) = &mut self.members[who] else { continue };
            let over = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            if !member.reads && !over {
                continue;
            }
            match member.stream.read(&mut self.buffer) {
                Ok(count) if count > 0 => {
                    self.received += count as u64;
                    heard(who, &self.buffer[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Ok(_) | Err(_) => self.was_cut_off(who),
            }
        }
        Ok(())
    }

    /// Takes in what comes, until that moment.
    pub(super) fn hear_until(&mut self, until: Instant) -> Result<()> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            self.hear(left, |_, _| {})?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// Waits until each of those has heard its mark, from here on, or is gone.
    pub(super) fn wait_for(&mut self, all: impl IntoIterator<Item = (usize, String)>) -> Result<()> {
        let mut waiting: BTreeMap<usize, (String, Vec<u8>)> =
            all.into_iter().map(|(who, mark)| (who, (mark, Vec::new()))).collect();
        let start = Instant::now();
        loop {
            waiting.retain(|&who, _| self.is_here(who));
            let Some((mark, _)) = waiting.values().next() else { return Ok(()) };
            if start.elapsed() > PATIENCE {
                return Err(format!("{} attackers still wait, for {mark:?} and so on", waiting.len()).into());
            }
            self.hear(LOOK, |who, bytes| {
                let Some((mark, tail)) = waiting.get_mut(&who) else { return };
                tail.extend_from_slice(bytes);
                if memchr::memmem::find(tail, mark.as_bytes()).is_some() {
                    waiting.remove(&who);
                } else {
                    let seen = tail.len().saturating_sub(mark.len());
                    tail.drain(..seen);
                }
            })?;
        }
    }

    fn flush(&mut self, who: usize, was_blocked: bool) -> Result<()> {
        let Some(member) = &mut self.members[who] else { return Ok(()) };
        match member.stream.write(&member.unsent) {
            Ok(count) => {
                self.sent += count as u64;
                member.unsent.drain(..count);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => {
                self.was_cut_off(who);
                return Ok(());
            }
        }
        let is_blocked = !member.unsent.is_empty();
        if is_blocked != was_blocked {
            let mut flags = if member.reads { epoll::EventFlags::IN } else { epoll::EventFlags::empty() };
            flags.set(epoll::EventFlags::OUT, is_blocked);
            epoll::modify(&self.poller, &member.stream, epoll::EventData::new_u64(who as u64), flags)?;
        }
        Ok(())
    }

    fn was_cut_off(&mut self, who: usize) {
        self.cut_off += usize::from(self.members[who].take().is_some());
    }
}

/// What a proxy says first for somebody from this address: version 1 of the PROXY protocol.
pub(super) fn header(from: IpAddr) -> String {
    match from {
        IpAddr::V4(from) => format!("PROXY TCP4 {from} 127.0.0.1 4000 8080\r\n"),
        IpAddr::V6(from) => format!("PROXY TCP6 {from} ::1 4000 8080\r\n"),
    }
}

/// The address of an attacker: a hundred share each, as many as the server lets come from one at once.
pub(super) fn address(who: usize) -> IpAddr {
    let [high, low] = u16::try_from(who / 100).unwrap_or(u16::MAX).to_be_bytes();
    Ipv4Addr::new(10, 66, high, low).into()
}

/// Has a thread, this one, come after all others.
pub(super) fn yield_to_others() -> io::Result<()> {
    Ok(rustix::process::setpriority_process(None, 10)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_share_an_address() {
        assert_eq!(
            [0, 99, 100, 30_000].map(|who| address(who).to_string()),
            ["10.66.0.0", "10.66.0.0", "10.66.0.1", "10.66.1.44"]
        );
    }

    #[test]
    fn a_header_says_from_where() {
        assert_eq!(header([192, 0, 2, 7].into()), "PROXY TCP4 192.0.2.7 127.0.0.1 4000 8080\r\n");
        assert_eq!(header("2001:db8::7".parse().unwrap()), "PROXY TCP6 2001:db8::7 ::1 4000 8080\r\n");
    }
}
