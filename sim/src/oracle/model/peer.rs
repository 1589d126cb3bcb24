//! One connection.

use std::net::IpAddr;
use std::time::Duration;

use chat_core::{Close, ConnId, FloodLimit, Reason};

use super::answer::Answer;
use super::{deadlines, nanos};
use crate::oracle::Promise;

/// The longest line, in bytes.
const MAX_LINE: usize = 4_096;

/// How far a connection has come.
#[derive(Debug)]
pub(in crate::oracle) enum Phase {
    /// No text may flow yet.
    Handshaking { until: u64, over: Option<Reason>, begun: bool },
    /// Choosing a nickname.
    Registering(Registering),
    /// It has one.
    Chatting,
    /// What it is owed is being written, nothing is read.
    Closing(Closing),
    /// To be dropped as it is; `told` once the engine has said so.
    Dropped { reason: Reason, told: bool },
}

impl Phase {
    pub(super) fn registering(
        greeting: u64,
        over: Option<Reason>,
        until: Option<u64>,
        latest: Option<u64>,
        owes_password: bool,
    ) -> Self {
        Self::Registering(Registering {
            owes_password,
            greeting: Some(greeting),
            over,
            until,
            paused: None,
            latest,
            spoke: false,
            refusals: 0,
            refused_now: false,
        })
    }
}

/// The state of choosing a nickname.
#[derive(Debug)]
pub(in crate::oracle) struct Registering {
    pub(super) owes_password: bool,
    pub(super) greeting: Option<u64>,
    pub(super) over: Option<Reason>,
    pub(super) until: Option<u64>,
    pub(super) paused: Option<u64>,
    pub(super) latest: Option<u64>,
    pub(super) spoke: bool,
    pub(super) refusals: u32,
    pub(super) refused_now: bool,
}

/// The state of closing.
#[derive(Debug)]
pub(in crate::oracle) struct Closing {
    pub(in crate::oracle) reason: Reason,
    pub(super) until: u64,
    pub(super) latest: u64,
    /// The engine has said so.
    pub(in crate::oracle) told: bool,
    /// It was cut off, and hears nothing any more.
    pub(super) deaf: bool,
    /// The turn with its goodbye, which nobody has seen yet.
    pub(super) behind: Option<u64>,
}

/// Who somebody is, and where.
#[derive(Debug)]
pub(in crate::oracle) struct User {
    pub(in crate::oracle) nick: String,
    pub(super) key: String,
    /// Keys of rooms, in the order of joining.
    pub(in crate::oracle) rooms: Vec<String>,
    /// The key of the current room.
    pub(super) current: Option<String>,
}

/// One connection.
#[derive(Debug)]
pub(in crate::oracle) struct Peer {
    pub(in crate::oracle) conn: ConnId,
    pub(in crate::oracle) phase: Phase,
    /// Where it comes from.
    pub(super) address: IpAddr,
    /// It came over a limit.
    pub(super) refused: bool,
    /// When a line of it was last served, or what had to wait of its input.
    pub(super) heard: u64,
    /// It has a nickname, or had.
    pub(super) registered: bool,
    pub(in crate::oracle) user: Option<User>,
    /// Bytes of an unfinished line.
    pub(super) partial: Vec<u8>,
    /// That line is too long, and it was told so.
    pub(super) skips: bool,
    /// Bytes that wait: for flood control, for the end of an answer.
    pub(in crate::oracle) held: Vec<u8>,
    /// Its input has ended; until when it is served.
    pub(super) finished: Option<u64>,
    /// Its unfinished last line does not count.
    pub(super) cut_short: bool,
    /// When flood control lets the next line through.
    pub(super) resume_at: Option<u64>,
    bucket: Bucket,
    /// How many rooms it has made of late.
    pub(super) new_rooms: Bucket,
    /// What it is owed and no write has taken up.
    pub(in crate::oracle) owed: Owed,
    /// What follows behind the long answer under way.
    pub(super) behind: Vec<u8>,
    /// It waits for a room.
    pub(super) opening: bool,
    pub(super) answer: Option<Answer>,
    /// Bytes of the outstanding write that are not credited.
    pub(in crate::oracle) writing: usize,
    /// Since when it has owed more than it may.
    pub(super) stalled: Option<u64>,
    /// Whether the engine wants it read.
    pub(in crate::oracle) reading: bool,
}

