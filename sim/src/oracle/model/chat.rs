//! Users, rooms, and who is told what.

use chat_core::{Kind, Report, RoomRecord};

use super::names::{Name, Taken};
use super::opening::unreadable;
use super::peer::User;
use super::{Mark, Model, wire};

/// One room. It exists while it has members.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) name: Name,
    /// By their connections' slots. Whoever leaves, the last takes that place: the order that `/who` shows.
    pub(super) members: Vec<u32>,
    pub(super) topic: Option<String>,
    pub(super) seq: u64,
    quiet: bool,
    /// How far it has come is not known: it says nothing.
    pub(super) lost: bool,
}

impl Room {
    /// One that has come so far, without members.
    pub(super) fn new(name: Name, seq: u64, topic: Option<String>) -> Self {
        Self { name, members: Vec::new(), topic, seq, quiet: false, lost: false }
    }
}

impl Model {
    /// Tells one user a line.
    pub(super) fn tell(&mut self, slot: u32, text: &str) {
        self.owe(slot, &wire::line(text));
    }

    pub(super) fn tell_all(&mut self, slot: u32, lines: Vec<String>) {
        lines.iter().for_each(|line| self.tell(slot, line));
    }

    /// Adds to a room's sequence, and tells its members, but for `except`.
    fn announce(&mut self, key: &str, kind: Kind, nick: &str, text: &str, except: Option<u32>) {
        let room = self.rooms.get_mut(key).expect("rooms that speak exist");
        if room.lost || room.quiet && [Kind::Joined, Kind::Left, Kind::Renamed].contains(&kind) {
            return;
        }
        room.seq += 1;
        let (room_name, members) = (room.name.shown.clone(), room.members.clone());
        let record = RoomRecord {
            room: room_name.into(),
            key: key.into(),
            seq: room.seq,
            at: self.stamp,
            nick: nick.into(),
            kind,
            text: text.to_owned(),
        };
        let line = wire::line(&wire::event(&record));
        let several = members.iter().filter(|&&member| self.user(member).rooms.len() > 1).count();
        self.spend(line.len(), several);
        for member in members {
            if Some(member) != except {
                self.owe_with_others(member, &line);
            }
        }
        if let Some(except) = except {
            self.turn.single_out(except);
            if kind != Kind::Renamed {
                let speaker = self.peer(except).conn;
                self.turn.speakers.push((key.to_owned(), speaker));
            }
        }
        self.history.keep(key, &record);
        if self.config.report_messages {
            self.turn.reports.push_back(Report::Room(record.clone()));
        }
        self.turn.records.push(record);
    }

    /// Gives a nickname, if it is to be had, and a place in the lobby.
    pub(super) fn register(&mut self, slot: u32, nick: &str) -> bool {
        let Some(name) = self.free_nick(slot, nick) else { return false };
        if self.names_before.contains(&name.key) {
            self.marks.set(Mark::NameTakenAgain);
        }
        self.peer(slot).registered = true;
        self.tell(slot, &format!("* welcome, {nick}; /help shows what you can do here"));
        for line in self.config.motd.clone() {
            self.owe(slot, &wire::line_as_set(&format!("* {line}")));
        }
        self.peer(slot).user =
            Some(User { nick: nick.into(), key: name.key, rooms: Vec::new(), current: None });
        if let Some(lobby) = self.config.lobby.clone() {
            let lobby = Name::room(&lobby).expect("the lobby is a room");
            self.join_named(slot, lobby);
        }
        true
    }

    pub(super) fn rename(&mut self, slot: u32, nick: &str) {
        let Some(name) = self.free_nick(slot, nick) else { return };
        self.tell(slot, &format!("* you are now known as {nick}"));
        let user = self.user_mut(slot);
        let before = std::mem::replace(&mut user.nick, nick.to_owned());
        user.key = name.key;
        if before != nick {
            for room in user.rooms.clone() {
                self.announce(&room, Kind::Renamed, &before, nick, Some(slot));
            }
        }
    }

