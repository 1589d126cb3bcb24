//! Chat: users, rooms, membership and the rules among them.
//!
//! It turns commands into notices and has never heard of bytes, lines or sockets. Text in it is valid UTF-8
//! without NUL, CR and LF; what a terminal may show is the business of whoever encodes it.

mod answer;
mod command;
mod directory;
mod history;
mod look;
mod membership;
mod name;
mod notice;
mod opening;
mod reading;
mod room;
mod talk;
mod traffic;

use alloc::string::String;
use alloc::vec::Vec;

use chrono::{DateTime, Utc};

pub(crate) use answer::Answer;
pub(crate) use command::Command;
use directory::{Directory, Taken};
pub use name::room_key;
pub(crate) use name::{MAX_NICK, MAX_ROOM, Name};
pub use notice::Kind;
pub(crate) use notice::{Notice, Refusal, RoomEvent};
use opening::Openings;
pub(crate) use opening::Past;
pub(crate) use reading::{MAX_WORDS, MAX_WORDS_BYTES, REPLAY_REACH};
use room::Rooms;
pub(crate) use room::{Room, RoomId};
use smallvec::SmallVec;
pub use traffic::Traffic;

use crate::config::Config;

/// What is told of the reason of a `/quit`, in characters. Up to fifty rooms hear it, and nobody is left to be slowed down
/// for that.
const MAX_REASON: usize = 200;

/// Nicknames that are nobody's: that by which the plain dialect calls its reader, that by which it calls itself, and those of
/// the services of IRC, to which people there send their passwords.
const RESERVED: [&str; 9] =
    ["you", "server", "nickserv", "chanserv", "memoserv", "operserv", "hostserv", "botserv", "saslserv"];

/// A user's dense index: the slot of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UserId(pub(crate) u32);

/// Takes what one user is told.
pub(crate) trait Tell {
    /// Tells `user` alone.
    fn tell(&mut self, user: UserId, notice: Notice<'_>);
}

/// Takes everything that the rules have to say, in the order of its happening.
pub(crate) trait Sink: Tell {
    /// Tells everybody in `room` at this moment, but for `except`; `several` of them are in other rooms, too.
    fn announce(&mut self, room: RoomId, event: &RoomEvent<'_>, except: Option<UserId>, several: usize);
    /// From here on `user` is told what happens in `room`.
    fn enter(&mut self, user: UserId, room: RoomId);
    /// From here on it is not.
    fn leave(&mut self, user: UserId, room: RoomId);
    /// How far the room of this key has come has to be asked of the store.
    fn open(&mut self, key: &str);
    /// The rest of an answer that is too long to be given at once; the user's commands wait for its end.
    fn answer(&mut self, user: UserId, rest: Answer);
}

/// A registered user.
#[derive(Debug)]
struct User {
    name: Name,
    /// In the order of joining. Two take no memory elsewhere: the lobby and another, for most.
    rooms: SmallVec<[Membership; 2]>,
    /// The room that is meant when none is named.
    current: Option<RoomId>,
}

/// A user's place in a room.
#[derive(Clone, Copy, Debug)]
struct Membership {
    room: RoomId,
    /// The index among the room's members.
    place: u32,
}

/// What becomes of a user after a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It stays.
    Stay,
    /// It stays, and its next command waits: for the end of a long answer, or for a room.
    Wait,
    /// It stays, and would enter a room that is not here: whether it may [make](Chat::make) it is not chat's to say.
    Make(Name),
    /// It has left.
    Quit,
}

/// All chat state.
#[derive(Debug)]
pub(crate) struct Chat {
    users: Vec<Option<User>>,
    nicks: Directory<UserId>,
    rooms: Rooms,
    lobby: Option<Name>,
    motd: Vec<String>,
    /// 0 is no limit, here and below.
    rooms_per_user: usize,
    members_per_room: usize,
    openings: Openings,
    /// Whether what rooms say is stored.
    stores: bool,
    /// How many of a room's last lines are shown to whoever joins it.
    replay: usize,
}

impl Chat {
    /// Empty, with the limits of `config`; `lobby` is its checked lobby.
    pub(crate) fn new(config: &Config, lobby: Option<Name>) -> Self {
        Self {
            users: Vec::new(),
            nicks: Directory::reserving(&RESERVED),
            rooms: Rooms::new(config.announce_limit, config.history),
            lobby,
            motd: config.motd.clone(),
            rooms_per_user: config.rooms_per_user,
            members_per_room: config.members_per_room,
            openings: Openings::default(),
            stores: config.store.is_some(),
            replay: config.replay,
        }
    }

