//! What goes wrong.

use chat_core::Cause;

use super::link::Segment;
use super::{Happening, World, nanos};
use crate::oracle::Mark;
use crate::plan::Fault;
use crate::store::Store;

/// How long a kernel waits for an acknowledgement, in nanoseconds.
pub(super) const USER_TIMEOUT: u64 = 120_000_000_000;
/// How long a connection is silent before its kernel asks,
const KEEPALIVE_IDLE: u64 = 60_000_000_000;
/// and how long it waits for an answer in all.
const KEEPALIVE_PROBES: u64 = 60_000_000_000;

/// By how many seconds the wall clock may be off: a century.
const WALL: i64 = 3_155_760_000;

impl World<'_> {
    pub(super) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::Hold(client) => self.clients[client].held = true,
            Fault::Release(client) => self.release(client),
            Fault::DeafTo(client) => self.darken(client, true, false),
            Fault::MuteTo(client) => self.darken(client, false, true),
            Fault::SilentDeath(client) => self.darken(client, true, true),
            Fault::Panic(client) => {
                let link = self.clients[client].link;
                if let Some(socket) = link.and_then(|link| self.links[link].socket.as_mut()) {
                    socket.bomb = true;
                }
            }
            Fault::AcceptError(times) => {
                if let Some(server) = &mut self.server {
                    server.accept_errors += times;
                }
            }
            Fault::NoDescriptors(duration) => {
                let until = self.now + nanos(duration);
                if let Some(server) = &mut self.server {
                    server.accept_after = server.accept_after.max(until);
                    self.queue.push(until, Happening::Wake);
                }
            }
            Fault::WallJump(seconds) => {
                self.wall = (self.wall + seconds).clamp(-WALL, WALL);
                if seconds < 0 {
                    self.marks.set(Mark::ClockBack);
                }
            }
            Fault::Suspend(duration) => {
                self.asleep_until = self.asleep_until.max(self.now + nanos(duration));
                self.queue.push(self.asleep_until, Happening::Wake);
            }
            Fault::Crash(duration) => self.crash(nanos(duration)),
            Fault::Shutdown => {
                if let Some(server) = &mut self.server {
                    server.stop_asked = true;
                }
            }
        }
    }

    pub(super) fn release(&mut self, client: usize) {
        self.clients[client].held = false;
        for link in 0..self.links.len() {
            if self.links[link].client == client {
                self.queue.push(self.now, Happening::ToServer(link));
                self.queue.push(self.now, Happening::ToClient(link));
            }
        }
    }

    /// What a client sends, or what is sent to it, is lost from now on.
    fn darken(&mut self, client: usize, deaf_to: bool, mute_to: bool) {
        let state = &mut self.clients[client];
        state.deaf_to |= deaf_to;
        state.mute_to |= mute_to;
        for link in 0..self.links.len() {
            let state = &mut self.links[link];
            if state.client != client {
                continue;
            }
            state.up.lost |= deaf_to;
            state.down.lost |= mute_to;
            state.dark_since.get_or_insert(self.now);
            if let Some(deadline) = self.patience(link) {
                self.queue.push(deadline, Happening::GiveUp(link));
            }
        }
    }

    /// When the server's kernel gives a silent peer up, as things stand.
    fn patience(&self, link: usize) -> Option<u64> {
        let dark = self.links[link].dark_since?;
        let socket = self.links[link].socket.as_ref()?;
        if let Some(first) = socket.unacknowledged {
            return Some(first + USER_TIMEOUT);
        }
        let answered = dark.saturating_sub(socket.heard) / KEEPALIVE_IDLE * KEEPALIVE_IDLE;
        Some(socket.heard + answered + KEEPALIVE_IDLE + KEEPALIVE_PROBES)
    }

    /// The server's kernel may have lost patience.
    pub(super) fn give_up(&mut self, link: usize) {
        match self.patience(link) {
            Some(deadline) if deadline <= self.now => {
                let socket = self.links[link].socket.as_mut().expect("it has patience with a socket");
                socket.error.get_or_insert(Cause::TimedOut);
                self.wake(link);
            }
            Some(deadline) => self.queue.push(deadline, Happening::GiveUp(link)),
            None => {}
        }
    }

    /// The server dies, and its kernel resets what was open; another one starts after a while.
    fn crash(&mut self, down: u64) {
        let Some(server) = &self.server else { return };
        for link in server.backlog.clone() {
            self.refuse(link);
        }
        for link in 0..self.links.len() {
            if self.links[link].socket.take().is_some() {
                self.send_down(link, Segment::Rst);
            }
        }
        self.retire_server();
        self.store.iter_mut().for_each(Store::crash);
        self.queue.push(self.now + down, Happening::Start);
    }
}
