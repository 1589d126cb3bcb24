//! The commands, and what they have in common.

mod many;
mod meta;
mod one;
mod planted;
mod report;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use sim::tier::On;

/// The chat server in simulated worlds: same seed, same run, to the byte.
#[derive(Debug, Parser)]
#[command(name = "sim")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one seed, and print all that is seen
    Run {
        #[command(flatten)]
        seed: Seed,
        #[command(flatten)]
        on: Tier,
    },
    /// Run many seeds; all situations must have been met
    Sweep {
        /// How many
        #[arg(long, value_parser = number)]
        seeds: u64,
        /// The first of them
        #[arg(long, default_value = "0", value_parser = number)]
        from: u64,
        #[command(flatten)]
        crowd: Crowd,
    },
    /// Run fresh seeds for a long time
    Soak {
        /// How long
        #[arg(long)]
        minutes: u64,
        /// The first seed; without it, one that follows from the time of day
        #[arg(long, value_parser = number)]
        from: Option<u64>,
        #[command(flatten)]
        crowd: Crowd,
    },
    /// Run one seed in two processes, which must print the same
    Meta {
        #[command(flatten)]
        seed: Seed,
        #[command(flatten)]
        on: Tier,
        /// What the second process runs: another build of this program
        #[arg(long)]
        other: Option<PathBuf>,
    },
    /// Make a failing tape as small as possible
    Shrink {
        /// The tape; its smaller form is written beside it, as FILE.min
        #[arg(required_unless_present = "seed", conflicts_with = "seed")]
        file: Option<PathBuf>,
        /// The tape of this seed
        #[arg(long, value_parser = number)]
        seed: Option<u64>,
        /// How many runs it may take
        #[arg(long, default_value_t = 20_000)]
        budget: usize,
        #[command(flatten)]
        on: Tier,
        #[command(flatten)]
        out: Out,
    },
    /// Plant bugs one at a time, and see how many seeds it takes to find each
    Planted {
        /// Only those whose name has this in it
        #[arg(long, default_value = "")]
        only: String,
        /// Write the table into sim/README.md
        #[arg(long, conflicts_with = "only")]
        write: bool,
    },
    /// Run a tape, or what a real server has recorded, and print all that is seen
    Replay {
        /// The tape or the recording
        file: PathBuf,
        #[command(flatten)]
        on: Tier,
        #[command(flatten)]
        how: Recording,
    },
}

/// How a recording is replayed.
#[derive(Clone, Copy, Debug, Args)]
struct Recording {
    /// Stop so many seconds after a recording's beginning
    #[arg(long, value_parser = seconds)]
    until: Option<Duration>,
    /// Of a recording, print only what stands where in the end
    #[arg(long)]
    quiet: bool,
    /// Hold a recording against the reference model, which knows no names but ASCII ones and the simulation's
    #[arg(long)]
    judge: bool,
}

#[derive(Debug, Args)]
struct Seed {
    /// Decimal, or hexadecimal with 0x
    #[arg(long, value_parser = number)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, Args)]
struct Tier {
    /// What is run: the engine alone, or it with an adapter
    #[arg(long, default_value = "engine")]
    on: On,
}

#[derive(Clone, Debug, Args)]
struct Out {
    /// The folder that failing tapes are written to
    #[arg(long, default_value = "target/sim")]
    out: PathBuf,
}

/// What runs of many seeds have in common.
#[derive(Clone, Debug, Args)]
struct Crowd {
    /// Threads; without it, one for each processor
    #[arg(long)]
    jobs: Option<NonZero<usize>>,
    #[command(flatten)]
    on: Tier,
    #[command(flatten)]
    out: Out,
}

impl Crowd {
    fn jobs(&self) -> usize {
        self.jobs.or_else(|| available_parallelism().ok()).map_or(1, NonZero::get)
    }
}

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing is wrong.
    Fine,
    /// A promise was broken, or a situation was never met.
    Failed,
}

/// Why a command could not do its work, in one line.
type Mishap = String;

/// Carries out what the command line says.
pub(crate) fn main() -> ExitCode {
    let verdict = match Cli::parse().command {
        Command::Run { seed, on } => one::run(seed.seed, on.on),
        Command::Sweep { seeds, from, crowd } => many::sweep(seeds, from, &crowd),
        Command::Soak { minutes, from, crowd } => many::soak(minutes, from, &crowd),
        Command::Meta { seed, on, other } => meta::meta(seed.seed, on.on, other.as_deref()),
        Command::Shrink { file: Some(file), budget, on, .. } => one::shrink_file(&file, budget, on.on),
        Command::Shrink { seed, budget, on, out, .. } => {
            one::shrink_seed(seed.expect("clap asks for a file or a seed"), budget, on.on, &out.out)
        }
        Command::Planted { only, write } => planted::planted(&only, write),
        Command::Replay { file, on, how } => one::replay(&file, on.on, how),
    };
    match verdict {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Err(mishap) => {
            eprintln!("sim: {mishap}");
            ExitCode::from(2)
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "expected seconds such as 12.5".into())
}

/// A number, decimal or hexadecimal.
fn number(text: &str) -> Result<u64, String> {
    let number = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    number.map_err(|_| "expected a number such as 4711 or 0x1267".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["sim", "run", "--seed", "0x2A", "--on", "smol"]).is_ok());
        assert!(Cli::try_parse_from(["sim", "shrink"]).is_err());
        assert!(Cli::try_parse_from(["sim", "shrink", "a.tape", "--seed", "1"]).is_err());
    }

    #[test]
    fn numbers_in_both_forms() {
        assert_eq!((number("42"), number("0x2A")), (Ok(42), Ok(42)));
        assert!(number("x").is_err() && number("-1").is_err() && number("0x").is_err());
    }
}
