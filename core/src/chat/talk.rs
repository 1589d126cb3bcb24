//! Saying things: to a room, to one user, as a topic.

use chrono::{DateTime, Utc};

use super::name::Name;
use super::notice::{Kind, Notice, Refusal};
use super::room::{Room, RoomId};
use super::{Chat, Sink, UserId};

impl Chat {
    /// Says or does `text` in the current room.
    pub(super) fn say(
        &mut self,
        user: UserId,
        kind: Kind,
        text: &str,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) {
        if let Some(room) = self.own_room(user, None, sink) {
            self.say_in(user, room, kind, text, at, sink);
        }
    }

    /// `/msg`: to a room that the user is in, or to one user.
    pub(super) fn message(
        &mut self,
        user: UserId,
        to: &str,
        text: &str,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) {
        if to.starts_with('#') {
            if let Some(room) = self.own_room(user, Some(to), sink) {
                self.say_in(user, room, Kind::Said, text, at, sink);
            }
            return;
        }
        let receiver = Name::nick(to).and_then(|name| self.nicks.holder(&name.key));
        let Some(receiver) = receiver else {
            return sink.tell(user, Notice::Refused(Refusal::NoSuchNick));
        };
        let (from, to) = (&*self.user(user).name.shown, &*self.user(receiver).name.shown);
        sink.tell(receiver, Notice::Private { at, from, to, text });
        self.rooms.traffic.count_private();
    }

    /// `/topic` without a text.
    pub(super) fn show_topic(&mut self, user: UserId, sink: &mut impl Sink) {
        let Some(room) = self.own_room(user, None, sink) else { return };
        let room = self.rooms.get(room);
        if room.lost {
            let refusal = Refusal::HistoryUnavailable { room: &room.name.shown };
            return sink.tell(user, Notice::Refused(refusal));
        }
        sink.tell(user, Notice::Topic { room: &room.name.shown, topic: room.topic.as_deref() });
    }

    /// `/topic` with one.
    pub(super) fn set_topic(&mut self, user: UserId, topic: &str, at: DateTime<Utc>, sink: &mut impl Sink) {
        let Some(room) = self.own_room(user, None, sink) else { return };
        if self.rooms.get(room).lost {
            return self.say_in(user, room, Kind::Topic, topic, at, sink);
        }
        self.rooms.set_topic(room, topic);
        self.say_in(user, room, Kind::Topic, topic, at, sink);
        sink.tell(user, Notice::TopicSet { room: &self.rooms.get(room).name.shown, topic });
    }

    fn say_in(
        &mut self,
        user: UserId,
        room: RoomId,
        kind: Kind,
        text: &str,
        at: DateTime<Utc>,
        sink: &mut impl Sink,
    ) {
        let Room { name, lost, .. } = self.rooms.get(room);
        if *lost {
            return sink.tell(user, Notice::Refused(Refusal::NotDelivered { room: &name.shown }));
        }
        let nick = &self.users[user.0 as usize].as_ref().expect("a registered user").name.shown;
        self.rooms.announce(room, at, (nick, kind, text), Some(user), sink);
    }
}
