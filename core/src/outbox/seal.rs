//! The end of a turn: who gets what.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::dense::{Dense, NONE, SEVERAL, index_of};
use super::segment::{Piece, Segments};
use super::turn::{Cut, Line, Log, Particular, Turn};
use crate::action::Report;
use crate::chat::{Answer, Chat, UserId};
use crate::store::RoomRecord;

/// A run of lines of at least this many bytes is shared, a shorter one copied: a piece costs about as much as
/// copying that, and joining pieces later a copy anyway.
const SHARED_RUN: u32 = 1 << 10;
/// The turn's buffer is used again in the next turn, if it has no more than this.
const BUFFER: usize = 64 << 10;

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
    /// What those get to whom nothing was particular: a piece each.
    pub(crate) shared: Vec<(UserId, Piece)>,
    /// What the others get, in the order in which each is to get it.
    pub(crate) parcels: Vec<(UserId, Parcel)>,
    /// For the operator's log.
    pub(crate) reports: Vec<Report>,
    /// What rooms said, to be stored.
    pub(crate) records: Vec<RoomRecord>,
    /// Who said these things, by the key of the room.
    pub(crate) speakers: Vec<(SmolStr, UserId)>,
    /// Rooms that the store is to be asked for, by their keys.
    pub(crate) opens: Vec<String>,
}

impl Turn {
    /// Ends the turn: works out who gets what, and starts an empty one.
    #[inline(never)] // Each poll asks whether there is a turn to seal: that is to stay small.
    pub(crate) fn seal(&mut self, chat: &Chat, segments: &mut Segments) -> Sealed {
        let (records, opens) = (mem::take(&mut self.records), mem::take(&mut self.opens));
        let (reports, speakers) = (mem::take(&mut self.reports), mem::take(&mut self.speakers));
        let mut sealed = Sealed { reports, records, speakers, opens, ..Sealed::default() };
        let logs = mem::take(&mut self.logs);
        let mut particulars = mem::take(&mut self.particulars);
        let (text, log_of) = (&self.text, &self.log_of);
        let wholes: Vec<Piece> = logs.iter().map(|log| segments.insert(whole(log, text))).collect();
        let mut sealing =
            Sealing { logs: &logs, wholes: &wholes, text, log_of, chat, blends: BTreeMap::new() };

        let listeners = listeners(&logs, chat, &self.particular_of, &mut self.listens_to);
        let shared = listeners.into_iter().map(|user| {
            let whole = match self.listens_to.take(user.0) {
                SEVERAL => {
                    let heard = sealing.logs_heard(user, &[]);
                    sealing.blend(heard, segments).whole
                }
                log => wholes[log as usize],
            };
            (user, segments.hold(whole))
        });
        sealed.shared = shared.collect();
        for particular in &mut particulars {
            sealing.pack(particular.user, &mut particular.cuts, segments, &mut sealed);
            self.particular_of.take(particular.user.0);
        }
        for blend in sealing.blends.into_values() {
            segments.release(blend.whole);
        }
        for (log, whole) in logs.iter().zip(wholes) {
            self.log_of.take(log.room.0);
            segments.release(whole);
        }
        self.begin_anew(logs, particulars);
        sealed
    }

    /// An empty turn, with the memory of the one before, unless that was a large one.
    fn begin_anew(&mut self, mut logs: Vec<Log>, mut particulars: Vec<Particular>) {
        self.order = 0;
        if self.text.capacity() > BUFFER {
            self.text = Vec::new();
            return;
        }
        self.text.clear();
        logs.clear();
        particulars.clear();
        (self.logs, self.particulars) = (logs, particulars);
    }
}

/// The lines of one log, together.
fn whole(log: &Log, text: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(log.len() as usize);
    for line in &log.lines {
        let length = line.end as usize - whole.len();
        whole.extend_from_slice(&text[line.start as usize..][..length]);
    }
    whole
}

