//! What stands where, as a copy for people to look at.

use alloc::string::String;
use alloc::vec::Vec;

use super::Engine;
use super::conn::{Conn, Phase};
use crate::action::Reason;
use crate::chat::{Chat, UserId};
use crate::event::ConnId;

/// A copy of an engine's connections and rooms, for replays and for tests. Making one costs as much as there is
/// of them: nothing for every turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// By slot.
    pub conns: Vec<ConnState>,
    /// In the order of their names' keys.
    pub rooms: Vec<RoomState>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnState {
    /// What it is called.
    pub conn: ConnId,
    /// How far it has come.
    pub stage: Stage,
    /// Its nickname, once it has one.
    pub nick: Option<String>,
    /// The rooms it is in, in the order of joining.
    pub rooms: Vec<String>,
    /// The room that is meant when none is named.
    pub current: Option<String>,
    /// Bytes that were received and are not served.
    pub held: usize,
    /// Bytes it is owed.
    pub owed: usize,
    /// Whether the adapter is to read from it.
    pub reading: bool,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Accepted; no text may flow yet.
    Handshaking,
    /// Choosing a nickname.
    Registering,
    /// It has one.
    Chatting,
    /// What it is owed is being written.
    Closing(Reason),
    /// The adapter was told to drop it.
    Closed,
}

/// One room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomState {
    /// Its name, with its `#`.
    pub name: String,
    /// Its topic, if it has one.
    pub topic: Option<String>,
    /// The number of its newest event.
    pub seq: u64,
    /// Whether joins, leaves and renames go unannounced.
    pub quiet: bool,
    /// Its members' nicknames, in the order that `/who` shows.
    pub members: Vec<String>,
}

impl Engine {
    /// A copy of what stands where at this moment.
    #[must_use]
    pub fn state(&self) -> State {
        let conns = self.conns.iter().map(|(slot, conn)| self.conn_state(slot, conn)).collect();
        State { conns, rooms: room_states(&self.chat) }
    }

    fn conn_state(&self, slot: u32, conn: &Conn) -> ConnState {
        let user = UserId(slot);
        let chatting = self.chat.is_registered(user);
        let name = |room| String::from(self.chat.room_name(room));
        ConnState {
            conn: self.conns.id(slot),
            stage: match &conn.phase {
                Phase::Handshaking { .. } => Stage::Handshaking,
                Phase::Registering(_) => Stage::Registering,
                Phase::Chatting { .. } => Stage::Chatting,
                Phase::Closing(closing) => Stage::Closing(closing.reason),
                Phase::Closed => Stage::Closed,
            },
            nick: chatting.then(|| String::from(self.chat.nick(user))),
            rooms: self.chat.rooms_of(user).map(name).collect(),
            current: chatting.then(|| self.chat.current_room(user).map(name)).flatten(),
            held: conn.unserved(),
            owed: conn.owed(),
            reading: conn.reading,
        }
    }
}

fn room_states(chat: &Chat) -> Vec<RoomState> {
    let rooms = chat.rooms().map(|room| RoomState {
        name: String::from(&*room.name.shown),
        topic: room.topic.as_deref().map(String::from),
        seq: room.seq,
        quiet: room.quiet,
        members: room.members.iter().map(|&user| String::from(chat.nick(user))).collect(),
    });
    rooms.collect()
}
