//! Batches for encoder models, through the loader as in training.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::masked_lm::{MaskedLmBatch, MaskedLmSource, MaskingOptions};
use tinderbox_data::text::encoder::sequence_classification::{
    LabelledBatch, LabelledSource, LabelledText,
};
use tinderbox_data::text::encoder::{EncoderBatch, InputBuilder, Truncated};

/// Words `w0` to `w49`; those from `w40` on are two tokens each.
fn encoder(max_length: usize) -> InputBuilder {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(str::to_owned);
    let words = (0..40).map(|word| format!("w{word}"));
    let pieces = (0..10).map(|piece| format!("##{piece}"));
    let list = special.into_iter().chain(words).chain(pieces);
    let tokenizer = Tokenizer::from_word_pieces(list.collect()).unwrap();
    InputBuilder::new(tokenizer, max_length).unwrap()
}

/// A text of `length` words, the first of which encodes `number`.
fn text(number: usize, length: usize) -> LabelledText {
    let words: Vec<String> = (0..length)
        .map(|word| format!("w{}", (number + word) % 40))
        .collect();
    LabelledText {
        text: words.join(" "),
        pair: number.is_multiple_of(3).then(|| "w1 w2".to_owned()),
        label: number as u32 % 4,
    }
}

fn batches<S: Source>(
    source: &Arc<S>,
    batch_size: usize,
    workers: usize,
    shuffle: bool,
    epoch: u64,
    first: usize,
) -> Vec<S::Batch> {
    let mut config = LoaderConfig::new(batch_size)
        .with_workers(workers)
        .with_shuffle(5);
    config.shuffle = shuffle;
    let loader = Loader::new(source.clone(), config).unwrap();
    loader
        .epoch(epoch, first)
        .collect::<Result<_, _>>()
        .unwrap()
}

fn padding(batches: &[LabelledBatch]) -> f64 {
    let cells: usize = batches.iter().map(|batch| batch.input.ids.len()).sum();
    let unpadded: usize = batches
        .iter()
        .map(|batch| batch.input.unpadded_tokens())
        .sum();
    1.0 - unpadded as f64 / cells as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn every_text_is_visited_once_for_any_number_of_workers(
        lengths in prop::collection::vec(0usize..30, 1..120),
        batch_size in 1usize..9,
        epoch in 0u64..3,
    ) {
        let texts: Vec<LabelledText> =
            lengths.iter().enumerate().map(|(number, length)| text(number, *length)).collect();
        let encoder = encoder(24);
        let source = Arc::new(LabelledSource::training(&texts, &encoder, batch_size).unwrap());
        let all = batches(&source, batch_size, 0, true, epoch, 0);
        prop_assert_eq!(&all, &batches(&source, batch_size, 3, true, epoch, 0));
        let from = all.len() / 2;
        prop_assert_eq!(&all[from..], &batches(&source, batch_size, 2, true, epoch, from)[..]);
        // Only the last batch is incomplete.
        prop_assert!(all[..all.len() - 1].iter().all(|batch| batch.items.len() == batch_size));

        let evaluation = Arc::new(LabelledSource::evaluation(&texts, &encoder).unwrap());
        let sorted = batches(&evaluation, batch_size, 2, false, 0, 0);
        prop_assert!(sorted.iter().map(|batch| batch.input.shape[1]).is_sorted());
        for all in [all, sorted] {
            let mut seen = BTreeSet::new();
            for batch in &all {
                let [rows, time] = batch.input.shape;
                prop_assert_eq!(rows, batch.items.len());
                for (row, (&item, &label)) in batch.items.iter().zip(&batch.labels).enumerate() {
                    let text = &texts[item as usize];
                    prop_assert!(seen.insert(item));
                    prop_assert_eq!(label, text.label);
                    let expected = encoder.encode(&text.text, text.pair.as_deref()).unwrap();
                    let at = row * time;
                    prop_assert_eq!(&batch.input.ids[at..at + expected.len()], &expected.ids[..]);
                    prop_assert_eq!(&batch.input.token_type_ids[at..at + expected.len()], &expected.token_type_ids[..]);
                    prop_assert!(batch.input.attention_mask[at + expected.len()..at + time].iter().all(|unpadded| !unpadded));
                }
            }
            prop_assert_eq!(seen.len(), texts.len());
        }
    }
}

