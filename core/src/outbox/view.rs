//! What a member hears of a turn: ranges of logs, and of several logs merged.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::dense::{Dense, NONE, index_of};
use super::segment::{Piece, Segments};
use super::turn::{Cut, Line, Log};
use crate::chat::{Answer, Chat, UserId};

/// The orders of a whole turn.
pub(super) const ALL: Orders = Orders { from: 0, to: u32::MAX };

/// What is heard in a turn that is being sealed.
pub(super) struct Views<'a> {
    logs: &'a [Log],
    /// The whole of each log.
    wholes: &'a [Piece],
    log_of: &'a Dense,
    chat: &'a Chat,
    /// Several logs merged in order, for all who hear just these: so that members of two busy rooms cost no
    /// copy each.
    blends: BTreeMap<Heard, Blend>,
    /// Of those that are not blended yet: how many bytes were merged for single members.
    merged: BTreeMap<Heard, usize>,
}

/// The logs that somebody hears, in their order. Kept in place: more than four rooms that have a member in common
/// rarely speak in one turn.
pub(super) type Heard = SmallVec<[u32; 4]>;

/// A part of a turn: from an order to before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders {
    from: u32,
    to: u32,
}

/// Several logs, or ranges of them, merged in order.
pub(super) struct Blend {
    pub(super) whole: Piece,
    lines: Vec<Line>,
}

/// Something in the order of one user.
pub(super) struct Run {
    pub(super) order: u32,
    pub(super) what: What,
}

pub(super) enum What {
    /// Lines that others hear, too.
    Shared(Piece),
    /// Bytes of the turn's text.
    Private { start: u32, end: u32 },
    /// The place of a long answer.
    Answer(Answer),
}

impl<'a> Views<'a> {
    pub(super) fn new(logs: &'a [Log], wholes: &'a [Piece], log_of: &'a Dense, chat: &'a Chat) -> Self {
        Self { logs, wholes, log_of, chat, blends: BTreeMap::new(), merged: BTreeMap::new() }
    }

    /// Adds what a user hears for whom something was particular, apart where its private `runs` stand between. Returns
    /// what was made for this user alone, which the caller has to release.
    pub(super) fn push_heard(
        &mut self,
        user: UserId,
        cuts: &[Cut],
        segments: &mut Segments,
        runs: &mut Vec<Run>,
    ) -> Vec<Piece> {
        let mut own = Vec::new();
        // In order, as the cuts are.
        let splits: Vec<u32> = runs.iter().map(|run| run.order).collect();
        let heard = self.logs_heard(user, cuts);
        match heard[..] {
            [] => {}
            [log] => {
                let source = self.source(log);
                self.visible(log, user, cuts, |from, to| source.push_runs(from, to, &splits, runs));
            }
            _ => {
                let skipped: Vec<u32> = cuts.iter().flat_map(|cut| self.skipped_orders(cut)).collect();
                let moved = cuts.iter().any(|cut| moves(cut).is_some());
                if !moved {
                    let blend = self.blend(heard, segments);
                    blend.source().push_without(ALL, &skipped, &splits, runs);
                    return own;
                }
                for (heard, orders) in self.stays(user, cuts) {
                    own.extend(self.push_stay(heard, orders, (&skipped, &splits), segments, runs));
                }
            }
        }
        own
    }

    /// Several logs as one, as those hear them for whom nothing was particular.
    pub(super) fn blend(&mut self, heard: Heard, segments: &mut Segments) -> &Blend {
        let (logs, wholes) = (self.logs, self.wholes);
        self.blends.entry(heard).or_insert_with_key(|heard| merge(heard, ALL, (logs, wholes), segments))
    }

