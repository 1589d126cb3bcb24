//! Who may not connect: bans, and limits of how many.

use std::net::{IpAddr, Ipv6Addr};

use chat_core::{Addresses, Now, Reason};

use super::peer::{Bucket, Peer, Phase};
use super::{Mark, Model};

/// Connections over a limit that are told so at one time.
const MAX_REFUSED: usize = 64;

impl Model {
    /// A proxy says for whom it has connected.
    pub(super) fn forwarded(&mut self, slot: u32, address: IpAddr) {
        let Phase::Handshaking { over, .. } = self.peer(slot).phase else { return };
        self.marks.set(Mark::Forwarded);
        let over = over.or_else(|| self.over(address, Some(slot)));
        let peer = self.peer(slot);
        (peer.address, peer.refused) = (address, over.is_some());
        if let Phase::Handshaking { over: told, .. } = &mut peer.phase {
            *told = over;
        }
        self.refuse(slot, over);
    }

    /// Others may not connect from now on.
    pub(in crate::oracle) fn ban(&mut self, now: Now, bans: &Addresses) {
        self.observe(now);
        self.config.bans = bans.clone();
        self.banning = self.peers.keys().copied().collect();
        self.go_on_with_bans();
    }

    /// Lets go of those who are banned, for as long as that fits into the turn.
    pub(super) fn go_on_with_bans(&mut self) {
        while !self.turn_is_full()
            && let Some(slot) = self.banning.pop_front()
        {
            let Some(peer) = self.peers.get(&slot) else { continue };
            let (address, registered) = (peer.address, peer.user.is_some());
            if !self.is_banned(address) {
                continue;
            }
            match &mut self.peer(slot).phase {
                Phase::Handshaking { .. } => self.drop_now(slot, Reason::Banned),
                Phase::Registering(registering) if registering.greeting.is_some() => {
                    registering.over = Some(Reason::Banned);
                }
                Phase::Registering(_) | Phase::Chatting => {
                    if registered {
                        self.marks.set(Mark::BannedInChat);
                    }
                    self.close(slot, Reason::Banned);
                }
                Phase::Closing(_) | Phase::Dropped { .. } => {}
            }
        }
    }

    fn is_banned(&self, address: IpAddr) -> bool {
        is_in(&self.config.bans, address) && !is_in(&self.config.proxies, address)
    }

    /// The address that a connection counts for.
    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let exempt = address.to_canonical().is_loopback() || is_in(&self.config.proxies, address);
        (!exempt).then(|| network(address.to_canonical()))
    }

    /// By what the store knows who asks: three or six bytes of its address, or what is its own where that says nothing.
    pub(super) fn asker_of(&self, slot: u32) -> u64 {
        let bytes = match self.counted(self.peers[&slot].address).map(|address| address.to_canonical()) {
            None => return u64::MAX - u64::from(slot),
            Some(IpAddr::V4(v4)) => [&[0; 4], &v4.octets()[..3], &[0]].concat(),
            Some(IpAddr::V6(v6)) => [&v6.octets()[..6], &[0; 2]].concat(),
        };
        bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    /// The limit that one more connection from `address` is over, if it is, beside `own`.
    pub(super) fn over(&mut self, address: IpAddr, own: Option<u32>) -> Option<Reason> {
        if self.is_banned(address) {
            self.marks.set(Mark::Banned);
            return Some(Reason::Banned);
        }
        let limit = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let counted = self.counted(address);
        let in_time = self.comes_in_time(counted);
        let others = self.peers.iter().filter(|&(&slot, _)| Some(slot) != own);
        let admitted = others.map(|(_, peer)| peer).filter(|peer| !peer.refused);
        let same = |peer: &&Peer| counted.is_some() && self.counted(peer.address) == counted;
        let of_address = admitted.clone().filter(same).count();
        let unregistered = admitted.clone().filter(|peer| !peer.registered).count();
        let admitted = admitted.count();
        if !in_time {
            self.marks.set(Mark::ConnectingTooFast);
            Some(Reason::ConnectingTooFast)
        } else if admitted >= limit(self.config.max_connections) {
            Some(Reason::ServerFull)
        } else if of_address >= limit(self.config.max_connections_per_address) {
            Some(Reason::AddressFull)
        } else if unregistered >= limit(self.config.max_unregistered) {
            self.marks.set(Mark::TooManyUnregistered);
            Some(Reason::TooManyUnregistered)
        } else {
            None
        }
    }

    /// So many over a limit may be told so.
    pub(super) fn refuse(&mut self, slot: u32, over: Option<Reason>) {
        let refused = self.peers.values().filter(|peer| peer.refused).count();
        if let Some(reason) = over {
            self.marks.set(Mark::Refused);
            if refused > MAX_REFUSED {
                self.marks.set(Mark::RefusedInSilence);
                self.drop_now(slot, reason);
            }
        }
    }

    /// Whether `address` may connect once more now.
    fn comes_in_time(&mut self, address: Option<IpAddr>) -> bool {
        let (Some(address), Some(limit)) = (address, self.config.connect_rate) else { return true };
        let limit = (limit.connections, limit.per);
        let bucket = self.arrivals.entry(address).or_default();
        let in_time = bucket.check(limit, self.now).is_ok();
        if in_time {
            bucket.take(limit, self.now);
        }
        in_time
    }

    /// Counts one more new room, of this connection and of all of its address; or says when there may be one.
    pub(super) fn may_make_room(&mut self, slot: u32) -> Result<(), u64> {
        let Some(limit) = self.config.room_rate else { return Ok(()) };
        let now = self.now;
        let (own, all) = ((limit.rooms, limit.per), (limit.rooms.saturating_mul(4), limit.per));
        let address = self.counted(self.peers[&slot].address);
        let until = |bucket: Option<&Bucket>, limit| bucket.and_then(|bucket| bucket.check(limit, now).err());
        let of_address = address.and_then(|address| until(self.new_rooms.get(&address), all));
        if let Some(at) = until(Some(&self.peers[&slot].new_rooms), own).max(of_address) {
            return Err(at);
        }
        self.peer(slot).new_rooms.take(own, now);
        if let Some(address) = address {
            self.new_rooms.entry(address).or_default().take(all, now);
        }
        Ok(())
    }
}

/// Whether it is one of them, found by looking at each range.
pub(super) fn is_in(addresses: &Addresses, address: IpAddr) -> bool {
    addresses.ranges().any(|range| range.contains(&address.to_canonical()))
}

/// What one customer has: an IPv4 address, or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}
