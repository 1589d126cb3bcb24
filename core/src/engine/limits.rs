//! Limits on how many connect, and how much memory all of it takes.

use alloc::collections::BTreeMap;
use core::net::IpAddr;

use super::Engine;
use super::buckets::{Buckets, address_of, network_of};
use super::conn::{Conn, Phase, Standing};
use super::guesses::Guesses;
use crate::action::Reason;
use crate::flood::Bucket;

/// Connections over a limit that are told so at one time; further ones are dropped without a word, so that
/// refusing does not take what the limit protects.
pub(super) const MAX_REFUSED: usize = 64;

/// Who is connected.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// Connections within the limits.
    admitted: usize,
    /// Those of them that have never had a nickname.
    unregistered: usize,
    /// Connections over them that are not gone yet.
    pub(super) refused: usize,
    /// Those of each address that counts.
    addresses: BTreeMap<IpAddr, usize>,
    /// How often each of them has connected of late.
    arrivals: Buckets,
    pub(super) guesses: Guesses,
    /// How many rooms each address has made of late.
    pub(super) new_rooms: Buckets,
    /// The same of each connection that has made any. Few do: the others are to stay small.
    pub(super) new_rooms_of: BTreeMap<u32, Bucket>,
}

/// Bytes that the engine retains, by kind: what its limits bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Connections that are not gone.
    pub connections: usize,
    /// Users with a nickname.
    pub users: usize,
    /// Rooms.
    pub rooms: usize,
    /// Bytes received and not served: unfinished lines, and input held back.
    pub input: usize,
    /// Memory of the output that somebody is still owed: its bytes, of which shared ones count once, and what each
    /// reader's queue takes to name them.
    pub output: usize,
    /// Memory of what waits until it is stored.
    pub held: usize,
    /// Bytes kept for `/history`.
    pub history: usize,
    /// Bytes of the turn that is not sealed yet.
    pub turn: usize,
}

impl Engine {
    /// What the engine retains at this moment. Counts every connection: not for every turn.
    #[must_use]
    pub fn footprint(&self) -> Footprint {
        let (users, rooms, history) = self.chat.sizes();
        Footprint {
            connections: self.conns.len(),
            users,
            rooms,
            input: self.conns.iter().map(|(_, conn)| conn.unserved()).sum(),
            output: self.output(),
            held: self.keeping.bytes().0,
            history,
            turn: self.turn.bytes(),
        }
    }

    /// Counts a new connection, or says which limit it is over.
    pub(super) fn admit(&mut self, peer: IpAddr) -> Option<Reason> {
        let address = self.counted_address(peer);
        let limit = |limit: usize| if limit == 0 { usize::MAX } else { limit };
        let held = address.map_or(0, |address| self.limits.addresses.get(&address).copied().unwrap_or(0));
        let over = if self.is_banned(peer) {
            Some(Reason::Banned)
        } else if !self.comes_in_time(address) {
            Some(Reason::ConnectingTooFast)
        } else if self.limits.admitted >= limit(self.config.max_connections) {
            Some(Reason::ServerFull)
        } else if held >= limit(self.config.max_connections_per_address) {
            Some(Reason::AddressFull)
        } else if self.limits.unregistered >= limit(self.config.max_unregistered) {
            Some(Reason::TooManyUnregistered)
        } else {
            None
        };
        if over.is_some() {
            self.limits.refused += 1;
            return over;
        }
        self.limits.admitted += 1;
        self.limits.unregistered += 1;
        if let Some(address) = address {
            *self.limits.addresses.entry(address).or_default() += 1;
        }
        None
    }

    /// A proxy says for whom it has connected: it is as if that one had.
    pub(super) fn forwarded(&mut self, slot: u32, peer: IpAddr) {
        let conn = self.conns.get(slot);
        let Phase::Handshaking { over, .. } = conn.phase else { return };
        if over.is_none() {
            self.discharge(slot);
        }
        let over = over.or_else(|| self.admit(peer));
        let conn = self.conns.get_mut(slot);
        conn.peer = peer;
        conn.standing = Standing::of_newcomer(over);
        if let Phase::Handshaking { over: told, .. } = &mut conn.phase {
            *told = over;
        }
        self.drop_surplus(slot, over);
    }

    /// Drops a connection over a limit if so many are being told already that it is not worth it.
    pub(super) fn drop_surplus(&mut self, slot: u32, over: Option<Reason>) {
        if let Some(reason) = over
            && self.limits.refused > MAX_REFUSED
        {
            self.drop_now(slot, reason);
        }
    }

    /// Lets a connection go that is banned by now.
    pub(super) fn enforce_ban(&mut self, slot: u32) {
        if !self.is_banned(self.conns.get(slot).peer) {
            return;
        }
        match &mut self.conns.get_mut(slot).phase {
            // It cannot be told before it can read.
            Phase::Handshaking { .. } => self.drop_now(slot, Reason::Banned),
            // It may be about to begin a handshake, and is told when it would be greeted.
            Phase::Registering(registering) if registering.greeting.is_some() => {
                registering.over = Some(Reason::Banned);
            }
            Phase::Registering(_) | Phase::Chatting { .. } => self.close(slot, Reason::Banned),
            Phase::Closing(_) | Phase::Closed => {}
        }
    }

