//! How often each address has connected of late.

use alloc::collections::{BTreeMap, BTreeSet};
use core::net::IpAddr;

use crate::flood::{Bucket, Rate};
use crate::time::Mono;

/// Addresses that are remembered, with about 100 bytes for each.
///
/// When more than these have connected within the time of the limit, those that have least to wait for are forgotten
/// first: they get their few missing tokens early. Nobody is refused for it, and whoever hammers is remembered longest.
const MAX_REMEMBERED: usize = 1 << 16;

/// The buckets of those addresses that have connected so recently that theirs are not full again.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    buckets: BTreeMap<IpAddr, Bucket>,
    /// The same, those that are full first in front.
    in_order: BTreeSet<(Bucket, IpAddr)>,
}

impl Arrivals {
    /// Takes a token for one more connection from `address`; false, when there is none.
    pub(super) fn admit(&mut self, address: IpAddr, limit: impl Into<Rate>, now: Mono) -> bool {
        let limit = limit.into();
        self.forget_full(now);
        let mut bucket = self.buckets.get(&address).copied().unwrap_or_default();
        if bucket.check(limit, now).is_err() {
            return false;
        }
        self.in_order.remove(&(bucket, address));
        bucket.take(limit, now);
        self.buckets.insert(address, bucket);
        self.in_order.insert((bucket, address));
        if self.buckets.len() > MAX_REMEMBERED {
            self.forget_first();
        }
        true
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
    pub(super) fn check(&self) {
        assert!(self.buckets.iter().all(|(&address, &bucket)| self.in_order.contains(&(bucket, address))));
        assert_eq!(self.buckets.len(), self.in_order.len());
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;
    use core::time::Duration;

    use super::*;
    use crate::config::ConnectLimit;

    const LIMIT: ConnectLimit = ConnectLimit { connections: 2, per: Duration::from_secs(10) };

    fn address(number: usize) -> IpAddr {
        Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into()
    }

    #[test]
    fn whoever_has_waited_long_enough_is_forgotten() {
        let mut arrivals = Arrivals::default();
        let at = |seconds: u64| Mono(seconds * 1_000_000_000);
        assert!([true, true, false] == [(); 3].map(|()| arrivals.admit(address(1), LIMIT, at(0))));
        assert!(arrivals.admit(address(1), LIMIT, at(5)), "one token is there again");
        assert!(arrivals.admit(address(2), LIMIT, at(12)));
        assert_eq!(arrivals.buckets.len(), 2);
        assert!(arrivals.admit(address(3), LIMIT, at(16)));
        assert!(!arrivals.buckets.contains_key(&address(1)));
        arrivals.check();
    }

    #[test]
    fn memory_is_bounded_and_whoever_hammers_is_remembered_longest() {
        let mut arrivals = Arrivals::default();
        let now = Mono(1);
        while arrivals.admit(address(0), LIMIT, now) {}
        for number in 1..MAX_REMEMBERED + 1_000 {
            assert!(arrivals.admit(address(number), LIMIT, now), "nobody is refused for the others");
        }
        assert_eq!(arrivals.buckets.len(), MAX_REMEMBERED);
        assert!(!arrivals.admit(address(0), LIMIT, now));
        arrivals.check();
    }
}
