//! The words that users are told.

use chat_core::{Kind, Reason, RoomRecord};
use chrono::{DateTime, Utc};
use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

pub(super) const PASSWORD_RIGHT: &str =
    "* that is the password; now type a nickname and press Enter (/help for help)";
pub(super) const PASSWORD_WRONG: &str = "! that is not the password of this server: try again";
pub(super) const PASSWORD_HELP: &str =
    "* type the password of this server, or /pass and the password; /quit: leave";
pub(super) const NO_PASSWORD: &str = "* no password is needed: type a nickname";
pub(super) const TOO_LONG: &str = "! that line was too long and was not sent: at most 4096 bytes";
pub(super) const HERE: &str = "* yes, the server is here";
pub(super) const UNKNOWN: &str = "! there is no such command: /help lists them; //text says /text";
pub(super) const HTTP: &str = "HTTP/1.1 400 Bad Request\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 59\r\n\
    Connection: close\r\n\
    \r\n\
    This is a chat server, not a web server: use nc or telnet.\n";

/// Names, how to write it, what it does.
const COMMANDS: [(&[&str], &str, &str); 12] = [
    (&["nick"], "/nick NAME", "change your nickname"),
    (&["join"], "/join #ROOM", "join a room, or go back to one that you are in"),
    (&["part", "leave"], "/part [#ROOM] [REASON]", "leave the room (also /leave)"),
    (&["msg"], "/msg NICK TEXT", "say something to one user, or to a #ROOM that you are in"),
    (&["me"], "/me TEXT", "act: /me waves"),
    (&["topic"], "/topic [TEXT]", "show or set the topic of the room"),
    (&["rooms", "list"], "/rooms", "list the rooms (also /list)"),
    (&["who", "names"], "/who [#ROOM]", "list the members of the room (also /names)"),
    (
        &["history"],
        "/history [N | before YYYY-MM-DD[THH:MM]]",
        "show the last N events of the room (20, at most 1000), or those before a time",
    ),
    (&["search"], "/search WORDS", "show what the room has said with these words in it, the newest first"),
    (&["help"], "/help [COMMAND]", "show this, or one command of it"),
    (&["quit"], "/quit [REASON]", "leave"),
];

/// That somebody has made too many rooms.
pub(super) fn too_many_new_rooms(seconds: u64) -> String {
    format!("! too many new rooms from you or your network: try again in {seconds} s, or join one of /rooms")
}

/// That a guess was not looked at.
pub(super) fn too_many_guesses(seconds: u64) -> String {
    format!("! too many wrong passwords from your network: try again in {seconds} s")
}

/// What a silent newcomer is told.
pub(super) fn greeting(name: Option<&str>, asks_for_password: bool) -> String {
    let name = name.map(|name| format!(" to {name}")).unwrap_or_default();
    let what = if asks_for_password { "the password of this server" } else { "a nickname" };
    format!("* welcome{name}! type {what} and press Enter (/help for help)")
}

/// `/help`, of one command or of all.
pub(super) fn help(command: Option<&str>) -> Vec<String> {
    let show = |(_, usage, does): &(&[&str], &str, &str)| format!("* {usage}: {does}");
    let Some(command) = command else {
        let head = "* what you type is said to your current room; a line that starts with / is a command:";
        let all = COMMANDS.iter().map(show);
        return [head.into()].into_iter().chain(all).chain(["* //text: say /text".into()]).collect();
    };
    let name = command.strip_prefix('/').unwrap_or(command).to_ascii_lowercase();
    let found = COMMANDS.iter().find(|(names, ..)| names.contains(&&*name));
    vec![found.map_or(UNKNOWN.into(), show)]
}

/// How a command is written.
pub(super) fn usage(name: &str) -> String {
    let (_, usage, does) = COMMANDS.iter().find(|(names, ..)| names.contains(&name)).expect("a command");
    format!("! usage: {usage} ({does})")
}

/// An event of a room, as its members see it.
pub(super) fn event(record: &RoomRecord) -> String {
    let RoomRecord { room, at, nick, kind, text, .. } = record;
    let what = match *kind {
        Kind::Said => format!("<{nick}> {text}"),
        Kind::Acted => format!("* {nick} {text}"),
        Kind::Joined => format!("-- {nick} joined"),
        Kind::Left => format!("-- {nick} left ({text})"),
        Kind::Renamed => format!("-- {nick} is now known as {text}"),
        Kind::Topic => format!("-- {nick} set the topic: {text}"),
        Kind::Quiet => "-- the room is now quiet".into(),
        Kind::Lively => "-- the room is no longer quiet".into(),
    };
    format!("[{}] {room} {what}", stamp(*at))
}

pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S").to_string()
}

pub(super) fn topic(topic: Option<&str>) -> String {
    topic.map_or("no topic yet".into(), |topic| format!("topic: {topic}"))
}

pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Why the server closes, if that is news.
pub(super) fn goodbye(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::Quit => "* goodbye",
        Reason::ShuttingDown => "* the server is shutting down: goodbye",
        Reason::RegistrationTimeout => "! you took too long to choose a nickname: connect again",
        Reason::Idle => "! you have said nothing for too long: connect again to go on",
        Reason::PasswordRefused => "! no password was accepted: connect again",
        Reason::Banned => "! your address is banned from this server",
        Reason::NicknamesRefused => "! no nickname was accepted: connect again",
        Reason::ServerFull => "! the server is full: try again later",
        Reason::AddressFull => "! too many connections from your address: close one, or try again later",
        Reason::PlaintextRefused => "! encrypted connections only: connect with TLS",
        Reason::ConnectingTooFast => "! your address has connected too often just now: try again in a minute",
        Reason::TooManyUnregistered => {
            "! too many people are choosing a nickname just now: try again in a minute"
        }
        Reason::TooSlow => "! you were cut off, since you read too slowly: connect again",
        Reason::EndOfInputTimeout => "! your last lines were not sent: too many at once",
        _ => return None,
    })
}

/// A line as it goes out: safe for terminals, without room to fill a row with, with its end.
pub(super) fn line(text: &str) -> Vec<u8> {
    let mut columns = 0;
    let shown: String = text
        .chars()
        .filter(|&c| {
            columns = match c {
                '\t' => columns - columns % 8 + 8,
                '\u{3000}' => columns + 2,
                _ if is_blank(c) => columns + 1,
                _ => 0,
            };
            columns <= 8
        })
        .collect();
    line_as_set(&shown)
}

/// The same of what no user has written.
pub(super) fn line_as_set(text: &str) -> Vec<u8> {
    let mut line: String = text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect();
    line.push('\n');
    line.into_bytes()
}

fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\t')
        || ('\u{2028}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c)
}

/// Whether nothing is drawn of it.
pub(super) fn is_blank(c: char) -> bool {
    // By Unicode's properties, and by design.
    let designed = "\u{2800}\u{2d7f}\u{13441}\u{13442}\u{16fe4}\u{1d159}";
    let ignored = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    !is_harmful(c) && (c.is_whitespace() || ignored.contains(c) || designed.contains(c))
}