    fn free_nick(&mut self, slot: u32, nick: &str) -> Option<Name> {
        let Some(name) = Name::nick(nick) else {
            self.tell(slot, "! that is no nickname: choose 1 to 30 letters, digits or -_[]{}|^\\`");
            return None;
        };
        // One's own name is no obstacle.
        let others = self.peers.iter().filter(|&(&other, _)| other != slot);
        let others = others.filter_map(|(_, peer)| peer.user.as_ref());
        let taken = name.taken(others.map(|user| (user.nick.as_str(), user.key.as_str())));
        match taken {
            Some(Taken::Same) => {
                self.marks.set(Mark::NameCollision);
                self.tell(slot, &format!("! the nickname {nick} is taken: choose another"));
                None
            }
            Some(Taken::LooksAlike) => {
                self.marks.set(Mark::LookAlike);
                self.tell(slot, &format!("! the nickname {nick} looks like another user's: choose another"));
                None
            }
            Some(Taken::Reserved) => {
                self.marks.set(Mark::Reserved);
                self.tell(slot, &format!("! nobody here may be called {nick}: choose another nickname"));
                None
            }
            None => Some(name),
        }
    }

    pub(super) fn join(&mut self, slot: u32, room: &str) {
        let Some(name) = Name::room(room) else {
            return self
                .tell(slot, "! that is no room name: it is # and 1 to 49 letters, digits or -_[]{}|^\\`");
        };
        let key = name.key.clone();
        if !self.user(slot).rooms.contains(&key) {
            let is_new = !self.rooms.contains_key(&key) && !self.openings.contains_key(&key);
            if is_new
                && self.may_enter(slot, &name).is_ok()
                && let Err(at) = self.may_make_room(slot)
            {
                self.marks.set(Mark::TooManyNewRooms);
                let seconds = (at - self.now).div_ceil(1_000_000_000);
                return self.tell(slot, &wire::too_many_new_rooms(seconds));
            }
            self.join_named(slot, name);
        } else {
            self.user_mut(slot).current = Some(key.clone());
            self.tell_joined(slot, &key);
        }
    }

    /// Joins a room that it is not in.
    pub(super) fn join_named(&mut self, slot: u32, name: Name) {
        let key = name.key.clone();
        if let Err(refusal) = self.may_enter(slot, &name) {
            return self.tell(slot, &refusal);
        }
        if self.config.store.is_some() && self.rooms.get(&key).is_none_or(|room| room.lost) {
            return self.wait_for_room(slot, name);
        }
        self.enter(slot, name);
        self.tell_joined(slot, &key);
        self.replay(slot, &key);
        self.update_quiet(&key);
    }

    fn may_enter(&mut self, slot: u32, name: &Name) -> Result<(), String> {
        let limit = self.config.rooms_per_user;
        if limit != 0 && self.user(slot).rooms.len() >= limit {
            return Err(format!("! you are in {} already: /part one first", wire::count(limit, "room")));
        }
        let shown = &name.shown;
        if self.config.lobby.as_deref().and_then(Name::room).is_some_and(|lobby| name.looks_like(&lobby)) {
            return Err(looks_alike(shown));
        }
        match self.rooms.get(&name.key) {
            None if self.looks_like_another(name) => Err(looks_alike(shown)),
            None => Ok(()),
            Some(room) => {
                let limit = self.config.members_per_room;
                let full = limit != 0 && room.members.len() >= limit;
                if full { Err(format!("! the room {shown} is full: try again later")) } else { Ok(()) }
            }
        }
    }

    pub(super) fn looks_like_another(&self, name: &Name) -> bool {
        self.rooms.values().any(|room| name.looks_like(&room.name))
    }

