//! Generated sentiment sentences: word counts do not give their labels away.
#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::encoder::sequence_classification::LabelledText;
use tinderbox_data::text::generated::sentiment;

/// N-grams of up to `longest` words.
fn features(text: &str, longest: usize) -> impl Iterator<Item = String> {
    let words: Vec<&str> = text.split(' ').collect();
    (1..=longest).flat_map(move |length| {
        let runs = words.windows(length).map(|run| run.join(" "));
        runs.collect::<Vec<_>>()
    })
}

/// Accuracy of multinomial naive Bayes with add-one smoothing.
fn naive_bayes(train: &[LabelledText], validation: &[LabelledText], longest: usize) -> f64 {
    let mut counts: HashMap<String, [f64; 2]> = HashMap::new();
    let mut all = [0.0; 2];
    for text in train {
        for feature in features(&text.text, longest) {
            counts.entry(feature).or_default()[text.label as usize] += 1.0;
            all[text.label as usize] += 1.0;
        }
    }
    let different = counts.len() as f64;
    let log = |count: f64, class: usize| ((count + 1.0) / (all[class] + different)).ln();
    let right = validation.iter().filter(|text| {
        let votes = features(&text.text, longest).map(|feature| {
            let [bad, good] = counts.get(&feature).copied().unwrap_or_default();
            log(good, 1) - log(bad, 0)
        });
        u32::from(votes.sum::<f64>() > 0.0) == text.label
    });
    right.count() as f64 / validation.len() as f64
}

#[test]
fn words_alone_do_not_tell_the_label() {
    let train = sentiment::texts(42, "train", 8000);
    let validation = sentiment::texts(42, "validation", 2000);
    let by_words = naive_bayes(&train, &validation, 1);
    let by_pairs = naive_bayes(&train, &validation, 2);
    assert!((0.5..0.65).contains(&by_words), "{by_words}");
    assert!((0.6..0.8).contains(&by_pairs), "{by_pairs}");
}

#[test]
fn labels_are_balanced_and_no_sentence_serves_two_purposes() {
    let mut purposes = Vec::new();
    for (purpose, count) in [("train", 8000), ("validation", 1000), ("test", 1000)] {
        let texts = sentiment::texts(42, purpose, count);
        assert_eq!(
            texts.iter().filter(|text| text.label == 1).count(),
            count / 2
        );
        let different: HashSet<String> = texts.into_iter().map(|text| text.text).collect();
        // Short sentences recur.
        assert!(
            different.len() * 10 > count * 8,
            "{purpose}: {}",
            different.len()
        );
        purposes.push(different);
    }
    // Other seeds do not change that.
    let other = sentiment::texts(7, "validation", 1000);
    purposes.push(other.into_iter().map(|text| text.text).collect());
    for (one, two) in [(0, 1), (0, 2), (1, 2), (0, 3), (2, 3)] {
        assert!(purposes[one].is_disjoint(&purposes[two]), "{one} {two}");
    }
}

#[test]
fn a_sentence_is_a_function_of_seed_purpose_and_number() {
    let texts = sentiment::texts(1, "train", 100);
    assert_eq!(texts[..40], sentiment::texts(1, "train", 40));
    assert_ne!(texts, sentiment::texts(2, "train", 100));
    assert_ne!(texts, sentiment::texts(1, "test", 100));
}

#[test]
fn every_sentence_fits_into_48_tokens() {
    let encoder = InputBuilder::new(sentiment::tokenizer().unwrap(), 48).unwrap();
    let mut total = 0;
    for text in sentiment::texts(5, "train", 5000) {
        let row = encoder.encode(&text.text, None).unwrap();
        assert_eq!(row.truncated, 0, "{}", text.text);
        total += row.len();
    }
    assert!((10..20).contains(&(total / 5000)), "{total}");
    let json = encoder.tokenizer().to_json();
    let again =
        tinderbox_data::text::Tokenizer::from_json(&json, "tokenizer.json".as_ref()).unwrap();
    assert_eq!(again.hash(), encoder.tokenizer().hash());
    assert_eq!(json, sentiment::tokenizer().unwrap().to_json());
}
