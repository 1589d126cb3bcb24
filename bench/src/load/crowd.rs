//! Many clients in many rooms: they join, and then are brought into step, so that all that comes afterwards can
//! be compared byte by byte.

use std::mem;
use std::net::SocketAddr;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::client::{Client, Poller, Ready};
use super::moves::Moves;
use super::room::{Ear, Expect, Room};
use super::text::{Expected, Text};
use crate::Result;
use crate::dialect::{Dialect, Heard, Role};

/// Clients that may be on their way in at once: fewer than any server lets wait to be accepted.
const JOINING: usize = 256;
/// What one read may bring.
const BUFFER: usize = 256 << 10;
/// How long nothing may happen before a benchmark gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The message that brings listeners into step.
const MARKER: u64 = 999_999_999_999;

/// How many clients there are, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) rooms: usize,
    /// In each room.
    pub(crate) listeners: usize,
    /// In each room, beside the listeners: they listen and speak.
    pub(crate) members: usize,
    /// In each room, beside those.
    pub(crate) speakers: usize,
}

impl Size {
    fn per_room(self) -> usize {
        self.listeners + self.members + self.speakers
    }

    /// Those in a room who are to hear what is said: the first of them.
    fn hearers(self) -> usize {
        self.listeners + self.members
    }

    /// Those in a room who say something: the last of them.
    pub(super) fn voices(self) -> usize {
        self.members + self.speakers
    }

    fn role(self, place: usize) -> Role {
        if place < self.listeners {
            Role::Listener
        } else if place < self.hearers() {
            Role::Member
        } else {
            Role::Speaker
        }
    }

    /// All of them.
    pub(crate) fn clients(self) -> usize {
        self.rooms * self.per_room()
    }
}

/// All clients.
pub(crate) struct Crowd {
    pub(crate) dialect: Dialect,
    pub(crate) size: Size,
    pub(crate) poller: Poller,
    pub(crate) rooms: Vec<Room>,
    clients: Vec<Member>,
    ready: Ready,
    buffer: Box<[u8]>,
    /// Listeners that have stopped reading: the first ones.
    stalled: usize,
    /// How long it took until everybody was in.
    pub(crate) joined_in: Duration,
}

/// What came.
pub(crate) enum Arrival<'a> {
    /// One listener of a room heard these messages.
    Messages { room: usize, messages: Range<u64> },
    /// The server told a speaker something.
    Answer { client: usize, line: &'a [u8] },
}

/// How far a client has come.
#[derive(Clone, Copy)]
struct Progress {
    joined: bool,
    /// It has answered what the server asks later on.
    settled: bool,
    in_step: bool,
}

/// One client: room by room, the listeners, the members, and the speakers.
struct Member {
    client: Client,
    room: usize,
    role: Role,
    progress: Progress,
    ear: Ear,
    /// What was heard and is not whole yet: before it is in step, and of those who only speak.
    pending: Vec<u8>,
    /// Of those who only speak: what they hear of others.
    expected: Option<Expected>,
}

impl Crowd {
    /// Connects everybody, and waits until they are in.
    pub(crate) fn join(dialect: Dialect, addr: SocketAddr, size: Size) -> Result<Self> {
        let mut crowd = Self {
            dialect,
            size,
            poller: Poller::new()?,
            rooms: Vec::new(),
            clients: Vec::with_capacity(size.clients()),
            ready: Ready::new(),
            buffer: vec![0; BUFFER].into(),
            stalled: 0,
            joined_in: Duration::ZERO,
        };
        let start = Instant::now();
        let mut joined = 0;
        while joined < size.clients() {
            while crowd.clients.len() < size.clients() && crowd.clients.len() - joined < JOINING {
                crowd.connect(addr)?;
            }
            crowd.settle(|before, member| joined += usize::from(member.progress.joined && !before.joined))?;
        }
        crowd.joined_in = start.elapsed();
        Ok(crowd)
    }

