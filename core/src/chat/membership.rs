//! Joining and leaving rooms.

use chrono::{DateTime, Utc};

use super::directory::Taken;
use super::name::Name;
use super::notice::{Kind, Notice, Refusal};
use super::room::RoomId;
use super::{Chat, Flow, Membership, Sink, User, UserId};

impl Chat {
    /// `/join`: into a room, or back to one that the user is in.
    pub(super) fn join(&mut self, user: UserId, room: &str, at: DateTime<Utc>, sink: &mut impl Sink) -> Flow {
        let Some(name) = Name::room(room) else {
            sink.tell(user, Notice::Refused(Refusal::BadRoom));
            return Flow::Stay;
        };
        let found = self.rooms.find(&name);
        if found.is_some() || self.openings.has_room(&name) {
            return self.enter_found(user, &name, found, at, sink);
        }
        if let Err(refusal) = self.check_entry(user, &name, None) {
            sink.tell(user, Notice::Refused(refusal));
            return Flow::Stay;
        }
        Flow::Make(name)
    }

    /// Puts a user into a room that it is the first to join, or lets it wait for what the store knows of that room.
    pub(crate) fn make(
        &mut self,
        user: UserId,
        name: &Name,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        self.enter_found(user, name, None, at, sink)
    }

    /// Puts `user` into the room of this name, which is made if need be, and makes it the current one.
    /// If only the store knows that room, the user waits.
    pub(super) fn enter(
        &mut self,
        user: UserId,
        name: &Name,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        let found = self.rooms.find(name);
        self.enter_found(user, name, found, at, sink)
    }

    fn enter_found(
        &mut self,
        user: UserId,
        name: &Name,
        found: Option<RoomId>,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) -> Flow {
        if let Some(room) = found.filter(|&room| self.is_member(user, room)) {
            self.user_mut(user).current = Some(room);
            self.tell_joined(user, room, sink);
            return Flow::Stay;
        }
        let room = match self.room_to_enter(user, name, found) {
            Ok(Some(room)) => room,
            Ok(None) => return self.wait_for(user, name, sink),
            Err(refusal) => {
                sink.tell(user, Notice::Refused(refusal));
                return Flow::Stay;
            }
        };
        let nick = &self.users[user.0 as usize].as_ref().expect("a registered user").name.shown;
        if !self.rooms.is_crowd(self.rooms.members(room).len() + 1) {
            self.rooms.announce(room, at, (nick, Kind::Joined, ""), None, sink);
        }
        let place = self.rooms.add(room, user);
        let joining = self.user_mut(user);
        joining.rooms.push(Membership { room, place });
        joining.current = Some(room);
        self.count_several(user);
        sink.enter(user, room);
        self.tell_joined(user, room, sink);
        let flow = self.replay(user, room, sink);
        self.rooms.update_quiet(room, at, sink);
        flow
    }

