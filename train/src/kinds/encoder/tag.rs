//! Token classification: the tag of each word of a text, and the entities that tags make.

mod entities;

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use tinderbox_data::text::encoder::{Encoding, WordRow};

use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::ranked;

/// Tags of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaggedText {
    /// Words in order, each with its tag. A word that the tokenizer drops has none.
    pub words: Vec<TaggedWord>,
    /// Entities. A run's are counted as in its evaluation, and only tags such as `B-PER` make any;
    /// those of a Hugging Face folder are grouped as by `TokenClassificationPipeline`.
    pub entities: Vec<TextEntity>,
}

/// A word with its tag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaggedWord {
    /// The word as written.
    pub word: String,
    /// Most probable tag.
    pub tag: String,
    /// Its probability.
    pub probability: f64,
    /// Bytes of the text.
    pub bytes: Range<usize>,
}

/// Words that form an entity, as by `B-PER I-PER`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TextEntity {
    /// Type of the entity, as in `PER`.
    pub kind: String,
    /// The entity as written.
    pub text: String,
    /// Bytes of the text.
    pub bytes: Range<usize>,
}

/// Prediction of a word.
struct Seen {
    /// Tokens to the nearer end of the window: the more, the more context the prediction had.
    context: usize,
    tag: usize,
    probability: f64,
}

impl LoadedEncoder {
    /// Tags the words of a text of any length. Needs a token classification head.
    ///
    /// Words are cut as those of the run's data ([`WordCut`]), or, of a Hugging Face folder, as
    /// transformers' `TokenClassificationPipeline` does with the aggregation `"first"`. The tag of a
    /// word is that of its first token, as in training. A text that is too long for the model is
    /// read in overlapping windows: what the first one has is tagged as in an evaluation, which
    /// truncates, and a later word's tag is that of the window in which it has most context.
    ///
    /// [`WordCut`]: tinderbox_data::text::encoder::token_classification::WordCut
    ///
    /// # Errors
    /// The model has another head, the text cannot be tokenized, or the device failed.
    pub fn tag(&self, text: &str) -> Result<TaggedText, TrainError> {
        match &self.word_cut {
            Some(cut) => self.tag_ranges(text, &cut.words(text)),
            None => {
                let (words, rows) = self.inputs.pipeline_windows(text, self.tag_stride())?;
                self.tagged(text, &words, rows)
            }
        }
    }

    /// As [`tag`](Self::tag), of a text that is already cut into words: `text` is the words joined
    /// by spaces.
    ///
    /// # Errors
    /// As [`tag`](Self::tag).
    pub fn tag_words<S: AsRef<str>>(
        &self,
        words: &[S],
    ) -> Result<(String, TaggedText), TrainError> {
        let mut text = String::new();
        let mut ranges = Vec::with_capacity(words.len());
        for word in words {
            if !ranges.is_empty() {
                text.push(' ');
            }
            let start = text.len();
            text.push_str(word.as_ref());
            ranges.push(start..text.len());
        }
        let tagged = self.tag_ranges(&text, &ranges)?;
        Ok((text, tagged))
    }

    fn tag_ranges(&self, text: &str, words: &[Range<usize>]) -> Result<TaggedText, TrainError> {
        let written = |word: &Range<usize>| text.get(word.clone()).unwrap_or_default();
        let list: Vec<&str> = words.iter().map(written).collect();
        let rows = self.inputs.word_windows(&list, self.tag_stride())?;
        self.tagged(text, words, rows)
    }

    /// Tokens that neighbouring windows share.
    fn tag_stride(&self) -> usize {
        self.data.stride.min(self.inputs.max_length() / 4)
    }

    fn tagged(
        &self,
        text: &str,
        words: &[Range<usize>],
        rows: Vec<WordRow>,
    ) -> Result<TaggedText, TrainError> {
        let (rows, first_tokens): (Vec<Encoding>, Vec<_>) = rows
            .into_iter()
            .map(|row| (row.encoding, row.first_tokens))
            .unzip();
        let forward = |input: &_| Ok(self.model.forward_token_classification(input)?);
        let logits = self.forward_rows(&rows, forward)?;
        let mut seen = BTreeMap::new();
        for (number, (first_tokens, logits)) in first_tokens.iter().zip(&logits).enumerate() {
            take_words(
                &mut seen,
                first_tokens,
                logits,
                self.config.num_labels(),
                number == 0,
            );
        }
        let word = |(number, seen): (u32, Seen)| {
            let bytes = words.get(number as usize)?.clone();
            let word = text.get(bytes.clone())?;
            // White space alone, which byte-level tokenizers keep, is not a word.
            (!bytes.is_empty()).then(|| TaggedWord {
                word: word.to_string(),
                tag: self.label(seen.tag),
                probability: seen.probability,
                bytes,
            })
        };
        let words: Vec<TaggedWord> = seen.into_iter().filter_map(word).collect();
        let entities = match &self.word_cut {
            Some(_) => entities::counted(text, &words, &self.labels),
            None => entities::grouped(text, &words),
        };
        Ok(TaggedText { words, entities })
    }
}

/// Takes the words that begin in one window, by their numbers, with its logits `[time, tags]`.
/// Those of the first window are final.
fn take_words(
    words: &mut BTreeMap<u32, Seen>,
    first_tokens: &[Option<u32>],
    logits: &[f32],
    tags: usize,
    is_first: bool,
) {
    for (at, (word, logits)) in first_tokens.iter().zip(logits.chunks(tags)).enumerate() {
        let Some(word) = *word else {
            continue;
        };
        let context = if is_first {
            usize::MAX
        } else {
            at.min(first_tokens.len() - at)
        };
        if words.get(&word).is_some_and(|seen| seen.context >= context) {
            continue;
        }
        let (tag, probability) = ranked(logits).first().copied().unwrap_or_default();
        let seen = Seen {
            context,
            tag,
            probability,
        };
        words.insert(word, seen);
    }
}
