//! Encoder inputs against `transformers` (`golden/make_sequences.py`), and the origins of tokens.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use burn::tensor::Device;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{EncoderBatch, Encoding, InputBuilder, TokenOrigin};

#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    text: String,
    pair: Option<String>,
    words: Option<Vec<String>>,
    max_length: usize,
    stride: Option<usize>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    ids: Vec<u32>,
    segments: Vec<u8>,
    /// Text, first byte, end byte (exclusive), word.
    pieces: Vec<Option<(u8, usize, usize, u32)>>,
}

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&fixture(name)).unwrap()
}

fn bert(max_length: usize) -> InputBuilder {
    InputBuilder::new(open("tokenizers/bert"), max_length).unwrap()
}

fn run(tokenizer: &Tokenizer, case: &Case) -> Vec<Encoding> {
    let encoder = InputBuilder::new(tokenizer.clone(), case.max_length).unwrap();
    if let Some(words) = &case.words {
        return vec![encoder.encode_words(words).unwrap()];
    }
    match (case.stride, &case.pair) {
        (None, pair) => vec![encoder.encode(&case.text, pair.as_deref()).unwrap()],
        (Some(stride), None) => encoder.windows(&case.text, stride).unwrap(),
        (Some(stride), Some(pair)) => encoder.pair_windows(&case.text, pair, stride).unwrap(),
    }
}

#[test]
fn rows_are_those_of_transformers() {
    let expected = fs::read_to_string(fixture("sequences/expected.json")).unwrap();
    let expected: BTreeMap<String, Vec<Case>> = serde_json::from_str(&expected).unwrap();
    for (name, path) in [
        ("bert", "tokenizers/bert"),
        ("roberta", "sequences/roberta"),
    ] {
        let tokenizer = open(path);
        assert_eq!(expected[name].len(), 85);
        for case in &expected[name] {
            let rows = run(&tokenizer, case);
            let what = format!(
                "{name}: {:?} {:?} {:?}, {} {:?}",
                case.text, case.pair, case.words, case.max_length, case.stride
            );
            assert_eq!(rows.len(), case.rows.len(), "{what}");
            for (row, expected) in rows.iter().zip(&case.rows) {
                assert_eq!(row.ids, expected.ids, "{what}");
                assert_eq!(row.token_type_ids, expected.segments, "{what}");
                let pieces = expected.pieces.iter().map(|piece| {
                    piece.map(|(text, start, end, word)| TokenOrigin {
                        text,
                        range: start..end,
                        word,
                    })
                });
                assert_eq!(row.origins, pieces.collect::<Vec<_>>(), "{what}");
            }
        }
    }
}

const ALL: [&str; 9] = [
    "tokenizers/gpt2",
    "tokenizers/bert",
    "tokenizers/bert-cased",
    "tokenizers/metaspace.json",
    "tokenizers/unigram.json",
    "tokenizers/words.json",
    "tokenizers/characters.json",
    "tokenizers/llama2c",
    "sequences/roberta",
];

/// Ids equal those of `encode`, ranges are whole characters in ascending order, words are numbered
/// in order.
fn check_pieces(name: &str, tokenizer: &Tokenizer, text: &str) {
    let pieces = tokenizer.pieces(text).unwrap();
    let ids: Vec<u32> = pieces.iter().map(|piece| piece.id).collect();
    assert_eq!(ids, tokenizer.encode(text).unwrap(), "{name} {text:?}");
    for piece in &pieces {
        assert!(text.get(piece.range.clone()).is_some(), "{name} {text:?}");
    }
    for pair in pieces.windows(2) {
        assert!(
            pair[0].range.start <= pair[1].range.start,
            "{name} {text:?}"
        );
        assert!(pair[0].word <= pair[1].word, "{name} {text:?}");
    }
}

proptest! {
    #[test]
    fn pieces_are_the_tokens_with_their_positions(
        text in "[a-c'. \\n\\t\u{a0}\u{301}é漢🎉ﬁ1]{0,30}",
        special in prop::sample::select(vec!["", "<|endoftext|>", "[SEP]", "\n<eos>\n", " <mask> "]),
    ) {
        let text = format!("{text}{special}{text}");
        for name in ALL {
            check_pieces(name, &open(name), &text);
        }
    }

    #[test]
    fn a_row_is_never_too_long_and_nothing_is_lost(
        first in "[a-e .é]{0,40}",
        second in prop::option::of("[a-e .é]{0,40}"),
        max_length in 5usize..60,
        stride in 0usize..6,
    ) {
        let encoder = bert(max_length);
        let count = |text: &str| encoder.tokenizer().encode(text).unwrap().len();
        let row = encoder.encode(&first, second.as_deref()).unwrap();
        prop_assert!(row.len() <= max_length);
        prop_assert_eq!(row.ids.len(), row.origins.len());
        prop_assert_eq!(row.ids.len(), row.token_type_ids.len());
        let kept = row.origins.iter().flatten().count();
        let all = count(&first) + second.as_deref().map_or(0, count);
        prop_assert_eq!(kept + row.truncated, all);
        prop_assert!(row.truncated == 0 || row.len() == max_length);

        if stride + 3 < max_length {
            let second = second.unwrap_or_default();
            let rows = encoder.pair_windows(&first, &second, stride).unwrap();
            let mut places: Vec<_> = rows
                .iter()
                .flat_map(|row| row.origins.iter().flatten())
                .filter(|piece| piece.text == 1)
                .map(|piece| (piece.range.start, piece.word))
                .collect();
            places.dedup();
            places.sort_unstable();
            places.dedup();
            prop_assert_eq!(places.len(), count(&second));
            prop_assert!(rows.iter().all(|row| row.len() <= max_length));
        }
    }
}

