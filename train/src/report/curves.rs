//! Training curves as an SVG: a panel per metric, a line per series.
//!
//! The file refers to nothing but the reader's sans-serif font, so that a README can include it.

use std::io;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::{TrainError, svg};

/// Drawn larger than shown, since the drawing library rounds coordinates to integers, which shows
/// as steps.
const PX: u32 = 4;

/// Sizes of a panel, of the title line, and of the figure's margin.
const PANEL: (u32, u32) = (450 * PX, 330 * PX);
const TITLE_HEIGHT: u32 = 44 * PX;
const MARGIN: u32 = 12 * PX;
/// Top of the chart within a panel, below title and legend.
const CHART_LEFT: u32 = 56 * PX;
const CHART_TOP: u32 = 52 * PX;

/// More points than pixels only enlarge the file.
const MAX_POINTS: usize = 1500;
/// Length from which a noisy series is smoothed to show its trend.
const SMOOTHED_FROM: usize = 50;
/// Length up to which points are marked.
const DOTS_UP_TO: usize = 30;

const INK: RGBColor = RGBColor(38, 42, 48);
const MUTED_INK: RGBColor = RGBColor(105, 112, 121);
const AXIS: RGBColor = RGBColor(190, 196, 203);
const GRID: RGBColor = RGBColor(233, 236, 239);

/// Colours that are distinct in print and for colour-blind readers.
const COLOURS: [RGBColor; 4] = [
    RGBColor(46, 104, 178),
    RGBColor(58, 146, 92),
    RGBColor(132, 92, 176),
    RGBColor(190, 62, 84),
];
/// Colour of validation in every panel, with or without a training series.
const VALIDATION_COLOUR: RGBColor = RGBColor(222, 112, 30);

/// A line of a chart.
#[derive(Clone, Debug)]
pub struct Series {
    /// Name in the legend. One that begins with `val` gets the colour of validation.
    pub name: String,
    /// Points of step or epoch and value. Non-finite ones are skipped.
    pub points: Vec<(f64, f64)>,
}

/// A chart of the figure: series with common axes.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Title.
    pub title: String,
    /// Quantity or unit of the vertical axis, or empty. It follows the title in brackets; one that
    /// begins with the title, such as `accuracy (%)`, replaces it.
    pub y_label: String,
    /// Lines. The legend omits a series without points.
    pub series: Vec<Series>,
}

/// Draws `panels`, three to a row and all over the same range of x, and writes the figure to `path`
/// atomically.
///
/// # Errors
/// The file cannot be written.
pub fn write_svg(
    path: &Path,
    title: &str,
    x_label: &str,
    panels: &[Panel],
) -> Result<(), TrainError> {
    let picture = draw(title, x_label, panels).map_err(|error| TrainError::picture(path, error))?;
    svg::write(path, &picture)
}

type Drawn<T> = Result<T, DrawingAreaErrorKind<io::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw(title: &str, x_label: &str, panels: &[Panel]) -> Drawn<String> {
    let columns = [1, 1, 2, 3, 2].get(panels.len()).copied().unwrap_or(3);
    let rows = panels.len().div_ceil(columns).max(1);
    let width = PANEL.0 * columns as u32 + 2 * MARGIN;
    let height = TITLE_HEIGHT + PANEL.1 * rows as u32 + MARGIN;

    let panels: Vec<(&Panel, Vec<Line<'_>>)> =
        panels.iter().map(|panel| (panel, lines(panel))).collect();
    let x_range = extent(panels.iter().flat_map(|(_, lines)| lines), |point| point.0);

    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        root.fill(&WHITE)?;
        // No font is loaded: a character is assumed to be 0.6 of its height wide, which few fonts
        // exceed.
        let fitting = width / PX * 10 / (6 * title.chars().count().max(1) as u32);
        let heading = text(fitting.clamp(8, 20), &INK).pos(Pos::new(HPos::Center, VPos::Center));
        root.draw_text(title, &heading, at(width / 2, TITLE_HEIGHT / 2))?;
        let inner = root.margin(TITLE_HEIGHT, MARGIN, MARGIN, MARGIN);
        for (area, (panel, lines)) in inner.split_evenly((rows, columns)).iter().zip(&panels) {
            draw_panel(area, x_label, panel, lines, x_range)?;
        }
        root.present()?;
    }
    let size = |px: u32| format!("width=\"{}\" height=\"{}\"", width / px, height / px);
    Ok(svg.replacen(&size(1), &size(PX), 1))
}

