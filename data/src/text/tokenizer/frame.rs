//! Special tokens that a tokenizer puts around texts.

use super::guard;
use tokenizers::{Encoding, Tokenizer};

/// Ids that stand for the texts while a frame is looked at; no vocabulary has them.
const TEXTS: [u32; 2] = [u32::MAX, u32::MAX - 1];

/// A part of a framed input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// A special token.
    Special {
        /// Its id.
        id: u32,
        /// Its token type.
        type_id: u32,
    },
    /// The first text (0) or the second (1).
    Text {
        /// Its number.
        number: u8,
        /// Token type of its tokens.
        type_id: u32,
    },
}

impl Part {
    /// Its token type.
    pub(crate) fn type_id(self) -> u32 {
        match self {
            Self::Special { type_id, .. } | Self::Text { type_id, .. } => type_id,
        }
    }

    fn without_type(self) -> Self {
        match self {
            Self::Special { id, .. } => Self::Special { id, type_id: 0 },
            Self::Text { number, .. } => Self::Text { number, type_id: 0 },
        }
    }
}

/// Parts of an input of one text, and of two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frames {
    pub(crate) single: Vec<Part>,
    pub(crate) pair: Vec<Part>,
}

impl Frames {
    /// Nothing around texts; the second of a pair has the token type 1.
    pub(super) fn none() -> Self {
        let text = |number: u8| Part::Text {
            number,
            type_id: number.into(),
        };
        Self {
            single: vec![text(0)],
            pair: vec![text(0), text(1)],
        }
    }

    /// Parts that the post-processor of `tokenizer` makes, seen on texts of one token.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, String> {
        let text = |number: usize| {
            let id = TEXTS.get(number).copied().unwrap_or_default();
            Encoding::from_tokens(
                vec![tokenizers::Token::new(id, "x".into(), (0, 1))],
                number as u32,
            )
        };
        let parts = |pair: Option<Encoding>| {
            let framed = guard::attempt(|| tokenizer.post_process(text(0), pair, true));
            let framed = framed.map_err(|reason| format!("post_processor: {reason}"))?;
            let types = framed.get_type_ids().iter().copied();
            Ok::<_, String>(
                framed
                    .get_ids()
                    .iter()
                    .copied()
                    .zip(types)
                    .map(part)
                    .collect(),
            )
        };
        Ok(Self {
            single: parts(None)?,
            pair: parts(Some(text(1)))?,
        })
    }

    /// The same with token type 0 throughout.
    pub(crate) fn without_types(&self) -> Self {
        let without = |parts: &[Part]| parts.iter().map(|part| part.without_type()).collect();
        Self {
            single: without(&self.single),
            pair: without(&self.pair),
        }
    }

    /// Ids before and after the text of a single input.
    pub(crate) fn around_single(&self) -> [Vec<u32>; 2] {
        let is_text = |part: &Part| matches!(part, Part::Text { .. });
        let at = self
            .single
            .iter()
            .position(is_text)
            .unwrap_or(self.single.len());
        let ids = |parts: &[Part]| {
            let ids = parts.iter().filter_map(|part| match part {
                Part::Special { id, .. } => Some(*id),
                Part::Text { .. } => None,
            });
            ids.collect()
        };
        let (before, after) = self.single.split_at(at);
        [ids(before), ids(after)]
    }
}

fn part((id, type_id): (u32, u32)) -> Part {
    match TEXTS.iter().position(|text| *text == id) {
        Some(number) => Part::Text {
            number: number as u8,
            type_id,
        },
        None => Part::Special { id, type_id },
    }
}
