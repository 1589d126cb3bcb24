//! The turn under way: what everybody is to be told, in order, until it is sealed.

use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::dense::{Dense, index_of};
use crate::action::Report;
use crate::chat::{Answer, Notice, RoomEvent, RoomId, Sink, Tell, UserId};
use crate::config::TurnLimit;
use crate::plain;
use crate::store::RoomRecord;

/// What is said and done in one turn.
///
/// Everything has its place in one order, so that somebody who hears of it from several sides still hears it
/// in that order.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// How many things happened so far.
    pub(super) order: u32,
    /// All that was said and told, encoded, in order.
    pub(super) text: Vec<u8>,
    /// What rooms said, one log for each that did.
    pub(super) logs: Vec<Log>,
    /// Users for whom something was particular.
    pub(super) particulars: Vec<Particular>,
    pub(super) log_of: Dense,
    pub(super) particular_of: Dense,
    /// Scratch for sealing: which log a member listens to.
    pub(super) listens_to: Dense,
    pub(super) reports: Vec<Report>,
    /// What has been made of it, by share.
    pub(super) spent: [Spent; 4],
    share: Share,
    limit: TurnLimit,
    /// How many events rooms had so far, since the beginning of all turns.
    events: u64,
    report_messages: bool,
    /// What rooms said, to be stored.
    pub(super) records: Vec<RoomRecord>,
    /// Who said these things, by the key of the room: whoever is to be told if it cannot be stored.
    pub(super) speakers: Vec<(SmolStr, UserId)>,
    keep_records: bool,
    /// Rooms that the store is to be asked for, by their keys.
    pub(super) opens: Vec<String>,
}

/// A part of a turn that has a limit of its own, so that neither of them leaves nothing to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Share {
    /// What has just come.
    #[default]
    Fresh,
    /// What is due.
    Due,
    /// Lines that did not fit into an earlier turn.
    Postponed,
    /// What somebody is still heard to say who is gone: that cannot wait.
    Parting,
}

/// What was made of a share: see [`TurnLimit`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    text: usize,
    copies: usize,
}

/// What one room said.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) room: RoomId,
    /// Mostly one: then nothing is allocated.
    pub(super) lines: SmallVec<[Line; 1]>,
}

impl Log {
    /// Bytes of all lines.
    pub(super) fn len(&self) -> u32 {
        self.lines.last().map_or(0, |line| line.end)
    }
}

/// One line of a log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) order: u32,
    /// Where it begins in the turn's text.
    pub(super) start: u32,
    /// Where it ends in the log, when all lines of that stand together.
    pub(super) end: u32,
}

/// What was particular for one user.
#[derive(Debug)]
pub(super) struct Particular {
    pub(super) user: UserId,
    /// In order. Mostly one: then nothing is allocated.
    pub(super) cuts: SmallVec<[Cut; 1]>,
}

#[derive(Debug)]
pub(super) enum Cut {
    /// Told these bytes of the turn's text.
    Told {
        order: u32,
        start: u32,
        end: u32,
    },
    /// Asked something with a long answer, the rest of which comes here.
    Asked {
        order: u32,
        rest: Option<Answer>,
    },
    Entered {
        order: u32,
        room: RoomId,
    },
    Left {
        order: u32,
        room: RoomId,
    },
    /// These lines of the room's log are not for it.
    Skipped {
        room: RoomId,
        first: u32,
        end: u32,
    },
}

impl Tell for Turn {
    fn tell(&mut self, user: UserId, notice: Notice<'_>) {
        if let Notice::Private { from, to, .. } = notice
            && self.report_messages
        {
            self.reports.push(Report::Private { from: String::from(from), to: String::from(to) });
        }
        self.write(user, |out| plain::notice(out, &notice));
    }
}

