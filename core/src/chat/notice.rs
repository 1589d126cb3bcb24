//! What users are told, in no dialect.

use core::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};

/// One event in the sequence of a room, as each of its members is told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomEvent<'a> {
    /// The room.
    pub(crate) room: &'a str,
    /// What the room is known by.
    pub(crate) key: &'a str,
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
pub enum Kind {
    /// Somebody said `text`; so on for all kinds, with the names of [`RoomRecord`](crate::RoomRecord).
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
    const ALL: [Self; 8] = [
        Self::Said,
        Self::Acted,
        Self::Joined,
        Self::Left,
        Self::Renamed,
        Self::Topic,
        Self::Quiet,
        Self::Lively,
    ];

    /// The kind that this word stands for; a later version may know more.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether somebody said it, did it, or set it as the topic: what is looked for in a search.
    #[must_use]
    pub fn is_talk(self) -> bool {
        matches!(self, Self::Said | Self::Acted | Self::Topic)
    }

    /// Its word in records. These never change.
    #[must_use]
    pub fn word(self) -> &'static str {
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
    /// So many events of the room from before this time follow.
    HistoryBeforeHead { room: &'a str, before: DateTime<Utc>, events: usize },
    /// What follows of some history is of this day.
    Day { date: NaiveDate },
    /// So many of the last lines of a room follow, which the user has just joined.
    ReplayHead { room: &'a str, lines: usize },
    /// So many lines of the room follow that were looked for.
    FoundHead { room: &'a str, lines: usize },
    /// There may be more: there was no time to find it, or no place to show it.
    SearchCut,
    /// That was all that was found.
    FoundEnd { room: &'a str },
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
    /// Nobody may have that nickname.
    NickReserved { name: &'a str },
    /// No room name.
    BadRoom,
    /// A room exists whose name looks like it.
    RoomLooksAlike { name: &'a str },
    /// The room has as many members as it may.
    RoomFull { room: &'a str },
    /// The user is in as many rooms as it may.
    TooManyRooms { limit: usize },
    /// It, or others of its address, have made so many rooms of late that it has to wait.
    TooManyNewRooms { wait: Duration },
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
    /// The history cannot be searched.
    NoSearch,
    /// More is searched for at once than may be.
    SearchTooLong,
    /// The store does not answer.
    HistoryUnavailable { room: &'a str },
    /// What was said in the room cannot be stored.
    NotDelivered { room: &'a str },
}
