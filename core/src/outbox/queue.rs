//! What one connection is owed.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;

use super::segment::{Piece, Segments};

/// Small pieces are joined to writes of up to this many bytes: a write costs a system call, a copy next to
/// nothing, and copying lets go of the old segments.
const JOINED: usize = 64 << 10;

/// The pieces that one connection is owed, and the write that is under way.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// The next piece; kept here since mostly there is no second one, and then nothing need be allocated.
    first: Option<Piece>,
    /// Those behind it; none, while there are none.
    #[expect(clippy::box_collection, reason = "for none, a pointer is smaller than a collection")]
    more: Option<Box<VecDeque<Piece>>>,
    /// The outstanding write, and how many of its bytes are not credited yet.
    in_flight: Option<(Piece, u32)>,
    owed: usize,
}

impl Queue {
    /// Bytes owed, those of the outstanding write included.
    pub(crate) fn owed(&self) -> usize {
        self.owed
    }

    /// Whether a write is outstanding.
    pub(crate) fn is_writing(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The outstanding write.
    pub(crate) fn writing(&self) -> Option<Piece> {
        self.in_flight.map(|(piece, _)| piece)
    }

    /// Whether nothing waits behind the outstanding write.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Adds a piece at the end.
    pub(crate) fn push(&mut self, piece: Piece) {
        self.owed += piece.len();
        if self.first.is_none() {
            self.first = Some(piece);
        } else {
            self.more.get_or_insert_default().push_back(piece);
        }
    }

    /// Whether there is a write to start.
    pub(crate) fn can_start_write(&self) -> bool {
        self.in_flight.is_none() && self.first.is_some()
    }

    /// Starts the next write, if none is outstanding and something is owed.
    pub(crate) fn start_write(&mut self, segments: &mut Segments) -> Option<Bytes> {
        if self.in_flight.is_some() {
            return None;
        }
        let first = self.pop()?;
        let piece = match self.first {
            Some(second) if first.len() + second.len() <= JOINED => self.join(first, segments),
            _ => first,
        };
        self.in_flight = Some((piece, u32::try_from(piece.len()).expect("a piece is below 4 GiB")));
        Some(segments.bytes(piece))
    }

    /// Credits `count` bytes of the outstanding write.
    ///
    /// # Panics
    /// When the write is shorter: that is a fault of the adapter.
    pub(crate) fn credit(&mut self, count: usize, segments: &mut Segments) {
        if count == 0 {
            return;
        }
        let (piece, left) = self.in_flight.as_mut().expect("credit is for an outstanding write");
        let count =
            u32::try_from(count).ok().filter(|count| count <= left).expect("credit is at most the write");
        *left -= count;
        self.owed -= count as usize;
        if *left == 0 {
            segments.release(*piece);
            self.in_flight = None;
        }
    }

    /// Forgets what is not being written yet.
    pub(crate) fn drop_waiting(&mut self, segments: &mut Segments) {
        while let Some(piece) = self.pop() {
            self.owed -= piece.len();
            segments.release(piece);
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self, segments: &mut Segments) {
        self.drop_waiting(segments);
        if let Some((piece, left)) = self.in_flight.take() {
            self.owed -= left as usize;
            segments.release(piece);
        }
    }

    /// The pieces held.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Piece> {
        let in_flight = self.in_flight.map(|(piece, _)| piece);
        in_flight.into_iter().chain(self.first).chain(self.more.iter().flat_map(|more| more.iter().copied()))
    }

    /// What is owed, counted anew.
    pub(crate) fn recount(&self) -> usize {
        let held: usize = self.pieces().map(Piece::len).sum();
        held - self.in_flight.map_or(0, |(piece, left)| piece.len() - left as usize)
    }

    fn join(&mut self, first: Piece, segments: &mut Segments) -> Piece {
        let since = segments.since(first);
        let mut joined = Vec::new();
        let mut next = first;
        loop {
            segments.copy(next, &mut joined);
            segments.release(next);
            match self.first {
                Some(piece) if joined.len() + piece.len() <= JOINED => next = piece,
                _ => return segments.insert_since(joined, since),
            }
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<Piece> {
        let piece = self.first.take()?;
        if let Some(more) = &mut self.more {
            self.first = more.pop_front();
            if more.is_empty() {
                self.more = None;
            }
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_every_byte_is_credited_once() {
        let mut segments = Segments::default();
        let mut queue = Queue::default();
        for text in ["one\n", "two\n", "three\n"] {
            let piece = segments.insert(text.into());
            queue.push(piece);
        }
        assert_eq!(queue.start_write(&mut segments).unwrap(), "one\ntwo\nthree\n");
        assert_eq!(queue.start_write(&mut segments), None, "one write at a time");
        queue.credit(5, &mut segments);
        assert_eq!((queue.owed(), segments.retained()), (9, 14 + 2 * size_of::<Piece>()));
        queue.credit(9, &mut segments);
        assert_eq!((queue.owed(), segments.retained(), queue.is_writing()), (0, 0, false));
    }

    #[test]
    fn a_large_piece_is_written_as_it_is() {
        let mut segments = Segments::default();
        let mut queue = Queue::default();
        let large = segments.insert(alloc::vec![b'x'; JOINED]);
        let small = segments.insert("small\n".into());
        queue.push(large);
        queue.push(small);
        assert_eq!(queue.start_write(&mut segments).unwrap().len(), JOINED);
        queue.credit(JOINED, &mut segments);
        assert_eq!(queue.start_write(&mut segments).unwrap(), "small\n");
        queue.clear(&mut segments);
        assert_eq!((queue.owed(), segments.retained()), (0, 0));
    }

    #[test]
    #[should_panic(expected = "credit is at most the write")]
    fn too_much_credit_is_a_fault() {
        let mut segments = Segments::default();
        let mut queue = Queue::default();
        let piece = segments.insert("abc".into());
        queue.push(piece);
        queue.start_write(&mut segments);
        queue.credit(4, &mut segments);
    }
}
