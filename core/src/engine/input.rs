//! From received bytes to commands, as fast as flood control and the user's own answers let them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::conn::{Conn, Phase};
use super::held::Held;
use super::{Engine, deadlines};
use crate::action::{Reason, Report};
use crate::chat::{Command, Flow, Notice, UserId};
use crate::flood::until_next_token;
use crate::framing::{Framer, Line};
use crate::plain::{self, Registration, Request};
use crate::text;
use crate::time::MaybeMono;

/// Passwords and nicknames that may be refused before the connection is.
const MAX_REFUSALS: u8 = 5;
/// Bytes of input that may wait of a connection without a nickname. With an unfinished line, this is what a stranger may
/// hold; who sends more before it can be served is a script that was not asked.
const MAX_WAITING: usize = 4_096;

impl Engine {
    pub(super) fn received(&mut self, slot: u32, bytes: &[u8]) {
        if self.owes_password(slot) {
            self.begin_secret(slot, bytes.len());
        }
        let conn = self.conns.get_mut(slot);
        if matches!(conn.phase, Phase::Closing(_) | Phase::Closed) {
            return;
        }
        if conn.held.is_empty() && conn.takes_input() {
            let left = self.serve(slot, bytes);
            if left > 0 {
                self.hold(slot, Held::new(Bytes::copy_from_slice(&bytes[bytes.len() - left..])));
            }
        } else {
            conn.held.append(bytes);
            self.limit_waiting(slot);
        }
        self.attend(slot);
    }

    pub(super) fn peer_finished(&mut self, slot: u32) {
        let until = self.mono.after(deadlines::AFTER_END);
        let conn = self.conns.get_mut(slot);
        if let Phase::Handshaking { .. } = conn.phase {
            // There is nothing to serve, and nobody to tell.
            return self.drop_now(slot, Reason::EndOfInput);
        }
        conn.finished = conn.finished.get().unwrap_or(until).into();
        self.resume(slot);
    }

    /// The same, and an unfinished last line does not count.
    pub(super) fn cut_short(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        conn.cut_short |= !conn.finished.is_some();
        self.peer_finished(slot);
    }

    /// Goes on with what is held.
    pub(super) fn resume(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        conn.resume_at = MaybeMono::NONE;
        if conn.takes_input() {
            let held = mem::take(&mut conn.held);
            if !held.is_empty() {
                // It could not be heard while this waited.
                conn.note_heard(self.mono);
            }
            let left = self.serve(slot, held.bytes());
            self.hold(slot, held.last(left));
        }
        self.attend(slot);
    }

    fn hold(&mut self, slot: u32, input: Held) {
        let conn = self.conns.get_mut(slot);
        if conn.is_open() {
            conn.held = input;
            self.limit_waiting(slot);
        }
    }

    /// Lets a stranger go of whom too much waits.
    fn limit_waiting(&mut self, slot: u32) {
        let conn = self.conns.get(slot);
        let Phase::Registering(registering) = &conn.phase else { return };
        if conn.held.len() > MAX_WAITING {
            self.close(slot, registering.refusal());
        }
    }

    /// Serves the lines of `input` until one has to wait; returns how many bytes are left.
    ///
    /// No chat state is touched while bytes are taken apart and understood: a panic there is this connection's
    /// alone, and poisons nothing.
    fn serve(&mut self, slot: u32, mut input: &[u8]) -> usize {
        let offered = input.len();
        let mut fresh = Framer::default();
        let mut kept = self.conns.get_mut(slot).framer.take();
        let framer = kept.as_deref_mut().unwrap_or(&mut fresh);
        let mut answers = Vec::new();
        while !input.is_empty() && self.has_token(slot, framer) {
            self.poisoned = false;
            let room = self.config.flood.map_or(usize::MAX, |_| until_next_token(framer.taken()));
            let mut piece = &input[..room.min(input.len())];
            let length = piece.len();
            let line = framer.next(&mut piece, &mut answers);
            input = &input[length - piece.len()..];
            // A piece ends where bytes of a line take a token, wherever the network has cut it.
            if length == room && piece.is_empty() {
                self.take_token(slot);
            }
            if !answers.is_empty() {
                self.poisoned = true;
                self.answer(slot, |out| out.append(&mut answers));
                self.poisoned = false;
            }
            if let Some(line) = line {
                let entering = self.owes_password(slot);
                self.serve_and_charge(slot, line);
                if entering && self.is_entered(slot) {
                    self.keep_secret(offered - input.len());
                }
            }
            self.poisoned = true;
        }
        let conn = self.conns.get(slot);
        let (finished, cut_short) = (conn.finished.is_some(), conn.cut_short);
        if finished && input.is_empty() && self.has_token(slot, framer) {
            let last = framer.finish().filter(|_| !cut_short);
            if let Some(line) = last {
                self.serve_and_charge(slot, line);
            }
            self.end_of_input(slot);
        }
        if !framer.is_idle() {
            self.conns.get_mut(slot).framer = kept.or_else(|| Some(Box::new(fresh)));
        }
        input.len()
    }