    /// Gives `user` a nickname and puts it into the lobby, or says why it cannot have that one.
    pub(crate) fn register<'a>(
        &mut self,
        user: UserId,
        nick: &'a str,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Result<Flow, Refusal<'a>> {
        let name = self.free_nick(nick, None)?;
        self.nicks.insert(&name, user);
        sink.tell(user, Notice::Welcome { nick: &name.shown });
        self.motd.iter().for_each(|text| sink.tell(user, Notice::Motd { text }));
        let slot = user.0 as usize;
        if slot >= self.users.len() {
            self.users.resize_with(slot + 1, || None);
        }
        assert!(self.users[slot].is_none(), "a user registers once");
        self.users[slot] = Some(User { name, rooms: SmallVec::new(), current: None });
        let lobby = self.lobby.clone();
        Ok(lobby.map_or(Flow::Stay, |lobby| self.enter(user, &lobby, at, sink)))
    }

    /// Carries out one command of a registered user.
    pub(crate) fn apply(
        &mut self,
        user: UserId,
        command: Command<'_>,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        match command {
            Command::Nick(nick) => self.rename(user, nick, at, sink),
            Command::Join(room) => return self.join(user, room, at, sink),
            Command::Part { room, reason } => self.part(user, room, reason, at, sink),
            Command::Say(text) => self.say(user, Kind::Said, text, at, sink),
            Command::Act(text) => self.say(user, Kind::Acted, text, at, sink),
            Command::Message { to, text } => self.message(user, to, text, at, sink),
            Command::Topic => self.show_topic(user, sink),
            Command::SetTopic(topic) => self.set_topic(user, topic, at, sink),
            Command::Rooms => return self.list_rooms(user, sink),
            Command::Who(room) => self.list_members(user, room, sink),
            Command::History { count } => return self.show_history(user, count, sink),
            Command::HistoryBefore { before } => return self.show_history_before(user, before, sink),
            Command::Search { words } => return self.search(user, words, sink),
            Command::Quit(reason) => {
                self.quit(user, reason.map_or("quit", first_of_reason), at, sink);
                return Flow::Quit;
            }
        }
        Flow::Stay
    }

    /// Takes a registered user out of everything, and tells the others why.
    pub(crate) fn quit(&mut self, user: UserId, reason: &str, at: DateTime<Utc>, sink: &mut impl Sink) {
        while let Some(&Membership { room, .. }) = self.user(user).rooms.first() {
            self.leave(user, room, reason, at, sink);
        }
        self.openings.forget(user);
        let gone = self.users[user.0 as usize].take().expect("only the registered quit");
        self.nicks.remove(&gone.name);
    }

    /// Takes everybody out of everything and tells nobody: the server ends.
    pub(crate) fn clear(&mut self) {
        self.users.clear();
        self.nicks = Directory::reserving(&RESERVED);
        self.rooms.clear();
        self.end_openings();
    }

    /// The members of a room; nobody, when it is gone.
    pub(crate) fn members(&self, room: RoomId) -> &[UserId] {
        self.rooms.members(room)
    }

    /// Whether this user has a nickname.
    pub(crate) fn is_registered(&self, user: UserId) -> bool {
        self.users.get(user.0 as usize).is_some_and(Option::is_some)
    }

    /// The nickname of a registered user.
    pub(crate) fn nick(&self, user: UserId) -> &str {
        &self.user(user).name.shown
    }

    /// The rooms of a user; none, when it is gone.
    pub(crate) fn rooms_of(&self, user: UserId) -> impl Iterator<Item = RoomId> {
        let rooms = self.users.get(user.0 as usize).and_then(|user| Some(&user.as_ref()?.rooms));
        rooms.into_iter().flatten().map(|membership| membership.room)
    }

