//! Recordings of real servers, replayed: the same events, and what the engine makes of them.

use std::fmt;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use chat_core::{Action, ConnState, Engine, Mono, Now, RoomState, Stage, State};
use chat_driver::{Input, Observer};
use chat_record::{Replay, Unreadable};

use crate::oracle::{Broken, Oracle};
use crate::seen::Seen;

/// How a recording is replayed.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Up to this long after its beginning; none: all of it.
    pub until: Option<Duration>,
    /// Whether what is seen is printed.
    pub print: bool,
    /// Whether the oracle looks on. It knows only ASCII names, and those that are in the simulation's tables, and no
    /// password that is blanked.
    pub judge: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Replayed {
    /// Where the engine departed from what was recorded, if it did.
    pub differs: Option<String>,
    /// The oracle, if it looked on.
    pub oracle: Option<Oracle>,
    /// What stands where in the end.
    pub state: State,
    /// How much time had passed by then.
    pub elapsed: Duration,
    /// How many turns.
    pub turns: u64,
    /// How many entries of the recording.
    pub entries: u64,
    /// Bytes at the end that are no whole entry, if all was replayed.
    pub remainder: usize,
    /// The server's version, if it is another one.
    pub other_version: Option<String>,
}

/// Replays a recording, and prints what is seen to `out`.
///
/// # Errors
/// The outer ones are those of `out`, the inner ones say why there is nothing to replay.
pub fn replay(bytes: &[u8], how: How, out: &mut dyn Write) -> io::Result<Result<Replayed, Unreadable>> {
    let mut replay = match Replay::new(bytes) {
        Ok(replay) => replay,
        Err(unreadable) => return Ok(Err(unreadable)),
    };
    let oracle = how.judge.then(|| Oracle::new(replay.config(), false));
    let out = how.print.then_some(out);
    let mut viewer = Viewer { out, error: None, began: None, at: Duration::ZERO, oracle };
    let mut differs = None;
    let until = how.until.unwrap_or(Duration::MAX);
    while viewer.error.is_none() && replay.next_elapsed().is_some_and(|elapsed| elapsed <= until) {
        // What no adapter can have told it, an engine takes for the fault that it is: it panics.
        let step = catch_unwind(AssertUnwindSafe(|| replay.step(&mut viewer)));
        match step {
            Ok(Ok(_)) => {}
            Ok(Err(found)) => differs = Some(found.to_string()),
            Err(panic) => {
                differs = Some(format!("entry {}: {}", replay.entries(), Broken::by_panic(&*panic).how));
            }
        }
        if differs.is_some() {
            break;
        }
    }
    if let Some(error) = viewer.error {
        return Err(error);
    }
    let all = replay.next_elapsed().is_none() && differs.is_none();
    Ok(Ok(Replayed {
        differs,
        oracle: viewer.oracle,
        state: replay.engine().state(),
        elapsed: replay.elapsed(),
        turns: replay.turns(),
        entries: replay.entries(),
        remainder: if all { replay.remainder() } else { 0 },
        other_version: replay.other_version().map(str::to_owned),
    }))
}

/// Sees what the driver's observer saw.
struct Viewer<'a> {
    out: Option<&'a mut dyn Write>,
    error: Option<io::Error>,
    began: Option<Mono>,
    /// Time since the beginning.
    at: Duration,
    oracle: Option<Oracle>,
}

impl Viewer<'_> {
    fn print(&mut self, seen: &Seen<'_>) {
        let Some(out) = &mut self.out else { return };
        let (secs, nanos) = (self.at.as_secs(), self.at.subsec_nanos());
        if let Err(error) = writeln!(out, "{secs:>4}.{nanos:09} {seen}") {
            self.error.get_or_insert(error);
        }
    }
}

impl Observer for Viewer<'_> {
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine) {
        self.at = now.mono.since(*self.began.get_or_insert(now.mono));
        match &input {
            Input::Connect { conn, peer } => self.print(&Seen::Accepted(*conn, *peer)),
            Input::Event { conn, event } => self.print(&Seen::event(*conn, event, &mut String::new())),
            Input::Timeout => self.print(&Seen::Timeout),
            Input::Bans(bans) => self.print(&Seen::bans(bans, &mut Vec::new())),
            Input::StoreAnswered(answer) => self.print(&Seen::answered(answer, &mut String::new())),
            Input::Shutdown => self.print(&Seen::Shutdown),
        }
        if let Some(oracle) = &mut self.oracle {
            oracle.handled(now, input, engine);
        }
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine) {
        if let Some((_, Input::Event { conn, event })) = &input {
            self.print(&Seen::event(*conn, event, &mut String::new()));
        }
        self.print(&Seen::Fault("the engine panics"));
        if let Some(oracle) = &mut self.oracle {
            oracle.panicked(input, engine);
        }
    }

    fn polled(&mut self, action: Option<&Action>, engine: &Engine) {
        if let Some(action) = action {
            self.print(&Seen::action(action, &mut String::new()));
        }
        if let Some(oracle) = &mut self.oracle {
            oracle.polled(action, engine);
        }
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { conns, rooms } = &self.state;
        writeln!(f, "after {:?}, {} turns and {} entries:", self.elapsed, self.turns, self.entries)?;
        writeln!(f, "{} connections", conns.len())?;
        conns.iter().try_for_each(|conn| show_conn(conn, f))?;
        writeln!(f, "{} rooms", rooms.len())?;
        rooms.iter().try_for_each(|room| show_room(room, f))?;
        if let Some(version) = &self.other_version {
            writeln!(f, "recorded by version {version}, which may have answered otherwise")?;
        }
        if self.remainder > 0 {
            writeln!(f, "the recording was cut short: {} bytes at its end are left over", self.remainder)?;
        }
        match &self.differs {
            None if self.remainder > 0 => f.write_str("every action as recorded, up to there"),
            None => f.write_str("every action as recorded"),
            Some(differs) => write!(f, "differs from what was recorded: {differs}"),
        }
    }
}

fn show_conn(conn: &ConnState, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ConnState { conn, stage, nick, rooms, current, held, owed, reading } = conn;
    write!(f, "  {conn} ")?;
    match (stage, nick) {
        (Stage::Closing(reason), _) => write!(f, "closing ({reason})")?,
        (_, Some(nick)) => write!(f, "{nick:?}")?,
        (stage, None) => write!(f, "{stage:?}")?,
    }
    for room in rooms {
        let mark = if current.as_ref() == Some(room) { "*" } else { "" };
        write!(f, " {room}{mark}")?;
    }
    let paused = if *reading { "" } else { ", not read" };
    writeln!(f, "; {held} bytes held, {owed} owed{paused}")
}

fn show_room(room: &RoomState, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let RoomState { name, topic, seq, quiet, members } = room;
    let quiet = if *quiet { ", quiet" } else { "" };
    write!(f, "  {name} at event {seq}{quiet}: {}", members.join(" "))?;
    match topic {
        None => writeln!(f),
        Some(topic) => writeln!(f, "; topic {topic:?}"),
    }
}
