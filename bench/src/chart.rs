//! Pictures for documents: lines on two logarithmic axes, and bars in groups, as SVG on a light background.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Result;

/// As a README shows it, with letters that stay legible at two thirds of that.
const SIZE: (u32, u32) = (900, 560);
const TITLE: (&str, u32) = ("sans-serif", 24);
const TEXT: (&str, u32) = ("sans-serif", 17);
const SMALL: (&str, u32) = ("sans-serif", 14);
/// Told apart by the colour-blind, too (Okabe and Ito, without yellow).
const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(80, 80, 80),
];

/// What a picture says besides its data.
pub(crate) struct Labels<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

/// One line.
pub(crate) struct Series {
    pub(crate) name: String,
    /// In the order of x; all above zero.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One bar in each group, all of one colour.
pub(crate) struct Bars {
    pub(crate) name: String,
    /// One for each group; none where there is nothing to show.
    pub(crate) values: Vec<Option<f64>>,
}

/// What bars stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// They rise from zero.
    FromZero,
    /// Ratios, on a logarithmic axis: twice as much rises from 1 as far as half as much hangs from it.
    AroundOne,
}

impl Axis {
    /// Where a value is.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::FromZero => value,
            Self::AroundOne => value.log2(),
        }
    }

    /// What is at a place.
    fn value(self, place: f64) -> f64 {
        match self {
            Self::FromZero => place,
            Self::AroundOne => place.exp2(),
        }
    }

    /// What is to be seen of it, with room for a text above and below.
    fn range(self, values: impl Iterator<Item = f64>) -> Range<f64> {
        let (low, high) = values
            .map(|value| self.place(value))
            .fold((0_f64, 0_f64), |(low, high), place| (low.min(place), high.max(place)));
        let room = (high - low) * 0.08;
        match self {
            Self::FromZero => 0.0..high + room,
            // Whole powers of two, so that these are what the axis names.
            Self::AroundOne => {
                let bottom = if low < 0.0 { (low - room).floor() } else { 0.0 };
                bottom..(high + room).ceil().max(1.0)
            }
        }
    }
}

/// Draws lines on logarithmic axes.
pub(crate) fn lines(path: &Path, labels: &Labels<'_>, series: &[Series]) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    let legend = prepare(&root, labels)?;
    let points = || series.iter().flat_map(|series| &series.points);
    let x = decades(points().map(|point| point.0)).ok_or("nothing to draw")?;
    let y = decades(points().map(|point| point.1)).ok_or("nothing to draw")?;
    let mut chart = ChartBuilder::on(&root)
        .margin_top(legend)
        .margin_right(50)
        .margin_bottom(10)
        .margin_left(10)
        .x_label_area_size(50)
        .y_label_area_size(85)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(RGBColor(240, 240, 240))
        .bold_line_style(RGBColor(205, 205, 205))
        .x_desc(labels.x)
        .y_desc(labels.y)
        .axis_desc_style(TEXT)
        .label_style(TEXT)
        .x_label_formatter(&|value| number(*value))
        .y_label_formatter(&|value| number(*value))
        .draw()?;
    for (series, colour) in series.iter().zip(COLOURS.iter().cycle()) {
        chart.draw_series(LineSeries::new(series.points.iter().copied(), colour.stroke_width(3)))?;
        chart.draw_series(series.points.iter().map(|&point| Circle::new(point, 5, colour.filled())))?;
    }
    draw_legend(&root, series.iter().map(|series| &*series.name))?;
    Ok(root.present()?)
}

