//! How often the password may be guessed: by address, by network, and in all.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::peer::Bucket;

const TEN_MINUTES: Duration = Duration::from_secs(600);
/// Wrong guesses of one address at once, and in how long as many come again; the same of a network,
const OF_ADDRESS: (u32, Duration) = (20, TEN_MINUTES);
const OF_NETWORK: (u32, Duration) = (60, TEN_MINUTES);
/// of everybody,
const OF_ALL: (u32, Duration) = (600, TEN_MINUTES);
/// and of a network where everybody has had theirs.
const RESERVE: (u32, Duration) = (3, Duration::from_secs(3_600));

/// Wrong guesses.
#[derive(Debug, Default)]
pub(super) struct Guesses {
    /// By the bits of the address that count.
    addresses: BTreeMap<Vec<u8>, Bucket>,
    networks: BTreeMap<Vec<u8>, Bucket>,
    reserves: BTreeMap<Vec<u8>, Bucket>,
    all: Bucket,
}

impl Guesses {
    /// For how many whole seconds nobody looks at what `peer` guesses; none, if somebody does.
    pub(super) fn wait(&self, peer: IpAddr, now: u64) -> Option<u64> {
        let until = |buckets: &BTreeMap<Vec<u8>, Bucket>, key: &[u8], limit| {
            buckets.get(key).and_then(|bucket| bucket.check(limit, now).err())
        };
        let (address, network) = keys(peer);
        let everybody = self.all.check(OF_ALL, now).err().and_then(|all| {
            let own = until(&self.reserves, &network, RESERVE)?;
            Some(all.min(own))
        });
        let own = [until(&self.addresses, &address, OF_ADDRESS), until(&self.networks, &network, OF_NETWORK)];
        let at = own.into_iter().chain([everybody]).flatten().max()?;
        Some((at - now).div_ceil(1_000_000_000))
    }

    /// `peer` has guessed wrong.
    pub(super) fn wrong(&mut self, peer: IpAddr, now: u64) {
        let (address, network) = keys(peer);
        self.addresses.entry(address).or_default().take(OF_ADDRESS, now);
        self.networks.entry(network.clone()).or_default().take(OF_NETWORK, now);
        if self.all.check(OF_ALL, now).is_ok() {
            self.all.take(OF_ALL, now);
        } else {
            self.reserves.entry(network).or_default().take(RESERVE, now);
        }
    }
}

/// The bytes of an address and of its network that count: four and three, or eight and six.
fn keys(peer: IpAddr) -> (Vec<u8>, Vec<u8>) {
    match peer.to_canonical() {
        IpAddr::V4(v4) => (v4.octets().to_vec(), v4.octets()[..3].to_vec()),
        IpAddr::V6(v6) => (v6.octets()[..8].to_vec(), v6.octets()[..6].to_vec()),
    }
}
