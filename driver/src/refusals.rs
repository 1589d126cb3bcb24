//! Strangers who are refused, summed up: they cost the log a few lines in ten seconds, however many they are.

use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;
use std::time::Duration;

use chat_core::{Mono, Reason};

/// How long refusals are added up before they are told.
const PERIOD: Duration = Duration::from_secs(10);
/// Addresses that are told apart, for each reason and period. More than these can only be counted.
const ADDRESSES: usize = 64;

/// The refusals of a period: a few kilobytes for each reason at most.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    sums: Vec<Sum>,
    /// When the period ends, if one has begun.
    end: Option<Mono>,
}

/// How one refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Now, with a line of its own.
    AtOnce,
    /// At the end of the period, with the others.
    Later,
}

/// What was refused for one reason.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(crate) reason: Reason,
    /// How often, but for what was told at once.
    pub(crate) times: u64,
    /// By address, with what was told at once.
    by_address: BTreeMap<IpAddr, u64>,
    /// Whether there were more addresses.
    more: bool,
}

impl Refusals {
    /// Adds one. The first of each reason is told at once; of wrong passwords, the first of each address, so that
    /// somebody can watch for it.
    pub(crate) fn add(&mut self, now: Mono, reason: Reason, ip: IpAddr) -> Told {
        self.end.get_or_insert(now.after(PERIOD));
        let index = self.sums.iter().position(|sum| sum.reason == reason).unwrap_or_else(|| {
            self.sums.push(Sum { reason, times: 0, by_address: BTreeMap::new(), more: false });
            self.sums.len() - 1
        });
        let sum = &mut self.sums[index];
        let is_first = sum.by_address.is_empty();
        let is_new = sum.note(ip);
        if is_first || is_new && reason == Reason::PasswordRefused {
            return Told::AtOnce;
        }
        sum.times += 1;
        Told::Later
    }

    /// When there is more to tell, if there may be.
    pub(crate) fn deadline(&self) -> Option<Mono> {
        self.end
    }

    /// What is to be told, if it is time: not what was told at once and has not come again.
    pub(crate) fn due(&mut self, now: Mono) -> impl Iterator<Item = Sum> + use<> {
        let is_due = self.end.is_some_and(|end| end <= now);
        let sums = if is_due {
            self.end = None;
            mem::take(&mut self.sums)
        } else {
            Vec::new()
        };
        sums.into_iter().filter(|sum| sum.times > 0)
    }
}

impl Sum {
    /// Counts it by address; whether that is new, and room for it.
    fn note(&mut self, ip: IpAddr) -> bool {
        if let Some(times) = self.by_address.get_mut(&ip) {
            *times += 1;
            return false;
        }
        let has_room = self.by_address.len() < ADDRESSES;
        if has_room {
            self.by_address.insert(ip, 1);
        }
        self.more |= !has_room;
        has_room
    }

    /// From how many addresses.
    pub(crate) fn addresses(&self) -> String {
        format!("{}{}", self.by_address.len(), if self.more { " or more" } else { "" })
    }

    /// The address that came most often, of those that were told apart.
    pub(crate) fn most(&self) -> IpAddr {
        let most = self.by_address.iter().max_by_key(|&(_, times)| times);
        *most.expect("a sum is of something").0
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn a_flood_is_one_line_at_once_and_one_at_the_end_of_each_period() {
        let mut refusals = Refusals::default();
        for period in 0..3 {
            let now = Mono(20_000_000_000 * period);
            let told = (0..100_000).map(|number| refusals.add(now, Reason::Banned, ip(number % 1_000)));
            assert_eq!(told.filter(|&told| told == Told::AtOnce).count(), 1);
            refusals.add(now, Reason::Banned, ip(7));
            assert_eq!(refusals.due(now).count(), 0);
            assert_eq!(refusals.deadline(), Some(now.after(PERIOD)));
            let sums: Vec<_> = refusals.due(now.after(PERIOD)).collect();
            let told: Vec<_> = sums.iter().map(|sum| (sum.times, sum.addresses(), sum.most())).collect();
            assert_eq!(told, [(100_000, String::from("64 or more"), ip(7))]);
            assert_eq!(refusals.deadline(), None);
        }
    }

    #[test]
    fn whoever_says_wrong_passwords_has_a_line_in_each_period_until_there_are_too_many() {
        let mut refusals = Refusals::default();
        let mut lines = |now| {
            let told = (0..200).map(|number| refusals.add(now, Reason::PasswordRefused, ip(number % 100)));
            let at_once = told.filter(|&told| told == Told::AtOnce).count();
            (at_once, refusals.due(now.after(PERIOD)).map(|sum| sum.times).collect::<Vec<_>>())
        };
        assert_eq!(lines(Mono(0)), (ADDRESSES, vec![200 - ADDRESSES as u64]));
        assert_eq!(lines(Mono(0).after(PERIOD)), (ADDRESSES, vec![200 - ADDRESSES as u64]));
    }

    #[test]
    fn what_was_told_is_not_told_again() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.add(Mono(0), Reason::Http, ip(1)), Told::AtOnce);
        assert_eq!(refusals.add(Mono(0), Reason::Banned, ip(1)), Told::AtOnce);
        assert_eq!(refusals.due(Mono(u64::MAX)).count(), 0);
    }
}
