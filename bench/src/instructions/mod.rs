//! How many instructions the engine takes for what it does: counted, not timed, so that a change of a few percent
//! shows on any machine, however busy.
//!
//! | module | what it is |
//! |---|---|
//! | `workloads` | what is counted |
//! | `house` | an engine with users, and an adapter that takes every write at once |
//! | `callgrind` | the counting |
//! | `heap` | the memory of an idle connection, counted too |
//! | `baseline` | the counts that were committed |
//! | `report` | the table |

mod baseline;
mod callgrind;
mod heap;
mod house;
mod report;
mod workloads;

use clap::Args;

use self::workloads::Workload;
use crate::{Result, document};

/// Percent by which a figure may be worse than the baseline.
const TOLERANCE: f64 = 3.0;

/// Count the engine's instructions, and compare them with the baseline
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Make these counts the baseline, and write them into BENCHMARKS.md
    #[arg(long, conflicts_with = "only")]
    write: bool,
    /// Count this workload only; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Be the process that is measured
    #[arg(long, value_name = "NAME", hide = true)]
    part: Option<String>,
}

/// One figure: the less, the better.
#[derive(Clone, Debug, PartialEq)]
struct Figure {
    name: String,
    /// What it is a number of, and for each of what.
    unit: String,
    value: f64,
}

/// Counts, compares and reports.
pub(crate) fn run(options: &Options) -> Result<()> {
    match options.part.as_deref() {
        Some(heap::NAME) => heap::measure(),
        Some(part) => callgrind::be_measured(workloads::find(part)?),
        None => compare(options),
    }
}

fn compare(options: &Options) -> Result<()> {
    let chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|only| only == name);
    if let Some(unknown) =
        options.only.iter().find(|only| *only != heap::NAME && workloads::find(only).is_err())
    {
        return Err(format!("there is no workload {unknown:?}: there are {}", names().join(", ")).into());
    }
    let mut figures = Vec::new();
    for workload in workloads::ALL.iter().filter(|workload| chosen(workload.name)) {
        eprintln!("counting {}", workload.name);
        figures.push(count(workload)?);
    }
    if chosen(heap::NAME) {
        figures.extend(heap::figures()?);
    }
    let baseline = baseline::read()?;
    print!("{}", report::table(&figures, &baseline));
    if options.write {
        baseline::write(&figures)?;
        return Ok(document::replace_section("instructions", &report::section(&figures))?);
    }
    let worse = report::worse(&figures, &baseline, TOLERANCE);
    if worse.is_empty() { Ok(()) } else { Err(worse.into()) }
}

fn count(workload: &Workload) -> Result<Figure> {
    let (instructions, units) = callgrind::count(workload.name)?;
    let unit = format!("instructions per {}", workload.unit);
    Ok(Figure { name: workload.name.into(), unit, value: instructions as f64 / units as f64 })
}

fn names() -> Vec<&'static str> {
    workloads::ALL.iter().map(|workload| workload.name).chain([heap::NAME]).collect()
}
