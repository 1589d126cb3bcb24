//! Thousands of clients, read by one thread.

use std::io::{BufRead, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::wire::Wire;
use crate::{DEADLINE, Server};

/// Bytes taken from one member at a time. More than a [`Wire`] takes from its socket, so that nothing is left of
/// which epoll does not know.
const CHUNK: usize = 64 * 1024;

/// Sockets told of by one wait.
const EVENTS: usize = 1024;

/// Many clients that read all the time, so that none of them is slow.
#[derive(Debug)]
pub struct Crowd {
    members: Vec<Member>,
    epoll: OwnedFd,
    chunk: Vec<u8>,
}

#[derive(Debug)]
struct Member {
    wire: Wire,
    /// Bytes read and not yet shown: an unfinished line, or what came after the last one that was waited for.
    unread: Vec<u8>,
}

impl Crowd {
    /// Connects `count` clients, over TLS if the server wants that, and registers them as `u0`, `u1` and so on.
    #[must_use]
    #[track_caller]
    pub fn register(server: &Server, count: usize) -> Self {
        allow_descriptors();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll instance");
        let mut crowd = Self { members: Vec::with_capacity(count), epoll, chunk: vec![0; CHUNK] };
        for index in 0..count {
            crowd.join(server, index);
        }
        crowd.settle();
        crowd
    }

    fn join(&mut self, server: &Server, index: usize) {
        let stream = TcpStream::connect(server.addr()).expect("the server accepts");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_read_timeout(Some(DEADLINE)).expect("a read timeout");
        let wire = Wire::new(stream, server.tls()).expect("the server shakes hands");
        wire.stream().set_nonblocking(true).expect("O_NONBLOCK");
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&self.epoll, wire.stream(), data, epoll::EventFlags::IN).expect("epoll takes a socket");
        self.members.push(Member { wire, unread: Vec::new() });
        self.send(index, &format!("u{index}"));
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// One of them sends a line.
    #[track_caller]
    pub fn send(&mut self, index: usize, line: &str) {
        let sent = self.members[index].wire.write(format!("{line}\n").as_bytes());
        assert!(sent.is_ok_and(|sent| sent == line.len() + 1), "u{index} cannot send {line:?}");
    }

    /// Reads until the server has dealt with all that everybody sent; nobody looks at what comes before.
    #[track_caller]
    pub fn settle(&mut self) {
        for index in 0..self.len() {
            self.send(index, "/fence");
        }
        self.read_until("the fence", |_, line| line.starts_with("! "));
    }

    /// Shows every member its lines one by one, until each has said `true` to one of its own.
    ///
    /// Lines behind that one stay for the next call. Only a standstill has a deadline, progress has not.
    #[track_caller]
    pub fn read_until(&mut self, what: &str, mut last: impl FnMut(usize, &str) -> bool) {
        let unread = self.members.iter_mut().enumerate();
        let mut waiting: Vec<bool> =
            unread.map(|(index, member)| !member.show(|line| last(index, line))).collect();
        let mut left = waiting.iter().filter(|waiting| **waiting).count();
        let mut progress = Instant::now();
        while left > 0 {
            for index in self.ready() {
                let open = self.members[index].read(&mut self.chunk);
                if waiting[index] {
                    progress = Instant::now();
                    waiting[index] = !self.members[index].show(|line| last(index, line));
                    left -= usize::from(!waiting[index]);
                    assert!(open || !waiting[index], "u{index} was closed and has not seen {what}");
                }
            }
            assert!(progress.elapsed() < DEADLINE, "{left} of {} have not seen {what}", self.len());
        }
    }

    fn ready(&self) -> Vec<usize> {
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
        let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
        epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)).expect("epoll waits");
        events.iter().map(|event| usize::try_from(event.data.u64()).expect("an index")).collect()
    }
}

/// Raises the limit of this process as far as it may: many shells allow a thousand descriptors at first.
pub fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("up to the hard limit");
}

impl Member {
    /// Takes what is there; gives whether more may come.
    fn read(&mut self, chunk: &mut [u8]) -> bool {
        match self.wire.read(chunk) {
            Ok(0) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    /// Shows whole lines until one is the last; gives whether it was there.
    fn show(&mut self, mut last: impl FnMut(&str) -> bool) -> bool {
        let mut rest = self.unread.as_slice();
        let mut found = false;
        while !found {
            let line = rest;
            let length = rest.skip_until(b'\n').expect("a slice can be read");
            let Some(line) = line[..length].strip_suffix(b"\n") else {
                rest = &self.unread[self.unread.len() - length..];
                break;
            };
            found = last(str::from_utf8(line).expect("lines are UTF-8"));
        }
        let shown = self.unread.len() - rest.len();
        self.unread.drain(..shown);
        found
    }
}
