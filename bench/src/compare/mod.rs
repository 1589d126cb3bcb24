//! Servers in turns: A B C, A B C, so that whatever the machine does meanwhile happens to all of them.

mod table;

use std::process::Command;

use clap::ValueEnum;

use crate::Result;
use crate::document::{replace_section, repository};
use crate::scenario::Scenario;
use crate::server::{Known, Server};
use table::Samples;

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
    /// Only these servers
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Known>,
    /// Also another build of the chat server, or one with other flags: 'LABEL=PROGRAM FLAGS'
    #[arg(long)]
    also: Vec<Server>,
    /// Renew this section of BENCHMARKS.md
    #[arg(long)]
    section: Option<String>,
}

/// Builds the servers, and runs each scenario on each, in turns.
pub(crate) fn run(args: &Args) -> Result<()> {
    build()?;
    let known = if args.servers.is_empty() { Known::value_variants() } else { &args.servers };
    let mut servers = known.iter().map(|known| known.server()).collect::<Result<Vec<Server>>>()?;
    servers.extend(args.also.iter().cloned());
    servers.retain(is_installed);
    let scenarios = if args.scenarios.is_empty() { Scenario::value_variants() } else { &args.scenarios };
    let mut text = String::new();
    for &scenario in scenarios {
        let mut samples = Samples::default();
        for _ in 0..args.rounds {
            for server in servers.iter().filter(|server| scenario.suits(server)) {
                samples.add(server, &scenario.run(server, args.seconds)?);
            }
        }
        let table = samples.table(scenario);
        println!("{table}");
        text.push_str(&table);
    }
    if let Some(section) = &args.section {
        replace_section(section, &text)?;
    }
    Ok(())
}

fn is_installed(server: &Server) -> bool {
    let version = server.version();
    match &version {
        Some(version) => println!("{server} {version}"),
        None => println!("{server} is not installed: the comparison goes on without it"),
    }
    version.is_some()
}

fn build() -> Result<()> {
    // On all processors, before anything is pinned.
    let status = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "-p", "runtime-tokio", "-p", "runtime-smol"])
        .current_dir(repository())
        .status()?;
    if status.success() { Ok(()) } else { Err("the servers cannot be built".into()) }
}