impl Peer {
    pub(super) fn new(conn: ConnId, address: IpAddr, over: Option<Reason>, now: u64) -> Self {
        Self {
            conn,
            phase: Phase::Handshaking { until: now + nanos(deadlines::HANDSHAKE), over, begun: false },
            address,
            refused: over.is_some(),
            heard: now,
            registered: false,
            user: None,
            partial: Vec::new(),
            skips: false,
            held: Vec::new(),
            finished: None,
            cut_short: false,
            resume_at: None,
            bucket: Bucket::default(),
            new_rooms: Bucket::default(),
            owed: Owed::default(),
            behind: Vec::new(),
            opening: false,
            answer: None,
            writing: 0,
            stalled: None,
            reading: true,
        }
    }

    /// Whether it has still to say the password.
    pub(super) fn owes_password(&self) -> bool {
        matches!(&self.phase, Phase::Registering(registering) if registering.owes_password)
    }

    /// Whether its next line may be taken, flood control aside.
    pub(super) fn takes_lines(&self) -> bool {
        match &self.phase {
            Phase::Registering(registering) => !registering.refused_now,
            Phase::Chatting => self.answer.is_none() && !self.opening,
            _ => false,
        }
    }

    /// The same of its input: the rest of a line that was refused is skipped at once.
    pub(super) fn takes_input(&self) -> bool {
        self.takes_lines() || self.skips && matches!(self.phase, Phase::Registering(_))
    }

    /// The limit that it is over, and is to be told of.
    pub(super) fn over(&self) -> Option<Reason> {
        match &self.phase {
            Phase::Handshaking { over, .. } => *over,
            Phase::Registering(registering) => registering.over,
            _ => None,
        }
    }

