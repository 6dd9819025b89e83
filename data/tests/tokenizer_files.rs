//! Tokenizers from files, from text and from lists, and their errors. The fixtures are made by
//! `golden/make_tokenizers.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use tinderbox_data::DataError;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::tokenizer::Algorithm;

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

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&fixture(name)).unwrap()
}

fn message<T>(result: Result<T, DataError>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn byte_level_bpe_is_trained_as_python_trains_it() {
    let train =
        || Tokenizer::train(Algorithm::Bpe, 400, [Ok(read("text.txt"))].into_iter()).unwrap();
    let [trained, pythons] = [train(), open("gpt2")];
    assert_eq!(trained.to_json(), pythons.to_json());
    assert_eq!(train().hash(), trained.hash());
}

#[test]
fn training_is_the_same_every_time_and_in_every_order() {
    let text = read("text.txt");
    for algorithm in [
        Algorithm::Bpe,
        Algorithm::WordPieceUncased,
        Algorithm::WordPieceCased,
        Algorithm::Words,
        Algorithm::Characters,
    ] {
        let lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let train = |lines: Vec<String>| {
            Tokenizer::train(algorithm, 620, lines.into_iter().map(Ok)).unwrap()
        };
        let first = train(lines.clone());
        for _ in 0..3 {
            assert_eq!(train(lines.clone()).hash(), first.hash(), "{algorithm:?}");
        }
        let backwards = train(lines.into_iter().rev().collect());
        assert_eq!(backwards.hash(), first.hash(), "{algorithm:?}");
        assert!(first.vocab_size() <= 620 && first.vocab_size() > 100);
    }
}

#[test]
fn a_trained_word_piece_knows_its_words() {
    let text = || [Ok("The cat sat. The cats sat, the CAT sits: café".repeat(3))].into_iter();
    let uncased = Tokenizer::train(Algorithm::WordPieceUncased, 90, text()).unwrap();
    assert_eq!(uncased.token(1).unwrap(), "[UNK]");
    let tokens = |tokenizer: &Tokenizer, text| -> Vec<String> {
        let ids = tokenizer.encode(text).unwrap();
        ids.iter().map(|&id| tokenizer.token(id).unwrap()).collect()
    };
    assert_eq!(
        tokens(&uncased, "THE cats CAFÉ [SEP]"),
        ["the", "cats", "cafe", "[SEP]"]
    );
    assert_eq!(
        uncased.decode(&uncased.encode("The cats sat.").unwrap()),
        "the cats sat."
    );
    assert_eq!(tokens(&uncased, "zzz"), ["[UNK]"]);
    let cased = Tokenizer::train(Algorithm::WordPieceCased, 90, text()).unwrap();
    assert_eq!(tokens(&cased, "The cat"), ["The", "cat"]);
}

#[test]
fn training_errors_are_explained() {
    let train = |algorithm, size, text: &str| {
        let texts = [Ok(text.to_owned())].into_iter();
        message(Tokenizer::train(algorithm, size, texts))
    };
    assert!(train(Algorithm::Bpe, 256, "a").contains("256 is less than the 257 bytes"));
    assert!(
        train(Algorithm::WordPieceCased, 7, "ab ba").contains("7 is less than the 9 characters")
    );
    assert!(
        train(Algorithm::Characters, 2, "abc")
            .contains("2 is less than the 3 different characters")
    );
    assert!(train(Algorithm::Words, 2, "abc").contains("2 leaves no room for words"));
    for algorithm in [Algorithm::Bpe, Algorithm::Words, Algorithm::Characters] {
        assert!(
            train(algorithm, 300, " \n").contains("nothing to train"),
            "{algorithm:?}"
        );
    }
    let broken = |_| {
        Err(DataError::Config {
            what: "text".into(),
            reason: "is broken".into(),
        })
    };
    let texts = [1].into_iter().map(broken);
    assert!(message(Tokenizer::train(Algorithm::Bpe, 300, texts)).contains("is broken"));
}

#[test]
fn an_unknown_character_or_word_is_named_with_its_place() {
    let characters = Tokenizer::characters(&["abc\n é"]).unwrap();
    let error = message(characters.encode("ab\néé🎉"));
    assert!(
        error.contains("text: line 2, column 3: \"🎉\" is not in the vocabulary of 6 tokens"),
        "{error}"
    );
    let words = Tokenizer::words(&["a b"], None).unwrap();
    assert!(message(words.encode("a\n\n b   c")).contains("line 3, column 6: \"c\""));
    let limited = Tokenizer::words(&["a a b b b c d <unk>"], Some(4)).unwrap();
    let ids = limited.encode("a b c zebra\n").unwrap();
    // `<unk>` stands for c, d and itself: as frequent as b, and before it by code point.
    assert_eq!(ids, [2, 1, 0, 0, 3]);
    assert_eq!(limited.decode(&ids), "a b <unk> <unk>\n");
    assert!(message(Tokenizer::words(&["a"], Some(2))).contains("leaves no room"));
}

#[test]
fn vocabularies_are_checked() {
    let words =
        |list: &[&str]| Tokenizer::from_words(list.iter().map(ToString::to_string).collect());
    assert!(message(words(&["a", "b", "a"])).contains("has \"a\" twice"));
    assert!(message(words(&["a b"])).contains("is not a word"));
    assert!(message(words(&[""])).contains("is not a word"));
    assert!(message(words(&[])).contains("has no tokens"));
    assert!(
        message(Tokenizer::from_characters(vec!["ab".into()])).contains("is not one character")
    );
    assert!(message(Tokenizer::characters(&[""])).contains("has no tokens"));
}

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

#[test]
fn formats_are_found_by_file_name() {
    let vocab = fs::read(fixture("gpt2/vocab.json")).unwrap();
    let merges = fs::read(fixture("gpt2/merges.txt")).unwrap();
    let hash = open("gpt2").hash();
    for (first, second) in [
        ("vocab.json", "merges.txt"),
        ("encoder.json", "vocab.bpe"),
        ("gpt2-vocab.json", "gpt2-merges.txt"),
    ] {
        let dir = folder(&[(first, &vocab), (second, &merges)]);
        assert_eq!(
            Tokenizer::open(&dir.path().join(first)).unwrap().hash(),
            hash
        );
        assert_eq!(
            Tokenizer::open(&dir.path().join(second)).unwrap().hash(),
            hash
        );
        if !first.starts_with("gpt2") {
            assert_eq!(Tokenizer::open(dir.path()).unwrap().hash(), hash);
        }
        fs::remove_file(dir.path().join(second)).unwrap();
        let error = message(Tokenizer::open(&dir.path().join(first)));
        assert!(
            error.contains(second) && error.contains("no such file; it belongs to"),
            "{error}"
        );
    }
    // A tokenizer.json takes precedence, and Windows line endings do not matter.
    let windows = String::from_utf8(merges).unwrap().replace('\n', "\r\n");
    let dir = folder(&[("vocab.json", &vocab), ("merges.txt", windows.as_bytes())]);
    assert_eq!(Tokenizer::open(dir.path()).unwrap().hash(), hash);
    fs::copy(fixture("words.json"), dir.path().join("tokenizer.json")).unwrap();
    assert_eq!(
        Tokenizer::open(dir.path()).unwrap().hash(),
        open("words.json").hash()
    );
}

#[test]
fn broken_tokenizers_are_explained() {
    let error = |files: &[(&str, &[u8])]| message(Tokenizer::open(folder(files).path()));
    assert!(error(&[]).contains("has no tokenizer: none of tokenizer.json"));
    assert!(error(&[("tokenizer.json", b"{")]).contains("is not JSON"));
    assert!(error(&[("tokenizer.json", b"[1]")]).contains("is not a tokenizer"));
    assert!(error(&[("tokenizer.json", b"\xFF")]).contains("is not UTF-8"));
    assert!(
        error(&[("tokenizer.json", br#"{"model":{"type":"What"}}"#)])
            .contains("is not a tokenizer.json")
    );
    // Without our check, the crate panics on this one.
    let merge =
        br#"{"version":"1.0","model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}}"#;
    assert!(
        error(&[("tokenizer.json", merge)]).contains("merge 0: \"ab\" is not in the vocabulary")
    );
    let merge = br#"{"version":"1.0","model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}}"#;
    assert!(error(&[("tokenizer.json", merge)]).contains("not two tokens"));

    let pair =
        |vocab: &[u8], merges: &[u8]| error(&[("vocab.json", vocab), ("merges.txt", merges)]);
    assert!(pair(b"[]", b"").contains("is not a map of tokens to ids"));
    assert!(pair(br#"{"a":0,"b":0}"#, b"").contains("two tokens have the same id"));
    let version = b"#version: 0.2\na b\n";
    assert!(
        pair(br#"{"a":0,"b":1}"#, version)
            .contains("merges.txt: line 2: \"ab\" is not in the vocabulary")
    );
    assert!(pair(br#"{"a":0}"#, b"\nab\n").contains("line 2: \"ab\" is not two tokens"));

    assert!(error(&[("vocab.txt", b"a\nb\n")]).contains("[UNK] is missing"));
    let settings: &[(&str, &[u8])] = &[
        ("vocab.txt", b"[UNK]\n"),
        ("tokenizer_config.json", b"{\"do_lower_case\":3}"),
    ];
    assert!(error(settings).contains("tokenizer_config.json: do_lower_case is 3"));

    let bin = fs::read(fixture("llama2c/tokenizer.bin")).unwrap();
    let error = |bytes: &[u8]| error(&[("tokenizer.bin", bytes)]);
    assert!(error(b"").contains("record 0: the file ends in the middle"));
    assert!(error(&bin[..bin.len() - 1]).contains("record 608: the file ends in the middle"));
    assert!(error(&bin[..44]).contains("at least 259"));
    let mut not_text = bin.clone();
    *not_text.last_mut().unwrap() = 0xFF;
    assert!(error(&not_text).contains("record 608: the piece is not UTF-8"));
    let mut no_number = bin;
    no_number[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(error(&no_number).contains("the score of piece 0 is NaN"));

    let missing = message(Tokenizer::open(Path::new("no/such/tokenizer.json")));
    assert!(missing.contains("no such file"));
    let dir = folder(&[("tokenizer.model", b"")]);
    let error = message(Tokenizer::open(&dir.path().join("tokenizer.model")));
    assert!(error.contains("unknown tokenizer format"));
}

#[test]
fn a_text_without_spaces_is_trained_on_in_parts() {
    let text = "ab".repeat(50_000);
    let tokenizer = Tokenizer::train(Algorithm::Bpe, 400, [Ok(text)].into_iter()).unwrap();
    let tokens = (0..tokenizer.vocab_size() as u32).filter_map(|id| tokenizer.token(id));
    assert_eq!(tokens.map(|token| token.len()).max(), Some(256));
}
