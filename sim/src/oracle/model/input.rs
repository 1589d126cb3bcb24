//! From bytes to what they ask for.

use std::mem;

use chat_core::{Kind, Reason, Report};

use super::framing::{Ask, Found, Line, first_line, last_line};
use super::peer::{Phase, Registering, later};
use super::words::{is_http, non_empty, point_in_time, refusable, split_word};
use super::{Mark, Model, deadlines, editing, wire};
use crate::plan::PASSWORD;

/// Nicknames that may be refused before the connection is.
const MAX_REFUSALS: u32 = 5;
/// Bytes that may wait of somebody without a nickname.
const MAX_WAITING: usize = 4_096;
/// Characters of the reason of a `/quit` that rooms are told.
const QUIT_REASON: usize = 200;
/// For so many bytes of a line, it costs as much as one line more.
const KIBIBYTE: usize = 1_024;
/// Events that `/history` shows without a number.
const HISTORY_DEFAULT: usize = 20;

impl Model {
    pub(super) fn received(&mut self, slot: u32, bytes: &[u8]) {
        let peer = self.peer(slot);
        if !peer.is_open() && !matches!(peer.phase, Phase::Handshaking { .. }) {
            return;
        }
        let waits = !peer.held.is_empty() || !peer.takes_input();
        peer.held.extend_from_slice(bytes);
        match waits {
            true => self.limit_waiting(slot),
            false => self.serve(slot),
        }
    }

    pub(super) fn peer_finished(&mut self, slot: u32) {
        if let Phase::Handshaking { .. } = self.peer(slot).phase {
            return self.drop_now(slot, Reason::EndOfInput);
        }
        let until = later(self.now, deadlines::AFTER_END);
        self.peer(slot).finished.get_or_insert(until);
        self.resume(slot);
        if !self.peer(slot).held.is_empty() {
            self.marks.set(Mark::EndOfInputHeld);
        }
    }

    /// The same, but what is unfinished does not count.
    pub(super) fn cut_short(&mut self, slot: u32) {
        let peer = self.peer(slot);
        peer.cut_short |= peer.finished.is_none();
        if !peer.partial.is_empty() {
            self.marks.set(Mark::CutShort);
        }
        self.peer_finished(slot);
    }

    /// Goes on with what is held.
    pub(super) fn resume(&mut self, slot: u32) {
        let now = self.now;
        let peer = self.peer(slot);
        peer.resume_at = None;
        if peer.takes_input() {
            if !peer.held.is_empty() {
                peer.heard = now;
            }
            self.serve(slot);
        }
    }

    /// Those whose nickname or password was refused in this turn: whoever has sent more already is a script.
    pub(super) fn settle_refused(&mut self) {
        for (slot, reason) in mem::take(&mut self.refused) {
            let Some(peer) = self.peers.get_mut(&slot) else { continue };
            let Phase::Registering(registering) = &mut peer.phase else { continue };
            registering.refused_now = false;
            if peer.held.is_empty() {
                self.resume(slot);
            } else {
                self.close(slot, reason);
            }
        }
    }