    /// Whether it is one of those who talk or are about to.
    pub(in crate::oracle) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Registering(_) | Phase::Chatting)
    }

    /// Whether it should be read.
    pub(in crate::oracle) fn wants_input(&self) -> bool {
        !self.is_open() || self.held.is_empty()
    }

    /// Bytes that it has not taken, of those that it may see.
    pub(in crate::oracle) fn debt(&self) -> usize {
        self.owed.len() + self.writing + self.behind.len()
    }

    /// The most that may be retained of what it sent and was not served: what is held, and a line.
    pub(in crate::oracle) fn most_input(&self) -> usize {
        self.held.len() + MAX_LINE
    }

    /// Bytes that the next write could take up now.
    pub(super) fn queued(&self) -> usize {
        self.owed.len()
    }

    /// Forgets what it is owed and no write has taken up.
    pub(super) fn forget_owed(&mut self) {
        self.owed.clear();
    }

    /// Whether it is to be dropped as it is.
    pub(in crate::oracle) fn is_dropped(&self) -> bool {
        matches!(self.phase, Phase::Dropped { .. })
    }

    /// Whether the engine has announced its end.
    pub(in crate::oracle) fn is_told_to_close(&self) -> bool {
        matches!(&self.phase, Phase::Closing(closing) if closing.told)
    }

    /// The engine closes it: whether that is as it should be, and the first time.
    pub(in crate::oracle) fn may_be_closed(&mut self, how: Close, reason: Reason) -> bool {
        let flushed = self.owed.is_empty() && self.answer.is_none();
        let (expected, told) = match &mut self.phase {
            Phase::Closing(closing) if how == Close::AfterFlush && flushed && closing.behind.is_none() => {
                (closing.reason, &mut closing.told)
            }
            Phase::Dropped { reason, told } if how == Close::Now => (*reason, told),
            _ => return false,
        };
        !std::mem::replace(told, true) && expected == reason
    }

    /// Whether all that could be done for it has been done.
    pub(in crate::oracle) fn check_drained(&self) -> Result<(), (Promise, String)> {
        let conn = self.conn;
        if self.writing == 0 && !self.owed.is_empty() {
            let owed = String::from_utf8_lossy(&self.owed.bytes()[..self.owed.len().min(200)]).into_owned();
            return Err((Promise::Live, format!("{conn} waits for {owed:?}")));
        }
        if self.is_open() && self.reading != self.wants_input() {
            return Err((Promise::Bounded, format!("{conn} is read: {}", self.reading)));
        }
        let unclosed = match &self.phase {
            Phase::Closing(closing) => !closing.told && self.owed.is_empty() && closing.behind.is_none(),
            Phase::Dropped { told, .. } => !told,
            _ => false,
        };
        if unclosed {
            return Err((Promise::NoGhosts, format!("{conn} is not closed: {:?}", self.phase)));
        }
        Ok(())
    }

    /// Adds to what it is owed, for it to see.
    pub(super) fn owe(&mut self, line: &[u8]) {
        match &self.phase {
            Phase::Dropped { .. } => {}
            Phase::Closing(closing) if closing.deaf => {}
            _ => {
                let answering = self.answer.as_ref().is_some_and(|answer| answer.begun);
                let owed = if answering { &mut self.behind } else { &mut self.owed.bytes };
                owed.extend_from_slice(line);
            }
        }
    }

    /// Whether flood control lets a line through now; else when.
    pub(super) fn token(&self, limit: Option<FloodLimit>, now: u64) -> Result<(), u64> {
        limit.map_or(Ok(()), |limit| self.bucket.check((limit.lines, limit.per), now))
    }

    /// How long it takes until all its tokens are there.
    pub(in crate::oracle) fn wait(&self, now: u64) -> u64 {
        self.bucket.level(now)
    }

    /// Takes the token of a line, or of a part of an answer.
    pub(super) fn take_token(&mut self, limit: Option<FloodLimit>, now: u64) {
        if let Some(limit) = limit {
            self.bucket.take((limit.lines, limit.per), now);
        }
    }
}

/// A leaky bucket, of a limit of so many in a time: each line, or connection, pours its share of that time into it, and
/// it leaks a nanosecond each nanosecond.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    level: u64,
    at: u64,
}

impl Bucket {
    fn level(&self, now: u64) -> u64 {
        self.level.saturating_sub(now - self.at)
    }

    fn share((number, per): (u32, Duration)) -> u64 {
        nanos(per) / u64::from(number)
    }

    pub(super) fn check(&self, limit: (u32, Duration), now: u64) -> Result<(), u64> {
        let brim = nanos(limit.1);
        let wanted = self.level(now) + Self::share(limit);
        if wanted <= brim { Ok(()) } else { Err(now + (wanted - brim)) }
    }

    pub(super) fn take(&mut self, limit: (u32, Duration), now: u64) {
        self.level = self.level(now) + Self::share(limit);
        self.at = now;
    }
}

/// Bytes that are owed, from the front of which writes take.
#[derive(Debug, Default)]
pub(in crate::oracle) struct Owed {
    bytes: Vec<u8>,
    taken: usize,
}

impl Owed {
    pub(in crate::oracle) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(in crate::oracle) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(in crate::oracle) fn bytes(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// A write takes so many.
    pub(in crate::oracle) fn take(&mut self, count: usize) {
        self.taken += count;
        if self.taken == self.bytes.len() {
            self.clear();
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}

/// A moment so much later.
pub(super) fn later(at: u64, by: Duration) -> u64 {
    at.saturating_add(nanos(by))
}
