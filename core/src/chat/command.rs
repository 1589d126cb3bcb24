//! What a user asks for, in no dialect.

use chrono::{DateTime, Utc};

/// One thing that a registered user asks for. Text is valid UTF-8 without NUL, CR and LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command<'a> {
    /// Change the nickname.
    Nick(&'a str),
    /// Join a room, or make it the current one.
    Join(&'a str),
    /// Leave a room, or the current one.
    Part { room: Option<&'a str>, reason: Option<&'a str> },
    /// Say something to the current room.
    Say(&'a str),
    /// Act in the current room.
    Act(&'a str),
    /// Say something to a room or, privately, to a user.
    Message { to: &'a str, text: &'a str },
    /// Show the current room's topic.
    Topic,
    /// Set the current room's topic.
    SetTopic(&'a str),
    /// List the rooms.
    Rooms,
    /// List the members of a room, or of the current one.
    Who(Option<&'a str>),
    /// Show the last events of the current room.
    History { count: usize },
    /// Show events of the current room from before this time.
    HistoryBefore { before: DateTime<Utc> },
    /// Look for these words in what the current room has said.
    Search { words: &'a str },
    /// Leave the server.
    Quit(Option<&'a str>),
}
