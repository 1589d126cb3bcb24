//! From a recording to an engine that does the same.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chat_core::{Action, Close, Config, ConfigError, ConnId, Engine, Event, Mono, Now};
use chat_driver::{Input, Observer};
use chrono::DateTime;

use crate::config::addresses_of;
use crate::format::{Entry, Header, MAGIC, hash, hash_of, hash_of_batch, hash_of_look_up};
use crate::recorder::slot_of;
use crate::store;

/// An engine that is told again, entry by entry, what another one was told, and held to what that one answered.
#[derive(Debug)]
pub struct Replay<'a> {
    engine: Engine,
    config: Config,
    version: String,
    /// What is left of the recording.
    rest: &'a [u8],
    now: Now,
    /// When the recording began.
    began: Option<Mono>,
    /// By slot.
    conns: Vec<Option<ConnId>>,
    /// The pieces of this drain: length and hash.
    pieces: Vec<(u32, u64)>,
    entries: u64,
    turns: u64,
    /// The engine has panicked on the last entry, with this message.
    panicked: Option<String>,
}

/// Why a file is not a recording that can be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is something else.
    NoRecording,
    /// It is of another version of the format.
    Format(u8),
    /// Its beginning is missing or damaged.
    Header,
    /// Its configuration contradicts itself.
    Config(ConfigError),
}

/// Where a replay departs from its recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The number of the entry, from 0.
    pub entry: u64,
    /// How, in one line.
    pub how: String,
}

