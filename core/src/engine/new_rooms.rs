//! How fast rooms may be made. Each costs memory, a question to the store, and a place in it.

use super::Engine;
use crate::chat::{Flow, Name, Notice, Refusal, Tell as _, UserId};
use crate::flood::Rate;

/// How many times as many rooms an address may make as a connection: a household, each of whom is in many.
const OF_ADDRESS: u32 = 4;

impl Engine {
    /// Lets a user make a room of this name, unless it, or its address, has made too many of late.
    pub(super) fn make_new_room(&mut self, slot: u32, name: &Name) -> Flow {
        let user = UserId(slot);
        let limit = self.config.room_rate.map(Rate::from);
        if let Some(limit) = limit
            && let Err(refusal) = self.take_new_room(slot, limit)
        {
            self.turn.tell(user, Notice::Refused(refusal));
            return Flow::Stay;
        }
        self.chat.make(user, name, self.stamp, &mut self.turn)
    }

    /// Counts a room that is made; or says when one may be.
    fn take_new_room(&mut self, slot: u32, limit: Rate) -> Result<(), Refusal<'static>> {
        let (now, address) = (self.mono, self.counted_address(self.conns.get(slot).peer));
        let (rooms, of_address) = (&mut self.limits.new_rooms, limit.times(OF_ADDRESS));
        let new_rooms = self.limits.new_rooms_of.entry(slot).or_default();
        let own = new_rooms.check(limit, now);
        let neighbours = address.map_or(Ok(()), |address| rooms.check(address, of_address, now));
        if let Some(at) = own.err().max(neighbours.err()) {
            return Err(Refusal::TooManyNewRooms { wait: at.since(now) });
        }
        new_rooms.take(limit, now);
        if let Some(address) = address {
            rooms.take(address, of_address, now);
        }
        Ok(())
    }
}
