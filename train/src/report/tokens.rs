//! How much each word of a text counts: as coloured text for a terminal, as a page, as a picture.

mod html;
mod maps;
mod picture;

pub use html::page;
pub use maps::{Labelled, map_grid, token_map};
pub use picture::picture;

use std::fmt::Write;
use std::ops::Range;

use anstyle::{Ansi256Color, Style};

/// Below this share of the strongest score nothing is coloured.
const FAINT: f32 = 0.05;

/// A part of a text and how much it counts: positive for the answer, negative against it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Number of the word that it is part of.
    pub word: u32,
    /// How much it counts.
    pub score: f32,
}

/// A text whose parts, in order and apart from each other, have scores.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredText {
    /// The whole text, as it was written.
    pub text: String,
    /// Its parts that have scores; the rest, as spaces, has none.
    pub parts: Vec<Scored>,
}

impl ScoredText {
    /// The same with one part a word, which gets the sum of its pieces.
    pub fn by_word(&self) -> Self {
        let mut words: Vec<Scored> = Vec::new();
        for part in &self.parts {
            match words.last_mut() {
                Some(word) if word.word == part.word => {
                    word.range.end = word.range.end.max(part.range.end);
                    word.score += part.score;
                }
                _ => words.push(part.clone()),
            }
        }
        Self {
            text: self.text.clone(),
            parts: words,
        }
    }

    /// The text in order: what is between parts without a score, and each part with its own. Parts
    /// that are not in the text, or overlap the one before, are left out.
    pub fn pieces(&self) -> Vec<(&str, Option<f32>)> {
        let mut pieces = Vec::new();
        let mut done = 0;
        for part in &self.parts {
            let range = part.range.start.max(done)..part.range.end;
            let (Some(before), Some(own)) = (
                self.text.get(done..range.start),
                self.text.get(range.clone()),
            ) else {
                continue;
            };
            if own.is_empty() {
                continue;
            }
            pieces.push((before, None));
            pieces.push((own, Some(part.score)));
            done = range.end;
        }
        pieces.push((self.text.get(done..).unwrap_or_default(), None));
        pieces.retain(|(piece, _)| !piece.is_empty());
        pieces
    }
}

/// The strongest score, for or against.
pub fn strongest(texts: &[ScoredText]) -> f32 {
    let parts = texts.iter().flat_map(|text| &text.parts);
    parts.fold(0.0, |most, part| most.max(part.score.abs()))
}

/// The texts, a line each, for a terminal that shows colours: green speaks for the answer, red
/// against it.
pub fn coloured(texts: &[ScoredText]) -> String {
    let most = strongest(texts);
    let mut lines = String::new();
    for text in texts {
        for (piece, score) in text.pieces() {
            let style = style(share(score, most));
            let piece = printable(piece);
            // A string takes whatever is written.
            let _ = write!(lines, "{style}{piece}{style:#}");
        }
        lines.push('\n');
    }
    lines
}

/// Which part of the strongest score this is, within -1 to 1; 0 where it is too little to be seen.
fn share(score: Option<f32>, most: f32) -> f32 {
    let share = score.unwrap_or(0.0) / most;
    match share.is_finite() && share.abs() >= FAINT {
        true => share.clamp(-1.0, 1.0),
        false => 0.0,
    }
}

/// Black on paler or stronger green or red, so that it can be read on any background. The numbers
/// are xterm's.
fn style(share: f32) -> Style {
    const FOR: [u8; 4] = [194, 157, 120, 46];
    const AGAINST: [u8; 4] = [224, 217, 210, 203];
    const BLACK: u8 = 16;
    if share == 0.0 {
        return Style::new();
    }
    let level = ((share.abs() * 4.0).ceil() as usize).clamp(1, 4) - 1;
    let colour = if share > 0.0 { FOR } else { AGAINST }[level];
    Style::new()
        .fg_color(Some(Ansi256Color(BLACK).into()))
        .bg_color(Some(Ansi256Color(colour).into()))
}

/// Without what would move the cursor or is not allowed in XML.
pub fn printable(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(plain).collect()
}

/// A text inside HTML or SVG, between tags or in an attribute.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn scored(text: &str, parts: &[(Range<usize>, u32, f32)]) -> ScoredText {
        let part = |(range, word, score): &(Range<usize>, u32, f32)| Scored {
            range: range.clone(),
            word: *word,
            score: *score,
        };
        ScoredText {
            text: text.into(),
            parts: parts.iter().map(part).collect(),
        }
    }

    #[test]
    fn the_pieces_of_a_word_are_one_part_with_their_sum() {
        let text = scored(
            "unbelievably bad",
            &[(0..2, 0, 1.0), (2..12, 0, -0.25), (13..16, 1, 3.0)],
        );
        let words = text.by_word();
        assert_eq!(
            words.pieces(),
            [
                ("unbelievably", Some(0.75)),
                (" ", None),
                ("bad", Some(3.0))
            ]
        );
        assert_eq!(strongest(&[words]), 3.0);
    }

    /// Whatever the ranges are, every byte of the text is shown once.
    #[test]
    fn a_text_is_shown_as_it_was_written() {
        let text = "  é <b>\nend ";
        for parts in [
            &[(2..4, 0, 1.0), (5..6, 1, -1.0), (6..8, 2, 0.5)][..],
            &[(3..4, 0, 1.0)],
            &[(2..4, 0, 1.0), (2..4, 0, 1.0), (90..99, 1, 1.0)],
            &[],
        ] {
            let scored = scored(text, parts);
            let joined: String = scored.pieces().iter().map(|(piece, _)| *piece).collect();
            assert_eq!(joined, text, "{parts:?}");
        }
    }

    #[test]
    fn for_is_green_against_is_red_and_little_is_plain() {
        let text = scored(
            "yes no so",
            &[(0..3, 0, 2.0), (4..6, 1, -0.5), (7..9, 2, 0.01)],
        );
        let shown = coloured(&[text]);
        assert!(
            shown.contains("\u{1b}[38;5;16m\u{1b}[48;5;46myes\u{1b}[0m"),
            "{shown:?}"
        );
        assert!(shown.contains("\u{1b}[48;5;224mno\u{1b}[0m"), "{shown:?}");
        assert!(shown.ends_with(" so\n"), "{shown:?}");
    }

    #[test]
    fn scores_of_zero_and_no_numbers_colour_nothing() {
        for score in [0.0, f32::NAN] {
            let text = scored("a", &[(0..1, 0, score)]);
            assert_eq!(coloured(&[text]), "a\n");
        }
    }

    #[test]
    fn nothing_in_a_text_is_taken_for_more_than_text() {
        assert_eq!(
            escaped("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;"
        );
        assert_eq!(printable("a\u{1b}[2Jb\0c\n"), "a\u{fffd}[2Jb\u{fffd}c\n");
    }
}
