//! Notices to lines.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use chrono::{DateTime, Timelike as _, Utc};

use crate::action::Reason;
use crate::chat::{Kind, MAX_NICK, MAX_ROOM, MAX_WORDS, MAX_WORDS_BYTES, Notice, Refusal, RoomEvent};
use crate::framing::MAX_LINE;
use crate::text::{push_as_set, push_for_terminal};

/// Appends the greeting of the server of this name, which asks for the password if there is one.
pub(crate) fn greeting(out: &mut Vec<u8>, name: Option<&str>, asks_for_password: bool) {
    let what = if asks_for_password { "the password of this server" } else { "a nickname" };
    let (to, name) = name.map_or(("", ""), |name| (" to ", name));
    line(out, &["* welcome", to, name, "! type ", what, " and press Enter (/help for help)"]);
}

/// Appends that the password is right, and what is next.
pub(crate) fn password_right(out: &mut Vec<u8>) {
    line(out, &["* that is the password; now type a nickname and press Enter (/help for help)"]);
}

/// Appends that it is not.
pub(crate) fn password_wrong(out: &mut Vec<u8>) {
    line(out, &["! that is not the password of this server: try again"]);
}

/// Appends that a password was not even looked at, since so many were wrong before, and when one will be.
pub(crate) fn too_many_guesses(out: &mut Vec<u8>, wait: Duration) {
    let seconds = whole_seconds(wait);
    line(out, &[&format!("! too many wrong passwords from your network: try again in {seconds} s")]);
}

/// Appends what can be typed where the password is asked for.
pub(crate) fn password_help(out: &mut Vec<u8>) {
    line(out, &["* type the password of this server, or /pass and the password; /quit: leave"]);
}

/// Appends that no password is asked for.
pub(crate) fn no_password(out: &mut Vec<u8>) {
    line(out, &["* no password is needed: type a nickname"]);
}

/// Appends the refusal of a line that is too long.
pub(crate) fn line_too_long(out: &mut Vec<u8>) {
    line(out, &[&format!("! that line was too long and was not sent: at most {MAX_LINE} bytes")]);
}

/// Appends the answer to telnet's question whether anybody is there.
pub(crate) fn here(out: &mut Vec<u8>) {
    line(out, &["* yes, the server is here"]);
}

/// Appends that a line for a room was not taken.
pub(crate) fn not_delivered(out: &mut Vec<u8>) {
    line(out, &["! not delivered: the history cannot be stored just now; try again later"]);
}

/// Appends that a line was not taken.
pub(crate) fn not_now(out: &mut Vec<u8>) {
    line(out, &["! not now: the history cannot be stored; try again later"]);
}

/// Appends one event of a room, as its members see it.
pub(crate) fn room_event(out: &mut Vec<u8>, event: &RoomEvent<'_>) {
    stamp(out, event.at);
    let (room, nick, text) = (event.room, event.nick, event.text);
    match event.kind {
        Kind::Said => line(out, &[room, " <", nick, "> ", text]),
        Kind::Acted => line(out, &[room, " * ", nick, " ", text]),
        Kind::Joined => line(out, &[room, " -- ", nick, " joined"]),
        Kind::Left => line(out, &[room, " -- ", nick, " left (", text, ")"]),
        Kind::Renamed => line(out, &[room, " -- ", nick, " is now known as ", text]),
        Kind::Topic => line(out, &[room, " -- ", nick, " set the topic: ", text]),
        Kind::Quiet => line(out, &[room, " -- the room is now quiet"]),
        Kind::Lively => line(out, &[room, " -- the room is no longer quiet"]),
    }
}