    /// Those who are there hear of it; whoever enters is told apart.
    fn enter(&mut self, slot: u32, name: Name) {
        let key = name.key.clone();
        if !self.rooms.contains_key(&key) {
            if !self.rooms_before.insert(key.clone()) {
                self.marks.set(Mark::RoomRecreated);
            }
            self.rooms.insert(key.clone(), Room::new(name, 0, None));
        }
        let nick = self.user(slot).nick.clone();
        let limit = self.config.announce_limit;
        if limit == 0 || self.rooms[&key].members.len() < limit {
            self.announce(&key, Kind::Joined, &nick, "", None);
            if !self.rooms[&key].quiet {
                self.turn.joiners.push(slot);
            }
        }
        self.rooms.get_mut(&key).expect("it was made").members.push(slot);
        let user = self.user_mut(slot);
        user.rooms.push(key.clone());
        user.current = Some(key.clone());
        self.joined.push((slot, key));
        self.turn.single_out(slot);
    }

    fn tell_joined(&mut self, slot: u32, key: &str) {
        let room = &self.rooms[key];
        let line = format!(
            "* you are in {} ({}); {}",
            room.name.shown,
            wire::count(room.members.len(), "member"),
            wire::topic(room.topic.as_deref())
        );
        self.tell(slot, &line);
    }

    pub(super) fn part(&mut self, slot: u32, room: Option<&str>, reason: Option<&str>) {
        let Some(key) = self.own_room(slot, room) else { return };
        let name = self.rooms[&key].name.shown.clone();
        self.leave(slot, &key, reason.unwrap_or("part"));
        let current = self.user(slot).current.clone();
        let line = match current {
            Some(current) => {
                format!("* you left {name}; your current room is {}", self.rooms[&current].name.shown)
            }
            None => format!("* you left {name}; you are in no room now"),
        };
        self.tell(slot, &line);
    }

    fn leave(&mut self, slot: u32, key: &str, reason: &str) {
        if self.joined.iter().any(|joined| joined.0 == slot && joined.1 == key) {
            self.marks.set(Mark::JoinAndLeaveInOneTurn);
        }
        self.turn.single_out(slot);
        let user = self.user_mut(slot);
        let nick = user.nick.clone();
        let index = user.rooms.iter().position(|room| room == key).expect("members leave");
        user.rooms.remove(index);
        if user.current.as_deref() == Some(key) {
            // The room joined before it becomes current; behind the first stands the one joined last.
            let before = index.checked_sub(1).map(|before| &user.rooms[before]);
            user.current = before.or(user.rooms.last()).cloned();
        }
        let room = self.rooms.get_mut(key).expect("rooms with members exist");
        let place = room.members.iter().position(|&member| member == slot).expect("members are in the room");
        room.members.swap_remove(place);
        self.announce(key, Kind::Left, &nick, reason, None);
        if self.rooms[key].members.is_empty() {
            self.rooms.remove(key);
            self.history.forget(key);
        } else {
            self.update_quiet(key);
        }
    }

    /// A user goes, if the connection has one.
    pub(super) fn leave_everything(&mut self, slot: u32, reason: &str) {
        let Some(user) = &self.peer(slot).user else { return };
        for room in user.rooms.clone() {
            self.leave(slot, &room, reason);
        }
        self.stop_waiting(slot);
        let gone = self.peer(slot).user.take().expect("it was there");
        self.names_before.insert(gone.key);
    }

    pub(super) fn update_quiet(&mut self, key: &str) {
        let limit = self.config.announce_limit;
        let room = self.rooms.get_mut(key).expect("rooms with members exist");
        if room.lost {
            return;
        }
        let members = room.members.len();
        let crowd = limit != 0 && members > limit;
        let few = limit == 0 || members * 10 < limit * 9;
        if !room.quiet && crowd {
            room.quiet = true;
            self.announce(key, Kind::Quiet, "", "", None);
        } else if room.quiet && few {
            room.quiet = false;
            self.marks.set(Mark::QuietAndLively);
            self.announce(key, Kind::Lively, "", "", None);
        }
    }

