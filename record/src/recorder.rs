//! From events and actions to entries.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chat_core::{Action, Close, Config, ConnId, Engine, Event, Now};
use chat_driver::{Input, Observer};
use tracing::{error, warn};

use crate::config::ranges_of;
use crate::file;
use crate::format::{AttemptRecord, Entry, Header, MAGIC, hash, hash_of, hash_of_batch, hash_of_look_up};
use crate::output::{Output, Refused};
use crate::store;

/// Bytes of an entry that holds nothing that users typed.
const SMALL: usize = 64;
/// Pieces of output that are recognised when they are written again. Members of one room get the same piece one
/// after the other, so few are enough.
const RECENT: usize = 8;

/// Records what a driver tells its engine, and what that answers.
///
/// It holds all that users type, but for passwords. So the file is its owner's alone, and the log says that there is one. It ends
/// at its size limit, at an error of the disk, or with the server; the log says why.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    /// None: the recording has ended.
    output: Option<Output>,
    /// Bytes that the file may still grow by.
    left: u64,
    /// Entries that are not handed over yet: those of the turn under way.
    entries: Vec<u8>,
    now: Option<Now>,
    /// Whether anything was recorded since the engine last had nothing more.
    undrained: bool,
    /// The last pieces of this drain, held so that no other can take their place in memory, with their numbers.
    recent: VecDeque<(Bytes, u32)>,
    /// How many pieces there were in this drain.
    pieces: u32,
}

impl Recorder {
    /// Records to a new file, of at most `limit` bytes (0: no limit), an engine of this configuration. An earlier
    /// recording of that name is kept as `FILE.old`.
    ///
    /// # Errors
    /// If the file cannot be made, or another server records to it, or something else has its name.
    pub fn open(path: &Path, limit: u64, config: &Config) -> io::Result<Self> {
        let output = Output::new(file::create(path)?, path)?;
        warn!(file = %path.display(), limit, "recording all that users type");
        let header = Header { version: env!("CARGO_PKG_VERSION").into(), config: config.into() };
        let entries = postcard::to_extend(&header, MAGIC.to_vec()).expect("a vector takes everything");
        let mut recorder = Self {
            path: path.to_owned(),
            output: Some(output),
            left: if limit == 0 { u64::MAX } else { limit },
            entries,
            now: None,
            undrained: false,
            recent: VecDeque::with_capacity(RECENT),
            pieces: 0,
        };
        recorder.hand_over();
        Ok(recorder)
    }

    fn record(&mut self, entry: &Entry<'_>) {
        self.undrained = true;
        // Nearly all are small, and made faster where nothing has to grow.
        let mut small = [0; SMALL];
        if let Ok(bytes) = postcard::to_slice(entry, &mut small) {
            return self.entries.extend_from_slice(bytes);
        }
        let entries = mem::take(&mut self.entries);
        self.entries = postcard::to_extend(entry, entries).expect("a vector takes everything");
    }

    fn record_time(&mut self, now: Now) {
        if self.now.replace(now) == Some(now) {
            return;
        }
        let (mono, secs, nanos) = (now.mono.0, now.utc.timestamp(), now.utc.timestamp_subsec_nanos());
        self.record(&Entry::Now { mono, secs, nanos });
    }

    fn record_event(&mut self, conn: ConnId, event: Event<'_>, engine: &Engine) {
        let slot = slot_of(conn);
        let (secret, attempts) = engine.secrets();
        if !attempts.is_empty() {
            let attempts = attempts.iter().map(|&attempt| AttemptRecord(attempt)).collect();
            self.record(&Entry::Attempts { attempts });
        }
        self.record(&match event {
            Event::Received(bytes) if secret > 0 => {
                let bytes = &blanked(bytes, secret, engine.secrets_begin_with_option());
                return self.record(&Entry::Received { slot, bytes });
            }
            Event::Opened => Entry::Opened { slot },
            Event::Forwarded(peer) => Entry::Forwarded { slot, peer },
            Event::Received(bytes) => Entry::Received { slot, bytes },
            Event::Wrote(count) => Entry::Wrote { slot, count: length(count) },
            Event::Securing => Entry::Securing { slot },
            Event::PeerFinished => Entry::PeerFinished { slot },
            Event::CutShort => Entry::CutShort { slot },
            Event::Violated(violation) => Entry::Violated { slot, violation },
            Event::Disconnected(cause) => Entry::Disconnected { slot, cause },
        });
    }