/// Appends what one user alone is told.
pub(crate) fn notice(out: &mut Vec<u8>, notice: &Notice<'_>) {
    match *notice {
        Notice::Welcome { nick } => line(out, &["* welcome, ", nick, "; /help shows what you can do here"]),
        Notice::Motd { text } => {
            out.extend_from_slice(b"* ");
            push_as_set(out, text);
            out.push(b'\n');
        }
        Notice::Joined { room, members, topic } => {
            line(out, &["* you are in ", room, " (", &count(members, "member"), "); ", &shown_topic(topic)]);
        }
        Notice::Parted { room, current: Some(current) } => {
            line(out, &["* you left ", room, "; your current room is ", current]);
        }
        Notice::Parted { room, current: None } => {
            line(out, &["* you left ", room, "; you are in no room now"]);
        }
        Notice::Renamed { nick } => line(out, &["* you are now known as ", nick]),
        Notice::Topic { room, topic } => line(out, &["* ", room, ": ", &shown_topic(topic)]),
        Notice::TopicSet { room, topic } => line(out, &["* you set the topic of ", room, "; topic: ", topic]),
        Notice::RoomsHead { rooms } => line(out, &["* ", &count(rooms, "room"), ":"]),
        Notice::RoomsEntry { room, members, topic } => {
            line(out, &["* ", room, " (", &count(members, "member"), "); ", &shown_topic(topic)]);
        }
        Notice::More { left } => line(out, &[&format!("* and {left} more")]),
        Notice::MembersHead { room, members } => line(out, &["* ", room, ": ", &count(members, "member")]),
        Notice::MembersEntries { names } => line(out, &["* ", names]),
        Notice::HistoryHead { room, events } => {
            line(out, &["* history of ", room, ": the last ", &count(events, "event")]);
        }
        Notice::HistoryEntry(ref event) => room_event(out, event),
        Notice::HistoryEnd { room } => line(out, &["* end of the history of ", room]),
        Notice::HistoryBeforeHead { room, before, events } => {
            let (date, time) = (before.date_naive(), before.format("%H:%M"));
            line(out, &["* history of ", room, &format!(" before {date}T{time}: "), &count(events, "event")]);
        }
        Notice::Day { date } => line(out, &["* ", &format!("{date}")]),
        Notice::ReplayHead { room, lines: 1 } => line(out, &["* the last line of ", room, ":"]),
        Notice::ReplayHead { room, lines } => {
            line(out, &[&format!("* the last {lines} lines of "), room, ":"]);
        }
        Notice::FoundHead { room, lines } => line(out, &["* found in ", room, ": ", &count(lines, "line")]),
        Notice::SearchCut => line(out, &["* there may be more: search for more words, or for rarer ones"]),
        Notice::FoundEnd { room } => line(out, &["* end of what was found in ", room]),
        Notice::Private { at, from, text, to: _ } => {
            stamp(out, at);
            line(out, &["<", from, " -> you> ", text]);
        }
        Notice::Refused(refusal) => refused(out, refusal),
    }
}

/// Appends why the server closes; nothing, where that is no news.
pub(crate) fn notice_of_close(out: &mut Vec<u8>, reason: Reason) {
    let text = match reason {
        Reason::Quit => "* goodbye",
        Reason::ShuttingDown => "* the server is shutting down: goodbye",
        Reason::RegistrationTimeout => "! you took too long to choose a nickname: connect again",
        Reason::Idle => "! you have said nothing for too long: connect again to go on",
        Reason::PasswordRefused => "! no password was accepted: connect again",
        Reason::NicknamesRefused => "! no nickname was accepted: connect again",
        Reason::ServerFull => "! the server is full: try again later",
        Reason::AddressFull => "! too many connections from your address: close one, or try again later",
        Reason::Banned => "! your address is banned from this server",
        Reason::PlaintextRefused => "! encrypted connections only: connect with TLS",
        Reason::ConnectingTooFast => "! your address has connected too often just now: try again in a minute",
        Reason::TooManyUnregistered => {
            "! too many people are choosing a nickname just now: try again in a minute"
        }
        Reason::TooSlow => "! you were cut off, since you read too slowly: connect again",
        Reason::EndOfInputTimeout => "! your last lines were not sent: too many at once",
        Reason::EndOfInput
        | Reason::Http
        | Reason::HandshakeTimeout
        | Reason::Unforwarded
        | Reason::TransportGarbled
        | Reason::OutOfMemory
        | Reason::LingerTimeout => return,
    };
    line(out, &[text]);
}

