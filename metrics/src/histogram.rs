//! Durations by size.

use std::time::Duration;

/// Upper bounds, from 10 µs to 10 s: three for each power of ten.
const BOUNDS: [Duration; 19] = [
    Duration::from_micros(10),
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_micros(1_000),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_millis(1_000),
    Duration::from_millis(2_500),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// How often a duration was within each bound, and all of them together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Those above the bound before, and at most at this one; the last are above all bounds.
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Histogram {
    /// Counts a duration so many times.
    pub(crate) fn observe(&mut self, duration: Duration, times: u64) {
        self.counts[BOUNDS.partition_point(|&bound| bound < duration)] += times;
        self.sum += duration.as_secs_f64() * times as f64;
    }

    /// How many were counted.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All durations together, in seconds.
    pub(crate) fn sum(&self) -> f64 {
        self.sum
    }

    /// Bounds in seconds, and how many are between each and the one before.
    pub(crate) fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = BOUNDS.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        bounds.zip(self.counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_below_the_first_bound_that_it_does_not_exceed() {
        let mut histogram = Histogram::default();
        histogram.observe(Duration::from_micros(10), 1);
        histogram.observe(Duration::from_nanos(10_001), 2);
        histogram.observe(Duration::from_secs(11), 3);
        let filled: Vec<_> = histogram.buckets().into_iter().filter(|&(_, count)| count > 0).collect();
        assert_eq!(filled, [(0.000_01, 1), (0.000_025, 2), (f64::INFINITY, 3)]);
        assert_eq!(histogram.count(), 6);
        assert!((histogram.sum() - 33.000_030_002).abs() < 1e-9);
        assert!(BOUNDS.is_sorted());
    }
}
