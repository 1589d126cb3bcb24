//! How much of a limit each address, or network, has used of late.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::flood::{Bucket, Rate};
use crate::time::Mono;

/// Addresses that are remembered, with about 100 bytes for each.
///
/// When more than these have used some of the limit within its time, those that have least to wait for are forgotten
/// first: they get their few missing tokens early. Nobody is refused for it, and whoever hammers is remembered longest.
const MAX_REMEMBERED: usize = 1 << 16;

/// The buckets of those addresses that have used so much so recently that theirs are not full again.
#[derive(Debug, Default)]
pub(super) struct Buckets {
    buckets: BTreeMap<IpAddr, Bucket>,
    /// The same, those that are full first in front.
    in_order: BTreeSet<(Bucket, IpAddr)>,
}

impl Buckets {
    /// Takes a token of `address`; false, when there is none.
    pub(super) fn admit(&mut self, address: IpAddr, limit: impl Into<Rate>, now: Mono) -> bool {
        let limit = limit.into();
        let admits = self.check(address, limit, now).is_ok();
        if admits {
            self.take(address, limit, now);
        }
        admits
    }

    /// Whether `address` has a token now, or when it will have one.
    pub(super) fn check(&self, address: IpAddr, limit: impl Into<Rate>, now: Mono) -> Result<(), Mono> {
        self.buckets.get(&address).copied().unwrap_or_default().check(limit, now)
    }

    /// Takes a token of `address`.
    pub(super) fn take(&mut self, address: IpAddr, limit: impl Into<Rate>, now: Mono) {
        self.forget_full(now);
        let mut bucket = self.buckets.get(&address).copied().unwrap_or_default();
        self.in_order.remove(&(bucket, address));
        bucket.take(limit, now);
        self.buckets.insert(address, bucket);
        self.in_order.insert((bucket, address));
        if self.buckets.len() > MAX_REMEMBERED {
            self.forget_first();
        }
    }

    fn forget_full(&mut self, now: Mono) {
        while self.in_order.first().is_some_and(|(bucket, _)| bucket.is_full(now)) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, address)) = self.in_order.pop_first() {
            self.buckets.remove(&address);
        }
    }

    /// Panics if the two books differ.
    pub(super) fn check_books(&self) {
        assert!(self.buckets.iter().all(|(&address, &bucket)| self.in_order.contains(&(bucket, address))));
        assert_eq!(self.buckets.len(), self.in_order.len());
    }
}

/// What one customer gets, most likely: an IPv4 address, or the /64 of an IPv6 one.
pub(super) fn address_of(peer: IpAddr) -> IpAddr {
    masked(peer, 32, 64)
}

/// What one organisation gets: the /24 of an IPv4 address, or the /48 of an IPv6 one.
pub(super) fn network_of(peer: IpAddr) -> IpAddr {
    masked(peer, 24, 48)
}

fn masked(peer: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (u32::MAX << (32 - v4_bits))).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << (128 - v6_bits))).into(),
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned as _;
    use alloc::string::ToString as _;
    use core::time::Duration;

    use super::*;
    use crate::config::ConnectLimit;

    const LIMIT: ConnectLimit = ConnectLimit { connections: 2, per: Duration::from_secs(10) };

    fn address(number: usize) -> IpAddr {
        Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into()
    }

    #[test]
    fn addresses_and_networks() {
        let of = |peer: &str| {
            let peer = peer.parse().unwrap();
            (address_of(peer).to_string(), network_of(peer).to_string())
        };
        let both = |address: &str, network: &str| (address.to_owned(), network.to_owned());
        assert_eq!(of("192.0.2.77"), both("192.0.2.77", "192.0.2.0"));
        assert_eq!(of("::ffff:192.0.2.77"), both("192.0.2.77", "192.0.2.0"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), both("2001:db8:1:2::", "2001:db8:1::"));
    }

    #[test]
    fn whoever_has_waited_long_enough_is_forgotten() {
        let mut buckets = Buckets::default();
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        assert!([true, true, false] == [(); 3].map(|()| buckets.admit(address(1), LIMIT, at(0))));
        assert!(buckets.admit(address(1), LIMIT, at(5)), "one token is there again");
        assert!(buckets.admit(address(2), LIMIT, at(12)));
        assert_eq!(buckets.buckets.len(), 2);
        assert!(buckets.admit(address(3), LIMIT, at(16)));
        assert!(!buckets.buckets.contains_key(&address(1)));
        buckets.check_books();
    }

    #[test]
    fn memory_is_bounded_and_whoever_hammers_is_remembered_longest() {
        let mut buckets = Buckets::default();
        let now = Mono(1);
        while buckets.admit(address(0), LIMIT, now) {}
        for number in 1..MAX_REMEMBERED + 1_000 {
            assert!(buckets.admit(address(number), LIMIT, now), "nobody is refused for the others");
        }
        assert_eq!(buckets.buckets.len(), MAX_REMEMBERED);
        assert!(!buckets.admit(address(0), LIMIT, now));
        buckets.check_books();
    }
}
