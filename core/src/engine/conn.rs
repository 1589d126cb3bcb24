//! One connection, as the engine knows it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::held::Held;
use crate::action::Reason;
use crate::chat::Answer;
use crate::event::ConnId;
use crate::flood::Bucket;
use crate::framing::Framer;
use crate::outbox::{Piece, Queue};
use crate::time::{MaybeMono, Mono};

/// How far a connection has come. Most are chatting: the others keep what they need elsewhere.
#[derive(Debug)]
pub(super) enum Phase {
    /// Accepted; no text may flow yet. It may be over a limit; its handshake may have begun.
    Handshaking { until: Mono, over: Option<Reason>, begun: bool },
    /// Choosing a nickname.
    Registering(Box<Registering>),
    /// Registered; when its last line was served.
    Chatting { heard: Mono },
    /// On its way out: what is owed is written, nothing is read.
    Closing(Box<Closing>),
    /// The adapter was told to drop it; its `Disconnected` is awaited.
    Closed,
}

/// What a connection counts as, from being accepted until it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It came over a limit, and counts only as that.
    Refused,
    /// It has never had a nickname.
    Unregistered,
    /// It has one, or had.
    Registered,
}

impl Standing {
    /// That of a connection which has just come, over this limit if any.
    pub(super) fn of_newcomer(over: Option<Reason>) -> Self {
        if over.is_some() { Self::Refused } else { Self::Unregistered }
    }
}

/// The state of choosing a nickname.
#[derive(Debug)]
pub(super) struct Registering {
    /// When the greeting is due; none: it was sent, or the user spoke first.
    pub(super) greeting: Option<Mono>,
    /// Whether it has still to say the password.
    pub(super) owes_password: bool,
    /// The limit that it is over: it is told so instead of being greeted, or as soon as it speaks.
    pub(super) over: Option<Reason>,
    /// When it has taken too long; stands still while input is paused,
    pub(super) until: Option<Mono>,
    /// but not beyond this.
    pub(super) latest: Option<Mono>,
    /// Since when input is paused.
    pub(super) paused: Option<Mono>,
    /// Whether a whole line has come.
    pub(super) spoke: bool,
    /// Passwords and nicknames refused.
    pub(super) refusals: u8,
    /// One was refused in this turn: what follows of it decides whether this is a script.
    pub(super) refused_now: bool,
}

impl Registering {
    /// When it has taken too long, as it looks now.
    pub(super) fn deadline(&self) -> Option<Mono> {
        if self.paused.is_some() { self.latest } else { self.until }
    }

    /// Why it is closed when it has been refused too often.
    pub(super) fn refusal(&self) -> Reason {
        if self.owes_password { Reason::PasswordRefused } else { Reason::NicknamesRefused }
    }
}

/// The state of closing.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) reason: Reason,
    /// When it ends without further progress.
    pub(super) until: Mono,
    /// When it ends whatever happens.
    pub(super) latest: Mono,
    /// Whether its goodbye is in a turn that is not released.
    pub(super) held: bool,
    /// Whether the adapter was told to close behind the outstanding write.
    pub(super) told: bool,
    /// It was cut off: what rooms say no longer reaches it.
    pub(super) deaf: bool,
}

/// A long answer under way, and what came behind it.
#[derive(Debug)]
pub(super) struct Answering {
    /// What is still to be told; none: only its last part is still to be taken.
    pub(super) rest: Option<Answer>,
    pub(super) behind: Vec<Piece>,
    /// Bytes of `behind`.
    pub(super) owed: usize,
    /// Its next part is due: it stands in the list of those.
    pub(super) due: bool,
    /// What the store was asked for it, and until when it has to answer.
    pub(super) look_up: Option<(u64, Mono)>,
}

