//! From single runs to medians, spread, and ratios.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::scenario::{Figures, Metric, Scenario};
use crate::server::Server;

/// All runs of one scenario.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<Metric, BTreeMap<Server, Vec<f64>>>);

impl Samples {
    pub(super) fn add(&mut self, server: Server, figures: &Figures) {
        for &(metric, figure) in figures {
            self.0.entry(metric).or_default().entry(server).or_default().push(figure);
        }
    }

    /// A table in Markdown: a line for each server.
    pub(super) fn table(&self, scenario: Scenario) -> String {
        let mut out = format!("\n### {}\n", scenario.title());
        for (metric, servers) in &self.0 {
            let peers: Vec<Server> = [Server::Redis, Server::Floor]
                .into_iter()
                .filter(|peer| servers.contains_key(peer))
                .collect();
            let _ = write!(out, "\n| {metric} | median | least to most |");
            for peer in &peers {
                let _ = write!(out, " ÷ {peer} |");
            }
            let _ = write!(out, "\n|---|--:|--:|{}\n", "--:|".repeat(peers.len()));
            for (server, samples) in servers {
                let (least, middle, most) = spread(samples);
                let _ = write!(out, "| {server} | {} | {} to {} |", short(middle), short(least), short(most));
                for peer in &peers {
                    let _ = write!(out, " {:.2} |", ratio(samples, &servers[peer]));
                }
                out.push('\n');
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
