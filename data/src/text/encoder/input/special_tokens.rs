//! Special tokens of the BERT and RoBERTa families.

use crate::error::DataError;
use crate::text::Tokenizer;

/// Special token ids of a tokenizer, and their arrangement around texts.
#[derive(Debug)]
pub(super) struct SpecialTokens {
    /// Before the first text.
    pub(super) begin: u32,
    /// After each text.
    pub(super) end: u32,
    pub(super) pad: u32,
    pub(super) mask: Option<u32>,
    unknown: Option<u32>,
    /// True if two end tokens separate the texts of a pair (RoBERTa).
    pub(super) double_separator: bool,
}

/// Token names of a family.
struct Names {
    begin: &'static str,
    end: &'static str,
    pad: &'static str,
    mask: &'static str,
    unknown: &'static str,
    double_separator: bool,
}

/// BERT and DistilBERT.
const BERT: Names = Names {
    begin: "[CLS]",
    end: "[SEP]",
    pad: "[PAD]",
    mask: "[MASK]",
    unknown: "[UNK]",
    double_separator: false,
};
/// RoBERTa, with fairseq's names.
const ROBERTA: Names = Names {
    begin: "<s>",
    end: "</s>",
    pad: "<pad>",
    mask: "<mask>",
    unknown: "<unk>",
    double_separator: true,
};

impl SpecialTokens {
    /// Finds the special tokens of `tokenizer`, trying BERT before RoBERTa.
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
                let missing = needed
                    .into_iter()
                    .filter(|name| tokenizer.id(name).is_none());
                missing.collect::<Vec<_>>().join(", ")
            };
            let reason = format!(
                "does not suit an encoder: of BERT's special tokens it lacks {}, of RoBERTa's {}",
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
            double_separator: names.double_separator,
        })
    }

    /// Number of special tokens around one text, or around a pair.
    pub(super) fn around(&self, pair: bool) -> usize {
        match (pair, self.double_separator) {
            (false, _) => 2,
            (true, false) => 3,
            (true, true) => 4,
        }
    }

    /// Token type id of a second text.
    pub(super) fn second_type_id(&self) -> u8 {
        u8::from(!self.double_separator)
    }

    /// True for the token of an unknown word.
    pub(super) fn is_unknown(&self, id: u32) -> bool {
        self.unknown == Some(id)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        [self.begin, self.end, self.pad].contains(&id)
            || self.mask == Some(id)
            || self.unknown == Some(id)
    }
}
