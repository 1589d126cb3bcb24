//! The password, which is asked for before the nickname; and what recordings may hold of that.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::Engine;
use super::conn::Phase;
use crate::action::Reason;
use crate::framing::{Framer, Line};
use crate::plain::{self, Entrance};
use crate::text;

/// What a line came to that stood where the password is asked for.
///
/// Recordings hold this instead of such lines, since each may be the password, or nearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The password.
    Right,
    /// Something else.
    Wrong,
    /// `/help`.
    Help,
    /// `/quit`.
    Quit,
    /// The first line of an HTTP request.
    Http,
    /// A guess that nobody looked at: there had been too many wrong ones.
    Unheard,
}

/// What of the last input is nobody's business but the server's.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Its first so many bytes.
    bytes: usize,
    /// The first of them is the option of a telnet command that began before it.
    begins_with_option: bool,
    /// What the lines came to that ended in it.
    attempts: Vec<Attempt>,
    /// In a replay: what the next ones will have come to.
    foretold: VecDeque<Attempt>,
}

impl Engine {
    /// How many of the first bytes of the last input may belong to a password, and what the lines came to that ended in
    /// it where one was asked for. Of the others, nothing is secret.
    #[must_use]
    pub fn secrets(&self) -> (usize, &[Attempt]) {
        (self.secrets.bytes, &self.secrets.attempts)
    }

    /// Whether the first of those bytes is the option of a telnet command that began before it: that is no secret, and part
    /// of the answer.
    #[must_use]
    pub fn secrets_begin_with_option(&self) -> bool {
        self.secrets.begins_with_option
    }

    /// Says what the lines will come to that end in the next input where a password is asked for: their text, in a
    /// recording, is blanked. For replays, with [`Password::recorded`](crate::Password::recorded).
    pub fn foretell(&mut self, attempts: impl IntoIterator<Item = Attempt>) {
        self.secrets.foretold.extend(attempts);
    }

    /// New input: the secrets of the last one are forgotten.
    pub(super) fn forget_secrets(&mut self) {
        self.secrets.bytes = 0;
        self.secrets.begins_with_option = false;
        self.secrets.attempts.clear();
    }

    /// Whether the connection has still to say the password.
    pub(super) fn owes_password(&self, slot: u32) -> bool {
        match &self.conns.get(slot).phase {
            Phase::Handshaking { .. } => self.config.password.is_some(),
            Phase::Registering(registering) => registering.owes_password,
            // It may have been let go while it owed it.
            Phase::Closing(_) | Phase::Closed => self.config.password.is_some(),
            Phase::Chatting { .. } => false,
        }
    }

    /// Whether the connection has said the password, and goes on.
    pub(super) fn is_entered(&self, slot: u32) -> bool {
        matches!(&self.conns.get(slot).phase, Phase::Registering(registering) if !registering.owes_password)
    }

    /// The input at hand is so many bytes, all of which may belong to a password.
    pub(super) fn begin_secret(&mut self, slot: u32, bytes: usize) {
        self.keep_secret(bytes);
        let framer = self.conns.get(slot).framer.as_deref();
        self.secrets.begins_with_option = framer.is_some_and(Framer::awaits_option);
    }

    /// So many bytes of the last input may belong to a password.
    pub(super) fn keep_secret(&mut self, bytes: usize) {
        self.secrets.bytes = bytes;
    }

    /// Serves a line where the password is asked for.
    pub(super) fn serve_entrance(&mut self, slot: u32, line: Line<'_>, first: bool) {
        let Line::Text(bytes) = line else {
            self.poisoned = true;
            self.tell_at_once(slot, plain::line_too_long);
            return self.registration_refused(slot, Reason::PasswordRefused);
        };
        let attempt = self.attempt(slot, bytes, first);
        self.poisoned = true;
        self.secrets.attempts.push(attempt);
        match attempt {
            Attempt::Right => {
                if let Phase::Registering(registering) = &mut self.conns.get_mut(slot).phase {
                    registering.owes_password = false;
                    registering.refusals = 0;
                }
                self.tell_at_once(slot, plain::password_right);
            }
            Attempt::Wrong => {
                let (peer, now) = (self.conns.get(slot).peer, self.mono);
                self.limits.guesses.note_wrong(peer, now);
                self.tell_at_once(slot, plain::password_wrong);
                self.registration_refused(slot, Reason::PasswordRefused);
            }
            Attempt::Unheard => {
                let wait = self.until_next_guess(slot).unwrap_or_default();
                self.tell_at_once(slot, |out| plain::too_many_guesses(out, wait));
                self.registration_refused(slot, Reason::PasswordRefused);
            }
            Attempt::Help => self.tell_at_once(slot, plain::password_help),
            Attempt::Quit => self.close(slot, Reason::Quit),
            Attempt::Http => self.refuse_http(slot),
        }
    }

    fn attempt(&mut self, slot: u32, line: &[u8], first: bool) -> Attempt {
        let text = text::from_wire(line);
        let password = self.config.password.as_ref().expect("there is one to be asked for");
        if password.is_recorded() {
            return self.secrets.foretold.pop_front().unwrap_or(Attempt::Wrong);
        }
        if first && plain::is_http_request(&text) {
            return Attempt::Http;
        }
        match plain::parse_entrance(&text) {
            Entrance::Help => Attempt::Help,
            Entrance::Quit => Attempt::Quit,
            Entrance::Password(_) if self.until_next_guess(slot).is_some() => Attempt::Unheard,
            Entrance::Password(attempt) if password.is(attempt) => Attempt::Right,
            Entrance::Password(_) => Attempt::Wrong,
        }
    }

    /// How long this peer has to wait until a guess of it is looked at; none, if one would be now.
    fn until_next_guess(&self, slot: u32) -> Option<Duration> {
        let at = self.limits.guesses.check(self.conns.get(slot).peer, self.mono).err()?;
        Some(at.since(self.mono))
    }
}