    /// Serves line after line, until one has to wait.
    fn serve(&mut self, slot: u32) {
        while !self.peer(slot).held.is_empty() && self.has_token(slot) {
            let (limit, now) = (self.config.flood, self.now);
            let peer = self.peer(slot);
            let before = peer.partial.len();
            let input = [mem::take(&mut peer.partial), mem::take(&mut peer.held)].concat();
            // Each whole KiB of a line costs as much as a line, when it has come.
            let boundary = before / KIBIBYTE * KIBIBYTE + KIBIBYTE;
            let end = if limit.is_some() { boundary.min(input.len()) } else { input.len() };
            let (found, asks) = first_line(&input[..end], peer.skips);
            // What was taken before was answered then; and somebody who is asked whether he is there says so first.
            let mut asks = asks.into_iter().filter(|(at, _)| *at > before).peekable();
            let asked = asks.clone().find_map(|(at, ask)| (ask == Ask::There).then_some(at));
            let taken = asked.unwrap_or_else(|| found.as_ref().map_or(end, |found| found.length));
            let peer = self.peer(slot);
            peer.held = input[taken..].to_vec();
            if limit.is_some() && taken == boundary {
                peer.take_token(limit, now);
                self.marks.set(Mark::LongLine);
            }
            while let Some((_, ask)) = asks.next_if(|(at, _)| *at <= taken) {
                self.answer(slot, ask);
            }
            match found {
                Some(Found { line: Line::Skipped, .. }) if asked.is_none() => self.peer(slot).skips = false,
                Some(Found { line, telnet, .. }) if asked.is_none() => {
                    if line == Line::TooLong {
                        // What it costs is counted from its beginning.
                        let peer = self.peer(slot);
                        (peer.partial, peer.skips) = (input[..taken].to_vec(), true);
                    }
                    if telnet {
                        self.marks.set(Mark::Telnet);
                    }
                    self.serve_and_charge(slot, line);
                }
                _ => self.peer(slot).partial = input[..taken].to_vec(),
            }
        }
        let peer = self.peer(slot);
        if peer.finished.is_some() && peer.held.is_empty() && self.has_token(slot) {
            let rest = mem::take(&mut self.peer(slot).partial);
            let skips = mem::take(&mut self.peer(slot).skips);
            if let Some(line) = last_line(&rest, skips)
                && !self.peer(slot).cut_short
            {
                self.serve_and_charge(slot, line);
            }
            if self.peer(slot).takes_lines() {
                let reason = self.peer(slot).over().unwrap_or(Reason::EndOfInput);
                self.close(slot, reason);
            }
        }
        let peer = self.peer(slot);
        if !peer.is_open() {
            peer.held.clear();
        }
        self.limit_waiting(slot);
    }

    /// A stranger of whom too much waits has to go.
    fn limit_waiting(&mut self, slot: u32) {
        let peer = self.peer(slot);
        let reason = match &peer.phase {
            Phase::Registering(Registering { owes_password: true, .. }) => Reason::PasswordRefused,
            Phase::Registering(_) => Reason::NicknamesRefused,
            _ => return,
        };
        if peer.held.len() > MAX_WAITING {
            self.marks.set(Mark::TooMuchWaits);
            self.close(slot, reason);
        }
    }

    /// Tells telnet what it wants to know.
    fn answer(&mut self, slot: u32, ask: Ask) {
        let (limit, now) = (self.config.flood, self.now);
        let answer = match ask {
            Ask::Option(answer) => answer,
            Ask::There => {
                self.peer(slot).take_token(limit, now);
                wire::line(wire::HERE)
            }
        };
        self.marks.set(Mark::TelnetAnswered);
        if self.peer(slot).over().is_some() {
            return;
        }
        if self.refuses_now() {
            self.peer(slot).owe(&answer);
            self.note_debts();
        } else {
            self.owe(slot, &answer);
        }
    }

    fn has_token(&mut self, slot: u32) -> bool {
        let (limit, now) = (self.config.flood, self.now);
        let peer = self.peer(slot);
        if !peer.takes_input() {
            return false;
        }
        let (token, owes_password) = (peer.token(limit, now), peer.owes_password());
        match token {
            // Of what may be a password nothing is held back.
            Ok(()) if self.blocks() && !owes_password => {
                self.wait_for_store(slot);
                false
            }
            Ok(()) if self.turn_is_full() && !owes_password => {
                self.postpone(slot);
                false
            }
            Ok(()) => true,
            Err(_) if owes_password => {
                self.marks.set(Mark::GuessingTooFast);
                self.close(slot, Reason::PasswordRefused);
                false
            }
            Err(at) => {
                self.peer(slot).resume_at = Some(at);
                false
            }
        }
    }

