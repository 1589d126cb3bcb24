//! What the slopes of the curves say, as a table.

use super::curves::Curve;
use super::slope::{self, bends, slopes};
use crate::chart;

/// A table of slopes: one row for each curve, each over `size`.
pub(super) fn verdicts(size: &str, curves: &[&Curve]) -> String {
    let mut text = format!("| by {size} | slopes | bends at | |\n|---|--:|--:|---|\n");
    for curve in curves {
        let slopes = slopes(&curve.medians());
        let shown: Vec<_> = slopes.iter().map(|slope| format!("{slope:.2}")).collect();
        let bends: Vec<_> =
            bends(&slopes).into_iter().map(|index| chart::number(curve.points[index].0 as f64)).collect();
        let bends = if bends.is_empty() { String::from("–") } else { bends.join("; ") };
        let name = curve.name.split(", ").filter(|part| *part != "µs").collect::<Vec<_>>().join(", ");
        text += &format!("| {name} | {} | {bends} | {} |\n", shown.join("  "), slope::verdict(&slopes));
    }
    text
}