fn draw_panel(
    area: &Area<'_>,
    x_label: &str,
    panel: &Panel,
    lines: &[Line<'_>],
    x_range: Option<(f64, f64)>,
) -> Drawn<()> {
    let title = match panel.y_label.as_str() {
        "" => panel.title.clone(),
        y_label if y_label.starts_with(&panel.title) => y_label.to_owned(),
        y_label => format!("{} ({y_label})", panel.title),
    };
    area.draw_text(&title, &text(16, &INK), at(CHART_LEFT, 4 * PX))?;
    draw_legend(area, lines)?;

    let (Some(x_range), Some(y_range)) = (x_range, extent(lines, |point| point.1)) else {
        let centred = text(14, &MUTED_INK).pos(Pos::new(HPos::Center, VPos::Center));
        let middle = at(PANEL.0 / 2, PANEL.1 / 2);
        return area.draw_text("nothing measured yet", &centred, middle);
    };
    let (left, right) = match x_range {
        (first, last) if is_flat(x_range) => (first - 1.0, last + 1.0),
        // The first step is 1, which would make an odd start of an axis.
        (first, last) if first > 0.0 && first < last * 0.02 => (0.0, last),
        range => range,
    };
    let (bottom, top) = with_air(y_range);
    let tick = Tick::new(bottom, top);

    let mut chart = ChartBuilder::on(area)
        .margin_top(CHART_TOP)
        .margin_right(20 * PX)
        .x_label_area_size(44 * PX)
        .y_label_area_size(CHART_LEFT)
        .build_cartesian_2d(left..right, bottom..top)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(PX))
        .axis_style(AXIS.stroke_width(PX))
        .set_all_tick_mark_size(4 * PX)
        .label_style(text(12, &MUTED_INK))
        .axis_desc_style(text(13, &MUTED_INK))
        .x_labels(6)
        .y_labels(6)
        .x_desc(x_label)
        .x_label_formatter(&|&x| count_label(x))
        .y_label_formatter(&|&y| tick.label(y))
        .draw()?;

    for Line { colour, points, .. } in lines {
        let mut curve = thinned(points);
        if points.len() > SMOOTHED_FROM && is_noisy(points) {
            let pale = colour.mix(0.28).stroke_width(PX);
            chart.draw_series(LineSeries::new(curve, pale))?;
            curve = thinned(&smoothed(points));
        }
        chart.draw_series(LineSeries::new(curve, colour.stroke_width(2 * PX)))?;
        if points.len() <= DOTS_UP_TO {
            let dot = |&point| Circle::new(point, 3 * PX, colour.filled());
            chart.draw_series(points.iter().map(dot))?;
        }
    }
    Ok(())
}

/// Legend in a line under the panel's title, clear of the curves.
fn draw_legend(area: &Area<'_>, lines: &[Line<'_>]) -> Drawn<()> {
    let (mut x, y) = (CHART_LEFT, 38 * PX);
    let style = text(12, &MUTED_INK).pos(Pos::new(HPos::Left, VPos::Center));
    for Line { name, colour, .. } in lines {
        let swatch = vec![at(x, y), at(x + 16 * PX, y)];
        area.draw(&PathElement::new(swatch, colour.stroke_width(3 * PX)))?;
        area.draw_text(name, &style, at(x + 22 * PX, y))?;
        x += (22 + 16 + 7 * name.chars().count() as u32) * PX;
    }
    Ok(())
}

/// A series as drawn: points finite and ordered by x.
struct Line<'a> {
    name: &'a str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