    fn connect(&mut self, addr: SocketAddr) -> Result<()> {
        let index = self.clients.len();
        let room = index / self.size.per_room();
        let place = index % self.size.per_room();
        let role = self.size.role(place);
        let mut client = Client::connect(addr, index, &self.poller)?;
        client.send(&self.dialect.hello(&format!("u{index}"), room, role), &self.poller)?;
        self.clients.push(Member {
            client,
            room,
            role,
            progress: Progress { joined: false, settled: !self.dialect.asks_later(), in_step: false },
            ear: Ear::default(),
            pending: Vec::new(),
            expected: None,
        });
        Ok(())
    }

    /// Everybody who is ready takes in what has come; `each` sees how far a member was before, and is now.
    fn settle(&mut self, mut each: impl FnMut(Progress, &Member)) -> Result<()> {
        self.poller.wait(&mut self.ready, PATIENCE)?;
        if self.ready.is_empty() {
            return Err("nothing came from the server for too long".into());
        }
        for event in &self.ready {
            let member = &mut self.clients[event.data.u64() as usize];
            let Some(bytes) = member.client.read(&mut self.buffer, &self.poller)? else { continue };
            if bytes.is_empty() {
                return Err("the server closed a connection".into());
            }
            let before = member.progress;
            member.take_in(bytes, self.dialect, &self.poller)?;
            each(before, member);
        }
        Ok(())
    }

    /// Brings everybody into step: from here on, all who are to hear a room hear the same messages.
    pub(crate) fn get_in_step(&mut self) -> Result<()> {
        while self.clients.iter().any(|member| !member.progress.settled) {
            self.settle(|_, _| {})?;
        }
        for room in 0..self.size.rooms {
            let author = self.speaker(room, 0);
            let mut out = Vec::new();
            self.dialect.say(room, &Text { room, speaker: 0, number: MARKER }.bytes(), &mut out);
            self.send(author, &out)?;
            self.clients[author].progress.in_step = !self.dialect.echoes();
        }
        let hears = |member: &Member| member.role != Role::Speaker;
        let mut waiting =
            self.clients.iter().filter(|member| hears(member) && !member.progress.in_step).count();
        while waiting > 0 {
            self.settle(|before, member| {
                waiting -= usize::from(hears(member) && member.progress.in_step && !before.in_step);
            })?;
        }
        let (hearers, voices) = (u32::try_from(self.size.hearers())?, self.size.voices());
        let talk = |room| Expect::Talk(Expected::new(room, voices));
        self.rooms = (0..self.size.rooms).map(|room| Room::new(self.dialect, talk(room), hearers)).collect();
        let together = self.dialect.has_one_order() && self.size.members == 0;
        for member in &mut self.clients {
            let expected = Expected::new(member.room, voices);
            match member.role {
                Role::Speaker => member.expected = Some(expected),
                Role::Member => member.ear = Ear::of_member(expected, mem::take(&mut member.pending)),
                Role::Listener if !together => member.ear = Ear::alone(expected),
                Role::Listener => {}
            }
        }
        Ok(())
    }

    /// Has one of those who speak in a room say these of its messages.
    pub(crate) fn say(&mut self, room: usize, speaker: usize, numbers: &[u64]) -> Result<()> {
        let author = self.speaker(room, speaker);
        let author = &mut self.clients[author];
        let has_heard = author.role == Role::Member && !self.dialect.echoes();
        let mut out = Vec::new();
        for &number in numbers {
            let text = Text { room, speaker, number }.bytes();
            self.dialect.say(room, &text, &mut out);
            if has_heard {
                self.rooms[room].say(&mut author.ear, &text)?;
            }
        }
        author.client.send(&out, &self.poller)
    }

    /// The client that is this one of those who speak in a room.
    pub(super) fn speaker(&self, room: usize, speaker: usize) -> usize {
        room * self.size.per_room() + self.size.listeners + speaker
    }

    /// Has a client send bytes.
    pub(super) fn send(&mut self, index: usize, bytes: &[u8]) -> Result<()> {
        self.clients[index].client.send(bytes, &self.poller)
    }

