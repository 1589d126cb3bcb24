//! Transports with a handshake, as TLS has it: when text may flow, and how that ends.

use chat_core::{Event, Violation};

use super::link::{Output, Socket};
use super::{Happening, World};
use crate::tape::Rng;

/// The longest handshake, in nanoseconds. It takes longer than a greeting, and shorter than patience.
const LONGEST: u64 = 2_000_000_000;

/// How far the transport of a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// Text flows.
    Open,
    /// Text flows, unless the first bytes begin a handshake.
    Undecided,
    /// A handshake is under way.
    Securing,
    /// The first bytes are none that it could understand.
    Refusing(Violation),
}

impl World<'_> {
    /// Whether a connection comes through a proxy.
    pub(super) fn is_proxied(&self, link: usize) -> bool {
        self.plan.options.proxied && (self.rng_of(link).draw() / 64).is_multiple_of(2)
    }

    /// A connection was accepted. If it comes through a proxy, that says for whom, but for few that never do.
    pub(super) fn begin(&mut self, link: usize) {
        if !self.is_proxied(link) {
            return self.begin_transport(link);
        }
        let (conn, peer) = (self.socket(link).conn, self.links[link].address.ip());
        match self.rng_of(link).draw() / 128 % 16 {
            0 if !self.concluding => self.socket(link).transport = Transport::Securing,
            1 if !self.concluding => {
                self.socket(link).transport = Transport::Refusing(Violation::Unforwarded);
            }
            2 => {
                self.begin_transport(link);
                // Which is too late where text flows, and ignored there.
                self.tell(conn, Event::Forwarded(peer));
            }
            _ => {
                self.tell(conn, Event::Forwarded(peer));
                self.begin_transport(link);
            }
        }
    }

    fn begin_transport(&mut self, link: usize) {
        let mut rng = self.rng_of(link);
        let transport = match rng.draw() % 8 {
            _ if !self.plan.options.secure || self.concluding => Transport::Open,
            0 => Transport::Refusing(Violation::Plaintext),
            1 => Transport::Refusing(Violation::Garbled),
            2 | 3 => Transport::Securing,
            4 | 5 => Transport::Undecided,
            _ => Transport::Open,
        };
        let socket = self.socket(link);
        socket.transport = transport;
        let conn = socket.conn;
        match transport {
            Transport::Open | Transport::Undecided => self.tell(conn, Event::Opened),
            Transport::Securing => self.shake_hands(link),
            Transport::Refusing(_) => {}
        }
    }

    /// Whether what lies there to be read is text. If it is not, it is dealt with.
    pub(super) fn is_text(&mut self, link: usize) -> bool {
        let silent = self.links[link].written.is_empty();
        let socket = self.socket(link);
        if socket.inbox.is_empty() || socket.output != Output::Open {
            return true;
        }
        let (conn, silent) = (socket.conn, silent && socket.chunk.is_empty());
        let transport = socket.transport;
        match transport {
            Transport::Open if !self.loses_its_way(link) => true,
            Transport::Open => {
                self.tell(conn, Event::Violated(Violation::Garbled));
                self.wake(link);
                false
            }
            // The engine is to ignore it.
            Transport::Undecided if !silent => {
                self.socket(link).transport = Transport::Open;
                self.tell(conn, Event::Securing);
                true
            }
            Transport::Undecided => {
                self.socket(link).transport = Transport::Securing;
                self.shake_hands(link);
                self.tell(conn, Event::Securing);
                false
            }
            Transport::Securing => false,
            Transport::Refusing(violation) => {
                self.socket(link).transport = Transport::Open;
                self.tell(conn, Event::Violated(violation));
                self.wake(link);
                false
            }
        }
    }

    /// How the end of a peer's input is told: a handshake may promise a goodbye that does not come.
    pub(super) fn end_of_input(&mut self, link: usize) -> Event<'static> {
        let cut_short = self.plan.options.secure && self.rng_of(link).draw().is_multiple_of(3);
        if cut_short { Event::CutShort } else { Event::PeerFinished }
    }

    /// Whether what comes of a secured connection is garbled from now on: seldom.
    fn loses_its_way(&mut self, link: usize) -> bool {
        let secured = self.plan.options.secure && !self.concluding && self.rng_of(link).draw() % 8 < 6;
        secured && self.below(50) == 0
    }

    /// A handshake is done.
    pub(super) fn secured(&mut self, link: usize) {
        if self.now < self.asleep_until {
            return self.queue.push(self.asleep_until, Happening::Secured(link));
        }
        let Some(socket) = &mut self.links[link].socket else { return };
        socket.transport = Transport::Open;
        let conn = socket.conn;
        self.tell(conn, Event::Opened);
        self.wake(link);
    }

    /// Some handshakes never end.
    fn shake_hands(&mut self, link: usize) {
        let (dice, time) = (self.rng_of(link).draw() / 8 % 8, self.below(LONGEST));
        if dice != 0 {
            self.queue.push(self.now + time, Happening::Secured(link));
        }
    }

    /// What is left to chance about one connection from the start.
    fn rng_of(&self, link: usize) -> Rng {
        Rng::new(self.plan.seed.wrapping_add(link as u64))
    }

    fn socket(&mut self, link: usize) -> &mut Socket {
        self.links[link].socket.as_mut().expect("an accepted connection")
    }
}