/// One connection. It is kept small, since most are idle: what few of them need is behind a pointer.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) phase: Phase,
    /// Where it comes from.
    pub(super) peer: IpAddr,
    pub(super) standing: Standing,
    /// Of an unfinished line; none, while there is nothing in it.
    pub(super) framer: Option<Box<Framer>>,
    pub(super) bucket: Bucket,
    /// Input that waits: for flood control, for the end of an answer.
    pub(super) held: Held,
    /// The peer has ended its input. What is held of it is served until then.
    pub(super) finished: MaybeMono,
    /// It may not have ended it itself: an unfinished last line does not count.
    pub(super) cut_short: bool,
    /// When flood control lets the next line through.
    pub(super) resume_at: MaybeMono,
    pub(super) queue: Queue,
    /// It asked, in this turn, for a long answer.
    pub(super) asked: bool,
    pub(super) answering: Option<Box<Answering>>,
    /// Since when it has owed more than the backlog limit.
    pub(super) stalled: MaybeMono,
    /// The deadline that stands in the timer queue.
    pub(super) armed: MaybeMono,
    /// What the adapter was last told.
    pub(super) reading: bool,
    /// Whether it stands in the list of those to attend to.
    pub(super) attended: bool,
}

impl Conn {
    /// A new one in this phase.
    pub(super) fn new(phase: Phase, peer: IpAddr, standing: Standing) -> Self {
        Self {
            phase,
            peer,
            standing,
            framer: None,
            bucket: Bucket::default(),
            held: Held::default(),
            finished: MaybeMono::NONE,
            cut_short: false,
            resume_at: MaybeMono::NONE,
            queue: Queue::default(),
            asked: false,
            answering: None,
            stalled: MaybeMono::NONE,
            armed: MaybeMono::NONE,
            reading: true,
            attended: false,
        }
    }

    /// Bytes that were received and are not served.
    pub(super) fn unserved(&self) -> usize {
        self.held.len() + self.framer.as_ref().map_or(0, |framer| framer.retained())
    }

    /// Whether its next line may be taken now, flood control aside.
    pub(super) fn takes_lines(&self) -> bool {
        match &self.phase {
            Phase::Registering(registering) => !registering.refused_now,
            Phase::Chatting { .. } => !self.asked && self.answering.is_none(),
            Phase::Handshaking { .. } | Phase::Closing(_) | Phase::Closed => false,
        }
    }

    /// Whether its input may be taken now, flood control aside: lines, or the rest of one that was too long and refused.
    pub(super) fn takes_input(&self) -> bool {
        self.takes_lines() || self.skips(self.framer.as_deref())
    }

    /// Whether it skips the rest of a line that was refused.
    pub(super) fn skips(&self, framer: Option<&Framer>) -> bool {
        matches!(self.phase, Phase::Registering(_)) && framer.is_some_and(Framer::is_skipping)
    }

    /// The limit that it is over, if it could not be told yet.
    pub(super) fn over(&self) -> Option<Reason> {
        match &self.phase {
            Phase::Registering(registering) => registering.over,
            _ => None,
        }
    }

    /// Whether it is still one of those who talk or are about to.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Registering(_) | Phase::Chatting { .. })
    }

    /// It has just been heard of: if it is a user, its idle clock starts anew.
    pub(super) fn note_heard(&mut self, now: Mono) {
        if let Phase::Chatting { heard } = &mut self.phase {
            *heard = now;
        }
    }

    /// Since when a user has been idle, if nothing of its input waits.
    pub(super) fn idle_since(&self) -> Option<Mono> {
        match self.phase {
            Phase::Chatting { heard } if self.held.is_empty() && !self.finished.is_some() => Some(heard),
            _ => None,
        }
    }

    /// Whether it is to be told what rooms and users say.
    pub(super) fn hears(&self) -> bool {
        match &self.phase {
            Phase::Closing(closing) => !closing.deaf,
            Phase::Closed => false,
            Phase::Handshaking { .. } | Phase::Registering(_) | Phase::Chatting { .. } => true,
        }
    }

    /// Whether the peer should be read from.
    pub(super) fn wants_input(&self) -> bool {
        !self.is_open() || self.held.is_empty()
    }

    /// Bytes owed to it, those behind a long answer included.
    pub(super) fn owed(&self) -> usize {
        self.queue.owed() + self.answering.as_ref().map_or(0, |answering| answering.owed)
    }
}

