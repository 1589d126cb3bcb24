//! What a flood has to work with: a crew, the server, and the time that it has.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::crew::{Crew, address};
use crate::Result;
use crate::server::Process;

/// The file of the server's log, in its folder.
pub(super) const LOG: &str = "log";
/// The password, where there is one.
pub(super) const PASSWORD: &str = "open sesame";
/// How long flood control takes to give all its tokens back, and how many these are.
pub(super) const REFILL: Duration = Duration::from_secs(4);
pub(super) const BURST: usize = 20;
/// Room is asked for at this pace while a flood gathers, so that gathering is no flood.
const GATHERING: usize = 50;

pub(super) struct Stage<'a> {
    pub(super) crew: Crew,
    pub(super) process: &'a Process,
    begun: &'a AtomicBool,
    duration: Duration,
    until: Instant,
}

impl<'a> Stage<'a> {
    pub(super) fn new(process: &'a Process, duration: Duration, begun: &'a AtomicBool) -> Result<Self> {
        Ok(Self { crew: Crew::new(process.addr)?, process, begun, duration, until: Instant::now() })
    }

    pub(super) fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// What counts begins now: see [`is_on`](Self::is_on).
    pub(super) fn begin(&mut self) {
        self.until = Instant::now() + self.duration;
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether the flood is to go on.
    pub(super) fn is_on(&self) -> bool {
        Instant::now() < self.until
    }

    /// How long it goes on.
    pub(super) fn seconds(&self) -> u64 {
        self.duration.as_secs()
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// So many come, a hundred from each address, take nicknames that begin with `prefix`, and leave the lobby.
    pub(super) fn gather(&mut self, count: usize, prefix: &str, reads: bool) -> Result<Vec<usize>> {
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let some = GATHERING.min(count - all.len());
            let mut come = || {
                let who = self.crew.len();
                let hello = format!("{prefix}{who}\n/part #lobby\n");
                self.crew.come(address(who), hello.as_bytes(), reads)
            };
            let new = (0..some).map(|_| come()).collect::<Result<Vec<_>>>()?;
            if reads {
                self.crew.wait_for(new.iter().map(|&who| (who, "* you left".into())))?;
            }
            all.extend(new);
        }
        Ok(all)
    }

    /// Each of them joins all of these rooms.
    pub(super) fn join(&mut self, all: &[usize], rooms: &[String]) -> Result<()> {
        self.join_own(all, |_| rooms.to_vec())
    }

    /// Each of them joins all rooms of its own.
    pub(super) fn join_own(&mut self, all: &[usize], rooms: impl Fn(usize) -> Vec<String>) -> Result<()> {
        for some in all.chunks(GATHERING) {
            let mut marks = Vec::new();
            for &who in some {
                let rooms = rooms(who);
                let lines: String = rooms.iter().map(|room| format!("/join {room}\n")).collect();
                self.crew.send(who, lines.as_bytes())?;
                marks.extend(rooms.last().map(|last| (who, format!("* you are in {last}"))));
            }
            self.crew.wait_for(marks)?;
        }
        // Flood control has nothing against them any more.
        self.crew.hear_until(Instant::now() + REFILL)
    }

    /// All of them send a piece at once, again and again as soon as flood control lets the whole of it through.
    pub(super) fn volleys(
        &mut self,
        all: &[usize],
        mut piece: impl FnMut(usize, usize) -> Vec<u8>,
    ) -> Result<()> {
        self.begin();
        let mut volley = 0;
        while self.is_on() {
            let next = Instant::now() + REFILL;
            for &who in all {
                let piece = piece(who, volley);
                self.crew.send(who, &piece)?;
            }
            volley += 1;
            self.crew.hear_until(next.min(self.until))?;
        }
        Ok(())
    }

    /// All of them send piece after piece, as fast as the server takes them.
    pub(super) fn pour(&mut self, all: &[usize], piece: impl FnMut(usize, usize) -> Vec<u8>) -> Result<()> {
        self.pour_and_hear(all, piece, |_| {})
    }

    /// The same; `heard` sees what they are told.
    pub(super) fn pour_and_hear(
        &mut self,
        all: &[usize],
        mut piece: impl FnMut(usize, usize) -> Vec<u8>,
        mut heard: impl FnMut(&[u8]),
    ) -> Result<()> {
        self.begin();
        let mut round = 0;
        while self.is_on() {
            for &who in all {
                if self.crew.has_sent_all(who) {
                    let piece = piece(who, round);
                    self.crew.send(who, &piece)?;
                }
            }
            round += 1;
            self.crew.hear(Duration::from_millis(10), |_, bytes| heard(bytes))?;
        }
        Ok(())
    }
}

/// Names of so many rooms.
pub(super) fn rooms(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("#{prefix}{number}")).collect()
}

/// A file in the server's folder, with this text in it.
pub(super) fn file(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, text)?;
    Ok(path)
}