/// The members of rooms that spoke for whom nothing was particular; `listens_to` says which log each needs.
fn listeners(logs: &[Log], chat: &Chat, particular_of: &Dense, listens_to: &mut Dense) -> Vec<UserId> {
    let mut listeners = Vec::new();
    for (index, log) in (0..).zip(logs) {
        listeners.reserve(chat.members(log.room).len());
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
    /// All text of the turn.
    text: &'a [u8],
    log_of: &'a Dense,
    chat: &'a Chat,
    /// Several logs merged in order, for all who hear just these: so that members of two busy rooms cost no
    /// copy each.
    blends: BTreeMap<Heard, Blend>,
}

/// The logs that somebody hears, in their order. Kept in place: more than four rooms that have a member in common
/// rarely speak in one turn.
type Heard = SmallVec<[u32; 4]>;

/// Several logs merged in order.
struct Blend {
    whole: Piece,
    lines: Vec<Line>,
}

/// Something in the order of one user.
struct Run {
    order: u32,
    what: What,
}

enum What {
    /// Lines that others hear, too.
    Shared(Piece),
    /// Bytes of the turn's text.
    Private { start: u32, end: u32 },
    /// The place of a long answer.
    Answer(Answer),
}

impl Sealing<'_> {
    /// Packs what one user gets, merged in order.
    fn pack(&mut self, user: UserId, cuts: &mut [Cut], segments: &mut Segments, sealed: &mut Sealed) {
        let mut runs = self.runs(user, cuts, segments);
        runs.sort_by_key(|run| run.order);
        let is_alone = runs.len() == 1;
        let mut merged = Vec::new();
        let mut push = |parcel| sealed.parcels.push((user, parcel));
        let flush = |merged: &mut Vec<u8>, segments: &mut Segments| {
            let merged = mem::take(merged);
            (!merged.is_empty()).then(|| Parcel::Piece(segments.insert(merged)))
        };
        for run in runs {
            match run.what {
                What::Shared(piece) if is_alone || piece.len() >= SHARED_RUN as usize => {
                    flush(&mut merged, segments).into_iter().for_each(&mut push);
                    push(Parcel::Piece(segments.hold(piece)));
                }
                What::Shared(piece) => segments.copy(piece, &mut merged),
                What::Private { start, end } => {
                    merged.extend_from_slice(&self.text[start as usize..end as usize]);
                }
                What::Answer(rest) => {
                    flush(&mut merged, segments).into_iter().for_each(&mut push);
                    push(Parcel::Answer(rest));
                }
            }
        }
        flush(&mut merged, segments).into_iter().for_each(push);
    }

    fn runs(&mut self, user: UserId, cuts: &mut [Cut], segments: &mut Segments) -> Vec<Run> {
        let heard = self.logs_heard(user, cuts);
        let moved = cuts.iter().any(|cut| matches!(cut, Cut::Entered { .. } | Cut::Left { .. }));
        let mut runs = private_runs(cuts);
        // In order, as the cuts are.
        let splits: Vec<u32> = runs.iter().map(|run| run.order).collect();
        match heard[..] {
            [] => {}
            [log] => {
                let source = self.source(log);
                self.visible(log, user, cuts, |from, to| source.push_runs(from, to, &splits, &mut runs));
            }
            _ if moved => {
                for log in heard {
                    let source = self.source(log);
                    self.visible(log, user, cuts, |from, to| {
                        (from..to).for_each(|line| source.push_runs(line, line + 1, &[], &mut runs));
                    });
                }
            }
            _ => {
                let skipped: Vec<u32> = cuts.iter().flat_map(|cut| self.skipped_orders(cut)).collect();
                let blend = self.blend(heard, segments);
                let source = Source { whole: blend.whole, lines: &blend.lines };
                source.push_without(&skipped, &splits, &mut runs);
            }
        }
        runs
    }

    fn source(&self, log: u32) -> Source<'_> {
        Source { whole: self.wholes[log as usize], lines: &self.logs[log as usize].lines }
    }

    /// The logs of rooms that the user is in, or was in for a part of the turn.
    fn logs_heard(&self, user: UserId, cuts: &[Cut]) -> Heard {
        let left = cuts.iter().filter_map(|cut| match cut {
            Cut::Left { room, .. } => Some(*room),
            _ => None,
        });
        let rooms = self.chat.rooms_of(user).chain(left);
        let mut heard: Heard = rooms.map(|room| self.log_of.get(room.0)).filter(|&log| log != NONE).collect();
        heard.sort_unstable();
        heard.dedup();
        heard
    }

    /// Several logs as one.
    fn blend(&mut self, heard: Heard, segments: &mut Segments) -> &Blend {
        let (logs, wholes) = (self.logs, self.wholes);
        self.blends.entry(heard).or_insert_with_key(|heard| {
            let mut lines = Vec::new();
            for &log in heard {
                let source = Source { whole: wholes[log as usize], lines: &logs[log as usize].lines };
                lines.extend(
                    (0..source.lines.len()).map(|line| (source.lines[line], source.piece(line, line + 1))),
                );
            }
            lines.sort_unstable_by_key(|(line, _)| line.order);
            let mut bytes = Vec::with_capacity(lines.iter().map(|(_, piece)| piece.len()).sum());
            let mut copy = |(line, piece): (Line, Piece)| {
                segments.copy(piece, &mut bytes);
                Line { end: index_of(bytes.len()), ..line }
            };
            let lines = lines.into_iter().map(&mut copy).collect();
            Blend { whole: segments.insert(bytes), lines }
        })
    }

    /// The orders of the lines that a cut skips. In a blend, other rooms' lines may stand between them.
    fn skipped_orders(&self, cut: &Cut) -> impl Iterator<Item = u32> {
        let lines = match *cut {
            Cut::Skipped { room, first, end } => {
                &self.logs[self.log_of.get(room.0) as usize].lines[first as usize..end as usize]
            }
            _ => &[],
        };
        lines.iter().map(|line| line.order)
    }

    /// Calls `push` with each range of lines of one log that the user hears.
    fn visible(&self, index: u32, user: UserId, cuts: &[Cut], mut push: impl FnMut(usize, usize)) {
        let log = &self.logs[index as usize];
        let line_at = |order: u32| log.lines.partition_point(|line| line.order < order);
        let was_member = cuts.iter().find_map(|cut| match cut {
            Cut::Entered { room, .. } if *room == log.room => Some(false),
            Cut::Left { room, .. } if *room == log.room => Some(true),
            _ => None,
        });
        let was_member = was_member.unwrap_or_else(|| self.chat.rooms_of(user).any(|room| room == log.room));
        let mut from = was_member.then_some(0);
        for cut in cuts {
            match *cut {
                Cut::Entered { order, room } if room == log.room => from = Some(line_at(order)),
                Cut::Left { order, room } if room == log.room => {
                    push(from.take().expect("only a member leaves"), line_at(order));
                }
                Cut::Skipped { room, first, end } if room == log.room => {
                    push(from.expect("only a member skips lines"), first as usize);
                    from = Some(end as usize);
                }
                _ => {}
            }
        }
        if let Some(from) = from {
            push(from, log.lines.len());
        }
    }
}

