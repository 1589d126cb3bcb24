//! What must be true of every run, checked with every step of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `promise` | what is promised |
//! | `model` | the reference model, in lockstep with the engine |
//! | `noted` | what is noted of every input |
//! | `ranges` | each member's transcript against the rooms' record |
//! | `kept` | what is shown against what was stored |
//! | `ledger` | what the server has seen of each connection |
//! | `memory` | what is retained, and who is dropped for it |
//! | `marks` | situations that must have been met |

mod kept;
mod ledger;
mod marks;
mod memory;
mod model;
mod noted;
mod promise;
mod ranges;
mod telnet;

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::{Action, Close, Config, ConnId, Engine, Kind, Mono, Now, Reason, Report, Timer, TurnLimit};
use chat_driver::{Input, Observer};
use kept::Kept;
pub(crate) use kept::{event_line, line_of};
pub use ledger::Ledger;
pub use marks::{Mark, Marks};
use model::{Model, Peer, slot_of};
pub use promise::{Broken, Promise};
use ranges::Records;
use telnet::without_answers;

/// With so much memory, no run makes it short: then it need not be looked at with every step.
const PLENTY: usize = 8 << 20;

/// Holds every step of an engine against a reference model of it.
#[derive(Debug)]
pub struct Oracle {
    model: Model,
    recount: bool,
    memory: usize,
    /// Turns are so short that they may be met.
    limits_turns: bool,
    /// When data last came.
    data_at: Option<Mono>,
    /// When connections last came, and how many did at that time.
    arrivals: (Mono, u32),
    /// Memory was short when the engine was last drained.
    short: bool,
    /// The most that it has retained since then: it may drop somebody before it says so.
    output: usize,
    broken: Option<Broken>,
    marks: Marks,
    ledgers: Vec<Ledger>,
    /// What rooms said, if that can be told from the answers to `/history`.
    records: Option<Records>,
    /// What is stored; none, if nothing is.
    kept: Option<Kept>,
    /// The ledger of each slot in use.
    ledger_of: BTreeMap<u32, usize>,
}

impl Oracle {
    /// For an engine of this configuration. With `recount`, the engine's own books are recounted after each
    /// turn, which takes its time.
    #[must_use]
    pub fn new(config: &Config, recount: bool) -> Self {
        Self {
            model: Model::new(config),
            recount,
            memory: config.memory,
            limits_turns: config.turn != TurnLimit::default(),
            data_at: None,
            arrivals: Default::default(),
            short: false,
            output: 0,
            broken: None,
            marks: Marks::default(),
            ledgers: Vec::new(),
            records: (config.history.is_none() && config.store.is_none() && config.report_messages)
                .then(Records::default),
            kept: config.store.map(|mode| Kept::new(Some(mode))),
            ledger_of: BTreeMap::new(),
        }
    }

    /// The same, for a server that finds rooms in its store: how far each has come, by its key.
    #[must_use]
    pub fn after(mut self, heads: BTreeMap<String, u64>) -> Self {
        if let Some(kept) = &mut self.kept {
            kept.resume(heads);
        }
        self
    }

    /// The first promise that was broken.
    #[must_use]
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Reports a promise that was broken. The first one counts.
    pub fn accuse(&mut self, promise: Promise, how: impl Into<String>) {
        self.broken.get_or_insert_with(|| Broken { promise, how: how.into() });
    }

    /// The situations that were met.
    #[must_use]
    pub fn marks(&self) -> Marks {
        let mut marks = self.marks;
        marks.merge(self.model.marks);
        marks
    }

    /// Every connection that there ever was, in the order of their coming.
    #[must_use]
    pub fn ledgers(&self) -> &[Ledger] {
        &self.ledgers
    }

    /// The connections (as indexes of [`ledgers`](Self::ledgers)) of users with a nickname who can be talked
    /// to, each with the room it joined last, if any.
    #[must_use]
    pub fn chatting(&self) -> Vec<(usize, Option<String>)> {
        let peers = self.model.peers.iter();
        let users = peers.filter_map(|(slot, peer)| Some((self.ledger_of[slot], peer.user.as_ref()?)));
        users.map(|(ledger, user)| (ledger, user.rooms.last().cloned())).collect()
    }

