//! Whether a curve is linear or better, and where it bends.

/// The steepest slope that counts as linear, on axes that are both logarithmic: 1 is a straight line through zero,
/// and what is above it allows for noise.
const LINEAR: f64 = 1.1;
/// The same for a curve that does not grow.
const FLAT: f64 = 0.1;
/// A change of slope from one interval to the next that counts as a bend.
const BEND: f64 = 0.3;

/// The slopes between neighbouring points on axes that are both logarithmic.
pub(super) fn slopes(points: &[(f64, f64)]) -> Vec<f64> {
    let slope =
        |(before, after): (&(f64, f64), &(f64, f64))| (after.1 / before.1).ln() / (after.0 / before.0).ln();
    points.iter().zip(points.iter().skip(1)).map(slope).collect()
}

/// What the slopes amount to, in words.
pub(super) fn verdict(slopes: &[f64]) -> &'static str {
    let steepest = slopes.iter().copied().fold(f64::MIN, f64::max);
    if steepest <= FLAT {
        "flat"
    } else if steepest <= LINEAR {
        "linear or better"
    } else {
        "**worse than linear**"
    }
}

/// The points, by index, where a curve bends upwards or downwards.
pub(super) fn bends(slopes: &[f64]) -> Vec<usize> {
    let turns = slopes.iter().zip(slopes.iter().skip(1)).enumerate();
    turns.filter(|(_, (before, after))| (*after - *before).abs() > BEND).map(|(index, _)| index + 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(of: impl Fn(f64) -> f64) -> Vec<f64> {
        slopes(&[1.0, 10.0, 100.0, 1_000.0].map(|x| (x, of(x))))
    }

    #[test]
    fn what_grows_in_proportion_is_linear_and_a_square_is_not() {
        assert_eq!(verdict(&curve(|_| 7.0)), "flat");
        assert_eq!(verdict(&curve(|x| 3.0 * x)), "linear or better");
        assert_eq!(verdict(&curve(|x| x * x)), "**worse than linear**");
        let one_step = curve(|x| if x > 100.0 { 2.0 * x } else { x });
        assert_eq!(verdict(&one_step), "**worse than linear**", "one interval is enough");
    }

    #[test]
    fn a_bend_is_where_the_slope_changes() {
        assert!(bends(&curve(|x| 5.0 * x)).is_empty());
        assert_eq!(bends(&curve(|x| if x < 100.0 { 100.0 } else { x })), [2]);
    }
}
