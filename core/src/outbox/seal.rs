//! The end of a turn: who gets what.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use smol_str::SmolStr;

use super::dense::{Dense, NONE, SEVERAL};
use super::segment::{Piece, Segments};
use super::turn::{Cut, Log, Particular, Turn};
use super::view::{Run, Views, What};
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
        let mut views = Views::new(&logs, &wholes, log_of, chat);

        let listeners = listeners(&logs, chat, &self.particular_of, &mut self.listens_to);
        let shared = listeners.into_iter().map(|user| {
            let whole = match self.listens_to.take(user.0) {
                SEVERAL => {
                    let heard = views.logs_heard(user, &[]);
                    views.blend(heard, segments).whole
                }
                log => wholes[log as usize],
            };
            (user, segments.hold(whole))
        });
        sealed.shared = shared.collect();
        for particular in &mut particulars {
            pack(&mut views, text, particular, segments, &mut sealed);
            self.particular_of.take(particular.user.0);
        }
        views.release(segments);
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
        self.spent = Default::default();
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

/// Packs what one user gets for whom something was particular, merged in order.
fn pack(
    views: &mut Views<'_>,
    text: &[u8],
    Particular { user, cuts }: &mut Particular,
    segments: &mut Segments,
    sealed: &mut Sealed,
) {
    let mut runs = private_runs(cuts);
    let own = views.push_heard(*user, cuts, segments, &mut runs);
    runs.sort_by_key(|run| run.order);
    let is_alone = runs.len() == 1;
    let mut merged = Vec::new();
    let mut push = |parcel| sealed.parcels.push((*user, parcel));
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
            What::Private { start, end } => merged.extend_from_slice(&text[start as usize..end as usize]),
            What::Answer(rest) => {
                flush(&mut merged, segments).into_iter().for_each(&mut push);
                push(Parcel::Answer(rest));
            }
        }
    }
    flush(&mut merged, segments).into_iter().for_each(push);
    own.into_iter().for_each(|piece| segments.release(piece));
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