    /// The room of this name, if the user may enter it; none, if only the store knows it.
    fn room_to_enter<'a>(
        &mut self,
        user: UserId,
        name: &'a Name,
        found: Option<RoomId>,
    ) -> Result<Option<RoomId>, Refusal<'a>> {
        self.check_entry(user, name, found)?;
        match found {
            Some(room) => Ok((!self.rooms.get(room).lost).then_some(room)),
            None if self.stores => Ok(None),
            None => Ok(Some(self.rooms.create(name).expect("its name was checked"))),
        }
    }

    /// Whether the user may enter the room of this name, or make it if it was not found.
    fn check_entry<'a>(
        &self,
        user: UserId,
        name: &'a Name,
        found: Option<RoomId>,
    ) -> Result<(), Refusal<'a>> {
        let limit = self.rooms_per_user;
        if limit != 0 && self.user(user).rooms.len() >= limit {
            return Err(Refusal::TooManyRooms { limit });
        }
        // The lobby may be empty just now, and is nobody's to shadow.
        if self.lobby.as_ref().is_some_and(|lobby| name.looks_like(lobby)) {
            return Err(Refusal::RoomLooksAlike { name: &name.shown });
        }
        let Some(room) = found else {
            return self.rooms.check_name(name).map_err(|taken| match taken {
                Taken::LooksAlike => Refusal::RoomLooksAlike { name: &name.shown },
                Taken::Same | Taken::Reserved => {
                    unreachable!("the room was looked for, and none is reserved")
                }
            });
        };
        let full = self.members_per_room != 0 && self.members(room).len() >= self.members_per_room;
        if full { Err(Refusal::RoomFull { room: &name.shown }) } else { Ok(()) }
    }

    /// `/part`.
    pub(super) fn part(
        &mut self,
        user: UserId,
        room: Option<&str>,
        reason: Option<&str>,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) {
        let Some(room) = self.own_room(user, room, sink) else { return };
        let name = self.rooms.get(room).name.shown.clone();
        self.leave(user, room, reason.unwrap_or("part"), at, sink);
        let current = self.user(user).current.map(|room| &*self.rooms.get(room).name.shown);
        sink.tell(user, Notice::Parted { room: &name, current });
    }

    /// Takes `user` out of a room it is in, and tells the others.
    pub(super) fn leave(
        &mut self,
        user: UserId,
        room: RoomId,
        reason: &str,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) {
        let leaving = self.user_mut(user);
        let index = leaving.rooms.iter().position(|own| own.room == room).expect("a member leaves");
        let place = leaving.rooms.remove(index).place;
        if leaving.current == Some(room) {
            // The one joined before it; if it was the first, the one joined last.
            let before = index.checked_sub(1).and_then(|before| leaving.rooms.get(before));
            leaving.current = before.or(leaving.rooms.last()).map(|own| own.room);
        }
        self.discount_several(user, room);
        sink.leave(user, room);
        if let Some(moved) = self.rooms.remove(room, place) {
            let mut rooms = self.user_mut(moved).rooms.iter_mut();
            rooms.find(|own| own.room == room).expect("a member knows its rooms").place = place;
        }
        // Also when nobody is left to hear it: records tell of every leave.
        let nick = &self.users[user.0 as usize].as_ref().expect("a registered user").name.shown;
        self.rooms.announce(room, at, (nick, Kind::Left, reason), None, sink);
        if !self.rooms.remove_if_empty(room) {
            self.rooms.update_quiet(room, at, sink);
        }
    }

    /// The room of this name, or the current one, if the user is in it; it is told if not.
    pub(super) fn own_room(&self, user: UserId, room: Option<&str>, sink: &mut impl Sink) -> Option<RoomId> {
        let own = match room {
            None => self.user(user).current.ok_or(Refusal::NoRoom),
            Some(name) => Name::room(name).ok_or(Refusal::BadRoom).and_then(|wanted| {
                let room = self.rooms.find(&wanted).filter(|&room| self.is_member(user, room));
                room.ok_or(Refusal::NotInRoom)
            }),
        };
        own.map_err(|refusal| sink.tell(user, Notice::Refused(refusal))).ok()
    }

    fn is_member(&self, user: UserId, room: RoomId) -> bool {
        self.user(user).rooms.iter().any(|own| own.room == room)
    }

    /// A user has entered one more room: those in several are counted for each room.
    fn count_several(&mut self, user: UserId) {
        let rooms = &self.users[user.0 as usize].as_ref().expect("a registered user").rooms;
        let newly = match rooms.len() {
            0 | 1 => &[],
            2 => &rooms[..],
            many => &rooms[many - 1..],
        };
        newly.iter().for_each(|own| self.rooms.slots.get_mut(own.room).several += 1);
    }

    /// A user has left a room.
    fn discount_several(&mut self, user: UserId, left: RoomId) {
        let rooms = &self.users[user.0 as usize].as_ref().expect("a registered user").rooms;
        let last = if let [last] = rooms[..] { Some(last.room) } else { None };
        let left = (!rooms.is_empty()).then_some(left);
        left.into_iter().chain(last).for_each(|room| self.rooms.slots.get_mut(room).several -= 1);
    }

    fn tell_joined(&self, user: UserId, room: RoomId, sink: &mut impl Sink) {
        let room = self.rooms.get(room);
        let (members, topic) = (room.members.len(), room.topic.as_deref());
        sink.tell(user, Notice::Joined { room: &room.name.shown, members, topic });
    }

    fn user_mut(&mut self, user: UserId) -> &mut User {
        self.users[user.0 as usize].as_mut().expect("a registered user")
    }
}