    fn record_action(&mut self, action: &Action) {
        match action {
            Action::Write { conn, bytes } => {
                let piece = self.piece(bytes);
                self.record(&Entry::Write { slot: slot_of(*conn), piece });
            }
            Action::Reading { conn, enabled } => {
                self.record(&Entry::Reading { slot: slot_of(*conn), enabled: *enabled });
            }
            Action::Close { conn, how, reason } => {
                let (at_once, reason) = (*how == Close::Now, reason.to_string());
                self.record(&Entry::Close { slot: slot_of(*conn), at_once, reason: &reason });
            }
            Action::Store(batch) => {
                self.record(&Entry::Store { number: batch.number, hash: hash_of_batch(batch) });
            }
            Action::LookUp(look_up) => {
                self.record(&Entry::LookUp { id: look_up.id, hash: hash_of_look_up(look_up) });
            }
            Action::Report(report) => self.record(&Entry::Report { hash: hash_of(report) }),
        }
    }

    /// The number of a piece of output, which is hashed when it is met first.
    fn piece(&mut self, bytes: &Bytes) -> u32 {
        let same =
            |(other, _): &&(Bytes, u32)| other.as_ptr() == bytes.as_ptr() && other.len() == bytes.len();
        if let Some((_, piece)) = self.recent.iter().rev().find(same) {
            return *piece;
        }
        self.record(&Entry::Piece { len: length(bytes.len()), hash: hash(bytes) });
        let piece = self.pieces;
        self.pieces += 1;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((bytes.clone(), piece));
        piece
    }

    /// Hands over what this turn came to.
    fn end_turn(&mut self) {
        if mem::take(&mut self.undrained) {
            self.record(&Entry::Drained);
            self.undrained = false;
        }
        self.recent.clear();
        self.pieces = 0;
        self.hand_over();
    }

    fn hand_over(&mut self) {
        let Some(output) = &self.output else { return };
        let size = self.entries.len() as u64;
        let path = self.path.display();
        if size > self.left {
            error!(file = %path, "the recording ends: it is as large as it may be");
            return self.stop();
        }
        match output.take(&mut self.entries) {
            Ok(()) => self.left -= size,
            Err(refused) => {
                if refused == Refused::Slow {
                    error!(file = %path, "the recording ends: the disk is too slow for it");
                }
                self.stop();
            }
        }
    }

    fn stop(&mut self) {
        (self.output, self.entries) = (None, Vec::new());
        self.recent.clear();
    }
}

impl Observer for Recorder {
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine) {
        if self.output.is_none() {
            return;
        }
        self.record_time(now);
        match input {
            Input::Connect { conn, peer } => self.record(&Entry::Connect { slot: slot_of(conn), peer }),
            Input::Event { conn, event } => self.record_event(conn, event, engine),
            Input::Bans(bans) => self.record(&Entry::Bans { bans: ranges_of(bans) }),
            Input::StoreAnswered(answer) => self.record(&store::entry(answer)),
            Input::Timeout => self.record(&Entry::Timeout),
            Input::Shutdown => self.record(&Entry::Shutdown),
        }
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine) {
        if let Some((now, input)) = input {
            self.handled(now, input, engine);
        }
        if self.output.is_some() {
            self.record(&Entry::Panicked);
        }
    }

    fn polled(&mut self, action: Option<&Action>, _: &Engine) {
        if self.output.is_none() {
            return;
        }
        match action {
            Some(action) => self.record_action(action),
            None => self.end_turn(),
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // The turn that was the server's last may not have come to its end.
        self.hand_over();
        if let Some(output) = self.output.take() {
            output.finish();
        }
    }
}

pub(crate) fn slot_of(conn: ConnId) -> u32 {
    u32::try_from(conn.slot()).expect("slots are dense")
}

/// The same with its first `secret` bytes out of sight: all but what ends lines, and telnet's commands and options, without
/// which other lines and answers would come of it.
fn blanked(bytes: &[u8], secret: usize, begins_with_option: bool) -> Vec<u8> {
    const BLANK: u8 = b'*';
    /// What a command of telnet begins with, and the least of those (RFC 854).
    const IAC: u8 = 255;
    const LEAST: u8 = 240;
    /// WILL, WONT, DO and DONT: an option follows.
    const VERBS: RangeInclusive<u8> = 251..=254;
    let (secret, rest) = bytes.split_at(secret.min(bytes.len()));
    // The piece before may have ended with the first byte of a command.
    let mut before = if begins_with_option { [IAC, *VERBS.end()] } else { [BLANK, IAC] };
    let blank = |&byte: &u8| {
        let [verb_of, last] = before;
        before = [last, byte];
        match byte {
            b'\n' | b'\r' | b'\0' | IAC => byte,
            LEAST.. if last == IAC => byte,
            _ if verb_of == IAC && VERBS.contains(&last) => byte,
            _ => BLANK,
        }
    };
    secret.iter().map(blank).chain(rest.iter().copied()).collect()
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a piece is below 4 GiB")
}