    /// The room that is meant when a registered user names none.
    pub(crate) fn current_room(&self, user: UserId) -> Option<RoomId> {
        self.user(user).current
    }

    /// The name of a room that exists, with its `#`.
    pub(crate) fn room_name(&self, room: RoomId) -> &str {
        &self.rooms.get(room).name.shown
    }

    /// The rooms in the order of their keys.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.iter_after("").map(|(_, room)| room)
    }

    /// Users, rooms, and bytes of history.
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.nicks.len(), self.rooms.len(), self.rooms.history_bytes())
    }

    /// How much was said.
    pub(crate) fn traffic(&self) -> Traffic {
        self.rooms.traffic
    }

    /// Ids freed in this turn may be used again.
    pub(crate) fn end_turn(&mut self) {
        self.rooms.end_turn();
    }

    /// Whether rooms were freed in this turn.
    pub(crate) fn has_leaving(&self) -> bool {
        self.rooms.has_leaving()
    }

    /// The ids of rooms freed in this turn, which may still be named.
    pub(crate) fn take_leaving(&mut self) -> Vec<RoomId> {
        self.rooms.take_leaving()
    }

    /// These ids may be used again.
    pub(crate) fn free(&mut self, rooms: Vec<RoomId>) {
        self.rooms.free(rooms);
    }

    fn rename(&mut self, user: UserId, nick: &str, at: DateTime<Utc>, sink: &mut impl Sink) {
        let own = self.user(user).name.clone();
        let name = match self.free_nick(nick, Some(&own)) {
            Ok(name) => name,
            Err(refusal) => return sink.tell(user, Notice::Refused(refusal)),
        };
        self.nicks.remove(&own);
        self.nicks.insert(&name, user);
        sink.tell(user, Notice::Renamed { nick: &name.shown });
        let renamed = self.users[user.0 as usize].as_mut().expect("only the registered rename");
        renamed.name = name;
        if *own.shown == *renamed.name.shown {
            return;
        }
        for membership in &renamed.rooms {
            let event = (&*own.shown, Kind::Renamed, &*renamed.name.shown);
            self.rooms.announce(membership.room, at, event, Some(user), sink);
        }
    }

    /// `nick` as a name that somebody may have, who has had that `own` one until now.
    fn free_nick<'a>(&self, nick: &'a str, own: Option<&Name>) -> Result<Name, Refusal<'a>> {
        let name = Name::nick(nick).ok_or(Refusal::BadNick)?;
        match self.nicks.check(&name, own) {
            Ok(()) => Ok(name),
            Err(Taken::Same) => Err(Refusal::NickTaken { name: nick }),
            Err(Taken::LooksAlike) => Err(Refusal::NickLooksAlike { name: nick }),
            Err(Taken::Reserved) => Err(Refusal::NickReserved { name: nick }),
        }
    }

    fn user(&self, user: UserId) -> &User {
        self.users[user.0 as usize].as_ref().expect("a registered user")
    }

    /// Panics if the books contradict each other.
    pub(crate) fn check(&self) {
        self.rooms.check();
        let mut registered = 0;
        let mut memberships = 0;
        for (id, user) in (0..).map(UserId).zip(&self.users) {
            let Some(user) = user else { continue };
            registered += 1;
            memberships += user.rooms.len();
            assert_eq!(self.nicks.holder(&user.name.key), Some(id), "a name has one holder");
            for membership in &user.rooms {
                let members = self.members(membership.room);
                let in_several = members.iter().filter(|&&member| self.user(member).rooms.len() > 1);
                let several = self.rooms.get(membership.room).several;
                assert_eq!(in_several.count(), several, "those in several rooms are counted");
                assert_eq!(members.get(membership.place as usize), Some(&id), "both sides know a membership");
            }
            let current_is_own =
                user.current.is_none_or(|room| user.rooms.iter().any(|own| own.room == room));
            assert!(current_is_own, "the current room is one of the user's");
        }
        assert_eq!(registered, self.nicks.len());
        assert_eq!(memberships, self.rooms.memberships());
    }
}

/// As much of a reason as rooms are told.
fn first_of_reason(reason: &str) -> &str {
    let end = reason.char_indices().nth(MAX_REASON).map_or(reason.len(), |(end, _)| end);
    &reason[..end]
}