#[test]
fn buckets_save_most_of_the_padding() {
    let texts: Vec<LabelledText> = (0..3000).map(|n| text(n, 1 + (n * 7919) % 60)).collect();
    let source = Arc::new(LabelledSource::training(&texts, &encoder(64), 16).unwrap());
    let bucketed = padding(&batches(&source, 16, 0, true, 1, 0));
    // Batches in the order of the texts, whose lengths are mixed.
    let items: Vec<usize> = (0..source.len()).collect();
    let in_order = items
        .chunks(16)
        .map(|items| source.collate(1, 0, items.to_vec()));
    let mixed = padding(&in_order.collect::<Vec<_>>());
    assert!(mixed > 0.25, "{mixed}");
    assert!(bucketed < 0.05, "{bucketed}");
    let items = |epoch| -> Vec<u32> {
        let batches = batches(&source, 16, 0, true, epoch, 0);
        batches.into_iter().flat_map(|batch| batch.items).collect()
    };
    assert_ne!(items(0), items(1));
    assert_eq!(items(1), items(1));
}

#[test]
fn truncation_is_counted() {
    let texts = [text(1, 5), text(2, 30), text(4, 8), text(5, 9)];
    let source = LabelledSource::training(&texts, &encoder(10), 2).unwrap();
    let truncated = Truncated {
        texts: 2,
        tokens: 22 + 1,
    };
    assert_eq!(source.truncated(), truncated);
    assert_eq!(
        LabelledSource::evaluation(&texts, &encoder(10))
            .unwrap()
            .truncated(),
        truncated
    );
    assert!(LabelledSource::training(&[], &encoder(10), 2).is_err());
}

fn lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|line| match line % 7 {
            6 => String::new(),
            _ => {
                let words =
                    (0..3 + line % 11).map(|word| format!("w{}", (line * 5 + word * 3) % 50));
                words.collect::<Vec<_>>().join(" ")
            }
        })
        .collect()
}

fn masked(lines: &[String], options: &MaskingOptions, batch_size: usize) -> Arc<MaskedLmSource> {
    Arc::new(MaskedLmSource::training(lines, &encoder(20), options, 3, batch_size).unwrap())
}

/// The rows before masking.
fn restored(batch: &MaskedLmBatch) -> Vec<Vec<u32>> {
    let mut ids = batch.input.ids.clone();
    for (&position, &target) in batch.positions.iter().zip(&batch.targets) {
        ids[position as usize] = target;
    }
    let [_, time] = batch.input.shape;
    let rows = ids
        .chunks(time)
        .zip(batch.input.attention_mask.chunks(time));
    rows.map(|(ids, unpadded)| {
        let ids = ids.iter().zip(unpadded).filter(|(_, unpadded)| **unpadded);
        ids.map(|(id, _)| *id).collect()
    })
    .collect()
}

