//! Scored texts as an SVG picture, for a paper or a slide.

use std::fmt::Write;

use super::{ScoredText, escaped, share, strongest};

/// Letters per line.
const COLUMNS: usize = 80;
/// Width of a 14-pixel monospaced letter, in pixels; text is stretched to fit if a font differs.
const LETTER: f64 = 8.4;
const LINE: f64 = 26.0;
const MARGIN: f64 = 12.0;

/// Black on white, or the reverse in a dark scheme.
pub(super) const STYLE: &str = "\
<style>text{font:14px ui-monospace,monospace;fill:#111;white-space:pre}.paper{fill:#fff}\
@media(prefers-color-scheme:dark){text{fill:#eee}.paper{fill:#161616}}</style>";

/// Draws the texts below a `title`, with each score as a background colour.
pub(crate) fn picture(title: &str, texts: &[ScoredText]) -> String {
    let most = strongest(texts);
    let mut pen = Pen::default();
    pen.write(title, None, most);
    pen.next_line();
    for text in texts {
        pen.next_line();
        for (piece, score) in text.pieces() {
            pen.write(piece, score, most);
        }
    }
    let width = COLUMNS as f64 * LETTER + 2.0 * MARGIN;
    let height = (pen.line + 1) as f64 * LINE + 2.0 * MARGIN;
    format!("{}{STYLE}{}</svg>\n", opening(width, height), pen.drawn)
}

/// Opening tag of a picture, with its background.
pub(super) fn opening(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         height=\"{height:.0}\"><rect class=\"paper\" width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    )
}

/// Position of the next letter, and the drawing so far.
#[derive(Default)]
struct Pen {
    line: usize,
    column: usize,
    drawn: String,
}

impl Pen {
    fn write(&mut self, text: &str, score: Option<f32>, most: f32) {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.next_line();
            }
            let letters: Vec<char> = line.chars().collect();
            // A word moves to the next line whole, if it fits on one.
            if self.column + letters.len() > COLUMNS && letters.len() <= COLUMNS {
                self.next_line();
                // A space at a line break belongs to the first line.
                if line.trim().is_empty() {
                    continue;
                }
            }
            let mut rest = letters.as_slice();
            while !rest.is_empty() {
                if self.column == COLUMNS {
                    self.next_line();
                }
                let (now, later) = rest.split_at(rest.len().min(COLUMNS - self.column));
                self.draw(now, score, most);
                rest = later;
            }
        }
    }

    fn draw(&mut self, letters: &[char], score: Option<f32>, most: f32) {
        let (x, y) = (
            MARGIN + self.column as f64 * LETTER,
            MARGIN + self.line as f64 * LINE,
        );
        let width = letters.len() as f64 * LETTER;
        let text = escaped(&letters.iter().collect::<String>()).replace('\t', " ");
        let share = share(score, most);
        if let Some(score) = score {
            let colour = if share < 0.0 { "#dc322f" } else { "#1ea046" };
            let opacity = share.abs() * 0.7;
            let _ = write!(
                self.drawn,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"20\" rx=\"3\" fill=\"{colour}\" \
                 fill-opacity=\"{opacity:.3}\"><title>{text}: {score:+.4}</title></rect>"
            );
        }
        let _ = write!(
            self.drawn,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
             xml:space=\"preserve\" pointer-events=\"none\">{text}</text>",
            y + 15.0
        );
        self.column += letters.len();
    }

    fn next_line(&mut self) {
        self.line += 1;
        self.column = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::scored;
    use super::*;

    #[test]
    fn words_are_drawn_over_their_colours() {
        let svg = picture("pos", &[scored("good <i>", &[(0..4, 0, 1.0)])]);
        assert!(
            svg.contains("fill=\"#1ea046\" fill-opacity=\"0.700\"><title>good: +1.0000</title>"),
            "{svg}"
        );
        assert!(
            svg.contains(">good</text>") && svg.contains("> &lt;i&gt;</text>"),
            "{svg}"
        );
        assert!(!svg.contains("<i>"), "{svg}");
    }

    #[test]
    fn long_texts_wrap() {
        let long = "x".repeat(2 * COLUMNS + 1);
        let count = |svg: &str| svg.matches("<text").count();
        assert_eq!(count(&picture("t", &[scored(&long, &[])])), 1 + 3);
        assert_eq!(count(&picture("t", &[scored("a\n\nb", &[])])), 1 + 2);
        // A full line, a space and a word: the word begins the next line.
        let two = format!("{} b", "x".repeat(COLUMNS));
        let parts = [(0..COLUMNS, 0, 1.0), (COLUMNS + 1..COLUMNS + 2, 1, 1.0)];
        let svg = picture("t", &[scored(&two, &parts)]);
        assert_eq!(count(&svg), 1 + 2);
        assert!(svg.contains("<text x=\"12.0\" y=\"105.0\""), "{svg}");
        let one = picture("t", &[scored("a", &[])]);
        let three = picture("t", &[scored("a\nb\nc", &[])]);
        assert!(
            one.contains("height=\"102\"") && three.contains("height=\"154\""),
            "{one}\n{three}"
        );
    }
}
