//! Tokenizers against Python's `tokenizers` and `transformers`, on difficult texts. The fixtures
//! are made by `golden/make_tokenizers.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tinderbox_data::text::Tokenizer;

#[derive(Deserialize)]
struct Expected {
    texts: Vec<String>,
    tokenizers: BTreeMap<String, Results>,
}

/// For each text.
#[derive(Deserialize)]
struct Results {
    ids: Vec<Vec<u32>>,
    decoded: Vec<String>,
    /// Byte range of each token; absent for llama2.c, whose reference does not report it.
    #[serde(default)]
    ranges: Vec<Vec<[usize; 2]>>,
}

static EXPECTED: LazyLock<Expected> =
    LazyLock::new(|| serde_json::from_str(&read("expected.json")).unwrap());

fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/tokenizers"
    ))
    .join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap()
}

fn all() -> Vec<(&'static str, Tokenizer)> {
    let names = EXPECTED.tokenizers.keys();
    names
        .map(|name| (name.as_str(), Tokenizer::open(&fixture(name)).unwrap()))
        .collect()
}

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&fixture(name)).unwrap()
}

/// Decodes token by token. Other tests check that text is output as early as possible.
fn streamed(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let mut stream = tokenizer.decode_stream();
    let mut text: String = ids.iter().filter_map(|&id| stream.push(id)).collect();
    text.extend(stream.finish());
    text
}

#[test]
fn ids_and_texts_agree_with_python() {
    assert_eq!(EXPECTED.texts.len(), 51);
    assert_eq!(EXPECTED.tokenizers.len(), 8);
    for (name, tokenizer) in all() {
        let expected = &EXPECTED.tokenizers[name];
        for (i, text) in EXPECTED.texts.iter().enumerate() {
            let ids = tokenizer.encode(text).unwrap();
            assert_eq!(ids, expected.ids[i], "{name}, {text:?}");
            assert_eq!(
                tokenizer.decode(&ids),
                expected.decoded[i],
                "{name}, {text:?}"
            );
        }
    }
}