fn refused(out: &mut Vec<u8>, refusal: Refusal<'_>) {
    let nick_rules = || format!("1 to {MAX_NICK} letters, digits or -_[]{{}}|^\\`");
    let room_rules = || format!("# and 1 to {MAX_ROOM} letters, digits or -_[]{{}}|^\\`");
    match refusal {
        Refusal::BadNick => line(out, &["! that is no nickname: choose ", &nick_rules()]),
        Refusal::NickTaken { name } => line(out, &["! the nickname ", name, " is taken: choose another"]),
        Refusal::NickLooksAlike { name } => {
            line(out, &["! the nickname ", name, " looks like another user's: choose another"]);
        }
        Refusal::NickReserved { name } => {
            line(out, &["! nobody here may be called ", name, ": choose another nickname"]);
        }
        Refusal::BadRoom => line(out, &["! that is no room name: it is ", &room_rules()]),
        Refusal::RoomLooksAlike { name } => {
            line(out, &["! the name ", name, " looks like another room's: choose another, or see /rooms"]);
        }
        Refusal::RoomFull { room } => line(out, &["! the room ", room, " is full: try again later"]),
        Refusal::TooManyRooms { limit } => {
            line(out, &["! you are in ", &count(limit, "room"), " already: /part one first"]);
        }
        Refusal::TooManyNewRooms { wait } => {
            let seconds = whole_seconds(wait);
            let why = "! too many new rooms from you or your network: try again in ";
            line(out, &[why, &format!("{seconds} s, or join one of /rooms")]);
        }
        Refusal::NoRoom => line(out, &["! you are in no room: /join #ROOM"]),
        Refusal::NotInRoom => line(out, &["! you are not in that room: /join it first"]),
        Refusal::NoSuchNick => line(out, &["! nobody here has that nickname: /who lists those who are"]),
        Refusal::NoSuchRoom => line(out, &["! there is no such room: /rooms lists those that are"]),
        Refusal::NoSearch => line(out, &["! this server cannot search its history"]),
        Refusal::SearchTooLong => {
            let most = format!("{MAX_WORDS} words, of {MAX_WORDS_BYTES} bytes together");
            line(out, &["! that is too much to search for: at most ", &most]);
        }
        Refusal::HistoryUnavailable { room } => {
            line(out, &["! the history of ", room, " cannot be read just now: try again later"]);
        }
        Refusal::NotDelivered { room } => line(
            out,
            &["! not delivered: the history of ", room, " cannot be stored just now; try again later"],
        ),
        Refusal::NoHistory => line(out, &["! this server keeps no history"]),
    }
}

/// The topic as lists show it.
fn shown_topic(topic: Option<&str>) -> String {
    topic.map_or("no topic yet".into(), |topic| format!("topic: {topic}"))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// So many seconds that it is over then.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_nanos().div_ceil(1_000_000_000).try_into().unwrap_or(u64::MAX)
}

fn stamp(out: &mut Vec<u8>, at: DateTime<Utc>) {
    let two = |number: u32| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    let ([h1, h2], [m1, m2], [s1, s2]) = (two(at.hour()), two(at.minute()), two(at.second()));
    out.extend_from_slice(&[b'[', h1, h2, b':', m1, m2, b':', s1, s2, b']', b' ']);
}

/// Appends one line of these parts, safe for a terminal, and with long runs of blanks shortened: what goes to a terminal is
/// this dialect's business, and nobody else's text changes.
pub(super) fn line(out: &mut Vec<u8>, parts: &[&str]) {
    push_for_terminal(out, parts);
    out.push(b'\n');
}
