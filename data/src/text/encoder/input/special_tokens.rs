//! Special tokens of an encoder's tokenizer, and what it puts around texts.

use crate::error::DataError;
use crate::text::Tokenizer;
use crate::text::tokenizer::{Frames, Part, Side, TokenizerSettings};

/// Special token ids of a tokenizer, and their arrangement around texts.
#[derive(Clone, Debug)]
pub(super) struct SpecialTokens {
    frames: Frames,
    pub(super) pad: u32,
    pub(super) mask: Option<u32>,
    all: Vec<u32>,
    /// Side on which texts are cut.
    pub(super) side: Side,
    unknown: Option<u32>,
}

/// Names by which the tokens are known if no file names them: BERT's and fairseq's.
const PAD: [&str; 2] = ["[PAD]", "<pad>"];
const MASK: [&str; 2] = ["[MASK]", "<mask>"];
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];

impl SpecialTokens {
    /// Finds the special tokens of `tokenizer`: those that its files name, else by the names of
    /// BERT and RoBERTa.
    ///
    /// # Errors
    /// If it puts nothing around texts and nothing says that this is meant, or if it repeats or
    /// leaves out a text.
    pub(super) fn of(tokenizer: &Tokenizer) -> Result<Self, DataError> {
        let settings = tokenizer.settings();
        let is_known = !settings.special.is_empty();
        let frames = tokenizer.frames();
        let specials = |parts: &[Part]| parts.iter().filter_map(special_id).collect::<Vec<u32>>();
        let mut all = specials(&frames.pair);
        if all.is_empty() && *settings == TokenizerSettings::default() {
            let reason = "does not suit an encoder: it puts no special tokens around texts \
                          (its post_processor), and no tokenizer_config.json beside it names any";
            return Err(DataError::config("tokenizer", reason));
        }
        for (parts, texts) in [(&frames.single, 1), (&frames.pair, 2)] {
            check_texts(parts, texts)?;
        }
        let find = |name: &str, known: &[&str]| match settings.special(name) {
            Some(content) => tokenizer.id(content),
            None if is_known => None,
            None => known.iter().find_map(|token| tokenizer.id(token)),
        };
        let pad = find("pad_token", &PAD);
        let mask = find("mask_token", &MASK);
        all.extend(pad);
        all.extend(mask);
        let unknown = find("unk_token", &UNKNOWN);
        all.extend(unknown);
        let named = settings.special.iter().map(|(_, content)| content);
        all.extend(
            named
                .chain(&settings.more_special)
                .filter_map(|token| tokenizer.id(token)),
        );
        let frames = if settings.token_type_ids {
            frames.clone()
        } else {
            frames.without_types()
        };
        Ok(Self {
            frames,
            // Padding is masked, so that any token will do.
            pad: pad.unwrap_or_default(),
            mask,
            all,
            side: settings.truncation_side,
            unknown,
        })
    }

    /// Parts of an input of one text, or of a pair.
    pub(super) fn frame(&self, pair: bool) -> &[Part] {
        if pair {
            &self.frames.pair
        } else {
            &self.frames.single
        }
    }

    /// Ids before and after a single text.
    pub(super) fn around_single(&self) -> [Vec<u32>; 2] {
        self.frames.around_single()
    }

    /// Number of special tokens around one text, or around a pair.
    pub(super) fn around(&self, pair: bool) -> usize {
        self.frame(pair).iter().filter_map(special_id).count()
    }

    /// True for the token of an unknown word.
    pub(super) fn is_unknown(&self, id: u32) -> bool {
        self.unknown == Some(id)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.all.contains(&id)
    }
}

fn special_id(part: &Part) -> Option<u32> {
    match part {
        Part::Special { id, .. } => Some(*id),
        Part::Text { .. } => None,
    }
}

/// Checks that each text has one place, and that token types fit.
fn check_texts(parts: &[Part], texts: u8) -> Result<(), DataError> {
    let wrong = |reason: String| Err(DataError::config("tokenizer", reason));
    for text in 0..texts {
        let is_text = |part: &&Part| matches!(part, Part::Text { number, .. } if *number == text);
        let count = parts.iter().filter(is_text).count();
        if count != 1 {
            return wrong(format!(
                "its post_processor has text {} of {texts} in {count} places; one is supported",
                text + 1
            ));
        }
    }
    let largest = parts.iter().map(|part| part.type_id()).max();
    match largest {
        Some(type_id) if type_id > u32::from(u8::MAX) => {
            wrong(format!("its post_processor has the token type {type_id}"))
        }
        _ => Ok(()),
    }
}
