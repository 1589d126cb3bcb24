//! All figures of one scenario, with their spread.

use std::fmt::Write as _;

use super::samples::{Samples, is_peer, ratio, short, spread};

/// Tables in Markdown, one for each metric: a line for each server, compared with Redis and the floor, or with the
/// first.
pub(super) fn detailed(samples: &Samples) -> String {
    let mut out = format!("\n#### {}\n", samples.scenario.title());
    for (metric, servers) in &samples.metrics {
        let mut peers: Vec<_> = servers.iter().filter(|(server, _)| is_peer(server)).collect();
        if peers.is_empty() && servers.len() > 1 {
            peers.push(&servers[0]);
        }
        if !metric.compares() {
            peers.clear();
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