    /// A line counts once for each event that rooms hear of it, and at least once.
    fn serve_and_charge(&mut self, slot: u32, line: Line) {
        let before = self.turn.records.len();
        self.serve_line(slot, line);
        let (limit, now) = (self.config.flood, self.now);
        if limit.is_none() {
            return;
        }
        for _ in before + 1..self.turn.records.len() {
            self.marks.set(Mark::HeardInSeveralRooms);
            self.peer(slot).take_token(limit, now);
        }
    }

    fn serve_line(&mut self, slot: u32, line: Line) {
        let (limit, now) = (self.config.flood, self.now);
        let peer = self.peer(slot);
        peer.take_token(limit, now);
        peer.heard = now;
        let registering = match &mut peer.phase {
            Phase::Registering(Registering { over: Some(reason), .. }) => {
                let reason = *reason;
                return self.close(slot, reason);
            }
            Phase::Registering(registering) => {
                registering.greeting = None;
                Some(!mem::replace(&mut registering.spoke, true))
            }
            _ => None,
        };
        let text = match line {
            Line::Text(bytes) => {
                if std::str::from_utf8(&bytes).is_err() {
                    self.marks.set(Mark::InvalidUtf8);
                }
                // What cannot stand in a line of chat is made visible.
                let keys = String::from_utf8_lossy(&bytes).replace(['\0', '\r', '\n'], "\u{fffd}");
                let text = editing::edited(&keys);
                if text != keys {
                    self.marks.set(Mark::Edited);
                }
                text
            }
            Line::TooLong | Line::Skipped => {
                self.marks.set(Mark::LineTooLong);
                if registering.is_none() && self.refuses(slot, false) {
                    return;
                }
                self.tell(slot, wire::TOO_LONG);
                if registering.is_some() {
                    let owes_password = self.peer(slot).owes_password();
                    let refused =
                        [Reason::NicknamesRefused, Reason::PasswordRefused][usize::from(owes_password)];
                    self.registration_refused(slot, refused);
                }
                return;
            }
        };
        match registering {
            Some(first) => self.serve_registration(slot, &text, first),
            None => self.serve_request(slot, &text),
        }
    }

    fn serve_registration(&mut self, slot: u32, text: &str, first: bool) {
        if first && is_http(text) {
            self.owe(slot, wire::HTTP.as_bytes());
            return self.close(slot, Reason::Http);
        }
        let line = text.trim_ascii();
        let (command, rest) = split_word(line);
        if self.peer(slot).owes_password() {
            return self.serve_password(slot, line);
        }
        let command = command.to_ascii_lowercase();
        if command != "/quit" && self.refuses(slot, false) {
            return self.registration_refused(slot, Reason::NicknamesRefused);
        }
        let nick = match command.as_str() {
            "/help" => {
                return self.tell_all(slot, wire::help(non_empty(rest).map(|rest| split_word(rest).0)));
            }
            "/quit" => return self.close(slot, Reason::Quit),
            "/pass" => return self.tell(slot, wire::NO_PASSWORD),
            "/nick" if non_empty(rest).is_some() => rest.trim_ascii_end(),
            _ => line,
        };
        let now = self.now;
        if self.register(slot, nick) {
            let peer = self.peer(slot);
            peer.phase = Phase::Chatting;
            peer.heard = now;
            let report = Report::Registered { conn: peer.conn, nick: nick.to_owned() };
            self.turn.reports.push_back(report);
        } else {
            self.registration_refused(slot, Reason::NicknamesRefused);
        }
    }