#[test]
fn masked_tokens_are_targets_and_the_rest_stays() {
    let lines = lines(400);
    let encoder = encoder(20);
    for (whole_word, pack) in [(true, true), (false, true), (true, false)] {
        let options = MaskingOptions {
            whole_word,
            pack,
            ..MaskingOptions::default()
        };
        let source = masked(&lines, &options, 8);
        let all = batches(&source, 8, 0, true, 2, 0);
        let (mut targets, mut tokens) = (0, 0);
        let mut rows = Vec::new();
        for batch in &all {
            assert!(
                batch.positions.is_sorted() && batch.input.token_type_ids.iter().all(|s| *s == 0)
            );
            let [_, time] = batch.input.shape;
            let with: BTreeSet<usize> =
                batch.positions.iter().map(|p| *p as usize / time).collect();
            assert_eq!(with.len(), batch.input.rows(), "a row without a target");
            assert!(
                batch
                    .targets
                    .iter()
                    .all(|&target| !encoder.is_special(target))
            );
            for row in restored(batch) {
                assert_eq!((row[0], row[row.len() - 1]), (2, 3));
                assert!(row.len() <= 20);
                tokens += row.len() - 2;
                rows.push(row);
            }
            targets += batch.targets.len();
        }
        let share = f64::from(targets as u32) / f64::from(tokens as u32);
        assert!((0.12..0.18).contains(&share), "{share}");
        // Every token of the text occurs once per epoch.
        assert_eq!(tokens, source.tokens());
        let off = targets.abs_diff(source.targets());
        assert!(off * 10 <= targets, "{targets} of {}", source.targets());
        let count = |rows: &mut dyn Iterator<Item = u32>| {
            let mut counts = BTreeMap::new();
            rows.for_each(|id| *counts.entry(id).or_insert(0) += 1);
            counts
        };
        let text = lines
            .iter()
            .flat_map(|line| encoder.tokenizer().encode(line).unwrap());
        let seen = rows
            .iter()
            .flatten()
            .copied()
            .filter(|id| ![2, 3].contains(id));
        assert_eq!(count(&mut { seen }), count(&mut { text }));
        // Packed rows are full: a document has about 48 tokens, and a row has room for 18.
        let mean = tokens / rows.len();
        assert!(if pack { mean >= 13 } else { mean <= 11 }, "{mean}");
    }
}

#[test]
fn most_targets_become_masks_some_random_tokens_and_some_stay() {
    let options = MaskingOptions {
        whole_word: false,
        ..MaskingOptions::default()
    };
    let source = masked(&lines(5000), &options, 16);
    let mut counts = [0.0; 3];
    for batch in batches(&source, 16, 0, true, 0, 0) {
        for (&position, &target) in batch.positions.iter().zip(&batch.targets) {
            let seen = batch.input.ids[position as usize];
            let kind = if seen == 4 {
                0
            } else {
                1 + usize::from(seen == target)
            };
            assert!(seen >= 4, "a special token in place of a word");
            counts[kind] += 1.0;
        }
    }
    let all: f64 = counts.iter().sum();
    let [masked, replaced, same] = counts.map(|count| count / all);
    assert!((masked - 0.8).abs() < 0.02, "{masked}");
    assert!((replaced - 0.1).abs() < 0.02, "{replaced}");
    assert!((same - 0.1).abs() < 0.02, "{same}");
}

#[test]
fn words_are_masked_whole() {
    // "w45" is w4 and ##5.
    let lines = vec!["w41 w1 w45 w2 w3 w49 w4 w42".to_owned(); 200];
    let whole = MaskingOptions {
        pack: false,
        probability: 0.4,
        ..MaskingOptions::default()
    };
    for batch in batches(&masked(&lines, &whole, 8), 8, 0, true, 1, 0) {
        let [_, time] = batch.input.shape;
        let masked: BTreeSet<usize> = batch.positions.iter().map(|p| *p as usize).collect();
        for row in 0..batch.input.rows() {
            // [CLS], then 12 tokens: 0 1 | 2 | 3 4 | 5 | 6 | 7 8 | 9 | 10 11
            for (first, second) in [(0, 1), (3, 4), (7, 8), (10, 11)] {
                let at = |token: usize| masked.contains(&(row * time + 1 + token));
                assert_eq!(at(first), at(second));
            }
        }
        assert!(masked.len() <= 5 * batch.input.rows());
    }
    // The fraction is one token and every word has two, yet one word is masked.
    let pairs = vec!["w41 w42 w43".to_owned(); 10];
    let whole = MaskingOptions {
        pack: false,
        ..MaskingOptions::default()
    };
    for batch in batches(&masked(&pairs, &whole, 5), 5, 0, true, 0, 0) {
        assert_eq!(batch.targets.len(), 2 * batch.input.rows());
    }
}