impl Sink for Turn {
    fn announce(&mut self, room: RoomId, event: &RoomEvent<'_>, except: Option<UserId>, several: usize) {
        let order = self.next_order();
        let index = *self.log_of.get_or_insert(room.0, || {
            self.logs.push(Log { room, lines: SmallVec::new() });
            self.logs.len() - 1
        });
        self.events += 1;
        let log = &mut self.logs[index as usize];
        let start = index_of(self.text.len());
        plain::room_event(&mut self.text, event);
        let first = index_of(log.lines.len());
        let length = index_of(self.text.len()) - start;
        let spent = &mut self.spent[self.share as usize];
        spent.text += length as usize;
        spent.copies += length as usize * several;
        let end = log.len() + length;
        log.lines.push(Line { order, start, end });
        if let Some(user) = except {
            let cuts = self.cuts(user);
            match cuts.last_mut() {
                Some(Cut::Skipped { room: same, end, .. }) if *same == room && *end == first => *end += 1,
                _ => cuts.push(Cut::Skipped { room, first, end: first + 1 }),
            }
        }
        if self.report_messages {
            self.reports.push(Report::Room(record(event)));
        }
        if self.keep_records {
            self.records.push(record(event));
            if event.kind.is_talk() {
                self.speakers.extend(except.map(|speaker| (SmolStr::new(event.key), speaker)));
            }
        }
    }

    fn enter(&mut self, user: UserId, room: RoomId) {
        let order = self.next_order();
        self.cuts(user).push(Cut::Entered { order, room });
    }

    fn leave(&mut self, user: UserId, room: RoomId) {
        let order = self.next_order();
        self.cuts(user).push(Cut::Left { order, room });
    }

    fn open(&mut self, key: &str) {
        self.opens.push(key.into());
    }

    fn answer(&mut self, user: UserId, rest: Answer) {
        let order = self.next_order();
        self.cuts(user).push(Cut::Asked { order, rest: Some(rest) });
    }
}

impl Turn {
    /// An empty one, which may make so much; with `report_messages`, it reports all that is said, and with `keep_records`, it collects what rooms
    /// say, to be stored.
    pub(crate) fn new(limit: TurnLimit, report_messages: bool, keep_records: bool) -> Self {
        Self { limit, report_messages, keep_records, ..Self::default() }
    }

    /// Whatever is said from here on is part of this share.
    pub(crate) fn set_share(&mut self, share: Share) {
        self.share = share;
    }

    /// Whether lines have to wait: the share that is being served has made as much as it may.
    pub(crate) fn is_full(&self) -> bool {
        self.share != Share::Parting && self.is_full_of(self.share)
    }

    /// The share that is being served.
    pub(crate) fn share(&self) -> Share {
        self.share
    }

    /// Whether this share has made as much as it may.
    pub(crate) fn is_full_of(&self, share: Share) -> bool {
        let Spent { text, copies } = self.spent[share as usize];
        let exceeds = |spent: usize, limit: usize| limit != 0 && spent >= limit;
        exceeds(text, self.limit.text) || exceeds(copies, self.limit.copies)
    }

    /// Whether nothing happened in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.order == 0 && self.reports.is_empty() && self.opens.is_empty()
    }

    /// Bytes encoded in it so far.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// How many events rooms have had, in this turn and in all before.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Adds something for the operator's log.
    pub(crate) fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// Lets `encode` append to what `user` alone is told.
    pub(crate) fn write(&mut self, user: UserId, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = index_of(self.text.len());
        encode(&mut self.text);
        let end = index_of(self.text.len());
        if start < end {
            self.spent[self.share as usize].text += (end - start) as usize;
            let order = self.next_order();
            self.cuts(user).push(Cut::Told { order, start, end });
        }
    }

    fn next_order(&mut self) -> u32 {
        self.order += 1;
        self.order
    }

    fn cuts(&mut self, user: UserId) -> &mut SmallVec<[Cut; 1]> {
        let index = *self.particular_of.get_or_insert(user.0, || {
            self.particulars.push(Particular { user, cuts: SmallVec::new() });
            self.particulars.len() - 1
        });
        &mut self.particulars[index as usize].cuts
    }
}

fn record(event: &RoomEvent<'_>) -> RoomRecord {
    RoomRecord {
        room: event.room.into(),
        key: event.key.into(),
        seq: event.seq,
        at: event.at,
        nick: event.nick.into(),
        kind: event.kind,
        text: event.text.into(),
    }
}
