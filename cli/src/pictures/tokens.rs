//! Scores of a text's words: as coloured text on a terminal, as an HTML page, as an SVG picture.

mod html;
mod maps;
mod picture;

pub(crate) use html::page;
pub(crate) use maps::{Labelled, map_grid, token_map};
pub(crate) use picture::picture;

use std::fmt::Write;
use std::ops::Range;

use anstyle::{Ansi256Color, Style};

/// Share of the strongest score below which nothing is coloured.
const FAINT: f32 = 0.05;

/// Part of a text with its score: positive for the prediction, negative against it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    /// Bytes of the text.
    pub(crate) range: Range<usize>,
    /// Number of the word that the part belongs to.
    pub(crate) word: u32,
    /// The score.
    pub(crate) score: f32,
}

/// Text with scored parts, in order and without overlap.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScoredText {
    /// The whole text as written.
    pub(crate) text: String,
    /// Scored parts; the rest, such as spaces, has no score.
    pub(crate) parts: Vec<Scored>,
}

impl ScoredText {
    /// Merges the parts of each word; their scores are summed.
    pub(crate) fn by_word(&self) -> Self {
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

    /// Splits the text into scored parts and, without a score, the text between them. Parts outside
    /// the text, or that overlap the one before, are ignored.
    pub(crate) fn pieces(&self) -> Vec<(&str, Option<f32>)> {
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

/// Largest absolute score.
pub(crate) fn strongest(texts: &[ScoredText]) -> f32 {
    let parts = texts.iter().flat_map(|text| &text.parts);
    parts.fold(0.0, |most, part| most.max(part.score.abs()))
}

/// Formats the texts, one per line, for a terminal with colours: green for the prediction, red
/// against it.
pub(crate) fn coloured(texts: &[ScoredText]) -> String {
    let most = strongest(texts);
    let mut lines = String::new();
    for text in texts {
        for (piece, score) in text.pieces() {
            let style = style(share(score, most));
            let piece = printable(piece);
            // Writing to a string cannot fail.
            let _ = write!(lines, "{style}{piece}{style:#}");
        }
        lines.push('\n');
    }
    lines
}

/// Score relative to the strongest one, in `[-1, 1]`; 0 if it is too small to show.
fn share(score: Option<f32>, most: f32) -> f32 {
    let share = score.unwrap_or(0.0) / most;
    if share.is_finite() && share.abs() >= FAINT {
        share.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

/// Black on a pale to strong green or red, which is readable on any background. The numbers are
/// xterm's.
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

/// Replaces characters that would move the cursor or are not allowed in XML.
pub(crate) fn printable(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c,
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(plain).collect()
}

/// Escapes a text for HTML or SVG, between tags or in an attribute.
pub(crate) fn escaped(text: &str) -> String {
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

    /// Every byte of the text is shown once, whatever the ranges.
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
    fn markup_and_control_characters_are_escaped() {
        assert_eq!(
            escaped("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;"
        );
        assert_eq!(printable("a\u{1b}[2Jb\0c\n"), "a\u{fffd}[2Jb\u{fffd}c\n");
    }
}
