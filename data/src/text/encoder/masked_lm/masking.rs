//! Chooses the tokens to mask and their replacements.

use super::MaskingOptions;
use crate::error::DataError;
use crate::text::encoder::InputBuilder;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

/// Fraction of targets replaced by the mask token.
const MASK_FRACTION: f64 = 0.8;
/// Fraction of targets replaced by a random token.
const RANDOM_FRACTION: f64 = 0.1;

/// A masked row: an item of a [`MaskedLmSource`](super::MaskedLmSource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedRow {
    /// Ids after masking.
    pub(super) ids: Vec<u32>,
    /// Positions of the targets, ascending.
    pub(super) positions: Vec<usize>,
    /// Original ids of the targets.
    pub(super) targets: Vec<u32>,
}

/// Masks tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct Masker {
    probability: f64,
    whole_word: bool,
    mask: u32,
    /// For each id, true if it is an ordinary token: neither special nor unused.
    ordinary: Vec<bool>,
    /// The ordinary ids.
    replacements: Vec<u32>,
}

impl Masker {
    pub(super) fn new(builder: &InputBuilder, options: &MaskingOptions) -> Result<Self, DataError> {
        let probability = options.probability;
        if !(probability > 0.0 && probability <= 1.0) {
            let reason = format!("{probability} is not above 0 and at most 1");
            return Err(DataError::config("probability", reason));
        }
        let mask = builder.mask_id().ok_or_else(|| {
            let reason = "has no [MASK] or <mask> to mask tokens with";
            DataError::config("tokenizer", reason)
        })?;
        let ids = (0..).take(builder.vocab_size());
        let ordinary: Vec<bool> = ids
            .map(|id| !builder.is_special(id) && builder.tokenizer().token(id).is_some())
            .collect();
        let replacements = (0..).zip(&ordinary).filter(|(_, ordinary)| **ordinary);
        Ok(Self {
            probability,
            whole_word: options.whole_word,
            mask,
            replacements: replacements.map(|(id, _)| id).collect(),
            ordinary,
        })
    }

    /// True if a token may be masked; special tokens may not.
    pub(super) fn is_maskable(&self, id: u32) -> bool {
        self.ordinary.get(id as usize).copied().unwrap_or_default()
    }

    /// Number of targets of a row, if whole words add up to it.
    pub(super) fn num_targets(&self, ids: &[u32]) -> usize {
        let tokens = ids.iter().filter(|&&id| self.is_maskable(id)).count();
        ((tokens as f64 * self.probability).round() as usize).max(1)
    }

    /// Masks tokens of a row.
    pub(super) fn mask(&self, ids: &[u32], words: &[u32], rng: &mut impl Rng) -> MaskedRow {
        let positions = self.choose(ids, words, rng);
        let mut masked = ids.to_vec();
        let mut targets = Vec::with_capacity(positions.len());
        for &position in &positions {
            if let Some(id) = masked.get_mut(position) {
                targets.push(*id);
                *id = self.replacement(*id, rng);
            }
        }
        MaskedRow {
            ids: masked,
            positions,
            targets,
        }
    }

    fn replacement(&self, id: u32, rng: &mut impl Rng) -> u32 {
        let draw: f64 = rng.random();
        if draw < MASK_FRACTION {
            self.mask
        } else if draw < MASK_FRACTION + RANDOM_FRACTION {
            self.replacements.choose(rng).copied().unwrap_or(id)
        } else {
            id
        }
    }

    /// Positions of the targets: tokens or words in random order, as many as fit.
    fn choose(&self, ids: &[u32], words: &[u32], rng: &mut impl Rng) -> Vec<usize> {
        let mut units = self.units(ids, words);
        let count = self.num_targets(ids);
        units.shuffle(rng);
        let mut chosen = Vec::with_capacity(count);
        for unit in &units {
            if chosen.len() + unit.len() <= count {
                chosen.extend(unit);
            }
        }
        // If every word is longer than the fraction allows, one is masked all the same.
        if chosen.is_empty() {
            chosen.extend(units.into_iter().next().unwrap_or_default());
        }
        chosen.sort_unstable();
        chosen
    }

    /// Positions that are masked together: of one token, or of all maskable tokens of a word.
    fn units(&self, ids: &[u32], words: &[u32]) -> Vec<Vec<usize>> {
        let is_maskable = |place: &usize| ids.get(*place).is_some_and(|&id| self.is_maskable(id));
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut start = 0;
        for run in words.chunk_by(|a, b| self.whole_word && a == b) {
            let unit: Vec<usize> = (start..start + run.len()).filter(is_maskable).collect();
            start += run.len();
            if !unit.is_empty() {
                units.push(unit);
            }
        }
        units
    }
}