/// Draws bars in groups, each with its value.
pub(crate) fn bars(
    path: &Path,
    labels: &Labels<'_>,
    axis: Axis,
    groups: &[&str],
    series: &[Bars],
) -> Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    let legend = prepare(&root, labels)?;
    let range = axis.range(series.iter().flat_map(|bars| &bars.values).flatten().copied());
    let (bottom, steps) = (range.start, range.end - range.start);
    let mut chart = ChartBuilder::on(&root)
        .margin_top(legend)
        .margin_right(20)
        .margin_bottom(10)
        .margin_left(10)
        .x_label_area_size(50)
        .y_label_area_size(105)
        .build_cartesian_2d(0.0..groups.len() as f64, range)?;
    // The names of groups stand in their middle, which is no tick of the axis.
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE)
        .bold_line_style(RGBColor(205, 205, 205))
        .x_desc(labels.x)
        .y_desc(labels.y)
        .axis_desc_style(TEXT)
        .label_style(TEXT)
        .x_labels(0)
        .y_labels(if axis == Axis::AroundOne { steps as usize + 1 } else { 10 })
        .y_label_formatter(&|place| number(axis.value(*place)))
        .draw()?;
    let width = 0.8 / series.len() as f64;
    for (index, (bars, colour)) in series.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let placed = bars
            .values
            .iter()
            .enumerate()
            .filter_map(|(group, value)| Some((group as f64 + 0.1 + index as f64 * width, (*value)?)));
        chart.draw_series(placed.clone().map(|(left, value)| {
            Rectangle::new([(left, 0.0), (left + width * 0.94, axis.place(value))], colour.filled())
        }))?;
        let style = |vertical| SMALL.into_text_style(&root).pos(Pos::new(HPos::Center, vertical));
        chart.draw_series(placed.map(|(left, value)| {
            let place = axis.place(value);
            let (offset, style) = if place < 0.0 { (3, style(VPos::Top)) } else { (-3, style(VPos::Bottom)) };
            EmptyElement::at((left + width * 0.47, place)) + Text::new(number(value), (0, offset), style)
        }))?;
    }
    // What the bars stand on, or hang from.
    let ground = [(0.0, 0.0), (groups.len() as f64, 0.0)];
    chart.draw_series(LineSeries::new(ground, RGBColor(80, 80, 80).stroke_width(2)))?;
    let style = TEXT.into_text_style(&root).pos(Pos::new(HPos::Center, VPos::Top));
    chart.draw_series((0..).zip(groups).map(|(group, &name)| {
        EmptyElement::at((f64::from(group) + 0.5, bottom)) + Text::new(name.to_owned(), (0, 8), style.clone())
    }))?;
    draw_legend(&root, series.iter().map(|bars| &*bars.name))?;
    Ok(root.present()?)
}

/// A number with as many digits as matter, and commas between thousands.
pub(crate) fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        small if small < 1.0 => (1.0 - small.log10().floor()) as usize,
        middle if middle < 99.5 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction.trim_end_matches('0') {
        "" => grouped,
        fraction => format!("{grouped}.{fraction}"),
    }
}

/// Background and title; returns the height that these and a legend take.
fn prepare(root: &DrawingArea<SVGBackend<'_>, Shift>, labels: &Labels<'_>) -> Result<u32> {
    root.fill(&WHITE)?;
    let style = TITLE.into_text_style(root).pos(Pos::new(HPos::Center, VPos::Top));
    root.draw(&Text::new(labels.title.to_owned(), (SIZE.0 as i32 / 2, 12), style))?;
    Ok(104)
}

/// Names of series in two rows under the title, where no data is.
fn draw_legend<'a>(
    root: &DrawingArea<SVGBackend<'_>, Shift>,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<()> {
    let columns = names.len().div_ceil(2).max(1) as i32;
    let width = (SIZE.0 as i32 - 120) / columns;
    let style = TEXT.into_text_style(root).pos(Pos::new(HPos::Left, VPos::Center));
    for (index, (name, colour)) in (0..).zip(names.zip(COLOURS.iter().cycle())) {
        let (x, y) = (100 + index % columns * width, 58 + index / columns * 24);
        root.draw(&Rectangle::new([(x, y - 6), (x + 18, y + 6)], colour.filled()))?;
        root.draw(&Text::new(name.to_owned(), (x + 26, y), style.clone()))?;
    }
    Ok(())
}

/// The powers of ten around some values; none, if there are none.
fn decades(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let power = |exponent: f64| 10_f64.powf(exponent);
    (low <= high)
        .then(|| power(low.log10().floor())..power(high.log10().ceil().max(low.log10().floor() + 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let shown = [0.0, 0.0123, 0.5, 1.0, 12.34, 99.7, 1234.6, 1e6, -1e6].map(number);
        assert_eq!(shown, ["0", "0.012", "0.5", "1", "12.3", "100", "1,235", "1,000,000", "-1,000,000"]);
    }

    #[test]
    fn ratios_stand_between_powers_of_two() {
        assert_eq!(Axis::AroundOne.range([0.7, 1.0, 6.5].into_iter()), -1.0..3.0);
        assert_eq!(Axis::AroundOne.range([1.0, 3.0].into_iter()), 0.0..2.0, "nothing hangs");
        assert_eq!(Axis::FromZero.range([2.0, 100.0].into_iter()), 0.0..108.0);
        assert!((Axis::AroundOne.value(Axis::AroundOne.place(0.3)) - 0.3).abs() < 1e-9);
    }

    #[test]
    fn an_axis_reaches_from_power_to_power() {
        assert_eq!(decades([3.0, 250.0].into_iter()), Some(1.0..1_000.0));
        assert_eq!(decades([10.0].into_iter()), Some(10.0..100.0));
        assert_eq!(decades([].into_iter()), None);
    }
}
