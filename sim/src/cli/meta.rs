//! The same seed in two processes: addresses, hash seeds and whatever else differs between them must not show.

use std::env;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use sim::tier::On;

use super::{Mishap, Verdict};

/// Runs a seed in two child processes, and prints the first line in which they differ.
pub(super) fn meta(seed: u64, on: On, other: Option<&Path>) -> Result<Verdict, Mishap> {
    let own = env::current_exe().map_err(mishap)?;
    let mut left = Twin::start(&own, seed, on)?;
    let mut right = Twin::start(other.unwrap_or(&own), seed, on)?;
    let mut last = String::new();
    for number in 1.. {
        match (left.line()?, right.line()?) {
            (None, None) => break,
            (Some(one), Some(two)) if one == two => last = one,
            (one, two) => {
                let shown = |line: Option<String>| line.unwrap_or_else(|| "(its end)".into());
                println!("seed {seed:#x} on {}: line {number} differs", on.name());
                println!("- {}\n+ {}", shown(one), shown(two));
                left.stop()?;
                right.stop()?;
                return Ok(Verdict::Failed);
            }
        }
    }
    let codes = (left.end()?, right.end()?);
    println!("seed {seed:#x} on {}: twice the same, {last}", on.name());
    match codes {
        (Some(0), Some(0)) => Ok(Verdict::Fine),
        (Some(1), Some(1)) => Ok(Verdict::Failed),
        (one, two) => Err(format!("the two processes ended with {one:?} and {two:?}")),
    }
}

/// One of the two processes.
struct Twin {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Twin {
    fn start(program: &Path, seed: u64, on: On) -> Result<Self, Mishap> {
        let mut command = Command::new(program);
        command.args(["run", "--seed", &seed.to_string(), "--on", on.name()]).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(mishap)?;
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Ok(Self { child, lines })
    }

    fn line(&mut self) -> Result<Option<String>, Mishap> {
        self.lines.next().transpose().map_err(mishap)
    }

    fn end(&mut self) -> Result<Option<i32>, Mishap> {
        Ok(self.child.wait().map_err(mishap)?.code())
    }

    fn stop(&mut self) -> Result<(), Mishap> {
        self.child.kill().map_err(mishap)?;
        self.end().map(drop)
    }
}

fn mishap(error: std::io::Error) -> Mishap {
    format!("a child process: {error}")
}
