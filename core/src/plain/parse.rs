//! A line to what it asks for.

use chrono::{DateTime, NaiveDate, Utc};

use crate::chat::Command;

/// Events that `/history` shows without a number.
const HISTORY_DEFAULT: usize = 20;

/// What a line of a registered user asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    /// Something of the chat.
    Chat(Command<'a>),
    /// Help, of one command or of all.
    Help(Option<&'a str>),
    /// A known command that lacks a word; its name.
    Usage(&'static str),
    /// No command that we know.
    Unknown,
    /// Nothing: an empty line.
    Nothing,
}

/// What a line asks for before there is a nickname.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Registration<'a> {
    /// This nickname.
    Nick(&'a str),
    /// Help, of one command or of all.
    Help(Option<&'a str>),
    /// To be let in, though nobody has to ask (any more).
    Password,
    /// To leave.
    Quit,
}

/// What a line asks for before the password was said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entrance<'a> {
    /// To be let in, with this password.
    Password(&'a str),
    /// Help.
    Help,
    /// To leave.
    Quit,
}

/// Reads a line of a registered user.
pub(crate) fn parse(line: &str) -> Request<'_> {
    if line.is_empty() {
        return Request::Nothing;
    }
    let Some(command) = line.strip_prefix('/') else { return Request::Chat(Command::Say(line)) };
    if command.starts_with('/') {
        return Request::Chat(Command::Say(command));
    }
    let (word, rest) = split_word(command);
    let Some(name) = COMMANDS.iter().find(|name| name.eq_ignore_ascii_case(word)) else {
        return Request::Unknown;
    };
    command_of(name, rest).unwrap_or(Request::Usage(name))
}

/// Reads a line of somebody without a nickname.
pub(crate) fn parse_registration(line: &str) -> Registration<'_> {
    let line = line.trim_ascii();
    if pass(line).is_some() {
        return Registration::Password;
    }
    match parse(line) {
        Request::Chat(Command::Nick(nick)) => Registration::Nick(nick),
        Request::Chat(Command::Quit(_)) => Registration::Quit,
        Request::Help(command) => Registration::Help(command),
        _ => Registration::Nick(line),
    }
}

/// Reads a line of somebody who has not said the password.
pub(crate) fn parse_entrance(line: &str) -> Entrance<'_> {
    let line = line.trim_ascii();
    match (pass(line), parse(line)) {
        (Some(password), _) => Entrance::Password(password),
        (None, Request::Chat(Command::Quit(_))) => Entrance::Quit,
        (None, Request::Help(_)) => Entrance::Help,
        _ => Entrance::Password(line),
    }
}

/// What stands behind `/pass`, if that is the command. It is none of somebody who is in.
fn pass(line: &str) -> Option<&str> {
    let (word, rest) = split_word(line.strip_prefix('/')?);
    word.eq_ignore_ascii_case("pass").then_some(rest)
}

const COMMANDS: [&str; 15] = [
    "nick", "join", "part", "leave", "msg", "me", "topic", "rooms", "list", "who", "names", "history",
    "search", "help", "quit",
];

/// The request that `name` and its words make; none, when a word is missing.
fn command_of<'a>(name: &str, rest: &'a str) -> Option<Request<'a>> {
    let text = non_empty(rest);
    let command = match name {
        "help" => return Some(Request::Help(text.map(|text| split_word(text).0))),
        "nick" => Command::Nick(text?.trim_ascii_end()),
        "join" => Command::Join(text?.trim_ascii_end()),
        "part" | "leave" => {
            let (first, reason) = split_word(rest);
            if first.starts_with('#') {
                Command::Part { room: Some(first), reason: non_empty(reason) }
            } else {
                Command::Part { room: None, reason: text }
            }
        }
        "msg" => {
            let (to, text) = split_word(text?);
            Command::Message { to, text: non_empty(text)? }
        }
        "me" => Command::Act(text?),
        "topic" => text.map_or(Command::Topic, Command::SetTopic),
        "rooms" | "list" => Command::Rooms,
        "who" | "names" => Command::Who(text.map(str::trim_ascii_end)),
        "history" => {
            let (first, when) = split_word(rest);
            if first.eq_ignore_ascii_case("before") {
                Command::HistoryBefore { before: point_in_time(when.trim_ascii_end())? }
            } else {
                let count = text.map_or(Ok(HISTORY_DEFAULT), |text| text.trim_ascii_end().parse());
                Command::History { count: count.ok()? }
            }
        }
        "search" => Command::Search { words: text?.trim_ascii_end() },
        "quit" => Command::Quit(text),
        _ => return None,
    };
    Some(Request::Chat(command))
}

