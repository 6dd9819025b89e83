//! Attention maps: a row per query token, a column per key token, darker for more attention.

use std::fmt::Write;

use super::escaped;
use super::picture::{STYLE, opening};

/// Number of shades. Equal neighbours are drawn as one and the palest shade not at all, which keeps
/// pictures small.
const SHADES: usize = 8;
/// Maximum cells along a side of a map in a grid; maps of longer texts are averaged.
const SMALL: usize = 48;
/// Side of a map in a grid, in pixels.
const SIDE: f64 = 96.0;
/// Side of a cell of a single map, in pixels.
const CELL: f64 = 16.0;
/// Width of a letter of a label, in pixels.
const LETTER: f64 = 8.4;
/// Maximum letters of a label.
const LONGEST: usize = 24;

/// A map with its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Labelled {
    /// Name, as in "layer 3, head 1".
    pub(crate) name: String,
    /// `[time, time]` non-negative values, row by row.
    pub(crate) values: Vec<f32>,
}

/// Grid of maps of one text, each `[time, time]`, in `columns` columns.
pub(crate) fn map_grid(title: &str, maps: &[Labelled], columns: usize, time: usize) -> String {
    let columns = columns.max(1);
    let rows = maps.len().div_ceil(columns);
    let (step_x, step_y) = (SIDE + 12.0, SIDE + 32.0);
    let width = (columns as f64 * step_x + 12.0).max(width_of(title));
    let height = rows as f64 * step_y + 48.0;
    let mut svg = opening(width, height) + STYLE;
    let _ = write!(svg, "<text x=\"12\" y=\"24\">{}</text>", escaped(title));
    for (place, map) in maps.iter().enumerate() {
        let x = 12.0 + (place % columns) as f64 * step_x;
        let y = 48.0 + (place / columns) as f64 * step_y;
        let (values, size) = averaged(&map.values, time);
        let name = escaped(&map.name);
        let _ = write!(
            svg,
            "<g transform=\"translate({x:.0} {y:.0})\"><title>{name}</title>{}{}\
             <text y=\"{:.0}\" style=\"font-size:11px\">{name}</text></g>",
            frame(SIDE),
            cells(&values, size, SIDE / size.max(1) as f64),
            SIDE + 14.0
        );
    }
    svg + "</svg>\n"
}

/// A single map with the tokens along its sides.
pub(crate) fn token_map(title: &str, map: &Labelled, tokens: &[String]) -> String {
    let time = tokens.len();
    let labels: Vec<String> = tokens.iter().map(|token| shortened(token)).collect();
    let longest = labels.iter().map(|label| label.chars().count()).max();
    let room = longest.unwrap_or(0) as f64 * LETTER + 16.0;
    let side = time as f64 * CELL;
    let title = format!("{title} · {}", map.name);
    let top = 32.0 + room;
    let width = (room + side + 12.0).max(width_of(&title));
    let mut svg = opening(width, top + side + 12.0) + STYLE;
    let _ = write!(svg, "<text x=\"12\" y=\"24\">{}</text>", escaped(&title));
    for (place, label) in labels.iter().enumerate() {
        let label = escaped(label);
        let at = (place as f64 + 0.5) * CELL;
        let _ = write!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" dy=\".35em\">{label}</text>\
             <text transform=\"translate({:.0} {:.0}) rotate(-90)\" dy=\".35em\">{label}</text>",
            room - 6.0,
            top + at,
            room + at,
            top - 6.0
        );
    }
    let _ = write!(
        svg,
        "<g transform=\"translate({room:.0} {top:.0})\">{}{}</g></svg>",
        frame(side),
        cells(&map.values, time, CELL)
    );
    svg + "\n"
}

/// Width of a line of text with a margin at both sides, in pixels.
fn width_of(line: &str) -> f64 {
    line.chars().count() as f64 * LETTER + 24.0
}

fn frame(side: f64) -> String {
    format!(
        "<rect width=\"{side:.0}\" height=\"{side:.0}\" fill=\"#808080\" fill-opacity=\".08\" stroke=\"#808080\" \
         stroke-opacity=\".5\"/>"
    )
}