/// The connections by slot.
#[derive(Debug, Default)]
pub(super) struct Conns {
    slots: Vec<Option<Conn>>,
    /// The generation of each slot's connection; of a free slot, that of its next one.
    generations: Vec<u32>,
    free: Vec<u32>,
    /// Freed in the turn under way; its output may still name them.
    leaving: Vec<u32>,
    /// The same of strangers, whom no output of a turn names.
    leaving_strangers: Vec<u32>,
    open: usize,
}

impl Conns {
    /// Adds a connection.
    pub(super) fn insert(&mut self, conn: Conn) -> ConnId {
        self.open += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.generations.push(0);
            u32::try_from(self.slots.len() - 1).expect("fewer connections than 2^32")
        });
        self.slots[slot as usize] = Some(conn);
        self.id(slot)
    }

    /// Takes a connection out.
    pub(super) fn remove(&mut self, slot: u32) -> Conn {
        self.open -= 1;
        let generation = &mut self.generations[slot as usize];
        *generation = generation.wrapping_add(1);
        let conn = self.slots[slot as usize].take().expect("an open connection");
        match conn.standing {
            Standing::Registered => self.leaving.push(slot),
            Standing::Unregistered | Standing::Refused => self.leaving_strangers.push(slot),
        }
        conn
    }

    /// The slots freed in this turn may be used again.
    pub(super) fn end_turn(&mut self) {
        self.free.append(&mut self.leaving);
        self.free.append(&mut self.leaving_strangers);
    }

    /// Whether slots were freed in this turn.
    pub(super) fn has_leaving(&self) -> bool {
        !self.leaving.is_empty() || !self.leaving_strangers.is_empty()
    }

    /// The slots freed in this turn, which may still be named.
    pub(super) fn take_leaving(&mut self) -> Vec<u32> {
        self.free.append(&mut self.leaving_strangers);
        core::mem::take(&mut self.leaving)
    }

    /// These slots may be used again.
    pub(super) fn free(&mut self, mut slots: Vec<u32>) {
        self.free.append(&mut slots);
    }

    pub(super) fn find(&mut self, slot: u32) -> Option<&mut Conn> {
        self.slots[slot as usize].as_mut()
    }

    pub(super) fn get(&self, slot: u32) -> &Conn {
        self.slots[slot as usize].as_ref().expect("an open connection")
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Conn {
        self.find(slot).expect("an open connection")
    }

    /// Whether the next write of a connection can start.
    pub(super) fn has_write(&self, slot: u32) -> bool {
        let conn = self.slots[slot as usize].as_ref();
        conn.is_some_and(|conn| !matches!(conn.phase, Phase::Closed) && conn.queue.can_start_write())
    }

    /// The connection's full name.
    pub(super) fn id(&self, slot: u32) -> ConnId {
        ConnId { slot, generation: self.generations[slot as usize] }
    }

    /// Whether that very connection is still there.
    pub(super) fn is_known(&self, conn: ConnId) -> bool {
        self.slots[conn.slot as usize].is_some() && self.id(conn.slot) == conn
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Conn)> {
        (0..).zip(&self.slots).filter_map(|(slot, conn)| Some((slot, conn.as_ref()?)))
    }

    /// The slots in use.
    pub(super) fn slots(&self) -> Vec<u32> {
        self.iter().map(|(slot, _)| slot).collect()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.open
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_stays_small() {
        assert!(size_of::<Option<Conn>>() <= 152, "{} bytes", size_of::<Option<Conn>>());
    }
}