#[test]
fn a_piece_is_its_part_of_the_text() {
    let text = "The café's lamp 🎉";
    for (name, expected) in [
        ("tokenizers/characters.json", vec!["T", "h", "e"]),
        ("tokenizers/words.json", vec!["The", "café's", "lamp", "🎉"]),
    ] {
        let pieces = open(name).pieces(text).unwrap();
        let parts: Vec<&str> = pieces
            .iter()
            .map(|piece| &text[piece.range.clone()])
            .collect();
        assert_eq!(parts[..expected.len()], expected);
    }
    let pieces = open("tokenizers/words.json").pieces("a\n b\n").unwrap();
    let ranges: Vec<_> = pieces.iter().map(|p| (p.range.clone(), p.word)).collect();
    assert_eq!(ranges, [(0..1, 0), (1..2, 1), (3..4, 2), (4..5, 3)]);

    // llama2.c prepends a space, which is not part of the text.
    let llama = open("tokenizers/llama2c");
    let text = "the keeper🎉";
    let pieces = llama.pieces(text).unwrap();
    assert_eq!(pieces[0].range.start, 0);
    let covered: Vec<&str> = pieces.iter().map(|p| &text[p.range.clone()]).collect();
    // The last character is four bytes, and so four tokens.
    assert_eq!(covered[covered.len() - 4..], ["🎉"; 4]);
    let whole: String = covered[..covered.len() - 3].concat();
    assert_eq!(whole, text);
    let words = pieces.last().unwrap().word + 1;
    assert_eq!(words, 2);
}

#[test]
fn a_hundred_thousand_words_are_truncated_and_counted_or_read_in_windows() {
    let words = ["the", "lamp", "ghosts,", "naïf", "🎉"].repeat(20_000);
    let text = words.join(" ");
    let encoder = bert(128);
    let all = encoder.tokenizer().encode(&text).unwrap().len();
    let row = encoder.encode(&text, None).unwrap();
    assert_eq!(row.len(), 128);
    assert_eq!(row.truncated, all - 126);
    let row = encoder.encode(&text, Some("a b")).unwrap();
    assert_eq!(
        (
            row.len(),
            row.token_type_ids.iter().filter(|s| **s == 1).count()
        ),
        (128, 3)
    );

    let windows = encoder.windows(&text, 26).unwrap();
    assert_eq!(windows.len(), 1 + (all - 126).div_ceil(100));
    let last = windows
        .last()
        .unwrap()
        .origins
        .iter()
        .flatten()
        .last()
        .unwrap();
    assert_eq!(last.range, text.len() - "🎉".len()..text.len());
    assert_eq!(last.word, 119_999);

    // As a question it is truncated, as a context it is not.
    let rows = encoder.pair_windows(&text, "a b", 10).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].truncated, all - (125 - 10) / 2);
    assert_eq!(encoder.encode_words(&words).unwrap().truncated, all - 126);
}

#[test]
fn an_empty_text_is_its_special_tokens() {
    let encoder = bert(16);
    let cls = encoder.tokenizer().id("[CLS]").unwrap();
    let sep = encoder.tokenizer().id("[SEP]").unwrap();
    for text in ["", "  \n", "\u{200b}"] {
        assert_eq!(encoder.encode(text, None).unwrap().ids, [cls, sep]);
        assert_eq!(encoder.windows(text, 4).unwrap()[0].ids, [cls, sep]);
    }
    let pair = encoder.encode("", Some("")).unwrap();
    assert_eq!(
        (pair.ids, pair.token_type_ids),
        (vec![cls, sep, sep], vec![0, 0, 1])
    );
    assert!(encoder.is_special(cls) && encoder.is_special(encoder.pad_id()));
    assert!(!encoder.is_special(encoder.tokenizer().id("the").unwrap()));
    assert_eq!(encoder.mask_id(), encoder.tokenizer().id("[MASK]"));
    assert_eq!(encoder.vocab_size(), encoder.tokenizer().vocab_size());
}

