//! Counting instructions with callgrind: this program runs itself under it, once for each workload.
//!
//! Only what happens within [`measured_part`] is counted. Nothing is subtracted.

use std::env;
use std::fs;
use std::hint::black_box;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::workloads::Workload;
use crate::Result;

/// What callgrind finds the measured part by.
const MEASURED: &str = "*measured_part*";

/// Runs a workload under callgrind; returns the instructions it took, and for how many units of it.
///
/// The profile is kept beside the program: `callgrind_annotate` shows it.
pub(super) fn count(name: &str) -> Result<(u64, u64)> {
    let program = env::current_exe()?;
    let profile = profile_of(&program, name)?;
    let mut valgrind = Command::new("valgrind");
    // An empty environment: its size moves the stack, and alignment has its price.
    valgrind.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
    valgrind.arg("--tool=callgrind").arg(format!("--toggle-collect={MEASURED}"));
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    valgrind.arg(&program).args(["instructions", "--part", name]);
    let output = valgrind.stderr(Stdio::piped()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "valgrind is missing: install it (on Debian: apt-get install valgrind)".into(),
        _ => format!("valgrind: {error}"),
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{name} under valgrind: {}\n{said}", output.status).into());
    }
    let units = String::from_utf8(output.stdout)?.trim().parse()?;
    let instructions =
        total(&fs::read_to_string(&profile)?).ok_or("a callgrind profile without its total")?;
    if instructions == 0 {
        return Err(format!("{name}: callgrind did not find the measured part").into());
    }
    Ok((instructions, units))
}

fn profile_of(program: &std::path::Path, name: &str) -> Result<PathBuf> {
    let folder = program.parent().ok_or("a program lies in a folder")?.join("callgrind");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!("{name}.out")))
}

/// The line `totals: N` of a profile.
fn total(profile: &str) -> Option<u64> {
    let totals = profile.lines().find_map(|line| line.strip_prefix("totals: "))?;
    totals.trim().parse().ok()
}

/// The process that is measured: prepares the workload, lets it run, and prints for how many units.
pub(super) fn be_measured(workload: &Workload) -> Result<()> {
    let mut scene = workload.prepare();
    measured_part(&mut || scene.play());
    println!("{}", scene.units());
    Ok(())
}

/// Callgrind counts from its call to its return.
#[inline(never)]
fn measured_part(run: &mut dyn FnMut()) {
    run();
    // Something left to do keeps the call above from becoming a jump, which would not return here.
    black_box(());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_found_in_a_profile() {
        assert_eq!(total("events: Ir\nsummary: 7\n\nfn=(1)\n0 12\n\ntotals: 12\n"), Some(12));
        assert_eq!(total("events: Ir\n"), None);
    }
}
