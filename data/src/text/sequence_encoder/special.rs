//! The special tokens of the two families, by the names that their tokenizers give them.

use crate::error::DataError;
use crate::text::Tokenizer;

/// The special tokens of a tokenizer, and how they stand around texts.
#[derive(Debug)]
pub(super) struct Special {
    /// Before the first text.
    pub(super) begin: u32,
    /// After each text.
    pub(super) end: u32,
    pub(super) pad: u32,
    pub(super) mask: Option<u32>,
    unknown: Option<u32>,
    /// Whether two ends stand between two texts.
    pub(super) twice_between: bool,
}

/// What a family calls them.
struct Names {
    begin: &'static str,
    end: &'static str,
    pad: &'static str,
    mask: &'static str,
    unknown: &'static str,
    twice_between: bool,
}

/// BERT and DistilBERT.
const BERT: Names = Names {
    begin: "[CLS]",
    end: "[SEP]",
    pad: "[PAD]",
    mask: "[MASK]",
    unknown: "[UNK]",
    twice_between: false,
};
/// RoBERTa, named as fairseq does.
const ROBERTA: Names = Names {
    begin: "<s>",
    end: "</s>",
    pad: "<pad>",
    mask: "<mask>",
    unknown: "<unk>",
    twice_between: true,
};

impl Special {
    /// Those of `tokenizer`, BERT's before RoBERTa's.
    ///
    /// # Errors
    /// If it has neither.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, DataError> {
        let families = [BERT, ROBERTA];
        let mut found = families
            .iter()
            .filter_map(|names| Self::named(tokenizer, names));
        found.next().ok_or_else(|| {
            let lacking = |names: &Names| {
                let needed = [names.begin, names.end, names.pad];
                let missing = needed.into_iter().filter(|name| tokenizer.id(name).is_none());
                missing.collect::<Vec<_>>().join(", ")
            };
            let reason = format!(
                "cannot frame texts for an encoder: of BERT's special tokens it lacks {}, of RoBERTa's {}",
                lacking(&BERT),
                lacking(&ROBERTA)
            );
            DataError::config("tokenizer", reason)
        })
    }

    fn named(tokenizer: &Tokenizer, names: &Names) -> Option<Self> {
        Some(Self {
            begin: tokenizer.id(names.begin)?,
            end: tokenizer.id(names.end)?,
            pad: tokenizer.id(names.pad)?,
            mask: tokenizer.id(names.mask),
            unknown: tokenizer.id(names.unknown),
            twice_between: names.twice_between,
        })
    }

    /// How many stand around one text, or around two.
    pub(super) fn around(&self, pair: bool) -> usize {
        match (pair, self.twice_between) {
            (false, _) => 2,
            (true, false) => 3,
            (true, true) => 4,
        }
    }

    /// The segment of a second text.
    pub(super) fn second_segment(&self) -> u8 {
        u8::from(!self.twice_between)
    }

    /// Whether a word alone is encoded as if a space stood before it: RoBERTa's words have it in their first token.
    pub(super) fn space_before_words(&self) -> bool {
        self.twice_between
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        [self.begin, self.end, self.pad].contains(&id)
            || self.mask == Some(id)
            || self.unknown == Some(id)
    }
}
