//! What a comparison came to, at a glance, and how it was made.

use std::fmt::Write as _;
use std::{fs, thread};

use super::Args;
use super::samples::{Samples, is_peer, short};
use crate::Result;
use crate::server::Server;

/// How a comparison is made, as a paragraph. To be asked for before anything is pinned: a pinned thread sees one
/// processor only.
pub(super) fn setup(args: &Args, servers: &[(Server, String)]) -> Result<String> {
    let processors = thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    // It is a part of what each write costs: one that paces (bbr) takes more than one that does not (cubic).
    let congestion = fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")?;
    let versions: Vec<_> = servers.iter().map(|(server, version)| format!("{server} {version}")).collect();
    let (rounds, seconds) = (args.rounds, args.seconds);
    Ok(format!(
        "Servers: {}. Processors: {processors}, where the server has one and the load another; Linux {}, \
         TCP congestion control {}; all over loopback. Rounds: {rounds}, in which the servers have their turns; a turn takes {seconds} s where the \
         scenario has no end of its own. A ratio is the median of those within each round. More is better of what is \
         counted for each second, less is better of delay and memory. Memory is resident memory \
         of the server's process wherever it is given: what the kernel keeps for its sockets is not counted.\n",
        versions.join(", "),
        main_version(kernel.trim()),
        congestion.trim(),
    ))
}

/// A line for each scenario and figure: the medians of all servers, then how ours compare.
pub(super) fn table(servers: &[Server], all: &[Samples]) -> String {
    let peers: Vec<_> = servers.iter().filter(|server| is_peer(server)).collect();
    let pairs: Vec<_> =
        peers.iter().flat_map(|&peer| ours(servers).map(move |server| (server, peer))).collect();
    let mut out = String::from("| | |");
    servers.iter().for_each(|server| out += &format!(" {server} |"));
    pairs.iter().for_each(|(server, peer)| out += &format!(" {} ÷ {peer} |", runtime(&server.label)));
    let _ = writeln!(out, "\n|---|---|{}", "--:|".repeat(servers.len() + pairs.len()));
    for samples in all {
        let mut title = samples.scenario.title();
        for &metric in samples.metrics.keys().filter(|metric| metric.is_summarised()) {
            // Once for all of a scenario's figures.
            let _ = write!(out, "| {} | {metric} |", std::mem::take(&mut title));
            for server in servers {
                let _ = write!(out, " {} |", cell(samples.median(metric, server).map(short)));
            }
            for (server, peer) in &pairs {
                let ratio = samples.ratio(metric, server, peer).filter(|_| metric.compares());
                let _ = write!(out, " {} |", cell(ratio.map(|ratio| format!("{ratio:.2}"))));
            }
            out.push('\n');
        }
    }
    out
}

/// Our servers, but for those that stand beside their twins with history: these have a table of their own.
fn ours(servers: &[Server]) -> impl Iterator<Item = &Server> {
    let is_twin = |server: &Server| servers.iter().any(|other| other.without_history() == *server);
    servers.iter().filter(move |server| server.is_chat() && !is_twin(server))
}

pub(super) fn cell(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "–".into())
}

/// What tells our servers apart: a column of ratios has no room for more.
pub(super) fn runtime(label: &str) -> &str {
    label.strip_prefix("chat on ").unwrap_or(label)
}

/// The first two numbers of a version.
fn main_version(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Metric, Scenario};
    use crate::server::Known;

    #[test]
    fn a_kernel_has_a_version_of_two_numbers() {
        assert_eq!(["6.18.4-generic", "6.1"].map(main_version), ["6.18", "6.1"]);
    }

    #[test]
    fn a_summary_has_medians_and_then_ratios() {
        let servers = [Known::Tokio, Known::Redis].map(|known| known.server().unwrap());
        let mut ramp = Samples::new(Scenario::Ramp);
        let mut churn = Samples::new(Scenario::Churn100);
        for figure in [1.0, 3.0, 2.0] {
            ramp.add(&servers[0], &vec![(Metric::JoinedPerSecond, figure)]);
            ramp.add(&servers[1], &vec![(Metric::JoinedPerSecond, figure * 2.0)]);
            let moves = (Metric::RejoinsPerSecond, 7.0);
            churn.add(&servers[0], &vec![moves, (Metric::CpuPerRejoin, 5.0)]);
        }
        let lines: Vec<_> = table(&servers, &[ramp, churn]).lines().map(String::from).collect();
        assert_eq!(lines[0], "| | | chat on tokio | Redis | tokio ÷ Redis |");
        assert!(lines[2].ends_with("| joined/s | 2.00 | 4.00 | 0.50 |"), "{}", lines[2]);
        assert!(lines[3].ends_with("| leave and join/s | 7.00 | – | – |"), "{}", lines[3]);
        let twins = [Known::Tokio, Known::TokioNone, Known::Redis].map(|known| known.server().unwrap());
        let head = table(&twins, &[]).lines().next().unwrap().to_owned();
        assert!(head.ends_with("| chat on tokio, no history | Redis | tokio ÷ Redis |"), "{head}");
        assert_eq!(lines.len(), 4, "processor time is left to the detailed tables");
    }
}
