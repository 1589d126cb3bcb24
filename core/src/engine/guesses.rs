//! How often a password may be guessed: limits across all connections.
//!
//! Only wrong guesses count, and whoever is over a limit is refused before the guess is looked at: so nothing is learnt
//! of it, and it costs nothing more. Who has the right password is refused only for the guesses of their own neighbours.

use core::net::IpAddr;
use core::time::Duration;

use super::buckets::{Buckets, address_of, network_of};
use crate::flood::{Bucket, Rate};
use crate::time::Mono;

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Of one address (IPv4 address or IPv6 /64): a household that has forgotten its password, or an office.
const OF_ADDRESS: Rate = Rate::new(20, TEN_MINUTES);
/// Of one network (IPv4 /24 or IPv6 /48): whoever has one has all its addresses.
const OF_NETWORK: Rate = Rate::new(60, TEN_MINUTES);
/// Of all together: a community whose clients all have an old password.
const OF_ALL: Rate = Rate::new(600, TEN_MINUTES);
/// Of one network, when all together have used theirs up. Otherwise a dozen networks could lock everybody out; with it,
/// each network that has not guessed wrong for a while has still some guesses of its own.
const RESERVE: Rate = Rate::new(3, Duration::from_secs(3_600));

/// Who has guessed wrong of late. Its memory is bounded, and what has refilled is forgotten.
///
/// No address is exempt, not even loopback: who guesses there may come through a forwarder that names nobody.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    addresses: Buckets,
    networks: Buckets,
    all: Bucket,
    reserves: Buckets,
}

impl Guesses {
    /// Whether `peer` may guess now, or when.
    pub(super) fn check(&self, peer: IpAddr, now: Mono) -> Result<(), Mono> {
        let (address, network) = (address_of(peer), network_of(peer));
        let of_address = self.addresses.check(address, OF_ADDRESS, now).err();
        let of_network = self.networks.check(network, OF_NETWORK, now).err();
        let of_all = self.all.check(OF_ALL, now).err();
        let of_all = of_all.and_then(|all| Some(all.min(self.reserves.check(network, RESERVE, now).err()?)));
        match of_address.max(of_network).max(of_all) {
            Some(at) => Err(at),
            None => Ok(()),
        }
    }

    /// `peer` has guessed wrong.
    pub(super) fn note_wrong(&mut self, peer: IpAddr, now: Mono) {
        let (address, network) = (address_of(peer), network_of(peer));
        self.addresses.take(address, OF_ADDRESS, now);
        self.networks.take(network, OF_NETWORK, now);
        match self.all.check(OF_ALL, now) {
            Ok(()) => self.all.take(OF_ALL, now),
            Err(_) => self.reserves.take(network, RESERVE, now),
        }
    }

    /// Panics if the books contradict each other.
    pub(super) fn check_books(&self) {
        [&self.addresses, &self.networks, &self.reserves].into_iter().for_each(Buckets::check_books);
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    const S: u64 = 1_000_000_000;

    /// Guesses that come through of so many that `peers` make in turn.
    fn come_through(guesses: &mut Guesses, peers: impl Iterator<Item = IpAddr>, now: Mono) -> usize {
        let through = peers.filter(|&peer| {
            let ok = guesses.check(peer, now).is_ok();
            if ok {
                guesses.note_wrong(peer, now);
            }
            ok
        });
        through.count()
    }

    fn v4(bits: u32) -> IpAddr {
        Ipv4Addr::from_bits(bits).into()
    }

    #[test]
    fn by_address_by_network_and_in_all() {
        let mut guesses = Guesses::default();
        let one = (0..1_000).map(|_| v4(0x0a00_0001));
        assert_eq!(come_through(&mut guesses, one, Mono(S)), 20);
        let neighbours = (0..1_000).map(|n| v4(0x0a00_0000 + n % 256));
        assert_eq!(come_through(&mut guesses, neighbours, Mono(S)), 40);
        let of_48 = (0..38_000).map(|n| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 7, n % 64, 0, 0, 0, n)));
        assert_eq!(come_through(&mut guesses, of_48, Mono(S)), 60);
        let everywhere = (0..100_000).map(|n| v4(n << 8));
        // What is left for all; and three of each that has guessed less than that by then.
        let through = come_through(&mut guesses, everywhere, Mono(S));
        assert!(through > 480, "{through}");
        guesses.check_books();
    }

    #[test]
    fn a_flood_of_guesses_locks_nobody_else_out() {
        let mut guesses = Guesses::default();
        // A thousand networks, each as fast as it can.
        for second in 0..600 {
            let attackers = (0..4_000).map(|n| v4((n % 1_000) << 8));
            come_through(&mut guesses, attackers, Mono(second * S));
        }
        let innocent = v4(0xc000_0207);
        for wrong in 0..3 {
            assert_eq!(guesses.check(innocent, Mono(600 * S)), Ok(()), "{wrong} typed wrong");
            guesses.note_wrong(innocent, Mono(600 * S));
        }
        // One of these may have been of those for all.
        guesses.note_wrong(innocent, Mono(600 * S));
        assert!(guesses.check(innocent, Mono(600 * S)).is_err());
        assert_eq!(guesses.check(v4(0xc000_0307), Mono(600 * S)), Ok(()));
    }

    #[test]
    fn a_flood_of_guesses_comes_to_little() {
        let mut guesses = Guesses::default();
        let through: usize = (0..3_600)
            .map(|second| come_through(&mut guesses, (0..1_000).map(|n| v4(n << 8)), Mono(second * S)))
            .sum();
        // 600 at first, one a second, and six of each network.
        assert!((4_000..=600 + 3_600 + 6_000).contains(&through), "{through}");
    }

    #[test]
    fn who_waits_may_guess_again() {
        let mut guesses = Guesses::default();
        come_through(&mut guesses, (0..20).map(|_| v4(1)), Mono(0));
        let at = guesses.check(v4(1), Mono(0)).unwrap_err();
        assert_eq!(at, Mono(30 * S));
        assert_eq!(guesses.check(v4(1), at), Ok(()));
    }
}
