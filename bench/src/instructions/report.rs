//! The figures beside the baseline.

use std::fmt::Write as _;

use super::{Figure, heap, workloads};

/// Percent by which `figure` differs from the baseline; none, if it is not in there.
fn difference(figure: &Figure, baseline: &[Figure]) -> Option<f64> {
    let before = baseline.iter().find(|before| before.name == figure.name && before.unit == figure.unit)?;
    Some((figure.value / before.value - 1.0) * 100.0)
}

/// All figures, for a terminal.
pub(super) fn table(figures: &[Figure], baseline: &[Figure]) -> String {
    let mut table = format!("{:<18} {:<38} {:>12} {:>9}\n", "", "", "", "baseline");
    for figure in figures {
        let change = difference(figure, baseline).map_or("new".into(), |percent| format!("{percent:+.1} %"));
        let Figure { name, unit, value } = figure;
        writeln!(table, "{name:<18} {unit:<38} {:>12} {change:>9}", shown(*value))
            .expect("a String takes all");
    }
    table
}

/// With a decimal, where it matters.
fn shown(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

/// What is worse than the baseline by more than `tolerance` percent, as a text; empty, if nothing is.
pub(super) fn worse(figures: &[Figure], baseline: &[Figure], tolerance: f64) -> String {
    let is_worse = |figure: &&Figure| difference(figure, baseline).is_some_and(|percent| percent > tolerance);
    let worse: Vec<&str> = figures.iter().filter(is_worse).map(|figure| &*figure.name).collect();
    if worse.is_empty() {
        return String::new();
    }
    format!(
        "more than {tolerance} % worse than the baseline: {}; if that has its reason, renew it with --write",
        worse.join(", ")
    )
}

/// The section of `BENCHMARKS.md`.
pub(super) fn section(figures: &[Figure]) -> String {
    let mut section = String::from(
        "What the engine alone takes for what it does, an adapter's calls included and its system calls not. \
         Instructions are counted under callgrind, heap by the program's allocator, so that the figures are \
         the same on every run. They do change with the compiler, the C library and the vector instructions \
         that the processor has. No lobby, no flood control, no history, but for the workload about it.\n\n\
         ```sh\n\
         cargo run -p bench --release -- instructions           # compare with the committed figures\n\
         cargo run -p bench --release -- instructions --write   # renew them\n\
         ```\n\n\
         | workload | | figure | |\n|---|---|---:|---|\n",
    );
    for Figure { name, unit, value } in figures {
        let what = workloads::find(name).map_or(heap::WHAT, |workload| workload.what);
        writeln!(section, "| {name} | {what} | {} | {unit} |", shown(*value)).expect("a String takes all");
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(name: &str, value: f64) -> Figure {
        Figure { name: name.into(), unit: "instructions per line".into(), value }
    }

    #[test]
    fn only_what_is_worse_by_more_than_the_tolerance_is_named() {
        let baseline = [figure("a", 100.0), figure("b", 100.0), figure("c", 100.0)];
        let figures = [figure("a", 102.9), figure("b", 103.1), figure("c", 50.0), figure("new", 1.0)];
        let worse = worse(&figures, &baseline, 3.0);
        assert!(worse.contains("baseline: b;"), "{worse}");
    }

    #[test]
    fn the_same_figures_are_no_worse() {
        let figures = [figure("a", 100.0)];
        assert_eq!(worse(&figures, &figures, 3.0), "");
        assert!(table(&figures, &figures).contains("+0.0 %"));
    }
}
