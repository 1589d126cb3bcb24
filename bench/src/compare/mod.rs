//! Servers in turns: A B C, A B C, so that whatever the machine does meanwhile happens to all of them.
//!
//! | module | what it is |
//! |---|---|
//! | `samples` | from single runs to medians, spread and ratios |
//! | `table` | all figures of one scenario |
//! | `summary` | all scenarios at a glance, and how they were run |
//! | `storing` | what history costs, and whether that is within its bar |
//! | `pictures` | the same as bars |

mod pictures;
mod samples;
mod storing;
mod summary;
mod table;

use clap::ValueEnum;

use crate::Result;
use crate::document::replace_section;
use crate::scenario::Scenario;
use crate::server::{self, Known, Server};
use samples::Samples;

/// What to compare
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How often each server has its turn
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// How long one turn lasts, where the scenario has no end of its own
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Only these scenarios
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<Scenario>,
    /// Only these servers; without, all but InspIRCd
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Known>,
    /// Also another build of the chat server, or one with other flags: 'LABEL=PROGRAM FLAGS'
    #[arg(long)]
    also: Vec<Server>,
    /// Renew a section of BENCHMARKS.md, and its pictures
    #[arg(long)]
    write: bool,
    /// Which section that is; its pictures have names that begin with it
    #[arg(long, default_value = "compare", requires = "write")]
    section: String,
}

/// Builds the servers, and runs each scenario on each, in turns.
pub(crate) fn run(args: &Args) -> Result<()> {
    server::build()?;
    let servers = installed(args)?;
    let setup = summary::setup(args, &servers)?;
    let servers: Vec<Server> = servers.into_iter().map(|(server, _)| server).collect();
    let scenarios = if args.scenarios.is_empty() { Scenario::value_variants() } else { &args.scenarios };
    let mut all = Vec::new();
    for &scenario in scenarios {
        let samples = in_turns(args, scenario, &servers)?;
        println!("{}", table::detailed(&samples));
        all.push(samples);
    }
    let summary = summary::table(&servers, &all);
    let storing = storing::table(&servers, &all);
    println!("{setup}\n{summary}\n{storing}");
    if args.write {
        let links = pictures::draw(&args.section, &servers, &all)?;
        let detailed: String = all.iter().map(table::detailed).collect();
        let text = format!("{setup}\n{summary}\n{storing}\n{links}### Each scenario\n{detailed}");
        replace_section(&args.section, &text)?;
    }
    Ok(())
}

/// The servers to compare that are here, and their versions.
fn installed(args: &Args) -> Result<Vec<(Server, String)>> {
    let known = if args.servers.is_empty() { &Known::USUAL } else { &args.servers[..] };
    let mut servers = known.iter().map(|known| known.server()).collect::<Result<Vec<Server>>>()?;
    servers.extend(args.also.iter().cloned());
    let mut found = Vec::new();
    for server in servers {
        match server.version() {
            Some(version) => {
                println!("{server} {version}");
                found.push((server, version));
            }
            None => println!("{server} is not installed: the comparison goes on without it"),
        }
    }
    Ok(found)
}

/// All rounds of one scenario.
fn in_turns(args: &Args, scenario: Scenario, servers: &[Server]) -> Result<Samples> {
    let mut samples = Samples::new(scenario);
    for round in 1..=args.rounds {
        for server in servers.iter().filter(|server| scenario.suits(server)) {
            let figures = scenario.run(server, args.seconds);
            let figures = figures.map_err(|error| failed(scenario, server, round, &error.to_string()))?;
            samples.add(server, &figures);
        }
    }
    Ok(samples)
}

/// A run that failed, and which one it was.
fn failed(scenario: Scenario, server: &Server, round: usize, error: &str) -> String {
    format!("{:?}, {server}, round {round}: {error}", scenario.title())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_fails_says_which_it_was() {
        let server: Server = "old=a".parse().unwrap();
        let text = failed(Scenario::Stalled, &server, 3, "no answer");
        assert_eq!(text, "\"10 of 500 listeners stop reading\", old, round 3: no answer");
    }
}
