//! Sets of addresses: who may not connect, who speaks for others.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::RangeInclusive;

/// A set of IP addresses, as large as the number of ranges it was made of. An IPv4 address mapped to IPv6 is that IPv4
/// address.
///
/// Whether an address is in it takes a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// In order, and none overlaps another.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl Addresses {
    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = self.ranges.partition_point(|&(first, _)| first <= address);
        behind.checked_sub(1).is_some_and(|index| address <= self.ranges[index].1)
    }

    /// The ranges that make it up: in order, and none overlaps another.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<IpAddr>> {
        self.ranges.iter().map(|&(first, last)| first..=last)
    }

    /// Whether there is no address in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Ranges may overlap. One that begins behind its end, or in another family, holds nothing.
impl FromIterator<RangeInclusive<IpAddr>> for Addresses {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<IpAddr>>>(ranges: I) -> Self {
        let ends = |range: RangeInclusive<IpAddr>| (range.start().to_canonical(), range.end().to_canonical());
        let mut given: Vec<_> = ranges.into_iter().map(ends).collect();
        given.retain(|(first, last)| first <= last && first.is_ipv4() == last.is_ipv4());
        given.sort_unstable();
        let mut ranges: Vec<(IpAddr, IpAddr)> = Vec::new();
        for (first, last) in given {
            match ranges.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(&str, &str)]) -> Addresses {
        ranges.iter().map(|(first, last)| first.parse().unwrap()..=last.parse().unwrap()).collect()
    }

    #[test]
    fn an_address_is_in_it_or_not() {
        let set = set(&[
            ("192.0.2.8", "192.0.2.15"),
            ("2001:db8::", "2001:db8::ff"),
            ("192.0.2.10", "192.0.2.20"),
            ("::ffff:198.51.100.1", "::ffff:198.51.100.1"),
        ]);
        let within = |address: &str| set.contains(address.parse().unwrap());
        for address in
            ["192.0.2.8", "192.0.2.17", "192.0.2.20", "::ffff:192.0.2.9", "2001:db8::7", "198.51.100.1"]
        {
            assert!(within(address), "{address}");
        }
        for address in ["192.0.2.7", "192.0.2.21", "2001:db8::100", "198.51.100.0", "::", "255.255.255.255"] {
            assert!(!within(address), "{address}");
        }
        assert_eq!(set.ranges().count(), 3, "two of them overlap");
    }

    #[test]
    fn what_is_no_range_holds_nothing() {
        assert!(set(&[("192.0.2.2", "192.0.2.1"), ("192.0.2.1", "2001:db8::")]).is_empty());
    }
}