    /// The logs of rooms that the user is in, or was in for a part of the turn.
    pub(super) fn logs_heard(&self, user: UserId, cuts: &[Cut]) -> Heard {
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

    /// Gives back what was shared.
    pub(super) fn release(self, segments: &mut Segments) {
        self.blends.into_values().for_each(|blend| segments.release(blend.whole));
    }

    /// Adds what is heard while just these logs are. Who enters and leaves the same rooms as others hears ranges of the
    /// same blends. One that would be made for a few lines alone is not, until as much as is in it was merged for single
    /// members: so no more is ever copied than twice what they hear.
    fn push_stay(
        &mut self,
        heard: Heard,
        orders: Orders,
        (skipped, splits): (&[u32], &[u32]),
        segments: &mut Segments,
        runs: &mut Vec<Run>,
    ) -> Option<Piece> {
        let wanted: usize = heard.iter().map(|&log| self.source(log).bytes_within(orders)).sum();
        if wanted == 0 {
            return None;
        }
        if let [log] = heard[..] {
            self.source(log).push_without(orders, skipped, splits, runs);
            return None;
        }
        if !self.blends.contains_key(&heard) {
            let all: usize = heard.iter().map(|&log| self.wholes[log as usize].len()).sum();
            let merged = self.merged.entry(heard.clone()).or_default();
            *merged += wanted;
            if *merged < all {
                let own = merge(&heard, orders, (self.logs, self.wholes), segments);
                own.source().push_without(orders, skipped, splits, runs);
                return Some(own.whole);
            }
        }
        self.blend(heard, segments).source().push_without(orders, skipped, splits, runs);
        None
    }

    /// Which logs a user hears who enters or leaves rooms in the turn, and for how long: in order.
    fn stays(&self, user: UserId, cuts: &[Cut]) -> Vec<(Heard, Orders)> {
        let mut heard = self.logs_heard(user, &[]);
        let toggle = |heard: &mut Heard, log: u32| match heard.binary_search(&log) {
            Ok(at) => {
                heard.remove(at);
            }
            Err(at) => heard.insert(at, log),
        };
        let moves = cuts.iter().filter_map(|cut| {
            let (order, room) = moves(cut)?;
            Some((order, self.log_of.get(room.0))).filter(|&(_, log)| log != NONE)
        });
        // Back to the beginning of the turn, and then through it.
        moves.clone().rev().for_each(|(_, log)| toggle(&mut heard, log));
        let (mut stays, mut from) = (Vec::new(), 0);
        for (to, log) in moves {
            stays.push((heard.clone(), Orders { from, to }));
            toggle(&mut heard, log);
            from = to;
        }
        stays.push((heard, Orders { from, to: ALL.to }));
        stays
    }

    fn source(&self, log: u32) -> Source<'a> {
        Source { whole: self.wholes[log as usize], lines: &self.logs[log as usize].lines }
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

    /// Calls `push` with each range of lines of the one log that the user hears.
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

/// When a cut enters or leaves a room, if it does, and which.
fn moves(cut: &Cut) -> Option<(u32, crate::chat::RoomId)> {
    match *cut {
        Cut::Entered { order, room } | Cut::Left { order, room } => Some((order, room)),
        Cut::Told { .. } | Cut::Asked { .. } | Cut::Skipped { .. } => None,
    }
}

/// The lines of several logs that are within `orders`, of which there is one at least, as one.
fn merge(
    heard: &[u32],
    orders: Orders,
    (logs, wholes): (&[Log], &[Piece]),
    segments: &mut Segments,
) -> Blend {
    let mut lines = Vec::new();
    for &log in heard {
        let source = Source { whole: wholes[log as usize], lines: &logs[log as usize].lines };
        let (from, to) = source.within(orders);
        lines.extend((from..to).map(|line| (source.lines[line], source.piece(line, line + 1))));
    }
    lines.sort_unstable_by_key(|(line, _)| line.order);
    let mut bytes = Vec::with_capacity(lines.iter().map(|(_, piece)| piece.len()).sum());
    let mut copy = |(line, piece): (Line, Piece)| {
        segments.copy(piece, &mut bytes);
        Line { end: index_of(bytes.len()), ..line }
    };
    let lines = lines.into_iter().map(&mut copy).collect();
    Blend { whole: segments.insert(bytes), lines }
}

impl Blend {
    fn source(&self) -> Source<'_> {
        Source { whole: self.whole, lines: &self.lines }
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

    /// The lines within `orders`: from one to before another.
    fn within(&self, orders: Orders) -> (usize, usize) {
        (self.line_at(orders.from), self.line_at(orders.to))
    }

    fn bytes_within(&self, orders: Orders) -> usize {
        let (from, to) = self.within(orders);
        if from < to { self.piece(from, to).len() } else { 0 }
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

    /// Adds all lines within `orders` but those of the orders `skipped`.
    fn push_without(&self, orders: Orders, skipped: &[u32], splits: &[u32], runs: &mut Vec<Run>) {
        let (mut from, to) = self.within(orders);
        let skipped = &skipped[skipped.partition_point(|&order| order < orders.from)..];
        for &order in skipped.iter().take_while(|&&order| order < orders.to) {
            let line = self.line_at(order);
            self.push_runs(from, line, splits, runs);
            from = line + 1;
        }
        self.push_runs(from, to, splits, runs);
    }
}
