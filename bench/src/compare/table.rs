//! From single runs to medians, spread, and ratios.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::dialect::Dialect;
use crate::scenario::{Figures, Metric, Scenario};
use crate::server::Server;

/// All runs of one scenario: for each metric, what each server came to in each round.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<Metric, Vec<(Server, Vec<f64>)>>);

impl Samples {
    pub(super) fn add(&mut self, server: &Server, figures: &Figures) {
        for &(metric, figure) in figures {
            let servers = self.0.entry(metric).or_default();
            match servers.iter_mut().find(|(known, _)| known == server) {
                Some((_, samples)) => samples.push(figure),
                None => servers.push((server.clone(), vec![figure])),
            }
        }
    }

    /// A table in Markdown: a line for each server, compared with Redis and the floor, or with the first.
    pub(super) fn table(&self, scenario: Scenario) -> String {
        let mut out = format!("\n### {}\n", scenario.title());
        for (metric, servers) in &self.0 {
            let is_peer = |server: &Server| matches!(server.dialect, Dialect::Redis | Dialect::Floor);
            let mut peers: Vec<_> = servers.iter().filter(|(server, _)| is_peer(server)).collect();
            if peers.is_empty() && servers.len() > 1 {
                peers.push(&servers[0]);
            }
            let heads: String = peers.iter().map(|(peer, _)| format!(" ÷ {peer} |")).collect();
            let rule = "--:|".repeat(2 + peers.len());
            let _ = write!(out, "\n| {metric} | median | least to most |{heads}\n|---|{rule}\n");
            for (server, samples) in servers {
                let (least, middle, most) = spread(samples);
                let ratios: String =
                    peers.iter().map(|(_, peer)| format!(" {:.2} |", ratio(samples, peer))).collect();
                let (least, middle, most) = (short(least), short(middle), short(most));
                let _ = writeln!(out, "| {server} | {middle} | {least} to {most} |{ratios}");
            }
        }
        out
    }
}

/// Least, median and most.
pub(super) fn spread(samples: &[f64]) -> (f64, f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[0], sorted[sorted.len() / 2], sorted[sorted.len() - 1])
}

/// The median of the ratios within each round: what slows the machine for a while slows both.
fn ratio(samples: &[f64], peers: &[f64]) -> f64 {
    let ratios: Vec<f64> = samples.iter().zip(peers).map(|(sample, peer)| sample / peer).collect();
    spread(&ratios).1
}

/// Three digits or so.
fn short(figure: f64) -> String {
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
}
