//! The figures of all sizes, as curves.

use std::collections::BTreeMap;

use super::figures::{Figure, Figures};

/// The figures of each size.
pub(super) type Sizes = BTreeMap<usize, Figures>;

/// One quantity as it grows with the size.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) points: Vec<(usize, Figure)>,
}

impl Curve {
    /// The figure `figure` of each size that has it.
    pub(super) fn of(sizes: &Sizes, name: &'static str, figure: &str) -> Self {
        let points = sizes.iter().filter_map(|(size, figures)| Some((*size, figures.get(figure)?))).collect();
        Self { name, points }
    }

    /// The same with each point changed.
    pub(super) fn map(&self, name: &'static str, change: impl Fn(usize, Figure) -> Figure) -> Self {
        let points = self.points.iter().map(|&(size, figure)| (size, change(size, figure))).collect();
        Self { name, points }
    }

    /// Only from `size` on.
    pub(super) fn from(mut self, size: usize) -> Self {
        self.points.retain(|(own, _)| *own >= size);
        self
    }

    pub(super) fn at(&self, size: usize) -> Option<Figure> {
        self.points.iter().find(|(own, _)| *own == size).map(|(_, figure)| *figure)
    }

    /// The medians, for pictures and slopes.
    pub(super) fn medians(&self) -> Vec<(f64, f64)> {
        self.points.iter().map(|(size, figure)| (*size as f64, figure.median)).collect()
    }
}