    /// Whether the connect rate lets one more connection from `address` through.
    fn comes_in_time(&mut self, address: Option<IpAddr>) -> bool {
        let (Some(address), Some(limit)) = (address, self.config.connect_rate) else { return true };
        self.limits.arrivals.admit(address, limit, self.mono)
    }

    /// A connection has a nickname now.
    pub(super) fn count_registered(&mut self, slot: u32) {
        self.conns.get_mut(slot).standing = Standing::Registered;
        self.limits.unregistered -= 1;
    }

    /// Gives back what a connection counted for.
    pub(super) fn discharge(&mut self, slot: u32) {
        self.limits.new_rooms_of.remove(&slot);
        let conn = self.conns.get(slot);
        let (standing, address) = (conn.standing, self.counted_address(conn.peer));
        match standing {
            Standing::Refused => {
                self.limits.refused -= 1;
                return;
            }
            Standing::Unregistered => self.limits.unregistered -= 1,
            Standing::Registered => {}
        }
        self.limits.admitted -= 1;
        let Some(address) = address else { return };
        let held = self.limits.addresses.get_mut(&address).expect("a counted address");
        *held -= 1;
        if *held == 0 {
            self.limits.addresses.remove(&address);
        }
    }

    /// Memory of what readers are owed; what is held back is nobody's fault.
    fn output(&self) -> usize {
        self.segments.retained() - self.keeping.bytes().1
    }

    /// Whether readers hold more than all of them together may.
    pub(super) fn is_out_of_memory(&self) -> bool {
        self.config.memory != 0 && self.output() > self.config.memory
    }

    /// Cuts off those furthest behind until the rest is within the limit.
    pub(super) fn save_memory(&mut self) {
        if !self.is_out_of_memory() {
            return;
        }
        let debtors = self.conns.iter().map(|(slot, conn)| (conn.owed(), slot)).filter(|&(owed, _)| owed > 0);
        let mut debtors: alloc::vec::Vec<_> = debtors.collect();
        debtors.sort_unstable_by_key(|&(owed, slot)| (core::cmp::Reverse(owed), slot));
        for (_, slot) in debtors {
            if !self.is_out_of_memory() {
                return;
            }
            self.make_room();
            self.drop_now(slot, Reason::OutOfMemory);
        }
    }

    /// Panics if the counts are wrong.
    pub(super) fn check_limits(&self) {
        self.limits.arrivals.check_books();
        self.limits.guesses.check_books();
        self.limits.new_rooms.check_books();
        let makers = self.limits.new_rooms_of.keys();
        assert!(makers.copied().all(|slot| self.conns.iter().any(|(known, _)| known == slot)));
        let count = |standing| self.conns.iter().filter(|(_, conn)| conn.standing == standing).count();
        let refused = count(Standing::Refused);
        assert_eq!(refused, self.limits.refused);
        assert_eq!(count(Standing::Unregistered), self.limits.unregistered);
        assert_eq!(self.conns.len() - refused, self.limits.admitted);
        let of_addresses: usize = self.limits.addresses.values().sum();
        let counts =
            |conn: &Conn| conn.standing != Standing::Refused && self.counted_address(conn.peer).is_some();
        assert_eq!(of_addresses, self.conns.iter().filter(|(_, conn)| counts(conn)).count());
    }

    /// Whether a peer may not connect. A proxy may: bans are for those in whose name it does.
    fn is_banned(&self, peer: IpAddr) -> bool {
        self.config.bans.contains(peer) && !self.config.proxies.contains(peer)
    }

    /// The address that a peer counts for. Proxies count for none.
    pub(super) fn counted_address(&self, peer: IpAddr) -> Option<IpAddr> {
        counted_address(peer).filter(|_| !self.config.proxies.contains(peer))
    }

    /// The network that it counts for.
    pub(super) fn counted_network(&self, peer: IpAddr) -> Option<IpAddr> {
        self.counted_address(peer).map(network_of)
    }
}

/// The address that a peer counts for; loopback counts for none.
fn counted_address(peer: IpAddr) -> Option<IpAddr> {
    (!peer.to_canonical().is_loopback()).then(|| address_of(peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_peer_counts_for_its_network_and_loopback_for_none() {
        let counted = |peer: &str| counted_address(peer.parse().unwrap());
        assert_eq!(counted("2001:db8:0:1::1"), counted("2001:db8:0:1:ffff:ffff:ffff:ffff"));
        assert_ne!(counted("2001:db8:0:1::1"), counted("2001:db8:0:2::1"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
        assert_eq!(["127.0.0.1", "::1", "::ffff:127.0.0.1"].map(counted), [None; 3]);
    }
}
