//! Token classification: the tag of each word of a text, and the entities that tags make.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use tinderbox_data::text::encoder::Encoding;

use super::open::LoadedEncoder;
use super::score::{self, entities};
use crate::TrainError;
use crate::kinds::classes::ranked;

/// Tags of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaggedText {
    /// Words in order, each with its tag.
    pub words: Vec<TaggedWord>,
    /// Entities, if the tags are of the B/I/O kind; other tags, as parts of speech, make none.
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

/// Best prediction of a word so far.
struct Seen {
    bytes: Range<usize>,
    /// Tokens to the nearer end of the window: the more, the more context the prediction had.
    context: usize,
    tag: usize,
    probability: f64,
}

impl LoadedEncoder {
    /// Tags the words of a text of any length. Needs a token classification head.
    ///
    /// A long text is read in overlapping windows, and a word's tag is that of the window in which
    /// it has most context. As in training, the tag of a word is that of its first token.
    ///
    /// # Errors
    /// The model has another head, the text cannot be tokenized, or the device failed.
    pub fn tag(&self, text: &str) -> Result<TaggedText, TrainError> {
        let stride = self.data.stride.min(self.inputs.max_length() / 4);
        let rows = self.inputs.windows(text, stride)?;
        let forward = |input: &_| Ok(self.model.forward_token_classification(input)?);
        let logits = self.forward_rows(&rows, forward)?;
        let mut seen = BTreeMap::new();
        for (row, logits) in rows.iter().zip(&logits) {
            take_words(&mut seen, row, logits, self.config.num_labels());
        }
        let word = |seen: &Seen| TaggedWord {
            word: text.get(seen.bytes.clone()).unwrap_or_default().to_string(),
            tag: self.label(seen.tag),
            probability: seen.probability,
            bytes: seen.bytes.clone(),
        };
        let words: Vec<TaggedWord> = seen.values().map(word).collect();
        let has_entities = self
            .labels
            .iter()
            .any(|tag| tag.starts_with("B-") || tag.starts_with("I-"));
        Ok(TaggedText {
            entities: if has_entities {
                grouped(text, &words)
            } else {
                Vec::new()
            },
            words,
        })
    }
}

/// Takes the words of one window, by their numbers, with its logits `[time, tags]`.
fn take_words(words: &mut BTreeMap<u32, Seen>, row: &Encoding, logits: &[f32], tags: usize) {
    for (at, (origin, logits)) in row.origins.iter().zip(logits.chunks(tags)).enumerate() {
        let Some(origin) = origin else {
            continue;
        };
        let context = at.min(row.len() - at);
        match words.get_mut(&origin.word) {
            // A further token of the word, or the same word in another window.
            Some(seen)
                if origin.range.start > seen.bytes.start
                    || (origin.range.start == seen.bytes.start && seen.context >= context) =>
            {
                seen.bytes.end = seen.bytes.end.max(origin.range.end);
            }
            before => {
                let end = before.map_or(0, |seen| seen.bytes.end);
                let (tag, probability) = ranked(logits).first().copied().unwrap_or_default();
                let seen = Seen {
                    bytes: origin.range.start..origin.range.end.max(end),
                    context,
                    tag,
                    probability,
                };
                words.insert(origin.word, seen);
            }
        }
    }
}

fn grouped(text: &str, words: &[TaggedWord]) -> Vec<TextEntity> {
    let tags: Vec<&str> = words.iter().map(|word| word.tag.as_str()).collect();
    let entity = |entity: score::Entity| {
        let of = words.get(entity.start..entity.end)?;
        let bytes = of.first()?.bytes.start..of.last()?.bytes.end;
        Some(TextEntity {
            kind: entity.kind,
            text: text.get(bytes.clone())?.to_string(),
            bytes,
        })
    };
    entities(&tags).into_iter().filter_map(entity).collect()
}
