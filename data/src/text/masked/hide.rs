//! Which tokens of a row are hidden, and by what.

use super::MaskOptions;
use crate::error::DataError;
use crate::text::SequenceEncoder;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

/// Of the tokens to be told, those that the mask replaces.
const MASKED: f64 = 0.8;
/// And those that another token does.
const REPLACED: f64 = 0.1;

/// A row with hidden tokens: an item of a [`MaskedSource`](super::MaskedSource).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// What is seen.
    pub(super) ids: Vec<u32>,
    /// Where the tokens to be told are, rising.
    pub(super) positions: Vec<usize>,
    /// Which ones they are.
    pub(super) targets: Vec<u32>,
}

/// Hides tokens of a vocabulary.
#[derive(Debug)]
pub(super) struct Hider {
    probability: f64,
    whole_word: bool,
    mask: u32,
    /// For each id whether it is a token, and no special one.
    ordinary: Vec<bool>,
    /// The ids that are.
    replacements: Vec<u32>,
}

impl Hider {
    pub(super) fn new(encoder: &SequenceEncoder, options: &MaskOptions) -> Result<Self, DataError> {
        let probability = options.probability;
        if !(probability > 0.0 && probability <= 1.0) {
            let reason = format!("{probability} is not above 0 and at most 1");
            return Err(DataError::config("probability", reason));
        }
        let mask = encoder.mask_id().ok_or_else(|| {
            let reason = "has no [MASK] or <mask> to hide tokens with";
            DataError::config("tokenizer", reason)
        })?;
        let ids = (0..).take(encoder.vocab_size());
        let ordinary: Vec<bool> = ids
            .map(|id| !encoder.is_special(id) && encoder.tokenizer().token(id).is_some())
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

    /// Whether a token may be hidden: special ones may not.
    pub(super) fn can_hide(&self, id: u32) -> bool {
        self.ordinary.get(id as usize).copied().unwrap_or_default()
    }

    /// How many tokens of a row are to be told, if whole words make up just as many.
    pub(super) fn share(&self, ids: &[u32]) -> usize {
        let tokens = ids.iter().filter(|&&id| self.can_hide(id)).count();
        ((tokens as f64 * self.probability).round() as usize).max(1)
    }

    /// Hides tokens of a row.
    pub(super) fn hide(&self, ids: &[u32], words: &[u32], rng: &mut impl Rng) -> Hidden {
        let positions = self.choose(ids, words, rng);
        let mut seen = ids.to_vec();
        let mut targets = Vec::with_capacity(positions.len());
        for &position in &positions {
            if let Some(id) = seen.get_mut(position) {
                targets.push(*id);
                *id = self.instead_of(*id, rng);
            }
        }
        Hidden {
            ids: seen,
            positions,
            targets,
        }
    }

    fn instead_of(&self, id: u32, rng: &mut impl Rng) -> u32 {
        let share: f64 = rng.random();
        if share < MASKED {
            self.mask
        } else if share < MASKED + REPLACED {
            self.replacements.choose(rng).copied().unwrap_or(id)
        } else {
            id
        }
    }

    /// The places of the tokens to be told: tokens or words in random order, as many as fit into the share.
    fn choose(&self, ids: &[u32], words: &[u32], rng: &mut impl Rng) -> Vec<usize> {
        let mut units = self.units(ids, words);
        let share = self.share(ids);
        units.shuffle(rng);
        let mut chosen = Vec::with_capacity(share);
        for unit in &units {
            if chosen.len() + unit.len() <= share {
                chosen.extend(unit);
            }
        }
        // Every word is longer than the share: still, something is to be told.
        if chosen.is_empty() {
            chosen.extend(units.into_iter().next().unwrap_or_default());
        }
        chosen.sort_unstable();
        chosen
    }

    /// The places of what is hidden together: of one token, or of all tokens of a word that may be hidden.
    fn units(&self, ids: &[u32], words: &[u32]) -> Vec<Vec<usize>> {
        let can_hide = |place: &usize| ids.get(*place).is_some_and(|&id| self.can_hide(id));
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut start = 0;
        for run in words.chunk_by(|a, b| self.whole_word && a == b) {
            let unit: Vec<usize> = (start..start + run.len()).filter(can_hide).collect();
            start += run.len();
            if !unit.is_empty() {
                units.push(unit);
            }
        }
        units
    }
}