#[test]
fn positions_of_tokens_agree_with_python() {
    let mut compared = 0;
    for (name, tokenizer) in all() {
        let expected = &EXPECTED.tokenizers[name];
        for (i, text) in EXPECTED.texts.iter().enumerate() {
            let pieces = tokenizer.pieces(text).unwrap();
            let ids: Vec<u32> = pieces.iter().map(|piece| piece.id).collect();
            assert_eq!(ids, expected.ids[i], "{name}, {text:?}");
            assert!(
                pieces.is_sorted_by_key(|piece| piece.word),
                "{name}, {text:?}"
            );
            let ranges = pieces
                .iter()
                .map(|piece| [piece.range.start, piece.range.end]);
            if let Some(expected) = expected.ranges.get(i) {
                assert_eq!(&ranges.collect::<Vec<_>>(), expected, "{name}, {text:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 7 * 51);
}

#[test]
fn a_stream_equals_decoding_at_once() {
    for (name, tokenizer) in all() {
        for ids in &EXPECTED.tokenizers[name].ids {
            assert_eq!(streamed(&tokenizer, ids), tokenizer.decode(ids), "{name}");
        }
    }
}

#[test]
fn a_stream_outputs_a_character_when_it_is_complete() {
    let tokenizer = open("gpt2");
    let ids = tokenizer.encode("aé🎉").unwrap();
    let mut stream = tokenizer.decode_stream();
    let pieces: Vec<Option<String>> = ids.iter().map(|&id| stream.push(id)).collect();
    let some: Vec<&str> = pieces.iter().flatten().map(String::as_str).collect();
    assert_eq!(some, ["a", "é", "🎉"]);
    assert!(pieces.last().unwrap().is_some());
    assert_eq!(stream.finish(), None);

    let mut stream = tokenizer.decode_stream();
    let cut_off = &ids[..ids.len() - 1];
    let text: String = cut_off.iter().filter_map(|&id| stream.push(id)).collect();
    assert_eq!(text, "aé");
    assert_eq!(stream.finish().unwrap(), "\u{fffd}");
}

#[test]
fn a_stream_survives_invalid_utf8() {
    let tokenizer = open("metaspace.json");
    let byte = |byte: u8| tokenizer.id(&format!("<0x{byte:02X}>")).unwrap();
    let keeper = tokenizer.encode("keeper").unwrap();
    let ids = [&keeper[..], &[byte(b'a'), byte(0x80)], &keeper].concat();
    assert_eq!(streamed(&tokenizer, &ids), "keepera\u{fffd} keeper");
    assert_eq!(tokenizer.decode(&ids), "keeper\u{fffd}\u{fffd} keeper");
}

#[test]
fn words_have_spaces_between_and_lines_have_ends() {
    let tokenizer = Tokenizer::words(&["the cat sat\n"], None).unwrap();
    let mut stream = tokenizer.decode_stream();
    let mut push = |word| stream.push(tokenizer.id(word).unwrap()).unwrap();
    let pieces = ["the", "cat", "<eos>", "<eos>", "sat", "the"].map(&mut push);
    assert_eq!(pieces, ["the", " cat", "\n", "\n", "sat", " the"]);
    assert_eq!(stream.push(99), None);
}

proptest! {
    #[test]
    fn any_text_survives_byte_level_bpe(text in "\\PC{0,40}", control in "[\\x00-\\x20]{0,4}") {
        let text = format!("{control}{text}{control}");
        for name in ["gpt2", "llama2c"] {
            let tokenizer = open(name);
            let ids = tokenizer.encode(&text).unwrap();
            prop_assert_eq!(tokenizer.decode(&ids), text.clone());
            prop_assert_eq!(streamed(&tokenizer, &ids), text.clone());
        }
    }

    #[test]
    fn any_ids_are_streamed_as_they_are_decoded(ids in prop::collection::vec(0u32..700, 0..30)) {
        for (name, tokenizer) in all() {
            // One invalid byte makes U+FFFD of all byte tokens around it, including those already
            // output.
            let is_byte = |id: &u32| name == "metaspace.json" && (3..259).contains(id);
            let ids: Vec<u32> = ids.iter().copied().filter(|id| !is_byte(id)).collect();
            prop_assert_eq!(streamed(&tokenizer, &ids), tokenizer.decode(&ids), "{}", name);
        }
    }
}

#[test]
fn tokens_ids_sizes_and_ends() {
    let facts = [
        ("gpt2", 400, "<|endoftext|>", None),
        ("bert", 0, "[SEP]", None),
        ("metaspace.json", 0, "</s>", Some("<s>")),
        ("unigram.json", 0, "</s>", None),
        ("words.json", 150, "<eos>", None),
        ("llama2c", 609, "\n<s>\n", Some("\n<s>\n")),
    ];
    for (name, size, end, begin) in facts {
        let tokenizer = open(name);
        if size > 0 {
            assert_eq!(tokenizer.vocab_size(), size, "{name}");
        }
        let token = |id: Option<u32>| id.and_then(|id| tokenizer.token(id));
        assert_eq!(
            token(tokenizer.end_of_text()).as_deref(),
            Some(end),
            "{name}"
        );
        assert_eq!(
            token(tokenizer.beginning_of_text()).as_deref(),
            begin,
            "{name}"
        );
        for id in 0..tokenizer.vocab_size() as u32 {
            let token = tokenizer.token(id).unwrap();
            assert_eq!(tokenizer.id(&token), Some(id), "{name}, {token:?}");
        }
        assert_eq!(tokenizer.token(tokenizer.vocab_size() as u32), None);
    }
    assert_eq!(open("characters.json").end_of_text(), None);
}

#[test]
fn json_round_trips() {
    for (name, tokenizer) in all() {
        let json = tokenizer.to_json();
        let again = Tokenizer::from_json(&json, Path::new("tokenizer.json")).unwrap();
        assert_eq!(again.to_json(), json, "{name}");
        assert_eq!(again.hash(), tokenizer.hash());
        assert_eq!(again.hash().len(), 64);
        assert_eq!(format!("{again:?}"), format!("{tokenizer:?}"));
        for (text, ids) in EXPECTED.texts.iter().zip(&EXPECTED.tokenizers[name].ids) {
            assert_eq!(again.encode(text).unwrap(), *ids, "{name}, {text:?}");
        }
    }
}

/// Python opened the same files, so it can open what is written here.
#[test]
fn words_and_characters_are_saved_as_python_saves_them() {
    for name in ["words.json", "characters.json"] {
        let tokenizer = open(name);
        let kind = name.trim_end_matches(".json");
        assert!(format!("{tokenizer:?}").contains(kind));
        let ours: serde_json::Value = serde_json::from_str(&tokenizer.to_json()).unwrap();
        let pythons: serde_json::Value = serde_json::from_str(&read(name)).unwrap();
        assert_eq!(ours, pythons);
    }
}

#[test]
fn encoding_a_long_text_in_chunks_changes_nothing() {
    let text = read("text.txt").repeat(150) + "no end";
    assert!(text.len() > 140_000);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("text.txt");
    fs::write(&file, &text).unwrap();
    for (name, tokenizer) in all() {
        if name == "characters.json" || name == "unigram.json" {
            continue;
        }
        // Line by line, if line ends are token boundaries. The last newline of each line is the
        // difference.
        let mut ids = tokenizer.encode(&text).unwrap();
        if matches!(name, "bert" | "bert-cased" | "words.json") {
            let lines = text.split_inclusive('\n');
            let by_lines: Vec<u32> = lines
                .flat_map(|line| tokenizer.encode(line).unwrap())
                .collect();
            assert_eq!(ids, by_lines, "{name}");
        }
        let (mut parts, mut from_file) = (0, Vec::new());
        let characters = tokenizer
            .encode_file(&file, |part| {
                parts += 1;
                from_file.extend_from_slice(part);
                Ok(())
            })
            .unwrap();
        if name == "words.json" {
            ids.extend(tokenizer.end_of_text());
        }
        assert_eq!(from_file, ids, "{name}");
        let added = usize::from(name == "words.json");
        assert_eq!(characters as usize, text.chars().count() + added);
        assert_eq!(
            parts == 1,
            matches!(name, "metaspace.json" | "llama2c"),
            "{name}"
        );
        assert!(!tokenizer.decode(&ids).is_empty());
    }
}