    /// Everybody who is ready, within `at_most`, takes in what has come. Says whether anybody was.
    pub(crate) fn hear(&mut self, at_most: Duration, mut heard: impl FnMut(Arrival<'_>)) -> Result<bool> {
        self.poller.wait(&mut self.ready, at_most)?;
        for event in &self.ready {
            let index = event.data.u64() as usize;
            let member = &mut self.clients[index];
            let Some(bytes) = member.client.read(&mut self.buffer, &self.poller)? else { continue };
            if bytes.is_empty() {
                return Err("the server closed a connection".into());
            }
            match member.role {
                Role::Listener | Role::Member => {
                    let messages = self.rooms[member.room].hear(&mut member.ear, bytes)?;
                    heard(Arrival::Messages { room: member.room, messages });
                }
                Role::Speaker => member.hear_others(bytes, self.dialect, |line| {
                    heard(Arrival::Answer { client: index, line });
                })?,
            }
        }
        Ok(!self.ready.is_empty())
    }

    /// From now on, listeners are to hear who leaves and joins, instead of what is said.
    pub(super) fn expect_moves(&mut self) -> Result<()> {
        let hearers = u32::try_from(self.size.hearers())?;
        for room in &mut self.rooms {
            *room = Room::new(self.dialect, Expect::Moves(Moves::default()), hearers);
        }
        Ok(())
    }

    /// The first `count` listeners of the first room stop reading, with no more room in their sockets than a
    /// distant reader has.
    pub(crate) fn stall(&mut self, count: usize) -> Result<()> {
        for member in &mut self.clients[..count] {
            member.client.stall(&self.poller)?;
        }
        self.stalled = count;
        self.rooms[0].leave_out(u32::try_from(count)?);
        Ok(())
    }

    /// The stalled listeners read on to the end; says how many of them were cut off with a reason, after messages
    /// without a gap.
    pub(crate) fn cut_off(&mut self) -> Result<usize> {
        let mut cut_off = 0;
        for member in &mut self.clients[..self.stalled] {
            let mut expected = Expected::new(member.room, self.size.voices());
            let rest = member.client.read_to_end()?;
            let (mut at, mut last) = (0, &b""[..]);
            while let Some((taken, heard)) = self.dialect.next(&rest[at..])? {
                at += taken;
                match heard {
                    Heard::Said(text) => expected.hear(text)?,
                    Heard::Other(line) => last = line,
                }
            }
            cut_off += usize::from(last.starts_with(b"! ") && at == rest.len());
        }
        Ok(cut_off)
    }
}

impl Member {
    /// What comes before it is in step.
    fn take_in(&mut self, bytes: &[u8], dialect: Dialect, poller: &Poller) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((taken, heard)) = dialect.next(&self.pending[at..])? {
            at += taken;
            match heard {
                Heard::Said(text) => self.progress.in_step |= Text::parse(text)?.number == MARKER,
                Heard::Other(other) => {
                    self.progress.joined |= dialect.is_joined(other);
                    if let Some(reply) = dialect.reply(other, self.room) {
                        self.client.send(&reply, poller)?;
                        self.progress.settled = true;
                    }
                }
            }
        }
        self.pending.drain(..at);
        if self.pending.is_empty() {
            self.pending = Vec::new();
        }
        Ok(())
    }

    /// A speaker hears the other speakers, each in order, and what the server answers to it.
    fn hear_others(&mut self, bytes: &[u8], dialect: Dialect, mut answer: impl FnMut(&[u8])) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((taken, heard)) = dialect.next(&self.pending[at..])? {
            at += taken;
            match heard {
                Heard::Said(text) if Text::parse(text)?.number == MARKER => {}
                Heard::Said(text) => self.expected.as_mut().ok_or("not in step")?.hear(text)?,
                Heard::Other(line) => answer(line),
            }
        }
        self.pending.drain(..at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_both_comes_between_those_who_only_hear_and_those_who_only_speak() {
        let size = Size { rooms: 3, listeners: 1, members: 2, speakers: 1 };
        let roles: Vec<Role> = (0..size.per_room()).map(|place| size.role(place)).collect();
        assert_eq!(roles, [Role::Listener, Role::Member, Role::Member, Role::Speaker]);
        assert_eq!((size.hearers(), size.voices(), size.clients()), (3, 3, 12));
    }
}