/// `YYYY-MM-DD`, which is its first moment, or `YYYY-MM-DDTHH:MM`; in UTC.
fn point_in_time(text: &str) -> Option<DateTime<Utc>> {
    let number = |digits: &str| {
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten()
    };
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (hour, minute) = time.split_once(':')?;
    let date = NaiveDate::from_ymd_opt(year.into(), month.into(), day.into())?;
    Some(date.and_hms_opt(number(hour)?.into(), number(minute)?.into(), 0)?.and_utc())
}

/// The first word, and what stands behind it and its spaces.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_ascii_start())
}

fn non_empty(text: &str) -> Option<&str> {
    (!text.trim_ascii().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(line: &str) -> Command<'_> {
        match parse(line) {
            Request::Chat(command) => command,
            other => panic!("{line} is {other:?}"),
        }
    }

    #[test]
    fn every_command_in_any_case() {
        assert_eq!(chat("/NICK Ann "), Command::Nick("Ann"));
        assert_eq!(chat("/Join  #room"), Command::Join("#room"));
        assert_eq!(chat("/part"), Command::Part { room: None, reason: None });
        assert_eq!(chat("/LEAVE for lunch"), Command::Part { room: None, reason: Some("for lunch") });
        assert_eq!(chat("/part #a so long"), Command::Part { room: Some("#a"), reason: Some("so long") });
        assert_eq!(chat("/msg bob hi  there"), Command::Message { to: "bob", text: "hi  there" });
        assert_eq!(chat("/me\twaves"), Command::Act("waves"));
        assert_eq!(chat("/topic"), Command::Topic);
        assert_eq!(chat("/topic new one"), Command::SetTopic("new one"));
        assert_eq!((chat("/rooms"), chat("/list")), (Command::Rooms, Command::Rooms));
        assert_eq!((chat("/who"), chat("/names #a")), (Command::Who(None), Command::Who(Some("#a"))));
        assert_eq!(chat("/history"), Command::History { count: 20 });
        assert_eq!(chat("/history 7"), Command::History { count: 7 });
        assert_eq!(chat("/quit bye"), Command::Quit(Some("bye")));
        assert_eq!(parse("/help"), Request::Help(None));
        assert_eq!(parse("/Help join"), Request::Help(Some("join")));
    }

    #[test]
    fn what_is_no_command() {
        assert_eq!(chat("//join"), Command::Say("/join"));
        assert_eq!(chat(" /join"), Command::Say(" /join"));
        assert_eq!(parse(""), Request::Nothing);
        assert_eq!(parse("/joined #a"), Request::Unknown);
        assert_eq!(parse("/"), Request::Unknown);
    }

    #[test]
    fn a_missing_word_asks_for_it() {
        for (line, name) in [
            ("/nick", "nick"),
            ("/join ", "join"),
            ("/msg", "msg"),
            ("/msg bob", "msg"),
            ("/me", "me"),
            ("/history x", "history"),
            ("/history -1", "history"),
        ] {
            assert_eq!(parse(line), Request::Usage(name), "{line}");
        }
    }

    #[test]
    fn before_there_is_a_nickname() {
        assert_eq!(parse_registration(" ann "), Registration::Nick("ann"));
        assert_eq!(parse_registration("/nick ann"), Registration::Nick("ann"));
        assert_eq!(parse_registration("/help"), Registration::Help(None));
        assert_eq!(parse_registration("/QUIT now"), Registration::Quit);
        assert_eq!(parse_registration("/Pass x"), Registration::Password);
        assert_eq!(parse_registration("/join #a"), Registration::Nick("/join #a"));
        assert_eq!(parse_registration(""), Registration::Nick(""));
    }

    #[test]
    fn before_the_password() {
        assert_eq!(parse_entrance(" open sesame "), Entrance::Password("open sesame"));
        assert_eq!(parse_entrance("/PASS  open sesame"), Entrance::Password("open sesame"));
        assert_eq!(parse_entrance("/pass /quit"), Entrance::Password("/quit"));
        assert_eq!(parse_entrance("/password"), Entrance::Password("/password"));
        assert_eq!(parse_entrance("/pass"), Entrance::Password(""));
        assert_eq!(parse_entrance("/help me"), Entrance::Help);
        assert_eq!(parse_entrance("/quit"), Entrance::Quit);
    }
}