    /// Whether more of the connection's input may be taken now; if only flood control forbids it, it is resumed.
    fn has_token(&mut self, slot: u32, framer: &Framer) -> bool {
        let (limit, now) = (self.config.flood, self.mono);
        let conn = self.conns.get_mut(slot);
        if !conn.takes_lines() && !conn.skips(Some(framer)) {
            return false;
        }
        match limit.map_or(Ok(()), |limit| conn.bucket.check(limit, now)) {
            // Of what may be a password nothing is held back.
            Ok(()) if self.keeping.blocks() && !self.owes_password(slot) => {
                self.wait_for_store(slot);
                false
            }
            Ok(()) if self.turn.is_full() && !self.owes_password(slot) => {
                self.postpone(slot);
                false
            }
            Ok(()) => true,
            Err(_) if self.owes_password(slot) => {
                // What is held back would have to be kept out of recordings, and be in them if the password is right.
                self.close(slot, Reason::PasswordRefused);
                false
            }
            Err(at) => {
                self.conns.get_mut(slot).resume_at = at.into();
                false
            }
        }
    }

    fn take_token(&mut self, slot: u32) {
        if let Some(limit) = self.config.flood {
            self.conns.get_mut(slot).bucket.take(limit, self.mono);
        }
    }

    fn end_of_input(&mut self, slot: u32) {
        let conn = self.conns.get_mut(slot);
        // A long answer to the last line is given first.
        if conn.takes_lines() {
            let over = conn.over();
            self.close(slot, over.unwrap_or(Reason::EndOfInput));
        }
    }

    /// Serves a line, which takes a token for each room that it is heard in: whoever is renamed is in fifty of them.
    fn serve_and_charge(&mut self, slot: u32, line: Line<'_>) {
        let before = self.turn.events();
        self.serve_line(slot, line);
        let further = (self.turn.events() - before).saturating_sub(1);
        if let Some(limit) = self.config.flood
            && further > 0
        {
            let count = u32::try_from(further).unwrap_or(u32::MAX);
            self.conns.get_mut(slot).bucket.take_more(count, limit, self.mono);
        }
    }

    /// Answers what telnet wants to know, in order with all else: that is no line, and says nothing of who speaks.
    fn answer(&mut self, slot: u32, encode: impl FnOnce(&mut Vec<u8>)) {
        let conn = self.conns.get(slot);
        match conn.phase {
            // It is told of its limit, and no more.
            _ if conn.over().is_some() => {}
            Phase::Chatting { .. } if self.takes_now(None).is_ok() => self.turn.write(UserId(slot), encode),
            _ => self.tell_at_once(slot, encode),
        }
    }

    fn serve_line(&mut self, slot: u32, line: Line<'_>) {
        self.take_token(slot);
        if let Line::AreYouThere = line {
            self.poisoned = true;
            return self.answer(slot, plain::here);
        }
        let conn = self.conns.get_mut(slot);
        conn.note_heard(self.mono);
        if let Phase::Registering(registering) = &mut conn.phase {
            registering.greeting = None;
            if let Some(reason) = registering.over {
                self.poisoned = true;
                return self.close(slot, reason);
            }
            let first = !mem::replace(&mut registering.spoke, true);
            if registering.owes_password {
                self.serve_entrance(slot, line, first);
            } else {
                self.serve_registration(slot, line, first);
            }
        } else {
            self.serve_request(slot, line);
        }
    }

    fn serve_registration(&mut self, slot: u32, line: Line<'_>, first: bool) {
        let Line::Text(bytes) = line else {
            self.poisoned = true;
            self.tell_at_once(slot, plain::line_too_long);
            return self.registration_refused(slot, Reason::NicknamesRefused);
        };
        let text = text::from_wire(bytes);
        if first && plain::is_http_request(&text) {
            self.poisoned = true;
            return self.refuse_http(slot);
        }
        let request = plain::parse_registration(&text);
        self.poisoned = true;
        let leaves = matches!(request, Registration::Quit);
        if let Err(why) = self.takes_now(leaves.then_some(&Command::Quit(None))) {
            self.refuse_line(slot, &why);
            // It counts: what waits behind it may come from a script.
            return self.registration_refused(slot, Reason::NicknamesRefused);
        }
        match request {
            Registration::Help(command) => self.tell_at_once(slot, |out| plain::help(out, command)),
            Registration::Password => self.tell_at_once(slot, plain::no_password),
            Registration::Quit => self.close(slot, Reason::Quit),
            Registration::Nick(nick) => self.register(slot, nick),
        }
    }

