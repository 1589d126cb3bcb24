//! The end of a turn: who gets what.

use alloc::vec::Vec;
use core::mem;

use super::dense::{Dense, NONE, SEVERAL, index_of};
use super::segment::{Piece, Segments};
use super::turn::{Cut, Log, Turn};
use crate::action::Report;
use crate::chat::{Answer, Chat, UserId};

/// Something for one connection's queue.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Bytes.
    Piece(Piece),
    /// The rest of a long answer, to be given as the reader takes it.
    Answer(Answer),
}

/// A sealed turn: visible to nobody until it is released.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    /// In the order in which each user is to get them.
    pub(crate) parcels: Vec<(UserId, Parcel)>,
    /// For the operator's log.
    pub(crate) reports: Vec<Report>,
}

impl Turn {
    /// Ends the turn: works out who gets what, and starts an empty one.
    pub(crate) fn seal(&mut self, chat: &Chat, segments: &mut Segments) -> Sealed {
        let mut sealed = Sealed { parcels: Vec::new(), reports: mem::take(&mut self.reports) };
        let mut logs = mem::take(&mut self.logs);
        let mut particulars = mem::take(&mut self.particulars);
        let wholes: Vec<Piece> =
            logs.iter_mut().map(|log| segments.insert(mem::take(&mut log.bytes))).collect();
        let turn =
            Sealing { logs: &logs, wholes: &wholes, private: &self.private, log_of: &self.log_of, chat };

        let listeners = listeners(&logs, chat, &self.particular_of, &mut self.listens_to);
        sealed.parcels.reserve(listeners.len() + particulars.len());
        for user in listeners {
            match self.listens_to.take(user.0) {
                SEVERAL => turn.pack(user, &mut [], segments, &mut sealed),
                log => {
                    let whole = wholes[log as usize];
                    let piece = segments.share(whole, 0, index_of(whole.len()));
                    sealed.parcels.push((user, Parcel::Piece(piece)));
                }
            }
        }
        for particular in &mut particulars {
            turn.pack(particular.user, &mut particular.cuts, segments, &mut sealed);
            self.particular_of.take(particular.user.0);
        }
        for (log, whole) in logs.iter().zip(wholes) {
            self.log_of.take(log.room.0);
            segments.release(whole);
        }
        self.order = 0;
        self.private = Vec::new();
        sealed
    }
}

/// The members of rooms that spoke for whom nothing was particular; `listens_to` says which log each needs.
fn listeners(logs: &[Log], chat: &Chat, particular_of: &Dense, listens_to: &mut Dense) -> Vec<UserId> {
    let mut listeners = Vec::new();
    for (index, log) in (0..).zip(logs) {
        for &user in chat.members(log.room) {
            if particular_of.get(user.0) != NONE {
                continue;
            }
            match listens_to.entry(user.0) {
                first @ &mut NONE => {
                    *first = index;
                    listeners.push(user);
                }
                several => *several = SEVERAL,
            }
        }
    }
    listeners
}

/// A turn while it is being sealed.
struct Sealing<'a> {
    logs: &'a [Log],
    /// The whole of each log.
    wholes: &'a [Piece],
    private: &'a [u8],
    log_of: &'a Dense,
    chat: &'a Chat,
}

/// Something in the order of one user: bytes of a log or of the private buffer, or the place of an answer.
struct Run {
    order: u32,
    source: Source,
    start: u32,
    end: u32,
}

enum Source {
    Log(u32),
    Private,
    Answer(Answer),
}

