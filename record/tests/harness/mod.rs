//! An engine with a recorder, whose peers take everything, and what an observer sees of it.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use chat_core::{Action, Config, ConnId, Engine, Event, LookUp, Mono, Now, StoreAnswer};
use chat_driver::{Input, Observer};
use chat_record::{Recorder, Replay};
use chrono::DateTime;

/// A replay comes to the same state, and sees the same.
pub(crate) fn assert_replayed(folder: &Folder, mut server: Server) {
    server.recorder = None;
    let bytes = fs::read(folder.file()).unwrap();
    let mut replay = Replay::new(&bytes).unwrap();
    let mut seen = Seen::default();
    while replay.step(&mut seen).unwrap() {}
    assert_eq!((replay.engine().state(), seen), (server.engine.state(), server.seen));
}

/// An engine whose peers take everything at once, and a recorder that looks on.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) seen: Seen,
    pub(crate) look_ups: Vec<LookUp>,
    pub(crate) now: Now,
}

impl Server {
    pub(crate) fn new(file: &Path, limit: u64) -> Self {
        Self::with(file, limit, Config::default())
    }

    pub(crate) fn with(file: &Path, limit: u64, config: Config) -> Self {
        let recorder = Some(Recorder::open(file, limit, &config).unwrap());
        Self {
            engine: Engine::new(config).unwrap(),
            recorder,
            seen: Seen::default(),
            look_ups: Vec::new(),
            now: at(0),
        }
    }

    pub(crate) fn open(&mut self) -> ConnId {
        let conn = self.accept();
        self.tell(conn, Event::Opened);
        conn
    }

    pub(crate) fn accept(&mut self) -> ConnId {
        let peer = SocketAddr::from(([10, 0, 0, 1], 4_711));
        let conn = self.engine.connect(self.now, peer.ip());
        self.note(Input::Connect { conn, peer });
        conn
    }

    pub(crate) fn tell(&mut self, conn: ConnId, event: Event<'_>) {
        self.engine.handle(self.now, conn, event);
        self.note(Input::Event { conn, event });
    }

    pub(crate) fn answer(&mut self, answer: StoreAnswer) {
        self.engine.store_answered(self.now, answer.clone());
        self.note(Input::StoreAnswered(&answer));
    }

    pub(crate) fn note(&mut self, input: Input<'_>) {
        for observer in
            self.recorder.iter_mut().map(|it| it as &mut dyn Observer).chain([&mut self.seen as _])
        {
            observer.handled(self.now, input, &self.engine);
        }
    }

    pub(crate) fn drain(&mut self) {
        loop {
            let action = self.engine.poll_action();
            for observer in
                self.recorder.iter_mut().map(|it| it as &mut dyn Observer).chain([&mut self.seen as _])
            {
                observer.polled(action.as_ref(), &self.engine);
            }
            match action {
                None => return,
                Some(Action::Write { conn, bytes }) => self.tell(conn, Event::Wrote(bytes.len())),
                Some(Action::LookUp(look_up)) => self.look_ups.push(look_up),
                Some(_) => {}
            }
        }
    }
}

/// All that an observer sees, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) Vec<String>);

impl Observer for Seen {
    fn handled(&mut self, now: Now, input: Input<'_>, _: &Engine) {
        self.0.push(format!("{now:?} {input:?}"));
    }

    fn polled(&mut self, action: Option<&Action>, _: &Engine) {
        self.0.push(format!("{action:?}"));
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, _: &Engine) {
        self.0.push(format!("panicked: {input:?}"));
    }
}

pub(crate) fn at(secs: u64) -> Now {
    let utc = DateTime::from_timestamp(1_000_000_000 + secs as i64, 5).unwrap();
    Now { mono: Mono(7 + secs * 1_000_000_000), utc }
}

/// A folder of the test's own, gone with it.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("recording")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