    fn register(&mut self, slot: u32, nick: &str) {
        let user = UserId(slot);
        match self.chat.register(user, nick, self.stamp, &mut self.turn) {
            Ok(flow) => {
                let conn = self.conns.get_mut(slot);
                conn.phase = Phase::Chatting { heard: self.mono };
                conn.asked = flow == Flow::Wait;
                self.count_registered(slot);
                let (conn, nick) = (self.conns.id(slot), self.chat.nick(user).into());
                self.turn.report(Report::Registered { conn, nick });
            }
            Err(refusal) => {
                self.tell_at_once(slot, |out| plain::notice(out, &Notice::Refused(refusal)));
                self.registration_refused(slot, Reason::NicknamesRefused);
            }
        }
    }

    /// A browser, most likely.
    pub(super) fn refuse_http(&mut self, slot: u32) {
        self.tell_at_once(slot, |out| out.extend_from_slice(plain::HTTP_ANSWER));
        self.close(slot, Reason::Http);
    }

    /// A nickname or a password was refused: there is another chance, unless it was the last, or a script.
    pub(super) fn registration_refused(&mut self, slot: u32, reason: Reason) {
        let Phase::Registering(registering) = &mut self.conns.get_mut(slot).phase else { return };
        registering.refusals += 1;
        if registering.refusals >= MAX_REFUSALS {
            return self.close(slot, reason);
        }
        registering.refused_now = true;
        self.refused.push((slot, reason));
    }

    /// Decides, at the end of a turn, about those whose nickname or password was refused in it. If more input is
    /// waiting, it comes from a script, whose next message must not become its name.
    pub(super) fn settle_refused(&mut self) {
        for (slot, reason) in mem::take(&mut self.refused) {
            let Some(conn) = self.conns.find(slot) else { continue };
            let Phase::Registering(registering) = &mut conn.phase else { continue };
            registering.refused_now = false;
            if conn.held.is_empty() {
                self.resume(slot);
            } else {
                self.close(slot, reason);
            }
            self.rearm(slot);
        }
    }

    fn serve_request(&mut self, slot: u32, line: Line<'_>) {
        let user = UserId(slot);
        let Line::Text(bytes) = line else {
            self.poisoned = true;
            return match self.takes_now(None) {
                Ok(()) => self.turn.write(user, plain::line_too_long),
                Err(why) => self.refuse_line(slot, &why),
            };
        };
        let text = text::from_wire(bytes);
        let request = plain::parse(&text);
        self.poisoned = true;
        let command = match &request {
            Request::Nothing => return,
            Request::Chat(command) => Some(command),
            Request::Help(_) | Request::Usage(_) | Request::Unknown => None,
        };
        if let Err(why) = self.takes_now(command) {
            return self.refuse_line(slot, &why);
        }
        match request {
            Request::Nothing => unreachable!("it asks for nothing"),
            Request::Help(command) => self.turn.write(user, |out| plain::help(out, command)),
            Request::Usage(name) => self.turn.write(user, |out| plain::usage(out, name)),
            Request::Unknown => self.turn.write(user, plain::unknown_command),
            Request::Chat(command) => {
                let flow = match self.chat.apply(user, command, self.stamp, &mut self.turn) {
                    Flow::Make(name) => self.make_new_room(slot, &name),
                    flow => flow,
                };
                match flow {
                    Flow::Stay => {}
                    Flow::Wait => self.conns.get_mut(slot).asked = true,
                    Flow::Quit => self.close(slot, Reason::Quit),
                    Flow::Make(_) => unreachable!("it was made, or refused"),
                }
            }
        }
    }

    /// Stops or resumes the clock of registration as input is paused. What pauses add has a limit, too.
    pub(super) fn pause_registration(conn: &mut Conn, reading: bool, now: crate::time::Mono) {
        let Phase::Registering(registering) = &mut conn.phase else { return };
        if !reading {
            registering.paused.get_or_insert(now);
        } else if let Some(since) = registering.paused.take() {
            registering.until = registering.until.map(|until| until.after(now.since(since)));
            registering.until = registering.until.min(registering.latest);
        }
    }
}
