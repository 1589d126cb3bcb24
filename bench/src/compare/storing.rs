//! What storing history costs: our servers as everybody runs them, and the same without history.

use std::fmt::Write as _;
use std::mem;

use super::samples::Samples;
use super::summary::{cell, runtime};
use crate::scenario::Metric;
use crate::server::Server;

/// How much of what a server does without history it has to do with it, at least.
const BAR: f64 = 0.85;

/// A line for each scenario and figure: what is left of it with history, and whether that is enough. Of what is better
/// when it is less, it is turned round, so that 1 is as good and less is worse everywhere. Nothing, where no server is there
/// in both forms.
pub(super) fn table(servers: &[Server], all: &[Samples]) -> String {
    let find = |twin: Server| servers.iter().find(|server| **server == twin);
    let twins: Vec<_> =
        servers.iter().filter_map(|server| Some((server, find(server.without_history())?))).collect();
    if twins.is_empty() {
        return String::new();
    }
    let mut out = String::from("| with history ÷ without | |");
    twins.iter().for_each(|(server, _)| out += &format!(" {} |", runtime(&server.label)));
    let _ = writeln!(out, " at least {BAR} |\n|---|---|{}---|", "--:|".repeat(twins.len()));
    for samples in all {
        let mut title = samples.scenario.title();
        let metrics = samples.metrics.keys().filter(|metric| metric.compares() && metric.is_summarised());
        for &metric in metrics {
            let left: Vec<_> =
                twins.iter().map(|(with, without)| left(samples, metric, with, without)).collect();
            let cells: String = left
                .iter()
                .map(|left| format!(" {} |", cell(left.map(|left| format!("{left:.2}")))))
                .collect();
            let verdict = if left.iter().flatten().all(|&left| left >= BAR) { "yes" } else { "**no**" };
            // Once for all of a scenario's figures.
            let _ = writeln!(out, "| {} | {metric} |{cells} {verdict} |", mem::take(&mut title));
        }
    }
    out
}

/// How good it is with history, for each without.
fn left(samples: &Samples, metric: Metric, with: &Server, without: &Server) -> Option<f64> {
    if metric.is_rate() { samples.ratio(metric, with, without) } else { samples.ratio(metric, without, with) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use crate::server::Known;

    #[test]
    fn less_delay_counts_as_more_deliveries_do() {
        let servers = [Known::Tokio, Known::TokioNone, Known::Redis].map(|known| known.server().unwrap());
        let mut rooms = Samples::new(Scenario::Rooms);
        let mut delay = Samples::new(Scenario::Delay20);
        for (server, (rate, late)) in servers.iter().zip([(90.0, 3.0), (100.0, 2.0)]) {
            rooms.add(server, &vec![(Metric::DeliveriesPerSecond, rate), (Metric::CpuPerMillion, 1.0)]);
            delay.add(server, &vec![(Metric::DelayMedian, late)]);
        }
        let text = table(&servers, &[rooms, delay]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "| with history ÷ without | | tokio | at least 0.85 |");
        assert!(lines[2].ends_with("| deliveries/s | 0.90 | yes |"), "{}", lines[2]);
        assert!(lines[3].ends_with("| delay p50, ms | 0.67 | **no** |"), "{}", lines[3]);
        assert_eq!(lines.len(), 4, "processor time is left to the detailed tables");
        assert!(table(&servers[..1], &[]).is_empty(), "nothing to compare with");
    }
}
