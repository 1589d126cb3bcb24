//! What users are told, in no dialect.

use chrono::{DateTime, Utc};

/// One event in the sequence of a room, as each of its members is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomEvent<'a> {
    /// The room.
    pub(crate) room: &'a str,
    /// Its place in the room's sequence.
    pub(crate) seq: u64,
    /// The server's stamp.
    pub(crate) at: DateTime<Utc>,
    /// Who did it; empty for what the room itself says.
    pub(crate) nick: &'a str,
    /// What it was.
    pub(crate) kind: Kind,
    /// What was said, the reason, the new name or the topic; empty for the other kinds.
    pub(crate) text: &'a str,
}

/// What happened in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `nick` said `text`.
    Said,
    /// `nick` did `text`.
    Acted,
    /// `nick` joined.
    Joined,
    /// `nick` left, because of `text`.
    Left,
    /// `nick` is now known as `text`.
    Renamed,
    /// `nick` set the topic to `text`.
    Topic,
    /// Joins, leaves and renames are no longer announced.
    Quiet,
    /// They are again.
    Lively,
}

impl Kind {
    /// Its word in records.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Acted => "acted",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Renamed => "renamed",
            Self::Topic => "topic",
            Self::Quiet => "quiet",
            Self::Lively => "lively",
        }
    }
}

/// Something that one user alone is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice<'a> {
    /// Registration succeeded.
    Welcome { nick: &'a str },
    /// A line of the message of the day.
    Motd { text: &'a str },
    /// The user is in this room now, and it is the current one.
    Joined { room: &'a str, members: usize, topic: Option<&'a str> },
    /// The user left a room; another, if any, is current.
    Parted { room: &'a str, current: Option<&'a str> },
    /// The user's nickname changed.
    Renamed { nick: &'a str },
    /// The topic of a room.
    Topic { room: &'a str, topic: Option<&'a str> },
    /// The user set the topic of a room.
    TopicSet { room: &'a str, topic: &'a str },
    /// So many rooms exist; entries follow.
    RoomsHead { rooms: usize },
    /// One of them.
    RoomsEntry { room: &'a str, members: usize, topic: Option<&'a str> },
    /// A list was cut; so many entries are not shown.
    More { left: usize },
    /// So many members are in a room; their names follow.
    MembersHead { room: &'a str, members: usize },
    /// Some of their names, separated by commas.
    MembersEntries { names: &'a str },
    /// So many events of the room follow.
    HistoryHead { room: &'a str, events: usize },
    /// One of them.
    HistoryEntry(RoomEvent<'a>),
    /// That was all.
    HistoryEnd { room: &'a str },
    /// A private message.
    Private { at: DateTime<Utc>, from: &'a str, to: &'a str, text: &'a str },
    /// What was asked for cannot be.
    Refused(Refusal<'a>),
}

/// Why something cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal<'a> {
    /// No nickname.
    BadNick,
    /// Somebody has that nickname.
    NickTaken { name: &'a str },
    /// Somebody has a nickname that looks like it.
    NickLooksAlike { name: &'a str },
    /// No room name.
    BadRoom,
    /// A room exists whose name looks like it.
    RoomLooksAlike { name: &'a str },
    /// The room has as many members as it may.
    RoomFull { room: &'a str },
    /// The user is in as many rooms as it may.
    TooManyRooms { limit: usize },
    /// The user is in no room.
    NoRoom,
    /// The user is not in that room.
    NotInRoom,
    /// Nobody has that nickname.
    NoSuchNick,
    /// There is no such room.
    NoSuchRoom,
    /// The server keeps no history.
    NoHistory,
}