/// Draws the cells, one path per shade. Shades are relative to the map's largest value.
fn cells(values: &[f32], size: usize, pixels: f64) -> String {
    let most = values.iter().copied().fold(0.0, f32::max);
    if most <= 0.0 || size == 0 {
        return String::new();
    }
    let shade = |value: f32| ((value / most * SHADES as f32).round() as usize).min(SHADES);
    let mut paths = vec![String::new(); SHADES + 1];
    for (y, row) in values.chunks(size).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| shade(*a) == shade(*b)) {
            let path = run.first().and_then(|value| paths.get_mut(shade(*value)));
            if let Some(path) = path {
                let _ = write!(path, "M{x} {y}h{n}v1h-{n}z", n = run.len());
            }
            x += run.len();
        }
    }
    let mut drawn = format!("<g transform=\"scale({pixels:.4})\" fill=\"#2a6fdb\">");
    for (shade, path) in paths.iter().enumerate().skip(1) {
        if !path.is_empty() {
            let opacity = shade as f64 / SHADES as f64;
            let _ = write!(drawn, "<path fill-opacity=\"{opacity}\" d=\"{path}\"/>");
        }
    }
    drawn + "</g>"
}

/// Averages a map into at most [`SMALL`] cells a side. Returns the cells and their number per side.
fn averaged(values: &[f32], time: usize) -> (Vec<f32>, usize) {
    if time <= SMALL {
        return (values.to_vec(), time);
    }
    let mut sums = vec![(0.0, 0u32); SMALL * SMALL];
    for (y, row) in values.chunks(time).enumerate() {
        for (x, value) in row.iter().enumerate() {
            let cell = (y * SMALL / time) * SMALL + x * SMALL / time;
            if let Some((sum, count)) = sums.get_mut(cell) {
                *sum += value;
                *count += 1;
            }
        }
    }
    let mean = |(sum, count): &(f32, u32)| sum / (*count).max(1) as f32;
    (sums.iter().map(mean).collect(), SMALL)
}

fn shortened(token: &str) -> String {
    match token.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &token[..end]),
        None => token.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[f32]) -> Labelled {
        Labelled {
            name: "layer 0, head 1".into(),
            values: values.to_vec(),
        }
    }

    /// The largest value is the darkest, zero is not drawn, and equal neighbours are one path.
    #[test]
    fn cells_are_as_dark_as_they_are_large() {
        let drawn = cells(&[0.5, 0.5, 0.0, 0.25], 2, 10.0);
        assert!(
            drawn.contains("<path fill-opacity=\"1\" d=\"M0 0h2v1h-2z\"/>"),
            "{drawn}"
        );
        assert!(
            drawn.contains("<path fill-opacity=\"0.5\" d=\"M1 1h1v1h-1z\"/>"),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<path").count(), 2);
        assert_eq!(cells(&[0.0; 4], 2, 10.0), "");
    }

    #[test]
    fn tokens_stand_at_both_sides_and_stay_text() {
        let tokens = ["[CLS]".to_string(), "<b>&".repeat(20)];
        let svg = token_map("why", &map(&[0.5, 0.5, 0.5, 0.5]), &tokens);
        assert_eq!(svg.matches(">[CLS]</text>").count(), 2);
        assert!(svg.contains("why · layer 0, head 1"), "{svg}");
        assert!(
            !svg.contains("<b>") && svg.contains("&lt;b&gt;&amp;") && svg.contains('…'),
            "{svg}"
        );
    }

    #[test]
    fn a_grid_has_every_map_and_long_texts_are_averaged() {
        let time = 2 * SMALL;
        let values: Vec<f32> = (0..time * time).map(|i| (i % time % 2) as f32).collect();
        let (small, size) = averaged(&values, time);
        assert_eq!((size, small.len()), (SMALL, SMALL * SMALL));
        assert!(small.iter().all(|value| *value == 0.5));
        let svg = map_grid("all", &vec![map(&values); 6], 3, time);
        assert_eq!(svg.matches("<g transform=\"translate(").count(), 6);
        assert!(
            svg.contains("translate(12 48)") && svg.contains("translate(228 176)"),
            "{svg}"
        );
        // An empty grid is fine.
        assert!(map_grid("none", &[], 0, 0).ends_with("</svg>\n"));
    }
}
