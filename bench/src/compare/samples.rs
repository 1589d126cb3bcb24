//! From single runs to medians, spread, and ratios.

use std::collections::BTreeMap;

use crate::dialect::Dialect;
use crate::scenario::{Figures, Metric, Scenario};
use crate::server::Server;

/// One server's figures of one metric, round by round.
pub(super) type Rounds = (Server, Vec<f64>);

/// All runs of one scenario: for each metric, what each server came to in each round.
pub(super) struct Samples {
    pub(super) scenario: Scenario,
    pub(super) metrics: BTreeMap<Metric, Vec<Rounds>>,
}

impl Samples {
    pub(super) fn new(scenario: Scenario) -> Self {
        Self { scenario, metrics: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, server: &Server, figures: &Figures) {
        for &(metric, figure) in figures {
            let servers = self.metrics.entry(metric).or_default();
            match servers.iter_mut().find(|(known, _)| known == server) {
                Some((_, samples)) => samples.push(figure),
                None => servers.push((server.clone(), vec![figure])),
            }
        }
    }

    /// The servers that have figures of this metric.
    pub(super) fn servers(&self, metric: Metric) -> &[Rounds] {
        self.metrics.get(&metric).map_or(&[], Vec::as_slice)
    }

    pub(super) fn median(&self, metric: Metric, server: &Server) -> Option<f64> {
        Some(spread(self.of(metric, server)?).1)
    }

    /// A server's figure for each of a peer's; none where one of them has none.
    pub(super) fn ratio(&self, metric: Metric, server: &Server, peer: &Server) -> Option<f64> {
        Some(ratio(self.of(metric, server)?, self.of(metric, peer)?))
    }

    fn of(&self, metric: Metric, server: &Server) -> Option<&[f64]> {
        self.servers(metric).iter().find(|(known, _)| known == server).map(|(_, samples)| &**samples)
    }
}

/// Whether others are compared with it.
pub(super) fn is_peer(server: &Server) -> bool {
    matches!(server.dialect, Dialect::Redis | Dialect::Floor | Dialect::Irc)
}

/// Least, median and most.
pub(super) fn spread(samples: &[f64]) -> (f64, f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}

/// The median of the ratios within each round: what slows the machine for a while slows both.
pub(super) fn ratio(samples: &[f64], peers: &[f64]) -> f64 {
    let ratios: Vec<f64> = samples.iter().zip(peers).map(|(sample, peer)| sample / peer).collect();
    spread(&ratios).1
}

/// Three digits or so.
pub(super) fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 1e6 => format!("{:.2} M", figure / 1e6),
        figure if figure >= 1e4 => format!("{:.0} k", figure / 1e3),
        figure if figure >= 100.0 => format!("{figure:.0}"),
        figure => format!("{figure:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_that_of_the_same_round() {
        assert!((ratio(&[2.0, 200.0, 20.0], &[1.0, 100.0, 10.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([1_234_567.0, 45_678.0, 512.3, 1.234].map(short), ["1.23 M", "46 k", "512", "1.23"]);
    }

    #[test]
    fn what_a_server_was_not_asked_has_no_ratio() {
        let [chat, other] = ["chat=a", "other=b"].map(|text| text.parse::<Server>().unwrap());
        let mut samples = Samples::new(Scenario::Ramp);
        samples.add(&chat, &vec![(Metric::JoinedPerSecond, 6.0)]);
        assert_eq!(samples.ratio(Metric::JoinedPerSecond, &chat, &other), None);
        samples.add(&other, &vec![(Metric::JoinedPerSecond, 3.0)]);
        assert_eq!(samples.ratio(Metric::JoinedPerSecond, &chat, &other), Some(2.0));
        assert_eq!(samples.ratio(Metric::DelayP99, &chat, &other), None);
    }
}
