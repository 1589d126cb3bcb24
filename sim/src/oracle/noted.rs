//! What is noted of every input: for the ledgers, and as a situation that was met.

use chat_core::{Cause, Event, Now};
use chat_driver::Input;

use super::model::slot_of;
use super::{Ledger, Mark, Oracle, Promise};

/// So many connections at one time are a storm.
const STORM: u32 = 12;

impl Oracle {
    pub(super) fn record_input(&mut self, input: &Input<'_>) {
        match *input {
            Input::Connect { conn, peer } => {
                self.ledger_of.insert(slot_of(conn), self.ledgers.len());
                self.ledgers.push(Ledger::new(conn, peer));
            }
            Input::Event { conn, event } => {
                let slot = slot_of(conn);
                let ledger = &mut self.ledgers[self.ledger_of[&slot]];
                match event {
                    Event::Opened => ledger.unheard = false,
                    Event::Securing | Event::Violated(_) => ledger.unheard = true,
                    Event::Forwarded(_) => {}
                    Event::Received(bytes) => ledger.received.extend_from_slice(bytes),
                    Event::Wrote(count) => ledger.credited += count,
                    Event::PeerFinished | Event::CutShort => ledger.finished = true,
                    Event::Disconnected(cause) => {
                        ledger.ended = Some(cause);
                        let ranges = self
                            .records
                            .as_ref()
                            .map_or(Ok(()), |records| records.check(&ledger.joins, &ledger.written));
                        if let Err(how) = ranges {
                            self.accuse(Promise::Order, format!("{conn} {how}"));
                        }
                        self.ledger_of.remove(&slot);
                    }
                }
            }
            Input::StoreAnswered(answer) => {
                if let Some(kept) = &mut self.kept {
                    kept.answered(answer);
                }
            }
            Input::Bans(_) | Input::Timeout | Input::Shutdown => {}
        }
    }

    /// Notes situations that are met by an input, before the model learns of it.
    pub(super) fn mark_input(&mut self, now: Now, input: &Input<'_>) {
        match *input {
            Input::Connect { .. } => {
                let before = if self.arrivals.0 == now.mono { self.arrivals.1 } else { 0 };
                self.arrivals = (now.mono, before + 1);
                if before + 1 == STORM {
                    self.marks.set(Mark::AcceptStorm);
                }
            }
            Input::Event { event: Event::Received(bytes), .. } => {
                self.data_at = Some(now.mono);
                let unfinished = |error: std::str::Utf8Error| error.error_len().is_none();
                if std::str::from_utf8(bytes).is_err_and(unfinished) {
                    self.marks.set(Mark::CharacterSplit);
                }
            }
            Input::Event { event: Event::Disconnected(Cause::Panicked), .. } => {
                self.marks.set(Mark::Panicked);
            }
            Input::Event { conn, event: Event::Disconnected(cause @ (Cause::Reset | Cause::TimedOut)) } => {
                if cause == Cause::TimedOut {
                    self.marks.set(Mark::GivenUp);
                }
                let peer = self.model.peers.get(&slot_of(conn));
                if peer.is_some_and(|peer| peer.is_told_to_close() && peer.debt() > 0) {
                    self.marks.set(Mark::ResetDuringFlush);
                }
            }
            Input::Timeout if self.data_at == Some(now.mono) => self.marks.set(Mark::DeadlineTiedWithData),
            _ => {}
        }
    }
}
