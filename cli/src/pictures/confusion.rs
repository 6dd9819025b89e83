//! Confusion matrix as SVG: a row per true class, a column per predicted one.
//!
//! Written by hand rather than with the drawing library: the matrix of 1000 classes has a million
//! cells, so all cells of one shade are one path.

use std::path::Path;

use tinderbox_train::TrainError;
use tinderbox_train::svg;

/// Maximum number of classes for numbers in the cells, and for names on the axes.
const NUMBERED_UP_TO: usize = 20;
const NAMED_UP_TO: usize = 60;

/// Minimum side of a cell with a number, in pixels.
const NUMBERED_CELL: f64 = 36.0;

/// Maximum length of a class name, in characters.
const NAME_LENGTH: usize = 20;

/// Number of shades over the white background.
const SHADES: usize = 24;

/// Share of the row below which a cell stays white in a matrix without numbers. Bounds the size of
/// the file: at most a hundred cells per row.
const LEAST_SHARE: f64 = 0.01;

/// Darkest shade of correct predictions, and of errors.
const RIGHT: [f64; 3] = [20.0, 74.0, 140.0];
const WRONG: [f64; 3] = [208.0, 78.0, 14.0];

const INK: &str = "#262a30";
const MUTED_INK: &str = "#697079";
const FRAME: &str = "#bec4cb";
const GRID: &str = "#e9ecef";

/// Draws `counts[truth][prediction]` and writes it to `path`, whole or not at all.
///
/// A cell is as dark as its share of its row, so that rare classes are as visible as frequent ones:
/// blue on the diagonal, orange off it. Its number is the count. Classes without a name are called
/// by their index, and missing counts are zero.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_svg(
    path: &Path,
    classes: &[String],
    counts: &[Vec<u64>],
) -> Result<(), TrainError> {
    svg::write(path, &Matrix::new(classes, counts).draw())
}

/// The matrix and the dimensions of its picture, in pixels.
struct Matrix<'a> {
    counts: &'a [Vec<u64>],
    names: Vec<String>,
    /// Side of a cell, and of the whole matrix.
    cell: f64,
    side: f64,
    /// Upper left corner of the matrix.
    left: f64,
    top: f64,
    /// True if the column names are too long to stand horizontally side by side.
    slanted: bool,
    /// Height of the column names.
    bottom: f64,
}

impl<'a> Matrix<'a> {
    fn new(classes: &[String], counts: &'a [Vec<u64>]) -> Self {
        let widest_row = counts.iter().map(Vec::len).max().unwrap_or(0);
        let n = classes.len().max(counts.len()).max(widest_row);
        let cell = match n {
            0..=NUMBERED_UP_TO => (640.0 / n.max(1) as f64).clamp(NUMBERED_CELL, 90.0),
            _ => (820.0 / n as f64).clamp(1.0, 24.0),
        };
        let names: Vec<String> = match n {
            0..=NAMED_UP_TO => (0..n).map(|class| name(classes, class)).collect(),
            _ => Vec::new(),
        };
        let longest = names
            .iter()
            .map(|name| name.chars().count())
            .max()
            .unwrap_or(4);
        let width = longest as f64 * 7.0;
        let slanted = !names.is_empty() && width > cell - 4.0;
        Self {
            counts,
            names,
            cell,
            side: cell * n as f64,
            left: 46.0 + width,
            top: 74.0,
            slanted,
            bottom: 44.0 + if slanted { width * 0.72 } else { 16.0 },
        }
    }

