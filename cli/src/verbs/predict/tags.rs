//! The tag of each word of a text, and the entities that tags make.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;

use burn::tensor::Device;
use serde::Serialize;
use tinderbox_data::text::encoder::Encoding;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::score::entities;
use tinderbox_train::kinds::encoder::{LoadedEncoder, input};
use tinderbox_train::kinds::image_classification::ranked;

use super::Args;
use super::text::{Text, data_recipe};
use crate::shared::{percent, table};
use crate::{Done, texts};

#[derive(Serialize)]
struct Prediction<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
    entities: Vec<Entity<'a>>,
}

#[derive(Serialize)]
struct Word<'a> {
    word: &'a str,
    tag: String,
    probability: f64,
    /// Bytes of the text.
    bytes: Range<usize>,
}

#[derive(Serialize)]
struct Entity<'a> {
    kind: String,
    text: &'a str,
    bytes: Range<usize>,
}

pub(super) fn run(args: &Args, loaded: &LoadedEncoder, texts: &[Text], device: &Device) -> Done {
    // Windows of a long text share this much, so that every word has words around it in one of them.
    let stride = data_recipe(&args.run)?
        .stride
        .min(loaded.sequences.max_length() / 4);
    let mut out = std::io::stdout().lock();
    for text in texts {
        let rows = loaded.sequences.windows(&text.text, stride)?;
        let prediction = predict(loaded, &text.text, &rows, device)?;
        if args.json {
            writeln!(out, "{}", serde_json::to_string(&prediction)?)?;
            continue;
        }
        let mut words = table(["word", "tag", "probability"], &[2]);
        for word in &prediction.words {
            words.add_row([word.word, &word.tag, &percent(word.probability)]);
        }
        writeln!(out, "{words}\n")?;
        for entity in &prediction.entities {
            writeln!(out, "{}: {}", entity.kind, entity.text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A word as one of the windows sees it.
struct Seen {
    bytes: Range<usize>,
    /// Tokens to the nearer end of the window: the more there are, the more it was judged by.
    around: usize,
    tag: usize,
    probability: f64,
}

fn predict<'a>(
    loaded: &LoadedEncoder,
    text: &'a str,
    rows: &[Encoding],
    device: &Device,
) -> anyhow::Result<Prediction<'a>> {
    let mut words: BTreeMap<u32, Seen> = BTreeMap::new();
    for places in texts::batches(rows, texts::BATCH) {
        let batch = texts::batch(rows, &places, &loaded.sequences);
        let logits =
            loaded
                .model
                .forward_token_classification(&input(&batch, &loaded.config, device))?;
        let [_, time, tags] = logits.dims();
        let values = logits
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Execution(e.to_string()))?;
        for (place, logits) in places.into_iter().zip(values.chunks(time * tags)) {
            if let Some(row) = rows.get(place) {
                take_words(&mut words, row, logits, tags);
            }
        }
    }
    let word = |seen: &Seen| Word {
        word: text.get(seen.bytes.clone()).unwrap_or_default(),
        tag: loaded.label(seen.tag),
        probability: seen.probability,
        bytes: seen.bytes.clone(),
    };
    let words: Vec<Word> = words.values().map(word).collect();
    // Other tags, as parts of speech, make no entities.
    let are_entities = loaded
        .labels
        .iter()
        .any(|tag| tag.starts_with("B-") || tag.starts_with("I-"));
    Ok(Prediction {
        text,
        entities: match are_entities {
            true => grouped(text, &words),
            false => Vec::new(),
        },
        words,
    })
}

/// The words of one window with `logits` `[time, tags]`. A word's tag is that of its first piece, as in training.
fn take_words(words: &mut BTreeMap<u32, Seen>, row: &Encoding, logits: &[f32], tags: usize) {
    for (at, (piece, logits)) in row.origins.iter().zip(logits.chunks(tags)).enumerate() {
        let Some(piece) = piece else {
            continue;
        };
        let around = at.min(row.len() - at);
        match words.get_mut(&piece.word) {
            // A further piece of the word, or the same word in another window.
            Some(seen)
                if piece.range.start > seen.bytes.start
                    || (piece.range.start == seen.bytes.start && seen.around >= around) =>
            {
                seen.bytes.end = seen.bytes.end.max(piece.range.end);
            }
            before => {
                let end = before.map_or(0, |seen| seen.bytes.end);
                let (tag, probability) = ranked(logits).first().copied().unwrap_or_default();
                let seen = Seen {
                    bytes: piece.range.start..piece.range.end.max(end),
                    around,
                    tag,
                    probability,
                };
                words.insert(piece.word, seen);
            }
        }
    }
}

/// The words that belong together by their tags, as in `B-PER I-PER`.
fn grouped<'a>(text: &'a str, words: &[Word]) -> Vec<Entity<'a>> {
    let tags: Vec<&str> = words.iter().map(|word| word.tag.as_str()).collect();
    let entity = |found: tinderbox_train::kinds::encoder::score::Entity| {
        let of = words.get(found.start..found.end)?;
        let bytes = of.first()?.bytes.start..of.last()?.bytes.end;
        Some(Entity {
            kind: found.kind,
            text: text.get(bytes.clone())?,
            bytes,
        })
    };
    entities(&tags).into_iter().filter_map(entity).collect()
}
