//! Streams, a listener and a clock in memory, which cost next to nothing: they are not what is measured.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use chat_core::{Mono, Now};
use chat_driver::{Clock, Incoming, Listener, Stream};
use chrono::DateTime;

/// Nothing is to be read.
const NO_TEXT: u32 = u32::MAX;

/// The far end of one connection: 32 bytes.
struct Wire {
    waker: Option<Waker>,
    /// Bytes that the driver has written.
    written: u64,
    /// The text that the driver will read.
    text: u32,
}

/// When the first and the last write of a turn were made.
#[derive(Default)]
pub(super) struct Writes {
    pub(super) first: Option<Instant>,
    pub(super) last: Option<Instant>,
    /// Writes until the last.
    left: usize,
}

/// What each write of a turn has to be, but for those to one connection.
struct Check {
    expected: Vec<u8>,
    except: u32,
    right: usize,
    wrong: usize,
}

/// The far ends of all connections, by the order of connecting.
pub(super) struct Wires {
    wires: Vec<Wire>,
    /// Texts under way to the driver.
    texts: Vec<Vec<u8>>,
    pub(super) writes: Writes,
    check: Option<Check>,
    /// Connections that wait to be accepted, and the first of them.
    waiting: usize,
    next: u32,
    door: Option<Waker>,
}

impl Wires {
    pub(super) fn new(connections: usize) -> Rc<RefCell<Self>> {
        let wires = (0..connections).map(|_| Wire { waker: None, written: 0, text: NO_TEXT }).collect();
        Rc::new(RefCell::new(Self {
            wires,
            texts: Vec::new(),
            writes: Writes::default(),
            check: None,
            waiting: 0,
            next: 0,
            door: None,
        }))
    }

    /// Lets as many connections wait as there are `texts`; each has sent its text already.
    pub(super) fn knock(&mut self, texts: Vec<Vec<u8>>) {
        let first = self.next as usize;
        for (text, wire) in (0..).zip(&mut self.wires[first..first + texts.len()]) {
            wire.text = text;
        }
        self.waiting = texts.len();
        self.texts = texts;
        if let Some(door) = &self.door {
            door.wake_by_ref();
        }
    }

    /// What the speakers of a turn will have said, and how many writes that will lead to.
    pub(super) fn prepare(&mut self, speakers: &[u32], text: &[u8], writes: usize) {
        self.texts = vec![text.to_vec()];
        for &speaker in speakers {
            self.wires[speaker as usize].text = 0;
        }
        self.writes = Writes { left: writes, ..Writes::default() };
    }

    /// Lets the driver know that there is something to read from them.
    pub(super) fn wake(&self, speakers: &[u32]) {
        for &speaker in speakers {
            self.wires[speaker as usize].waker.as_ref().expect("a connection that is read").wake_by_ref();
        }
    }

    /// From here on, every write must be `expected`, but for those to `except`.
    pub(super) fn begin_check(&mut self, expected: Vec<u8>, except: u32) {
        self.check = Some(Check { expected, except, right: 0, wrong: 0 });
    }

    /// How many writes were as expected, and how many were not.
    pub(super) fn end_check(&mut self) -> (usize, usize) {
        self.check.take().map_or((0, 0), |check| (check.right, check.wrong))
    }

    /// Bytes written to each connection since the last call.
    pub(super) fn take_written(&mut self) -> Vec<u64> {
        self.wires.iter_mut().map(|wire| mem::take(&mut wire.written)).collect()
    }

    fn write(&mut self, id: u32, bytes: &[u8]) {
        self.wires[id as usize].written += bytes.len() as u64;
        // A look at the clock takes longer than the rest: only twice a turn.
        let writes = &mut self.writes;
        if writes.first.is_none() {
            writes.first = Some(Instant::now());
        }
        writes.left = writes.left.wrapping_sub(1);
        if writes.left == 0 {
            writes.last = Some(Instant::now());
        }
        if let Some(check) = &mut self.check
            && check.except != id
        {
            *(if check.expected == bytes { &mut check.right } else { &mut check.wrong }) += 1;
        }
    }
}

/// The driver's end of one connection.
pub(super) struct WireStream {
    id: u32,
    wires: Rc<RefCell<Wires>>,
}

impl Stream for WireStream {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<Incoming>> {
        let wires = &mut *self.wires.borrow_mut();
        let wire = &mut wires.wires[self.id as usize];
        if wire.text == NO_TEXT {
            if !wire.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                wire.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        let text = &wires.texts[mem::replace(&mut wire.text, NO_TEXT) as usize];
        buf[..text.len()].copy_from_slice(text);
        Poll::Ready(Ok(Incoming::Text(text.len())))
    }

    fn poll_write(&mut self, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wires.borrow_mut().write(self.id, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_shutdown(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

/// Where the waiting connections come in.
pub(super) struct Door(pub(super) Rc<RefCell<Wires>>);

impl Listener for Door {
    type Stream = WireStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<(WireStream, SocketAddr)>> {
        let mut wires = self.0.borrow_mut();
        if wires.waiting == 0 {
            wires.door = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wires.waiting -= 1;
        let id = wires.next;
        wires.next += 1;
        let stream = WireStream { id, wires: Rc::clone(&self.0) };
        // Everybody has an address of their own, as most people do.
        let address = Ipv4Addr::from_bits(u32::from_be_bytes([10, 0, 0, 0]) + id);
        Poll::Ready(Ok((stream, SocketAddr::from((address, 1)))))
    }
}

/// A clock that stands still: no deadline ever comes, and every stamp is midnight.
pub(super) struct Midnight;

impl Clock for Midnight {
    fn now(&self) -> Now {
        Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH }
    }

    fn poll_until(&mut self, _cx: &mut Context<'_>, _deadline: Mono) -> Poll<()> {
        Poll::Pending
    }
}