    fn draw(&self) -> String {
        // At least as wide as the heading.
        let width = (self.left + self.side + 28.0).max(430.0).round();
        let height = (self.top + self.side + self.bottom).round();
        let (heading, cells, axes) = (self.heading(), self.cells(), self.axes());
        let Self { left, top, .. } = self;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{MUTED_INK}">
<rect width="100%" height="100%" fill="#fff"/>
{heading}<g transform="translate({left} {top})">
{cells}{axes}</g>
</svg>
"##
        )
    }

    fn heading(&self) -> String {
        let title = text(
            20.0,
            32.0,
            &format!(r#"font-size="18" fill="{INK}""#),
            "Confusion matrix",
        );
        let total: u64 = self.counts.iter().flatten().sum();
        if total == 0 {
            return title;
        }
        let rows = self.counts.iter().enumerate();
        let correct: u64 = rows.filter_map(|(class, row)| row.get(class)).sum();
        let percent = 100.0 * correct as f64 / total as f64;
        let summary = format!(
            "{correct} of {total} correct ({percent:.1} %); shade: share of the true class"
        );
        title + &text(20.0, 52.0, "", &summary)
    }

    /// One path per shade for all its cells; then the numbers, if there is room.
    fn cells(&self) -> String {
        let cell = self.cell;
        let numbered = cell >= NUMBERED_CELL;
        // A single pixel is easily overlooked.
        let mark = (2.0 / cell).max(1.0);
        let mut wrong = vec![String::new(); SHADES + 1];
        let mut right = wrong.clone();
        let mut numbers = String::new();
        for (row, counts) in self.counts.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1) as f64;
            for (column, &count) in counts.iter().enumerate() {
                let share = count as f64 / total;
                if count == 0 || (!numbered && share < LEAST_SHARE) {
                    continue;
                }
                // The square root makes a confusion of a few per cent visible.
                let darkness = share.sqrt();
                let shade = (darkness * SHADES as f64).ceil() as usize;
                let paths = if row == column {
                    &mut right
                } else {
                    &mut wrong
                };
                paths[shade.min(SHADES)] += &format!("M{column} {row}h{mark}v{mark}h-{mark}z");
                if numbered {
                    let fill = if darkness > 0.6 {
                        r##"fill="#fff""##
                    } else {
                        ""
                    };
                    let (x, y) = (self.middle(column), self.middle(row));
                    numbers += &text(x, y, &format!(r#"dy=".35em" {fill}"#), &count.to_string());
                }
            }
        }

        let mut paths = String::new();
        for (darkest, of_shade) in [(WRONG, wrong), (RIGHT, right)] {
            for (shade, path) in of_shade
                .iter()
                .enumerate()
                .filter(|(_, path)| !path.is_empty())
            {
                let [r, g, b] = mixed(darkest, shade as f64 / SHADES as f64);
                paths += &format!("<path fill=\"rgb({r},{g},{b})\" d=\"{path}\"/>\n");
            }
        }
        let digits = self
            .counts
            .iter()
            .flatten()
            .max()
            .unwrap_or(&0)
            .to_string()
            .len();
        let size = ((cell - 4.0) / (0.64 * digits as f64)).min(12.0);
        format!(
            r#"<g transform="scale({cell})" shape-rendering="crispEdges">
{paths}</g>
<g font-size="{size:.1}" fill="{INK}" text-anchor="middle">
{numbers}</g>
"#
        )
    }

    fn axes(&self) -> String {
        let Self { cell, side, .. } = *self;
        let n = (side / cell).round() as usize;
        let mut lines = String::new();
        for at in (1..n)
            .map(|line| line as f64 * cell)
            .filter(|_| cell >= 8.0)
        {
            lines += &format!("M0 {at:.1}H{side:.1}M{at:.1} 0V{side:.1}");
        }

        let mut labels = String::new();
        for (class, label) in self.labels(n) {
            let middle = self.middle(class);
            labels += &text(-8.0, middle, r#"dy=".35em" text-anchor="end""#, &label);
            labels += &if self.slanted {
                let (x, y) = (middle, side + 10.0);
                let turned = format!(
                    r#"transform="rotate(-45 {x:.1} {y:.1})" dy=".35em" text-anchor="end""#
                );
                text(x, y, &turned, &label)
            } else {
                text(middle, side + 18.0, r#"text-anchor="middle""#, &label)
            };
        }

        let middle = side / 2.0;
        let style = format!(r#"font-size="13" fill="{INK}" text-anchor="middle""#);
        let predicted = text(middle, side + self.bottom - 14.0, &style, "predicted");
        let x = 24.0 - self.left;
        let upright = format!(r#"{style} transform="rotate(-90 {x:.1} {middle:.1})""#);
        let truth = text(x, middle, &upright, "true");
        format!(
            r#"<path d="{lines}" stroke="{GRID}"/>
<rect width="{side:.1}" height="{side:.1}" fill="none" stroke="{FRAME}"/>
{labels}{predicted}{truth}"#
        )
    }

    /// Classes named on the axes: all, or a dozen indices of a large matrix.
    fn labels(&self, n: usize) -> Vec<(usize, String)> {
        if !self.names.is_empty() {
            return self.names.iter().cloned().enumerate().collect();
        }
        let steps = [10, 20, 50, 100, 200, 500];
        let step = steps
            .into_iter()
            .find(|step| n / step <= 12)
            .unwrap_or(1000);
        let classes = (0..n).step_by(step);
        classes.map(|class| (class, class.to_string())).collect()
    }

    fn middle(&self, class: usize) -> f64 {
        (class as f64 + 0.5) * self.cell
    }
}

/// Shortens a class name for an axis. ImageNet's names are lists of synonyms; other long names lose
/// their middle, because in many data sets they differ at the end.
fn name(classes: &[String], class: usize) -> String {
    let Some(name) = classes.get(class) else {
        return class.to_string();
    };
    if name.chars().count() <= NAME_LENGTH {
        return name.clone();
    }
    let first: Vec<char> = name.split(',').next().unwrap_or(name).chars().collect();
    if first.len() <= NAME_LENGTH {
        return first.into_iter().collect();
    }
    let half = NAME_LENGTH / 2;
    let head: String = first[..half].iter().collect();
    let tail: String = first[first.len() - half + 1..].iter().collect();
    format!("{}…{}", head.trim_end(), tail.trim_start())
}

/// Mixes `darkest` with white.
fn mixed(darkest: [f64; 3], amount: f64) -> [u8; 3] {
    darkest.map(|channel| (255.0 + (channel - 255.0) * amount).round() as u8)
}

/// A text element, escaped: class names may contain anything.
fn text(x: f64, y: f64, attributes: &str, text: &str) -> String {
    let text = text.replace(char::is_control, " ").replace('&', "&amp;");
    let text = text.replace('<', "&lt;").replace('>', "&gt;");
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" {attributes}>{text}</text>\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_their_cells_and_names_are_escaped() {
        let classes = ["cat & <dog>".to_owned(), "x".to_owned()];
        let svg = Matrix::new(&classes, &[vec![40, 2], vec![0, 7]]).draw();
        for part in [
            "47 of 49 correct (95.9 %)",
            ">40<",
            ">2<",
            "cat &amp; &lt;dog&gt;",
        ] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(!svg.contains(">0<"));
    }

    #[test]
    fn ragged_and_empty_matrices_are_drawn() {
        let ragged = vec![vec![1, 2, 3], vec![]];
        for counts in [vec![], vec![vec![]], ragged, vec![vec![0; 30]; 30]] {
            assert!(Matrix::new(&[], &counts).draw().ends_with("</svg>\n"));
        }
    }

    #[test]
    fn a_thousand_classes_make_a_file_of_reasonable_size() {
        let counts: Vec<Vec<u64>> = (0..1000)
            .map(|i| (0..1000).map(|j| (i * j) % 97).collect())
            .collect();
        assert!(Matrix::new(&[], &counts).draw().len() < 2_000_000);
    }

    #[test]
    fn long_names_keep_both_ends() {
        let classes = [
            "great white shark, white shark",
            "a class of things number 17",
        ];
        let classes = classes.map(str::to_owned);
        assert_eq!(name(&classes, 0), "great white shark");
        assert_eq!(name(&classes, 1), "a class of…number 17");
        assert_eq!(name(&classes, 2), "2");
    }
}