    fn serve_password(&mut self, slot: u32, line: &str) {
        let (command, rest) = split_word(line);
        let attempt = match command.to_ascii_lowercase().as_str() {
            "/help" => return self.tell(slot, wire::PASSWORD_HELP),
            "/quit" => return self.close(slot, Reason::Quit),
            "/pass" => rest,
            _ => line,
        };
        let (peer, now) = (self.peer(slot).address, self.now);
        if let Some(seconds) = self.guesses.wait(peer, now) {
            self.marks.set(Mark::GuessUnheard);
            self.tell(slot, &wire::too_many_guesses(seconds));
            return self.registration_refused(slot, Reason::PasswordRefused);
        }
        // Plans have no other; and the engine's own comparison is what is to be tested.
        if attempt == PASSWORD {
            self.marks.set(Mark::PasswordRight);
            if let Phase::Registering(registering) = &mut self.peer(slot).phase {
                registering.owes_password = false;
                registering.refusals = 0;
            }
            self.tell(slot, wire::PASSWORD_RIGHT);
        } else {
            self.marks.set(Mark::PasswordWrong);
            self.guesses.wrong(peer, now);
            self.tell(slot, wire::PASSWORD_WRONG);
            self.registration_refused(slot, Reason::PasswordRefused);
        }
    }

    fn registration_refused(&mut self, slot: u32, reason: Reason) {
        let Phase::Registering(registering) = &mut self.peer(slot).phase else { return };
        registering.refusals += 1;
        if registering.refusals >= MAX_REFUSALS {
            return self.close(slot, reason);
        }
        registering.refused_now = true;
        self.refused.push((slot, reason));
    }

    /// `/history` with what stands behind it.
    fn serve_history(&mut self, slot: u32, rest: &str) {
        let (first, when) = split_word(rest);
        if first.eq_ignore_ascii_case("before") {
            return match point_in_time(when.trim_ascii_end()) {
                Some(before) => self.show_history_before(slot, before),
                None => self.tell(slot, &wire::usage("history")),
            };
        }
        match non_empty(rest).map_or(Ok(HISTORY_DEFAULT), |rest| rest.trim_ascii_end().parse()) {
            Ok(count) => self.show_history(slot, count),
            Err(_) => self.tell(slot, &wire::usage("history")),
        }
    }

    fn serve_request(&mut self, slot: u32, text: &str) {
        let kind = refusable(text);
        if text.is_empty() || kind.is_some_and(|said| self.refuses(slot, said)) {
            return;
        }
        let Some(command) = text.strip_prefix('/') else { return self.say(slot, Kind::Said, text) };
        if command.starts_with('/') {
            return self.say(slot, Kind::Said, command);
        }
        let (word, rest) = split_word(command);
        let word = word.to_ascii_lowercase();
        let (given, trimmed) = (non_empty(rest), rest.trim_ascii_end());
        match word.as_str() {
            "help" => self.tell_all(slot, wire::help(given.map(|rest| split_word(rest).0))),
            "nick" if given.is_some() => self.rename(slot, trimmed),
            "join" if given.is_some() => self.join(slot, trimmed),
            "part" | "leave" => match split_word(rest) {
                (room, reason) if room.starts_with('#') => self.part(slot, Some(room), non_empty(reason)),
                _ => self.part(slot, None, given),
            },
            "msg" if non_empty(split_word(rest).1).is_some() => {
                let (to, text) = split_word(rest);
                self.message(slot, to, text);
            }
            "me" if given.is_some() => self.say(slot, Kind::Acted, rest),
            "topic" => match given {
                None => self.show_topic(slot),
                Some(topic) => self.set_topic(slot, topic),
            },
            "rooms" | "list" => self.list_rooms(slot),
            "who" | "names" => self.list_members(slot, given.map(str::trim_ascii_end)),
            "history" => self.serve_history(slot, rest),
            "search" if given.is_some() => self.search(slot, trimmed),
            "quit" => {
                let reason: String = given.unwrap_or("quit").chars().take(QUIT_REASON).collect();
                self.leave_everything(slot, &reason);
                self.close(slot, Reason::Quit);
            }
            "nick" | "join" | "msg" | "me" | "search" => self.tell(slot, &wire::usage(&word)),
            _ => self.tell(slot, wire::UNKNOWN),
        }
    }
}