fn lines(panel: &Panel) -> Vec<Line<'_>> {
    let mut colours = COLOURS.into_iter().cycle();
    let mut lines = Vec::new();
    for Series { name, points } in &panel.series {
        let colour = if name.to_lowercase().starts_with("val") {
            VALIDATION_COLOUR
        } else {
            colours.next().unwrap_or(INK)
        };
        let mut points = points.clone();
        // Finite, and small enough that the range does not overflow.
        points.retain(|(x, y)| x.abs() < 1e100 && y.abs() < 1e100);
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        if !points.is_empty() {
            lines.push(Line {
                name,
                colour,
                points,
            });
        }
    }
    lines
}

/// Range of one coordinate over the points of the lines.
fn extent<'a>(
    lines: impl IntoIterator<Item = &'a Line<'a>>,
    coordinate: fn(&(f64, f64)) -> f64,
) -> Option<(f64, f64)> {
    let points = lines.into_iter().flat_map(|line| &line.points);
    let values = points.map(|point| (coordinate(point), coordinate(point)));
    values.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)))
}

/// True if a range is too narrow for ticks: the drawing library would search for them forever.
fn is_flat((low, high): (f64, f64)) -> bool {
    high - low <= 1e-9 * low.abs().max(high.abs())
}

/// Range of a vertical axis: padded, and starting at zero where that is near.
fn with_air((low, high): (f64, f64)) -> (f64, f64) {
    if is_flat((low, high)) {
        let air = if low == 0.0 { 1.0 } else { low.abs() * 0.1 };
        return (low - air, high + air);
    }
    let air = (high - low) * 0.05;
    let from_zero = low >= 0.0 && low < high * 0.3;
    (if from_zero { 0.0 } else { low - air }, high + air)
}

/// True if the series is too noisy to show its trend. A schedule is long but smooth.
fn is_noisy(points: &[(f64, f64)]) -> bool {
    let turns = |p: &&[(f64, f64)]| (p[1].1 - p[0].1) * (p[2].1 - p[1].1) < 0.0;
    points.windows(3).filter(turns).count() > points.len() / 4
}