    /// How long flood control lets the next line of anybody wait, at most.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let waits = self.model.peers.values().map(|peer| peer.wait(self.model.now()));
        Duration::from_nanos(waits.max().unwrap_or_default())
    }

    /// Whether a connection's input is read: none of it waits.
    #[must_use]
    pub fn is_read(&self, conn: ConnId) -> bool {
        let peer = self.model.peers.get(&slot_of(conn)).filter(|peer| peer.conn == conn);
        peer.is_some_and(|peer| peer.is_open() && peer.wants_input())
    }

    /// Whether `conn` may be spoken of: the model's peer, if that is the very same connection.
    fn peer(&mut self, conn: ConnId) -> Option<&mut Peer> {
        let peer = self.model.peers.get_mut(&slot_of(conn)).filter(|peer| peer.conn == conn);
        if peer.is_none() {
            self.broken.get_or_insert_with(|| Broken {
                promise: Promise::NoGhosts,
                how: format!("an action for {conn}, which is gone"),
            });
        }
        peer
    }

    fn check_action(&mut self, action: &Action) -> Result<(), (Promise, String)> {
        match action {
            Action::Write { conn, bytes } => self.check_write(*conn, bytes),
            Action::Reading { conn, enabled } => {
                let Some(peer) = self.peer(*conn) else { return Ok(()) };
                if peer.reading == *enabled || peer.wants_input() != *enabled || !peer.is_open() {
                    let how = format!("{conn} is to be read: {enabled}; held {} bytes", peer.held.len());
                    return Err((Promise::Bounded, how));
                }
                self.model.set_reading(slot_of(*conn), *enabled);
                if *enabled {
                    self.marks.set(Mark::PausedAndResumed);
                }
                Ok(())
            }
            Action::Close { conn, how, reason } => self.check_close(*conn, *how, *reason),
            Action::Store(_) | Action::LookUp(_) => self.check_order(action),
            Action::Report(report) => match self.model.reports.pop_front() {
                Some(expected) if expected == *report => {
                    self.record_report(report);
                    Ok(())
                }
                expected => Err((promise_of(report), format!("reported {report:?}, expected {expected:?}"))),
            },
        }
    }

    fn record_report(&mut self, report: &Report) {
        let (Report::Room(record), Some(records)) = (report, &mut self.records) else { return };
        if record.kind == Kind::Joined {
            let joiner = self.model.joiners.pop_front().expect("the model has reported the same");
            // It may be gone by now.
            if let Some(&ledger) = self.ledger_of.get(&joiner) {
                self.ledgers[ledger].joins.push(records.len());
            }
        }
        records.add(record);
    }

    /// Whether the store is asked what it should be.
    fn check_order(&mut self, action: &Action) -> Result<(), (Promise, String)> {
        self.check_kept(|kept| kept.check_action(action))?;
        self.model.check_order(action).map_err(|how| (Promise::Kept, how))
    }

    fn check_kept(
        &mut self,
        check: impl FnOnce(&mut Kept) -> Result<(), String>,
    ) -> Result<(), (Promise, String)> {
        self.kept.as_mut().map_or(Ok(()), check).map_err(|how| (Promise::Kept, how))
    }

    fn check_write(&mut self, conn: ConnId, bytes: &[u8]) -> Result<(), (Promise, String)> {
        let slot = slot_of(conn);
        let Some(peer) = self.peer(conn) else { return Ok(()) };
        if peer.writing > 0 {
            return Err((Promise::Bounded, format!("a second write for {conn}")));
        }
        let ends_within_line = |text: Vec<u8>| text.last().is_some_and(|&last| last != b'\n');
        if without_answers(bytes).is_none_or(ends_within_line) {
            return Err((Promise::Order, format!("{conn} is written a part of a line")));
        }
        if peer.is_dropped() || peer.is_told_to_close() || bytes.is_empty() {
            return Err((
                Promise::NoGhosts,
                format!("a write of {} bytes behind the end of {conn}", bytes.len()),
            ));
        }
        if !peer.owed.bytes().starts_with(bytes) {
            let how = first_difference(bytes, peer.owed.bytes());
            return Err((Promise::Order, format!("{conn} {how}")));
        }
        self.check_kept(|kept| kept.check_written(bytes).map_err(|how| format!("{conn} {how}")))?;
        let Some(peer) = self.peer(conn) else { return Ok(()) };
        peer.owed.take(bytes.len());
        peer.writing = bytes.len();
        self.ledgers[self.ledger_of[&slot]].written.extend_from_slice(bytes);
        Ok(())
    }

    fn check_close(&mut self, conn: ConnId, how: Close, reason: Reason) -> Result<(), (Promise, String)> {
        let slot = slot_of(conn);
        if reason == Reason::OutOfMemory && self.peer(conn).is_some_and(|peer| !peer.is_dropped()) {
            // Memory can run short before a turn is sealed, too: by a goodbye, say.
            self.model.drop_now(slot, reason);
            if self.memory == 0 || self.output <= self.memory {
                let how = format!("{conn} is dropped for memory, with {} bytes retained", self.output);
                return Err((Promise::Bounded, how));
            }
        }
        let Some(peer) = self.peer(conn) else { return Ok(()) };
        if !peer.may_be_closed(how, reason) {
            let how = format!("{conn} is closed ({how:?}, {reason}), expected {:?}", peer.phase);
            return Err((Promise::NoGhosts, how));
        }
        let ledger = &mut self.ledgers[self.ledger_of[&slot]];
        ledger.closed.get_or_insert(reason);
        ledger.dropped |= how == Close::Now;
        Ok(())
    }

    /// Nothing is left to be done, and nothing is left undone.
    fn check_drained(&mut self, engine: &Engine) -> Result<(), (Promise, String)> {
        if let Some(report) = self.model.reports.front() {
            return Err((promise_of(report), format!("{report:?} was not reported")));
        }
        self.model.check_orders_given().map_err(|how| (Promise::Kept, how))?;
        for peer in self.model.peers.values() {
            peer.check_drained()?;
        }
        match engine.poll_timeout() {
            Some((_, Timer::Memory)) => self.short = true,
            next => {
                self.short = false;
                let (next, expected) = (next.map(|(at, _)| at.0), self.model.deadline());
                if next != expected {
                    return Err((
                        Promise::Time,
                        format!("the next deadline is {next:?}, expected {expected:?}"),
                    ));
                }
            }
        }
        self.check_footprint(engine)
    }
}

