//! What can never be stored: nobody sees it, who said it is told so, and its room goes on from where the store has it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::Engine;
use crate::action::Report;
use crate::chat::{Notice, Refusal, UserId};
use crate::outbox::{Parcel, Piece, Sealed, Segments};
use crate::plain;

impl Engine {
    /// Of this batch, what these rooms said can never be stored, nor what they have said since.
    pub(super) fn refused(&mut self, batch: u64, rooms: &[String]) {
        if batch <= self.keeping.stored || batch > self.keeping.emitted {
            return;
        }
        // The turn under way may have events behind those, and is stored as little.
        self.seal();
        for key in rooms {
            self.take_back(batch, key);
            if self.chat.lose(key) {
                self.ask_for_room(key.clone());
            }
        }
    }

    /// Takes what a room said out of all that is held back from this batch on, and tells who said it.
    fn take_back(&mut self, batch: u64, key: &str) {
        let keeping = &mut self.keeping;
        let mut told: Vec<UserId> = Vec::new();
        for held in keeping.held.iter_mut().filter(|held| held.batch >= batch) {
            held.speakers.retain(|(room, speaker)| {
                let is_refused = **room == *key;
                told.extend(is_refused.then_some(*speaker));
                !is_refused
            });
            let Some(sealed) = &mut held.sealed else { continue };
            let before = self.segments.retained();
            sealed.take_back(key, &mut self.segments);
            let after = self.segments.retained();
            // A part of what is shared keeps all of it, so there may be more than there was.
            let settle = |bytes: &mut usize| *bytes = *bytes + after - before;
            [&mut held.bytes, &mut held.output].into_iter().for_each(settle);
            [&mut keeping.bytes, &mut keeping.output].into_iter().for_each(settle);
        }
        let mut line = Vec::new();
        let refusal = Refusal::NotDelivered { room: self.chat.shown_name(key) };
        plain::notice(&mut line, &Notice::Refused(refusal));
        for UserId(slot) in told {
            // Past all that is held back, as whatever is refused.
            self.tell_at_once(slot, |out| out.extend_from_slice(&line));
        }
    }
}

impl Sealed {
    /// Takes out what the room of this key said.
    fn take_back(&mut self, key: &str, segments: &mut Segments) {
        self.reports.retain(|report| !matches!(report, Report::Room(record) if *record.key == *key));
        // Most pieces are shared by many.
        let mut left: BTreeMap<Piece, Option<Piece>> = BTreeMap::new();
        let mut rest = |piece: Piece| match left.get(&piece) {
            Some(&rest) if rest == Some(piece) => rest,
            Some(&rest) => {
                segments.release(piece);
                rest.map(|rest| segments.hold(rest))
            }
            None => {
                let rest = rest_of(piece, key, segments);
                left.insert(piece, rest);
                rest
            }
        };
        self.shared.retain_mut(|(_, piece)| {
            rest(*piece).is_some_and(|rest| {
                *piece = rest;
                true
            })
        });
        self.parcels.retain_mut(|(_, parcel)| match parcel {
            Parcel::Piece(piece) => rest(*piece).is_some_and(|rest| {
                *piece = rest;
                true
            }),
            Parcel::Answer(_) => true,
        });
    }
}

/// What is left of a piece without the events of a room, in place of it; none, if that is nothing.
fn rest_of(piece: Piece, key: &str, segments: &mut Segments) -> Option<Piece> {
    let mut text = Vec::new();
    segments.copy(piece, &mut text);
    let rest = plain::without_events(&text, key);
    if rest.len() == text.len() {
        return Some(piece);
    }
    segments.release(piece);
    (!rest.is_empty()).then(|| segments.insert(rest))
}
