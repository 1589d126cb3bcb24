//! When text begins to flow, and what becomes of peers that do not keep to their transport.

use alloc::boxed::Box;

use super::conn::{Phase, Registering};
use super::{Engine, deadlines};
use crate::action::Reason;
use crate::event::Violation;
use crate::plain;

impl Engine {
    /// Text may flow: the clocks of the greeting and of registration start. Whoever is over a limit is not told so at
    /// once either: it may be about to begin a handshake, and could not read it.
    pub(super) fn opened(&mut self, slot: u32) {
        let Phase::Handshaking { over, .. } = self.conns.get(slot).phase else { return };
        let timeout = self.config.registration_timeout;
        let after = |times| (!timeout.is_zero()).then(|| self.mono.after(timeout.saturating_mul(times)));
        let (until, latest) = (after(1), after(deadlines::REGISTRATIONS));
        let conn = self.conns.get_mut(slot);
        conn.phase = Phase::Registering(Box::new(Registering {
            greeting: Some(self.mono.after(deadlines::GREETING)),
            owes_password: self.config.password.is_some(),
            over,
            until,
            latest,
            paused: None,
            spoke: false,
            refusals: 0,
            refused_now: false,
        }));
        self.resume(slot);
    }

    /// No text flows any more: a handshake has begun, and the clocks start again after it. Unless it is too late: the
    /// greeting has been sent, or a line has come.
    pub(super) fn securing(&mut self, slot: u32) {
        let from_now = self.mono.after(deadlines::HANDSHAKE);
        let phase = &mut self.conns.get_mut(slot).phase;
        let (until, over) = match phase {
            Phase::Handshaking { until, over, .. } => (*until, *over),
            Phase::Registering(registering) if registering.greeting.is_some() => (from_now, registering.over),
            _ => return,
        };
        *phase = Phase::Handshaking { until, over, begun: true };
        if let Some(reason @ (Reason::ConnectingTooFast | Reason::Banned)) = over {
            // To be told, it would need the handshake that it is not worth.
            self.drop_now(slot, reason);
        }
    }

    /// There was no handshake in time. Whoever has not begun one waits for a greeting, most likely, and can read.
    pub(super) fn give_up_handshake(&mut self, slot: u32) {
        let conn = self.conns.get(slot);
        match conn.phase {
            Phase::Handshaking { begun: false, over, .. } if !self.config.proxies.contains(conn.peer) => {
                self.close(slot, over.unwrap_or(Reason::PlaintextRefused));
            }
            _ => self.drop_now(slot, Reason::HandshakeTimeout),
        }
    }

    /// The user has been silent for long enough.
    pub(super) fn greet(&mut self, slot: u32) {
        let Phase::Registering(registering) = &mut self.conns.get_mut(slot).phase else { return };
        registering.greeting = None;
        let owes_password = registering.owes_password;
        match registering.over {
            Some(reason) => self.close(slot, reason),
            None => {
                let name = self.config.name.clone();
                self.tell_at_once(slot, |out| plain::greeting(out, name.as_deref(), owes_password));
            }
        }
    }

    /// The peer's input is of no use any more. It is told why where it can read that.
    pub(super) fn violated(&mut self, slot: u32, violation: Violation) {
        let reason = match violation {
            Violation::Plaintext => Reason::PlaintextRefused,
            Violation::Garbled => Reason::TransportGarbled,
            Violation::Unforwarded => Reason::Unforwarded,
        };
        if !matches!(self.conns.get(slot).phase, Phase::Closing(_) | Phase::Closed) {
            self.close(slot, reason);
        }
    }
}