    /// Says or does something in the current room.
    pub(super) fn say(&mut self, slot: u32, kind: Kind, text: &str) {
        if let Some(key) = self.own_room(slot, None) {
            self.say_in(slot, &key, kind, text);
        }
    }

    fn say_in(&mut self, slot: u32, key: &str, kind: Kind, text: &str) {
        if self.rooms[key].lost {
            self.marks.set(Mark::SaidInLost);
            let line = not_delivered(&self.rooms[key].name.shown);
            return self.tell(slot, &line);
        }
        let nick = self.user(slot).nick.clone();
        self.announce(key, kind, &nick, text, Some(slot));
    }

    pub(super) fn message(&mut self, slot: u32, to: &str, text: &str) {
        if to.starts_with('#') {
            if let Some(key) = self.own_room(slot, Some(to)) {
                self.say_in(slot, &key, Kind::Said, text);
            }
            return;
        }
        let key = Name::nick(to).map(|name| name.key);
        let found = self.peers.iter().find_map(|(&slot, peer)| {
            let user = peer.user.as_ref()?;
            (Some(&user.key) == key.as_ref()).then(|| (slot, user.nick.clone()))
        });
        let Some((receiver, to)) = found else {
            return self.tell(slot, "! nobody here has that nickname: /who lists those who are");
        };
        let from = self.user(slot).nick.clone();
        self.tell(receiver, &format!("[{}] <{from} -> you> {text}", wire::stamp(self.stamp)));
        if self.config.report_messages {
            self.turn.reports.push_back(Report::Private { from, to });
        }
        self.marks.set(Mark::Private);
    }

    pub(super) fn show_topic(&mut self, slot: u32) {
        let Some(key) = self.own_room(slot, None) else { return };
        let room = &self.rooms[&key];
        if room.lost {
            let line = unreadable(&room.name.shown);
            return self.tell(slot, &line);
        }
        let line = format!("* {}: {}", room.name.shown, wire::topic(room.topic.as_deref()));
        self.tell(slot, &line);
    }

    pub(super) fn set_topic(&mut self, slot: u32, topic: &str) {
        let Some(key) = self.own_room(slot, None) else { return };
        if self.rooms[&key].lost {
            return self.say_in(slot, &key, Kind::Topic, topic);
        }
        self.rooms.get_mut(&key).expect("it is there").topic = Some(topic.to_owned());
        self.say_in(slot, &key, Kind::Topic, topic);
        let line = format!("* you set the topic of {}; topic: {topic}", self.rooms[&key].name.shown);
        self.tell(slot, &line);
    }

    /// The key of the room of this name, or of the current one, if the user is in it.
    pub(super) fn own_room(&mut self, slot: u32, room: Option<&str>) -> Option<String> {
        let user = self.user(slot);
        let refusal = match room {
            None => match &user.current {
                Some(key) => return Some(key.clone()),
                None => "! you are in no room: /join #ROOM",
            },
            Some(name) => match Name::room(name) {
                None => "! that is no room name: it is # and 1 to 49 letters, digits or -_[]{}|^\\`",
                Some(name) if user.rooms.contains(&name.key) => return Some(name.key),
                Some(_) => "! you are not in that room: /join it first",
            },
        };
        self.tell(slot, refusal);
        None
    }

    pub(super) fn user(&self, slot: u32) -> &User {
        self.peers[&slot].user.as_ref().expect("only users chat")
    }

    fn user_mut(&mut self, slot: u32) -> &mut User {
        self.peer(slot).user.as_mut().expect("only users chat")
    }
}

pub(super) fn not_delivered(room: &str) -> String {
    format!("! not delivered: the history of {room} cannot be stored just now; try again later")
}

pub(super) fn looks_alike(room: &str) -> String {
    format!("! the name {room} looks like another room's: choose another, or see /rooms")
}