#[test]
fn each_epoch_masks_other_tokens_and_an_evaluation_always_the_same() {
    let lines = lines(100);
    let options = MaskingOptions::default();
    let source = masked(&lines, &options, 4);
    let shuffled = |workers| batches(&source, 4, workers, true, 1, 0);
    assert_eq!(shuffled(0), shuffled(3));
    let in_order = |epoch| {
        let items = (0..source.len()).map(|index| source.item(epoch, index).unwrap());
        source.collate(epoch, 0, items.collect())
    };
    assert_eq!(in_order(1), in_order(1));
    assert_ne!(in_order(0), in_order(1));
    let evaluation = MaskedLmSource::evaluation(&lines, &encoder(20), &options, 3).unwrap();
    let evaluation = Arc::new(evaluation);
    let once = batches(&evaluation, 4, 0, false, 0, 0);
    assert_eq!(once, batches(&evaluation, 4, 2, false, 9, 0));
    assert!(once.iter().map(|batch| batch.input.shape[1]).is_sorted());
}

#[test]
fn special_tokens_are_never_masked_and_bad_settings_are_refused() {
    let lines = [
        "[SEP] w1 [MASK] w2 unknown".to_owned(),
        "[SEP] [CLS]".to_owned(),
    ];
    let options = MaskingOptions {
        probability: 1.0,
        pack: false,
        ..MaskingOptions::default()
    };
    let source = masked(&lines, &options, 1);
    // The second line has no token that could be masked.
    assert_eq!(source.len(), 1);
    let batch = &batches(&source, 1, 0, true, 0, 0)[0];
    assert_eq!(batch.positions, [2, 4]);

    let new = |lines: &[&str], probability, encoder: &InputBuilder| {
        let options = MaskingOptions {
            probability,
            ..MaskingOptions::default()
        };
        MaskedLmSource::training(lines, encoder, &options, 0, 1)
    };
    for probability in [0.0, -0.1, 1.1, f64::NAN] {
        assert!(new(&["w1"], probability, &encoder(20)).is_err());
    }
    for lines in [&[][..], &["", "[SEP]"]] {
        let error = new(lines, 0.15, &encoder(20)).unwrap_err().to_string();
        assert!(error.contains("no token that could be masked"), "{error}");
    }
    let list = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "w1"].map(str::to_owned);
    let unmasked = Tokenizer::from_word_pieces(list.into()).unwrap();
    let unmasked = InputBuilder::new(unmasked, 20).unwrap();
    let error = new(&["w1"], 0.15, &unmasked).unwrap_err().to_string();
    assert!(error.contains("[MASK]"), "{error}");
    let error = Tokenizer::from_word_pieces(vec!["a".to_owned()])
        .unwrap_err()
        .to_string();
    assert!(error.contains("[UNK]"), "{error}");
}

#[test]
fn a_line_of_spaces_ends_a_document_and_has_no_tokens() {
    // For RoBERTa, a space is a token.
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/sequences/roberta"
    );
    let tokenizer = Tokenizer::open(Path::new(folder)).unwrap();
    let tokens = tokenizer.encode("the lamp").unwrap().len();
    let encoder = InputBuilder::new(tokenizer, 40).unwrap();
    for pack in [true, false] {
        let options = MaskingOptions {
            pack,
            ..MaskingOptions::default()
        };
        let lines = ["the lamp", " \t", "the lamp", ""];
        let source = MaskedLmSource::training(&lines, &encoder, &options, 3, 2).unwrap();
        assert_eq!((source.len(), source.tokens()), (2, 2 * tokens));
    }
}

#[test]
fn an_empty_text_is_a_valid_example() {
    let texts = [LabelledText {
        text: String::new(),
        pair: None,
        label: 1,
    }];
    let source = Arc::new(LabelledSource::training(&texts, &encoder(8), 1).unwrap());
    let batch = &batches(&source, 1, 0, true, 0, 0)[0];
    let expected = EncoderBatch {
        shape: [1, 2],
        ids: vec![2, 3],
        token_type_ids: vec![0, 0],
        attention_mask: vec![true, true],
    };
    assert_eq!(batch.input, expected);
}
