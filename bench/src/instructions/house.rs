//! An engine with users, and an adapter that takes every write at once; and stores at once, in rooms without a past.

use std::net::Ipv4Addr;
use std::time::Duration;

use chat_core::{
    Action, Cause, Config, ConnId, Engine, Event, Found, LookUp, Mono, Now, StoreAnswer, TurnLimit,
};
use chrono::DateTime;

/// Time from one turn to the next.
const TURN: Duration = Duration::from_millis(1);

/// An engine and its time.
pub(super) struct House {
    engine: Engine,
    now: Now,
    /// Whether lines are counted: while a workload is prepared, and not while it is measured.
    pub(super) counts: bool,
    /// Lines that were written to anybody while they were counted.
    pub(super) lines: u64,
}

/// The limits of most workloads: everything off that is not measured.
pub(super) fn config() -> Config {
    // However a scene is set up, it is one turn.
    let turn = TurnLimit { text: 0, copies: 0 };
    Config { lobby: None, flood: None, history: None, turn, ..Config::default() }
}

impl House {
    pub(super) fn new(config: Config) -> Self {
        let now = Now { mono: Mono(0), utc: DateTime::from_timestamp(1_000_000_000, 0).expect("a time") };
        Self { engine: Engine::new(config).expect("a valid configuration"), now, counts: false, lines: 0 }
    }

    /// A connection that has opened.
    pub(super) fn connect(&mut self) -> ConnId {
        let conn = self.engine.connect(self.now, Ipv4Addr::LOCALHOST.into());
        self.engine.handle(self.now, conn, Event::Opened);
        conn
    }

    /// So many users, named by `prefix` and a number, who have sent `commands`, all of them in one turn.
    pub(super) fn crowd(&mut self, users: usize, prefix: &str, commands: &str) -> Vec<ConnId> {
        let conns = (0..users).map(|user| {
            let conn = self.connect();
            self.receive(conn, &format!("{prefix}{user}\n{commands}"));
            conn
        });
        let conns = conns.collect();
        self.drain();
        conns
    }

    /// What a peer has sent.
    pub(super) fn receive(&mut self, conn: ConnId, text: &str) {
        self.engine.handle(self.now, conn, Event::Received(text.as_bytes()));
    }

    /// The end of a turn: all actions, each write credited at once, as on a socket that takes everything.
    pub(super) fn drain(&mut self) {
        while let Some(action) = self.engine.poll_action() {
            match action {
                Action::Write { conn, bytes } => {
                    if self.counts {
                        self.lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
                    }
                    self.engine.handle(self.now, conn, Event::Wrote(bytes.len()));
                }
                Action::Close { conn, .. } => {
                    self.engine.handle(self.now, conn, Event::Disconnected(Cause::Closed));
                }
                Action::Store(batch) => {
                    self.engine.store_answered(self.now, StoreAnswer::Stored(batch.number));
                }
                Action::LookUp(LookUp { id, .. }) => {
                    let found = Ok(Found::Room { seq: 0, topic: None, last: Vec::new() });
                    self.engine.store_answered(self.now, StoreAnswer::Found { id, found });
                }
                Action::Reading { .. } | Action::Report(_) => {}
            }
        }
        self.now.mono = self.now.mono.after(TURN);
        self.now.utc += TURN;
    }
}