impl<'a> Replay<'a> {
    /// Whether these bytes begin as recordings do.
    #[must_use]
    pub fn is_recording(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC[..MAGIC.len() - 1])
    }

    /// At the beginning of the recording that `bytes` are.
    ///
    /// # Errors
    /// If they are none.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        if !Self::is_recording(bytes) {
            return Err(Unreadable::NoRecording);
        }
        let (magic, rest) = bytes.split_at_checked(MAGIC.len()).ok_or(Unreadable::Header)?;
        if magic != MAGIC {
            return Err(Unreadable::Format(magic[MAGIC.len() - 1]));
        }
        let (header, rest) = postcard::take_from_bytes::<Header>(rest).map_err(|_| Unreadable::Header)?;
        let config = Config::from(header.config);
        Ok(Self {
            engine: Engine::new(config.clone()).map_err(Unreadable::Config)?,
            config,
            version: header.version,
            rest,
            now: Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH },
            began: None,
            conns: Vec::new(),
            pieces: Vec::new(),
            entries: 0,
            turns: 0,
            panicked: None,
        })
    }

    /// The engine, as far as it has come.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it was configured to be.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The version of the server that was recorded, if it is not this one: it may have answered otherwise.
    #[must_use]
    pub fn other_version(&self) -> Option<&str> {
        (self.version != env!("CARGO_PKG_VERSION")).then_some(&self.version)
    }

    /// How much time has passed since the recording began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| self.now.mono.since(began))
    }

    /// How many turns have come to their end.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// How many entries were replayed.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Bytes that are no whole entry: the end of a recording that was cut short.
    #[must_use]
    pub fn remainder(&self) -> usize {
        self.rest.len()
    }

    /// How much time will have passed with the next [`step`](Self::step); none, if that is the end.
    #[must_use]
    pub fn next_elapsed(&self) -> Option<Duration> {
        match (postcard::take_from_bytes::<Entry<'_>>(self.rest), self.began) {
            (Ok((Entry::Now { mono, .. }, _)), Some(began)) => Some(Mono(mono).since(began)),
            (Err(postcard::Error::DeserializeUnexpectedEnd), _) if self.panicked.is_none() => None,
            _ => Some(self.elapsed()),
        }
    }

    /// Replays the next entry, and shows `observer` what the driver's observer was shown; false at the end.
    ///
    /// # Errors
    /// If the engine answers otherwise than the one that was recorded did, or if no engine can have been told this.
    pub fn step(&mut self, observer: &mut dyn Observer) -> Result<bool, Differs> {
        let differs = |how| Differs { entry: self.entries, how };
        let (entry, rest) = match postcard::take_from_bytes::<Entry<'_>>(self.rest) {
            Ok((entry, rest)) => (entry, rest),
            // The end of a file that was not ended in order is no whole entry.
            Err(postcard::Error::DeserializeUnexpectedEnd) => {
                return self.panicked.take().map_or(Ok(false), |panic| Err(differs(panic)));
            }
            Err(_) => return Err(differs("the recording is damaged".into())),
        };
        if let Some(panic) = self.panicked.take_if(|_| entry != Entry::Panicked) {
            return Err(differs(panic));
        }
        self.replay(&entry, observer).map_err(|how| Differs { entry: self.entries, how })?;
        self.rest = rest;
        self.entries += 1;
        Ok(true)
    }

    fn replay(&mut self, entry: &Entry<'_>, observer: &mut dyn Observer) -> Result<(), String> {
        match *entry {
            Entry::Now { mono, secs, nanos } => {
                let utc = DateTime::from_timestamp(secs, nanos).ok_or("there is no such time")?;
                self.now = Now { mono: Mono(mono), utc };
                self.began.get_or_insert(self.now.mono);
            }
            Entry::Connect { slot, peer } => {
                let conn = self.engine.connect(self.now, peer.ip());
                if slot_of(conn) != slot {
                    return Err(format!("the engine calls the connection {conn}, and called it {slot}"));
                }
                if self.conns.len() <= conn.slot() {
                    self.conns.resize(conn.slot() + 1, None);
                }
                self.conns[conn.slot()] = Some(conn);
                observer.handled(self.now, Input::Connect { conn, peer }, &self.engine);
            }
            Entry::Attempts { ref attempts } => {
                self.engine.foretell(attempts.iter().map(|attempt| attempt.0));
            }
            Entry::Bans { ref bans } => {
                self.tell(Input::Bans(&addresses_of(bans.iter().copied())), observer);
            }
            Entry::Forwarded { slot, peer } => self.event(slot, Event::Forwarded(peer), observer)?,
            Entry::Opened { slot } => self.event(slot, Event::Opened, observer)?,
            Entry::Received { slot, bytes } => self.event(slot, Event::Received(bytes), observer)?,
            Entry::Wrote { slot, count } => self.event(slot, Event::Wrote(count as usize), observer)?,
            Entry::Securing { slot } => self.event(slot, Event::Securing, observer)?,
            Entry::PeerFinished { slot } => self.event(slot, Event::PeerFinished, observer)?,
            Entry::CutShort { slot } => self.event(slot, Event::CutShort, observer)?,
            Entry::Violated { slot, violation } => self.event(slot, Event::Violated(violation), observer)?,
            Entry::Disconnected { slot, cause } => {
                self.event(slot, Event::Disconnected(cause), observer)?;
                self.conns[slot as usize] = None;
            }
            Entry::Stored { .. } | Entry::Refused { .. } | Entry::Found { .. } => {
                let answer = store::answer(entry).ok_or("no store says that")?;
                self.tell(Input::StoreAnswered(&answer), observer);
            }
            Entry::Timeout => self.tell(Input::Timeout, observer),
            Entry::Shutdown => self.tell(Input::Shutdown, observer),
            Entry::Panicked if self.panicked.take().is_some() => {}
            Entry::Panicked => {
                if catch_unwind(AssertUnwindSafe(|| self.engine.poll_action())).is_ok() {
                    return Err("the engine panicked, and does not".into());
                }
                observer.panicked(None, &self.engine);
            }
            Entry::Piece { len, hash } => self.pieces.push((len, hash)),
            Entry::Write { .. }
            | Entry::Reading { .. }
            | Entry::Close { .. }
            | Entry::Store { .. }
            | Entry::LookUp { .. }
            | Entry::Report { .. } => self.poll(entry, observer)?,
            Entry::Drained => {
                self.poll(entry, observer)?;
                self.pieces.clear();
                self.turns += 1;
            }
        }
        Ok(())
    }

    fn event(&mut self, slot: u32, event: Event<'_>, observer: &mut dyn Observer) -> Result<(), String> {
        let conn = self.conns.get(slot as usize).copied().flatten();
        let conn = conn.ok_or_else(|| format!("no connection has slot {slot}"))?;
        self.tell(Input::Event { conn, event }, observer);
        Ok(())
    }

    /// Tells the engine. If it panics, the next entry must say that it did.
    fn tell(&mut self, input: Input<'_>, observer: &mut dyn Observer) {
        let now = self.now;
        let call = || match input {
            Input::Event { conn, event } => self.engine.handle(now, conn, event),
            Input::Bans(bans) => self.engine.ban(now, bans.clone()),
            Input::StoreAnswered(answer) => self.engine.store_answered(now, answer.clone()),
            Input::Timeout => self.engine.handle_timeout(now),
            Input::Shutdown => self.engine.shutdown(now),
            Input::Connect { .. } => unreachable!("connections are made where they get their names"),
        };
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(()) => observer.handled(now, input, &self.engine),
            Err(panic) => {
                observer.panicked(Some((now, input)), &self.engine);
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                let text = text.unwrap_or("without a message");
                self.panicked = Some(format!("the engine panics, and did not: {text}"));
            }
        }
    }

    /// Asks the engine for an action, which must be the one that was recorded.
    fn poll(&mut self, recorded: &Entry<'_>, observer: &mut dyn Observer) -> Result<(), String> {
        let action = self.engine.poll_action();
        observer.polled(action.as_ref(), &self.engine);
        let same = match (recorded, &action) {
            (Entry::Drained, None) => true,
            (Entry::Write { slot, piece }, Some(Action::Write { conn, bytes })) => {
                let piece = self.pieces.get(*piece as usize).ok_or("there is no such piece")?;
                *slot == slot_of(*conn) && *piece == (bytes.len() as u32, hash(bytes))
            }
            (Entry::Reading { slot, enabled }, Some(Action::Reading { conn, enabled: now })) => {
                *slot == slot_of(*conn) && enabled == now
            }
            (Entry::Close { slot, at_once, reason }, Some(Action::Close { conn, how, reason: now })) => {
                *slot == slot_of(*conn) && *at_once == (*how == Close::Now) && *reason == now.to_string()
            }
            (Entry::Store { number, hash: before }, Some(Action::Store(batch))) => {
                *number == batch.number && *before == hash_of_batch(batch)
            }
            (Entry::LookUp { id, hash: before }, Some(Action::LookUp(look_up))) => {
                *id == look_up.id && *before == hash_of_look_up(look_up)
            }
            (Entry::Report { hash: before }, Some(Action::Report(report))) => *before == hash_of(report),
            _ => false,
        };
        if same {
            return Ok(());
        }
        let recorded = match recorded {
            Entry::Write { slot, piece } => format!("Write to {slot} {:?}", self.pieces.get(*piece as usize)),
            other => format!("{other:?}"),
        };
        Err(format!("the engine says {action:?}, and said {recorded}"))
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecording => f.write_str("is no recording"),
            Self::Format(version) => write!(f, "is a recording of another format, {version}"),
            Self::Header => f.write_str("ends before a recording has begun, or is damaged"),
            Self::Config(error) => write!(f, "holds a configuration that cannot be: {error}"),
        }
    }
}

impl std::error::Error for Unreadable {}

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.entry, self.how)
    }
}

impl std::error::Error for Differs {}