impl Observer for Oracle {
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine) {
        if self.broken.is_some() {
            return;
        }
        self.record_input(&input);
        self.mark_input(now, &input);
        match input {
            Input::Connect { conn, peer } => {
                if self.model.is_named(slot_of(conn)) {
                    let how = format!("{conn} is given a slot that something held back is for");
                    self.accuse(Promise::Order, how);
                }
                self.model.connect(now, conn, peer.ip());
            }
            Input::Event { conn, event } => self.model.handle(now, conn, &event),
            Input::Timeout => {
                self.model.timeout(now);
                // Whoever is due goes for that; whom else memory takes, is the engine's to say.
                if std::mem::take(&mut self.short) {
                    self.drop_for_memory(engine);
                }
                self.model.go_on_with_answers();
                self.model.go_on_with_postponed();
            }
            Input::Bans(bans) => self.model.ban(now, bans),
            Input::StoreAnswered(answer) => {
                self.model.note_held(engine.footprint().held);
                self.model.store_answered(now, answer);
            }
            Input::Shutdown => self.model.shutdown(now),
        }
        let looks_at_memory = self.memory != 0 && self.memory < PLENTY;
        if looks_at_memory || self.limits_turns {
            let found = engine.footprint();
            self.output = self.output.max(found.output);
            self.check_turn(found.turn);
        }
        if self.kept.is_some() {
            self.model.note_held(engine.footprint().held);
        }
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, _: &Engine) {
        let how = |(_, input): (Now, Input<'_>)| format!("the engine panics on {input:?}");
        self.accuse(
            Promise::Robust,
            input.map_or_else(|| "the engine panics when asked for an action".into(), how),
        );
    }

    fn polled(&mut self, action: Option<&Action>, engine: &Engine) {
        if self.broken.is_some() {
            return;
        }
        // Where time was not let pass first, memory is saved when the turn is sealed.
        if std::mem::take(&mut self.short) {
            self.drop_for_memory(engine);
        }
        self.model.seal();
        if self.kept.is_some() {
            self.model.note_held(engine.footprint().held);
        }
        let result = match action {
            Some(action) => self.check_action(action),
            None => self.check_drained(engine),
        };
        if let Err((promise, how)) = result {
            self.accuse(promise, how);
        }
    }
}

/// Which promise a wrong report breaks.
fn promise_of(report: &Report) -> Promise {
    match report {
        Report::Room(record) if [Kind::Joined, Kind::Left, Kind::Renamed].contains(&record.kind) => {
            Promise::Names
        }
        Report::Registered { .. } => Promise::Names,
        Report::Private { .. } => Promise::SenderOrder,
        Report::ClockJumped { .. } => Promise::Time,
        Report::Store { .. } => Promise::Kept,
        Report::Room(_) => Promise::Order,
    }
}

/// Where what was written departs from what was expected.
fn first_difference(written: &[u8], expected: &[u8]) -> String {
    let same = written.iter().zip(expected).take_while(|(written, expected)| written == expected).count();
    let line_start = written[..same].iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let show = |bytes: &[u8]| {
        let line = bytes.get(line_start..).unwrap_or_default();
        let line = line.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned()
    };
    format!("was written {:?}, expected {:?}", show(written), show(expected))
}
