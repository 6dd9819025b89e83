//! Answer spans in tokens.

use crate::text::encoder::{Encoding, TokenOrigin};
use std::ops::Range;

/// The span for "not in this window": the first token, `[CLS]`.
const NOWHERE: [u32; 2] = [0, 0];

/// First and last token that overlap the answer; [`NOWHERE`] if there is no answer, or not all of
/// it is in the window. `answer` is in bytes of the context, the window's second text.
///
/// Whitespace around the answer is ignored, since no token contains it.
pub(super) fn of(window: &Encoding, context: &str, answer: Option<Range<usize>>) -> [u32; 2] {
    answer
        .and_then(|answer| find(window, &trimmed(context, answer)))
        .unwrap_or(NOWHERE)
}

fn find(window: &Encoding, answer: &Range<usize>) -> Option<[u32; 2]> {
    let context = |piece: &Option<TokenOrigin>| match piece {
        Some(piece) if piece.text == 1 => Some(piece.range.clone()),
        _ => None,
    };
    let pieces = || {
        let ranges = window.origins.iter().map(context).enumerate();
        ranges.filter_map(|(place, range)| Some((place, range?)))
    };
    let begin = pieces().map(|(_, range)| range.start).min()?;
    let end = pieces().map(|(_, range)| range.end).max()?;
    if answer.is_empty() || answer.start < begin || answer.end > end {
        return None;
    }
    let (first, _) = pieces().find(|(_, range)| range.end > answer.start)?;
    let (last, _) = pieces().rfind(|(_, range)| range.start < answer.end)?;
    // An answer of characters that the tokenizer drops lies between two tokens.
    (first <= last).then_some([first as u32, last as u32])
}

fn trimmed(context: &str, answer: Range<usize>) -> Range<usize> {
    let text = context.get(answer.clone()).unwrap_or_default();
    let start = answer.start + text.len() - text.trim_start().len();
    start..start + text.trim().len()
}
