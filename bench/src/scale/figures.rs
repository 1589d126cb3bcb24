//! What one size came to: figures with their spread, as text between the process of that size and ours.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Result;

/// One thing measured several times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) median: f64,
    /// One in ten is below this.
    pub(super) low: f64,
    /// One in ten is above this.
    pub(super) high: f64,
}

impl Figure {
    /// Of a sample that is not empty.
    pub(super) fn of(mut sample: Vec<f64>) -> Self {
        sample.sort_unstable_by(f64::total_cmp);
        let at = |part: f64| sample[((sample.len() - 1) as f64 * part).round() as usize];
        Self { median: at(0.5), low: at(0.1), high: at(0.9) }
    }

    /// Of durations, in microseconds.
    pub(super) fn of_times(times: &[Duration]) -> Self {
        Self::of(times.iter().map(|time| time.as_secs_f64() * 1e6).collect())
    }

    /// The same for each of `count`, in another unit, of which there are `units` in one.
    pub(super) fn each(self, count: f64, units: f64) -> Self {
        let factor = units / count;
        Self { median: self.median * factor, low: self.low * factor, high: self.high * factor }
    }
}

/// Figures by name; a name is one word.
#[derive(Debug, Default)]
pub(super) struct Figures(BTreeMap<String, Figure>);

impl Figures {
    pub(super) fn add(&mut self, name: &str, figure: Figure) {
        self.0.insert(name.into(), figure);
    }

    pub(super) fn get(&self, name: &str) -> Option<Figure> {
        self.0.get(name).copied()
    }

    /// Takes over what has a lower median, or is new.
    pub(super) fn keep_best(&mut self, other: &Self) {
        for (name, &figure) in &other.0 {
            let own = self.0.entry(name.clone()).or_insert(figure);
            if figure.median < own.median {
                *own = figure;
            }
        }
    }

    pub(super) fn to_text(&self) -> String {
        let line = |(name, figure): (&String, &Figure)| {
            format!("{name} {} {} {}\n", figure.median, figure.low, figure.high)
        };
        self.0.iter().map(line).collect()
    }

    pub(super) fn from_text(text: &str) -> Result<Self> {
        let mut figures = Self::default();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [name, median, low, high] = words[..] else {
                return Err(format!("no figure: {line:?}").into());
            };
            figures.add(name, Figure { median: median.parse()?, low: low.parse()?, high: high.parse()? });
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_median_and_its_spread() {
        let figure = Figure::of((0..=10).rev().map(f64::from).collect());
        assert_eq!(figure, Figure { median: 5.0, low: 1.0, high: 9.0 });
        assert_eq!(figure.each(5.0, 1_000.0).median, 1_000.0);
    }

    #[test]
    fn of_two_rounds_the_lower_median_counts() {
        let figures = |text| Figures::from_text(text).unwrap();
        let mut best = figures("a 2 1 3\nb 1 1 1");
        best.keep_best(&figures("a 1 1 9\nb 2 2 2\nc 3 3 3"));
        assert_eq!(best.to_text(), "a 1 1 9\nb 1 1 1\nc 3 3 3\n");
    }

    #[test]
    fn figures_survive_being_written_and_read() {
        let mut figures = Figures::default();
        figures.add("turn", Figure { median: 1.5, low: 0.1, high: 1e9 });
        let read = Figures::from_text(&figures.to_text()).unwrap();
        assert_eq!(read.get("turn"), figures.get("turn"));
        assert!(Figures::from_text("turn 1").is_err());
    }
}