/// Lines in one segment.
struct Source<'a> {
    whole: Piece,
    lines: &'a [Line],
}

impl Source<'_> {
    /// The lines from `from` to before `to`, of which there is at least one.
    fn piece(&self, from: usize, to: usize) -> Piece {
        let start = from.checked_sub(1).map_or(0, |before| self.lines[before].end);
        self.whole.part(start, self.lines[to - 1].end)
    }

    fn line_at(&self, order: u32) -> usize {
        self.lines.partition_point(|line| line.order < order)
    }

    /// Adds these lines, apart where one of the orders `splits` falls between them.
    fn push_runs(&self, from: usize, to: usize, splits: &[u32], runs: &mut Vec<Run>) {
        if from >= to {
            return;
        }
        let mut from = from;
        // Only those within: whoever speaks and is told something in turn has a run of lines for each of them.
        let (first, last) = (self.lines[from].order, self.lines[to - 1].order);
        let splits = &splits[splits.partition_point(|&order| order < first)..];
        let within = splits.iter().take_while(|&&order| order < last);
        for end in within.map(|&order| self.line_at(order)).chain([to]) {
            if from < end {
                runs.push(Run { order: self.lines[from].order, what: What::Shared(self.piece(from, end)) });
                from = end;
            }
        }
    }

    /// Adds all lines but those of the orders `skipped`.
    fn push_without(&self, skipped: &[u32], splits: &[u32], runs: &mut Vec<Run>) {
        let mut from = 0;
        for &order in skipped {
            let line = self.line_at(order);
            self.push_runs(from, line, splits, runs);
            from = line + 1;
        }
        self.push_runs(from, self.lines.len(), splits, runs);
    }
}

/// What was told to one user alone.
fn private_runs(cuts: &mut [Cut]) -> Vec<Run> {
    let run = |cut: &mut Cut| match cut {
        Cut::Told { order, start, end } => {
            Some(Run { order: *order, what: What::Private { start: *start, end: *end } })
        }
        Cut::Asked { order, rest } => {
            let rest = rest.take().expect("a turn is sealed once");
            Some(Run { order: *order, what: What::Answer(rest) })
        }
        Cut::Entered { .. } | Cut::Left { .. } | Cut::Skipped { .. } => None,
    };
    cuts.iter_mut().filter_map(run).collect()
}