#[test]
fn impossible_settings_are_refused_at_once() {
    let error = InputBuilder::new(open("tokenizers/gpt2"), 16)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no special tokens around texts"), "{error}");
    let error = InputBuilder::new(open("tokenizers/bert"), 4)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("4 tokens are too few") && error.contains('5'),
        "{error}"
    );
    assert!(InputBuilder::new(open("sequences/roberta"), 5).is_err());
    assert!(InputBuilder::new(open("sequences/roberta"), 6).is_ok());
    let error = bert(16).windows("a", 14).unwrap_err().to_string();
    assert!(
        error.contains("stride") && error.contains("room for 14"),
        "{error}"
    );
    assert!(bert(16).pair_windows("a", "b", 13).is_err());
    assert!(bert(16).pair_windows("a", "b", 12).is_ok());
}

#[test]
fn a_batch_is_padded_to_its_longest_row() {
    let encoder = bert(64);
    let rows = [
        encoder.encode("the lamp", Some("the")).unwrap(),
        encoder.encode("", None).unwrap(),
    ];
    let batch = EncoderBatch::new(&[&rows[0], &rows[1]], encoder.pad_id());
    assert_eq!((batch.shape, batch.rows()), ([2, 6], 2));
    assert_eq!(batch.ids[..6], rows[0].ids);
    assert_eq!(batch.ids[6..8], rows[1].ids);
    assert_eq!(batch.ids[8..], [encoder.pad_id(); 4]);
    assert_eq!(batch.token_type_ids, [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(batch.unpadded_tokens(), 8);

    let device = Device::flex();
    let tokens = batch
        .tokens(&device)
        .into_data()
        .try_into_vec_as::<i32>()
        .unwrap();
    assert!(tokens.iter().zip(&batch.ids).all(|(a, b)| *a == *b as i32));
    let segments = batch
        .token_type_ids(&device)
        .into_data()
        .try_into_vec_as::<i32>()
        .unwrap();
    assert_eq!(segments.iter().sum::<i32>(), 2);
    let mask = batch.attention_mask(&device);
    assert_eq!(mask.dims(), [2, 6]);
    let mask = mask.int().into_data().try_into_vec_as::<i32>().unwrap();
    assert_eq!(mask, [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(EncoderBatch::new(&[], 0).shape, [0, 0]);
}

#[derive(Deserialize)]
struct PipelineText {
    text: String,
    /// First character of each word, and the one after its last.
    words: Vec<(usize, usize)>,
}

/// `golden/make_tags.py`.
#[test]
fn words_of_a_text_are_those_of_transformers_pipeline() {
    let expected = fs::read_to_string(fixture("tags.json")).unwrap();
    let expected: BTreeMap<String, Vec<PipelineText>> = serde_json::from_str(&expected).unwrap();
    for (name, path) in [
        ("bert", "tokenizers/bert"),
        ("roberta", "sequences/roberta"),
    ] {
        let builder = InputBuilder::new(open(path), 512).unwrap();
        for case in &expected[name] {
            let (words, rows) = builder.pipeline_windows(&case.text, 8).unwrap();
            let characters = |byte: usize| case.text[..byte].chars().count();
            let inked = words.iter().filter(|word| !word.is_empty());
            let found: Vec<(usize, usize)> = inked
                .map(|word| (characters(word.start), characters(word.end)))
                .collect();
            assert_eq!(found, case.words, "{name} {:?}", case.text);
            let first: Vec<u32> = rows[0].first_tokens.iter().copied().flatten().collect();
            assert!(first.iter().copied().eq(0..words.len() as u32));
        }
    }
}

/// The first token of a word decides its tag: `word_ids()` of transformers names the words.
#[test]
fn windows_of_words_mark_each_first_token_once() {
    for path in ["tokenizers/bert", "sequences/roberta"] {
        let words = ["lamp", "привет", "漢字", "\u{200b}", "U.N.", "naïf", "🎉"];
        let whole = InputBuilder::new(open(path), 512).unwrap();
        let row = whole.encode_words(&words).unwrap();
        let [window] = &whole.word_windows(&words, 0).unwrap()[..] else {
            panic!("more than one window")
        };
        assert_eq!(window.encoding, row);
        let mut last = None;
        for (origin, first) in row.origins.iter().zip(&window.first_tokens) {
            let word = origin.as_ref().map(|origin| origin.word);
            assert_eq!(*first, word.filter(|word| last != Some(*word)));
            last = word.or(last);
        }
        // In windows without an overlap, a word's first token is in one of them.
        let narrow = InputBuilder::new(open(path), 6).unwrap();
        let windows = narrow.word_windows(&words, 0).unwrap();
        let first = windows.iter().flat_map(|window| &window.first_tokens);
        let found: Vec<u32> = first.copied().flatten().collect();
        let all = window.first_tokens.iter().copied().flatten();
        assert_eq!(found, all.collect::<Vec<_>>());
        assert_eq!(
            windows[0].encoding.ids,
            narrow.encode_words(&words).unwrap().ids
        );
    }
}
