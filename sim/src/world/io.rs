//! Reading and writing one connection, as the driver's link does it.

use bytes::{Buf as _, Bytes};
use chat_core::{Cause, Event};

use super::faults::USER_TIMEOUT;
use super::link::{Output, Segment};
use super::server::LOOK;
use super::{Happening, World};

/// What one connection may read in a turn.
const SHARE: usize = 16 << 10;

impl World<'_> {
    /// One connection's share of a turn.
    pub(super) fn step(&mut self, link: usize) {
        match &mut self.links[link].socket {
            Some(socket) => socket.ready = false,
            None => return,
        }
        self.flush(link);
        self.read_input(link);
    }

    pub(super) fn read_input(&mut self, link: usize) {
        let mut share = SHARE;
        loop {
            let Some(socket) = &mut self.links[link].socket else { return };
            if !socket.wants_input() || !self.is_text(link) {
                return;
            }
            let Some(socket) = &mut self.links[link].socket else { return };
            if socket.inbox.is_empty() {
                self.input_ended(link);
                return;
            }
            if socket.bomb {
                self.drop_socket(link, Cause::Panicked);
                return;
            }
            if share == 0 {
                self.wake(link);
                return;
            }
            let ragged = self.plan.options.ragged && self.below(3) == 0;
            let most = if ragged { 1 + self.below(7) as usize } else { SHARE };
            let socket = self.links[link].socket.as_mut().expect("it was there");
            let count = most.min(socket.inbox.len()).min(share);
            share -= count;
            let bytes: Vec<u8> = socket.inbox.drain(..count).collect();
            let (conn, discards) = (socket.conn, matches!(socket.output, Output::Closing | Output::Shut));
            if !discards {
                self.tell(conn, Event::Received(&bytes));
            }
        }
    }

    /// The inbox is empty: perhaps since nothing more is to come.
    pub(super) fn input_ended(&mut self, link: usize) {
        let Some(socket) = &mut self.links[link].socket else { return };
        let conn = socket.conn;
        match (socket.error, socket.output) {
            (_, Output::Broken(cause)) => self.drop_socket(link, cause),
            (Some(cause), output) => {
                let cause = if output == Output::Open { cause } else { Cause::Closed };
                self.drop_socket(link, cause);
            }
            (None, _) if !socket.fin => {}
            (None, Output::Shut) => self.drop_socket(link, Cause::Closed),
            (None, output) => {
                socket.finished = true;
                if output == Output::Open {
                    let end = self.end_of_input(link);
                    self.tell(conn, end);
                }
            }
        }
    }

    /// Writes what the kernel takes of the chunk, and the FIN behind it.
    pub(super) fn flush(&mut self, link: usize) {
        loop {
            let Some(socket) = &mut self.links[link].socket else { return };
            if socket.chunk.is_empty() {
                break;
            }
            if let Some(cause) = socket.error {
                return self.break_off(link, cause);
            }
            let room = self.send_buffer.saturating_sub(socket.unread);
            if room == 0 {
                return;
            }
            let ragged = self.plan.options.ragged && self.below(3) == 0;
            if ragged && self.below(4) == 0 {
                // The kernel has no room for a moment.
                return self.queue.push(self.now + LOOK / 1_000, Happening::Writable(link));
            }
            let most = if ragged { 1 + self.below(15) as usize } else { usize::MAX };
            self.transmit(link, room.min(most));
        }
        let Some(socket) = &mut self.links[link].socket else { return };
        if socket.output == Output::Closing {
            socket.output = Output::Shut;
            let finished = socket.finished;
            self.send_down(link, Segment::Fin);
            if finished {
                self.drop_socket(link, Cause::Closed);
            } else {
                self.wake(link);
            }
        }
    }

    /// The kernel takes up to `most` bytes of the chunk.
    pub(super) fn transmit(&mut self, link: usize, most: usize) {
        let now = self.now;
        let state = &mut self.links[link];
        let dark = state.dark_since.is_some();
        let socket = state.socket.as_mut().expect("an open socket writes");
        let count = most.min(socket.chunk.len());
        let bytes = socket.chunk.slice(..count);
        socket.chunk.advance(count);
        socket.unread += count;
        if dark && socket.unacknowledged.is_none() {
            socket.unacknowledged = Some(now);
            self.queue.push(now + USER_TIMEOUT, Happening::GiveUp(link));
        }
        let conn = socket.conn;
        self.send_down(link, Segment::Data(bytes.to_vec()));
        self.tell(conn, Event::Wrote(count));
    }

    /// Nothing more can be written. What came before that is still read.
    pub(super) fn break_off(&mut self, link: usize, cause: Cause) {
        let Some(socket) = &mut self.links[link].socket else { return };
        socket.chunk = Bytes::new();
        if socket.output == Output::Open {
            socket.output = Output::Broken(cause);
            self.wake(link);
        } else {
            self.drop_socket(link, cause);
        }
    }

    /// A connection that is not read is looked at for errors.
    pub(super) fn look(&mut self, link: usize) {
        let Some(socket) = &self.links[link].socket else { return };
        if socket.output != Output::Open || socket.wants_input() {
            return;
        }
        match socket.error {
            Some(cause) => self.break_off(link, cause),
            None => self.queue.push(self.now + LOOK, Happening::Look(link)),
        }
    }

    /// The server drops its end, and tells the engine.
    pub(super) fn drop_socket(&mut self, link: usize, cause: Cause) {
        let Some(socket) = self.links[link].socket.take() else { return };
        let clean = socket.output == Output::Shut && socket.inbox.is_empty();
        if !clean && socket.error.is_none() {
            self.send_down(link, Segment::Rst);
        }
        self.server().links[socket.conn.slot()] = None;
        self.tell(socket.conn, Event::Disconnected(cause));
    }
}