/// Exponential moving average over a thirtieth of the series, and less near its start, where a loss
/// falls fast. Applied in both directions, since one alone lags behind.
fn smoothed(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let longest = points.len() as f64 / 30.0;
    let keep = |index: usize| 1.0 - 2.0 / ((index as f64 / 4.0).min(longest).max(1.0) + 1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    let mut trend = Vec::with_capacity(points.len());
    for (index, &(x, y)) in points.iter().enumerate() {
        (sum, weight) = (sum * keep(index) + y, weight * keep(index) + 1.0);
        trend.push((x, sum, weight));
    }
    (sum, weight) = (0.0, 0.0);
    for (index, past) in trend.iter_mut().enumerate().rev() {
        (sum, weight) = (sum * keep(index), weight * keep(index));
        (past.1, past.2) = (past.1 + sum, past.2 + weight);
        (sum, weight) = (sum + points[index].1, weight + 1.0);
    }
    let mean = |(x, sum, weight)| (x, sum / weight);
    trend.into_iter().map(mean).collect()
}

/// Reduces a series to `MAX_POINTS` that look the same: the minimum and maximum of each run of
/// neighbours.
fn thinned<'a>(points: &'a [(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MAX_POINTS {
        return points.to_vec();
    }
    let by_y = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
    let extremes = |run: &'a [_]| [run.iter().min_by(by_y), run.iter().max_by(by_y)];
    let runs = points.chunks(points.len().div_ceil(MAX_POINTS / 2));
    let mut kept: Vec<_> = runs.flat_map(extremes).flatten().copied().collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    kept
}

/// Formats a step or an epoch: `7`, `2.5`, `20k`, `1.5M`.
fn count_label(x: f64) -> String {
    match x.abs() {
        size if size >= 1e6 => plain(x / 1e6, 3) + "M",
        size if size >= 1e4 => plain(x / 1e3, 3) + "k",
        _ => plain(x, 2),
    }
}

/// Number format of a vertical axis: `0.25`, `90`, `3e-4`.
struct Tick {
    /// Last digit that distinguishes two ticks: 2 for hundredths.
    last_place: i32,
    scientific: bool,
}

impl Tick {
    fn new(bottom: f64, top: f64) -> Self {
        let largest = bottom.abs().max(top.abs());
        Self {
            last_place: 1 - ((top - bottom) / 6.0).log10().floor() as i32,
            scientific: !(0.01..1e6).contains(&largest),
        }
    }

    fn label(&self, y: f64) -> String {
        // Zero may come as 1e-17.
        if y.abs() < 0.1_f64.powi(self.last_place + 1) {
            return "0".to_owned();
        }
        let exponent = if self.scientific {
            y.abs().log10().floor() as i32
        } else {
            0
        };
        let places = (self.last_place + exponent).max(0) as usize;
        match plain(y / 10_f64.powi(exponent), places) {
            digits if exponent == 0 => digits,
            digits => format!("{digits}e{exponent}"),
        }
    }
}

fn plain(number: f64, decimals: usize) -> String {
    match format!("{number:.decimals$}") {
        digits if decimals == 0 => digits,
        digits => digits.trim_end_matches('0').trim_end_matches('.').into(),
    }
}

fn at(x: u32, y: u32) -> (i32, i32) {
    (x as i32, y as i32)
}

fn text(size: u32, colour: &RGBColor) -> TextStyle<'static> {
    ("sans-serif", size * PX).into_font().color(colour)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn panel(points: Vec<(f64, f64)>) -> Panel {
        let name = "train".to_owned();
        Panel {
            title: "Loss".to_owned(),
            y_label: String::new(),
            series: vec![Series { name, points }],
        }
    }

    #[test]
    fn whatever_was_measured_is_drawn() {
        let drawn = |points| draw("a <title>", "step", &[panel(points)]).unwrap();
        assert!(drawn(vec![]).contains("nothing measured yet"));
        let wild = [f64::NAN, f64::INFINITY, 0.0, 1e-320, 1.0, 1.0 + 1e-15];
        for (a, b) in wild.iter().flat_map(|&a| wild.map(|b| (a, b))) {
            assert!(drawn(vec![(1.0, a), (2.0, b)]).ends_with("</svg>\n"));
            assert!(drawn(vec![(a, 1.0), (b, 2.0)]).ends_with("</svg>\n"));
        }
        assert!(draw("", "", &[]).unwrap().contains("width=\"474\""));
    }

    #[test]
    fn long_series_keep_their_extremes() {
        let points = (0..100_000).map(|i| (f64::from(i), f64::from(i % 7)));
        let kept = thinned(&points.collect::<Vec<_>>());
        assert!(kept.len() <= MAX_POINTS);
        assert!(kept.is_sorted_by_key(|point| point.0));
        let panel = panel(kept);
        assert_eq!(extent(&lines(&panel), |point| point.1), Some((0.0, 6.0)));
    }

    #[test]
    fn smoothing_neither_lags_nor_shifts() {
        let line: Vec<_> = (0..300).map(|i| (f64::from(i), f64::from(i))).collect();
        let middle = smoothed(&line)[150];
        assert!((middle.1 - middle.0).abs() < 1e-3, "{middle:?}");
    }

    #[test]
    fn labels_are_short() {
        let counts = [7.0, 2.5, 2e4, 1.5e6].map(count_label);
        assert_eq!(counts, ["7", "2.5", "20k", "1.5M"]);
        assert_eq!(Tick::new(0.0, 1.0).label(0.1 + 0.2), "0.3");
        assert_eq!(Tick::new(-1.0, 1.0).label(-1e-17), "0");
        assert_eq!(Tick::new(0.0, 1e-3).label(3e-4), "3e-4");
        assert_eq!(Tick::new(0.9991, 0.9992).label(0.99912), "0.99912");
    }
}
