//! Encoded output that is still owed to somebody.

use alloc::vec::Vec;
use core::mem;
use core::num::NonZeroU32;
use core::ops::Range;

use bytes::Bytes;

use crate::time::Mono;

/// Some of a segment's bytes, one at least; whoever holds one holds a reference to the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Piece {
    segment: u32,
    start: u32,
    end: NonZeroU32,
}

impl Piece {
    /// Its length in bytes.
    pub(crate) fn len(self) -> usize {
        self.range().len()
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end.get() as usize
    }

    /// The part of it from `start` to `end`, counted from its own start. Not yet held by anybody.
    pub(crate) fn part(self, start: u32, end: u32) -> Self {
        assert!(start < end && end as usize <= self.len(), "a part lies within its piece");
        let end = NonZeroU32::new(self.start + end).expect("it ends behind its start");
        Self { segment: self.segment, start: self.start + start, end }
    }
}

#[derive(Debug)]
struct Segment {
    /// Empty, once the last holder has taken them along.
    bytes: Bytes,
    length: u32,
    /// Pieces of it that are held.
    holders: u32,
    /// When its oldest bytes were made.
    since: Mono,
}

/// What holding a piece takes: the piece itself, in a queue that doubles when it is full.
const PIECE: usize = 2 * size_of::<Piece>();
/// Slots that are kept for the next burst when nothing is held any more.
const SPARE_SLOTS: usize = 1 << 10;

/// All segments that are held, and how much that is. Shared bytes count once.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    slots: Vec<Segment>,
    free: Vec<u32>,
    /// Bytes of all segments.
    bytes: usize,
    /// Pieces that are held.
    pieces: usize,
    now: Mono,
}

impl Segments {
    /// What is inserted from here on was made now.
    pub(crate) fn set_time(&mut self, now: Mono) {
        self.now = now;
    }

    /// Keeps `bytes`, which are not empty, for as long as somebody holds a piece. The caller holds the one that is
    /// returned: all of it.
    pub(crate) fn insert(&mut self, bytes: Vec<u8>) -> Piece {
        self.insert_since(bytes, self.now)
    }

    /// The same for bytes that have been kept otherwise since then.
    pub(crate) fn insert_since(&mut self, mut bytes: Vec<u8>, since: Mono) -> Piece {
        bytes.shrink_to_fit();
        let bytes = Bytes::from(bytes);
        let end = u32::try_from(bytes.len()).expect("a turn's output is far below 4 GiB");
        let end = NonZeroU32::new(end).expect("a segment has something in it");
        self.bytes += bytes.len();
        self.pieces += 1;
        let segment = Segment { bytes, length: end.get(), holders: 1, since };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = segment;
                slot
            }
            None => {
                self.slots.push(segment);
                u32::try_from(self.slots.len() - 1).expect("fewer segments than 2^32")
            }
        };
        Piece { segment: slot, start: 0, end }
    }

    /// A further holder of a piece, or of a part of one.
    pub(crate) fn hold(&mut self, piece: Piece) -> Piece {
        self.slots[piece.segment as usize].holders += 1;
        self.pieces += 1;
        piece
    }

    /// The bytes of a piece, for its holder to write, who does not ask for them again.
    pub(crate) fn bytes(&mut self, piece: Piece) -> Bytes {
        let segment = &mut self.slots[piece.segment as usize];
        if segment.holders == 1 && piece.len() == segment.length as usize {
            // Nobody else will ask: so nothing need be counted to share them.
            mem::take(&mut segment.bytes)
        } else {
            segment.bytes.slice(piece.range())
        }
    }

    /// When the oldest bytes of a piece's segment were made.
    pub(crate) fn since(&self, piece: Piece) -> Mono {
        self.slots[piece.segment as usize].since
    }

    /// Appends the bytes of a piece to `out`.
    pub(crate) fn copy(&self, piece: Piece, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.slots[piece.segment as usize].bytes[piece.range()]);
    }

    /// Gives a piece back.
    pub(crate) fn release(&mut self, piece: Piece) {
        let segment = &mut self.slots[piece.segment as usize];
        segment.holders -= 1;
        self.pieces -= 1;
        if segment.holders == 0 {
            self.bytes -= segment.length as usize;
            segment.length = 0;
            segment.bytes = Bytes::new();
            self.free.push(piece.segment);
            if self.pieces == 0 && self.slots.len() > SPARE_SLOTS {
                self.forget_slots();
            }
        }
    }

    /// A burst is over, and nobody can name a slot any more.
    #[cold]
    fn forget_slots(&mut self) {
        (self.slots, self.free) = (Vec::new(), Vec::new());
    }

    /// Bytes of memory that all this takes: of many short lines that many are owed, most of it is the pieces.
    pub(crate) fn retained(&self) -> usize {
        self.bytes + self.pieces * PIECE
    }

    /// Panics unless `held` are all the pieces there are.
    pub(crate) fn check(&self, held: impl Iterator<Item = Piece>) {
        let mut holders = alloc::vec![0; self.slots.len()];
        for piece in held {
            holders[piece.segment as usize] += 1;
        }
        let counted: Vec<u32> = self.slots.iter().map(|segment| segment.holders).collect();
        assert_eq!(holders, counted, "every holder is counted once");
        let bytes: usize = self.slots.iter().map(|segment| segment.length as usize).sum();
        assert_eq!(bytes, self.bytes);
        assert_eq!(self.pieces, counted.iter().map(|&holders| holders as usize).sum::<usize>());
    }
}