impl Sealing<'_> {
    /// Packs what one user gets, merged in order.
    fn pack(&self, user: UserId, cuts: &mut [Cut], segments: &mut Segments, sealed: &mut Sealed) {
        let mut runs = self.runs(user, cuts);
        runs.sort_by_key(|run| run.order);
        if let [Run { source: Source::Log(log), start, end, .. }] = runs[..] {
            let piece = segments.share(self.wholes[log as usize], start, end);
            sealed.parcels.push((user, Parcel::Piece(piece)));
            return;
        }
        let mut merged = Vec::new();
        for run in runs {
            match run.source {
                Source::Log(log) => {
                    let whole = segments.bytes(self.wholes[log as usize]);
                    merged.extend_from_slice(&whole[run.start as usize..run.end as usize]);
                }
                Source::Private => {
                    merged.extend_from_slice(&self.private[run.start as usize..run.end as usize]);
                }
                Source::Answer(rest) => {
                    push_merged(user, mem::take(&mut merged), segments, sealed);
                    sealed.parcels.push((user, Parcel::Answer(rest)));
                }
            }
        }
        push_merged(user, merged, segments, sealed);
    }

    fn runs(&self, user: UserId, cuts: &mut [Cut]) -> Vec<Run> {
        let mut runs = Vec::new();
        for cut in &mut *cuts {
            match cut {
                Cut::Told { order, start, end } => {
                    runs.push(Run { order: *order, source: Source::Private, start: *start, end: *end });
                }
                Cut::Asked { order, rest } => {
                    let rest = rest.take().expect("a turn is sealed once");
                    runs.push(Run { order: *order, source: Source::Answer(rest), start: 0, end: 0 });
                }
                Cut::Entered { .. } | Cut::Left { .. } | Cut::Skipped { .. } => {}
            }
        }
        let heard = self.logs_heard(user, cuts);
        // Lines need be told apart only where something may stand between them.
        let alone = runs.is_empty() && heard.len() == 1;
        for (log, member) in heard {
            self.push_runs(log, member, cuts, alone, &mut runs);
        }
        runs
    }

    /// The logs of rooms that the user is in, or was in for a part of the turn; and whether it is now.
    fn logs_heard(&self, user: UserId, cuts: &[Cut]) -> Vec<(u32, bool)> {
        let mut heard: Vec<(u32, bool)> = Vec::new();
        for room in self.chat.rooms_of(user) {
            let log = self.log_of.get(room.0);
            if log != NONE {
                heard.push((log, true));
            }
        }
        for cut in cuts {
            if let Cut::Left { room, .. } = cut {
                let log = self.log_of.get(room.0);
                if log != NONE && heard.iter().all(|&(known, _)| known != log) {
                    heard.push((log, false));
                }
            }
        }
        heard
    }

    /// Adds the lines of one log that the user hears.
    fn push_runs(&self, index: u32, member: bool, cuts: &[Cut], alone: bool, runs: &mut Vec<Run>) {
        let log = &self.logs[index as usize];
        let line_at = |order: u32| log.lines.partition_point(|line| line.order < order);
        let start_of = |line: usize| if line == 0 { 0 } else { log.lines[line - 1].end };
        let mut push = |from: usize, to: usize| {
            let step = if alone { to.saturating_sub(from).max(1) } else { 1 };
            for line in (from..to).step_by(step) {
                let (start, end) = (start_of(line), start_of(line + step));
                runs.push(Run { order: log.lines[line].order, source: Source::Log(index), start, end });
            }
        };
        let first = cuts.iter().find_map(|cut| match cut {
            Cut::Entered { room, .. } if *room == log.room => Some(false),
            Cut::Left { room, .. } if *room == log.room => Some(true),
            _ => None,
        });
        let mut from = first.unwrap_or(member).then_some(0);
        for cut in cuts {
            match *cut {
                Cut::Entered { order, room } if room == log.room => from = Some(line_at(order)),
                Cut::Left { order, room } if room == log.room => {
                    let from = from.take().expect("only a member leaves");
                    push(from, line_at(order));
                }
                Cut::Skipped { room, first, end } if room == log.room => {
                    let from = from.as_mut().expect("only a member skips lines");
                    push(*from, first as usize);
                    *from = end as usize;
                }
                _ => {}
            }
        }
        if let Some(from) = from {
            push(from, log.lines.len());
        }
    }
}

fn push_merged(user: UserId, merged: Vec<u8>, segments: &mut Segments, sealed: &mut Sealed) {
    if !merged.is_empty() {
        sealed.parcels.push((user, Parcel::Piece(segments.insert(merged))));
    }
}
