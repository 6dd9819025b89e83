//! Corpora from files, and the errors for malformed ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tinderbox_data::DataError;
use tinderbox_data::text::TextChunks;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::plain::{self, By};
use tinderbox_data::text::language::{Corpus, Tokens, penn_treebank, treebank};

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn ids(tokens: &Tokens) -> Vec<u32> {
    tokens.read(0..tokens.len()).unwrap()
}

fn text(corpus: &Corpus, tokens: &Tokens) -> String {
    corpus.tokenizer.decode(&ids(tokens))
}

fn message<T>(result: Result<T, DataError>) -> String {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

const BY_WORDS: By = By::Words { vocabulary: None };

#[test]
fn penn_treebank_numbers_words_by_frequency() {
    let dir = folder(&[
        ("ptb.train.txt", " the cat saw the <unk> \n a cat sat \n"),
        // Windows line endings, and the last one missing.
        ("ptb.valid.txt", " the dog \r\n sat"),
        ("ptb.test.txt", " cat \n\n"),
    ]);
    let corpus = penn_treebank::open(dir.path()).unwrap();
    let words: Vec<String> = (0..8).filter_map(|id| corpus.tokenizer.token(id)).collect();
    assert_eq!(words, ["<eos>", "cat", "the", "<unk>", "a", "sat", "saw"]);
    assert_eq!(corpus.tokenizer.vocab_size(), 7);
    assert_eq!(corpus.tokenizer.end_of_text(), Some(0));
    assert_eq!(ids(&corpus.train), [2, 1, 6, 2, 3, 0, 4, 1, 5, 0]);
    assert_eq!(ids(&corpus.validation), [2, 3, 0, 5, 0]);
    assert_eq!(ids(corpus.test.as_ref().unwrap()), [1, 0, 0]);
    assert_eq!(text(&corpus, &corpus.validation), "the <unk>\nsat\n");
    assert_eq!(corpus.characters, [36, 15, 7]);
}

#[test]
fn penn_treebank_is_found_by_three_names() {
    for [train, valid, test] in [
        ["ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"],
        ["train.txt", "valid.txt", "test.txt"],
        ["wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"],
    ] {
        let dir = folder(&[(train, "a b\n"), (valid, "b a\n"), (test, "a\n")]);
        assert_eq!(penn_treebank::open(dir.path()).unwrap().train.len(), 3);
        fs::remove_file(dir.path().join(test)).unwrap();
        let error = message(penn_treebank::open(dir.path()));
        assert!(
            error.contains(test) && error.contains("it belongs to"),
            "{error}"
        );
    }
    let error = message(penn_treebank::open(folder(&[]).path()));
    assert!(
        error.contains("has no word-level corpus: expected ptb.train.txt"),
        "{error}"
    );
}

#[test]
fn an_unknown_word_is_named_with_its_place() {
    let dir = folder(&[
        ("train.txt", "a b c\n"),
        ("valid.txt", "a b\nc  bé zebra a\n"),
        ("test.txt", "a\n"),
    ]);
    fs::write(dir.path().join("train.txt"), "a b c bé\n").unwrap();
    let error = message(penn_treebank::open(dir.path()));
    assert!(
        error.contains(
            "valid.txt: line 2, column 7: \"zebra\" is not in the vocabulary of 5 tokens"
        ),
        "{error}"
    );
}

#[test]
fn an_empty_split_is_named() {
    for empty in ["train.txt", "valid.txt", "test.txt"] {
        let dir = folder(&[
            ("train.txt", "a\n"),
            ("valid.txt", "a\n"),
            ("test.txt", "a\n"),
        ]);
        fs::write(dir.path().join(empty), "").unwrap();
        for by in [BY_WORDS, By::Characters] {
            let error = message(plain::open(dir.path(), &by, 0.9));
            assert!(
                error.contains(empty) && error.contains("has no text"),
                "{error}"
            );
        }
        let error = message(penn_treebank::open(dir.path()));
        assert!(
            error.contains(empty) && error.contains("has no text"),
            "{error}"
        );
    }
}

#[test]
fn invalid_utf8_is_named_with_line_and_byte() {
    let dir = folder(&[("valid.txt", "a\n"), ("test.txt", "a\n")]);
    fs::write(dir.path().join("train.txt"), b"a\r\n\xC3\xA9 b \xE9\n").unwrap();
    let expected = "train.txt: line 2, byte 8 of the file: 0xE9 is not UTF-8";
    let error = message(penn_treebank::open(dir.path()));
    assert!(error.contains(expected), "{error}");
    let error = message(plain::open(dir.path(), &By::Characters, 0.9));
    assert!(error.contains(expected), "{error}");
    // Cut off in the middle of a character.
    fs::write(dir.path().join("train.txt"), b"a\xE2\x82").unwrap();
    let error = message(penn_treebank::open(dir.path()));
    assert!(
        error.contains("line 1, byte 1 of the file: 0xE2"),
        "{error}"
    );
}

#[test]
fn one_file_is_divided_by_characters_as_nanogpt_does() {
    let dir = folder(&[("input.txt", "abcdefghi\u{1F389}")]);
    let file = dir.path().join("input.txt");
    for path in [dir.path(), &file] {
        let corpus = plain::open(path, &By::Characters, 0.9).unwrap();
        assert_eq!(text(&corpus, &corpus.train), "abcdefghi");
        assert_eq!(text(&corpus, &corpus.validation), "\u{1F389}");
        assert_eq!(corpus.tokenizer.vocab_size(), 10);
        assert_eq!(corpus.tokenizer.id("\u{1F389}"), Some(9));
        assert_eq!(corpus.characters, [9, 1, 0]);
        assert!(corpus.test.is_none());
        assert_eq!(corpus.tokenizer.end_of_text(), None);
    }
}

#[test]
fn one_file_is_divided_at_a_line_end_by_words() {
    let dir = folder(&[("book.txt", "\u{feff}one two\r\nthree one\r\ntwo one")]);
    let corpus = plain::open(dir.path(), &BY_WORDS, 0.5).unwrap();
    assert_eq!(text(&corpus, &corpus.train), "one two\nthree one\n");
    assert_eq!(text(&corpus, &corpus.validation), "two one\n");
    // A cut exactly at a line end is not moved.
    let corpus = plain::open(
        dir.path(),
        &By::Words {
            vocabulary: Some(4),
        },
        8.01 / 25.0,
    )
    .unwrap();
    assert_eq!(text(&corpus, &corpus.train), "one two\n");
    assert_eq!(text(&corpus, &corpus.validation), "<unk> one\ntwo one\n");
}

#[test]
fn a_line_number_is_that_of_the_whole_file() {
    let dir = folder(&[("book.txt", "a a a\na a a\na new\n")]);
    let error = message(plain::open(dir.path(), &BY_WORDS, 0.6));
    assert!(
        error.contains("book.txt: line 3, column 3: \"new\""),
        "{error}"
    );
}

#[test]
fn a_folder_may_have_a_file_for_each_split() {
    for name in ["valid.txt", "validation.txt", "val.txt", "dev.txt"] {
        let dir = folder(&[("train.txt", "ab"), (name, "bé"), ("other.txt", "x")]);
        let corpus = plain::open(dir.path(), &By::Characters, 0.9).unwrap();
        assert_eq!(ids(&corpus.train), [0, 1]);
        assert_eq!(ids(&corpus.validation), [1, 2]);
        assert!(corpus.test.is_none());
    }
    let dir = folder(&[("train.txt", "a b"), ("dev.txt", "b"), ("test.txt", "a")]);
    let given = Tokenizer::from_words(vec!["b".into(), "a".into()]).unwrap();
    let corpus = plain::open(dir.path(), &By::Tokenizer(given), 0.9).unwrap();
    assert_eq!(ids(&corpus.train), [1, 0]);
    assert_eq!(ids(corpus.test.as_ref().unwrap()), [1]);
}

#[test]
fn wrong_plain_corpora_are_explained() {
    let open = |dir: &TempDir, train| message(plain::open(dir.path(), &By::Characters, train));
    let two = folder(&[("a.txt", "a"), ("b.txt", "b"), ("c.md", "c")]);
    assert!(open(&two, 0.9).contains("2 .txt files instead of one"));
    assert!(
        open(&folder(&[("train.txt", "a")]), 0.9).contains("has train.txt but none of valid.txt")
    );
    assert!(open(&folder(&[("a.txt", "")]), 0.9).contains("has no text"));
    let short = folder(&[("a.txt", "ab")]);
    assert!(open(&short, 0.1).contains("0 characters for training and 2 for validation"));
    for fraction in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(open(&short, fraction).contains("is not between 0 and 1"));
    }
    let nowhere = message(plain::open(Path::new("no/such/place"), &BY_WORDS, 0.9));
    assert!(nowhere.contains("no such file or folder"));
}

#[test]
fn chunks_of_a_file_join_to_the_whole() {
    let mut text = String::new();
    for line in 0..30_000 {
        text += match line % 5 {
            0 => "a line of words\n",
            1 => "\n",
            2 => "  indented \n",
            3 => "é\n",
            _ => "end\n",
        };
    }
    let dir = folder(&[("a.txt", &text)]);
    let pieces: Vec<_> = TextChunks::open(&dir.path().join("a.txt"))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(pieces.len() > 3);
    let mut line = 1;
    for piece in &pieces[..pieces.len() - 1] {
        assert_eq!(piece.line, line);
        assert!(piece.text.len() >= 1 << 16);
        line += piece.text.matches('\n').count();
        assert!(
            piece.text.ends_with("é\n") || piece.text.ends_with("end\n"),
            "{:?}",
            piece.line
        );
    }
    let joined: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
    assert_eq!(joined, text);
}

/// Sentences of the sections used for language modelling.
fn treebank_files() -> Vec<(&'static str, &'static str)> {
    vec![
        (
            "wsj/00/wsj_0001.mrg",
            "( (S (NP-SBJ (NNP Mr.) (NNP Smith) (, ,)) (VP (VBD paid)\n (NP ($ $) (CD 1,200.50) (-NONE- *U*))) (. .)) )\n",
        ),
        (
            "wsj/20/wsj_2001.mrg",
            "( (S (NP (CD 1\\/2) (NN 30-year) (-LRB- -LRB-) (NN smith) (-RRB- -RRB-))) )",
        ),
        (
            "wsj/21/wsj_2100.mrg",
            "( (S (NN Paid) (POS 's)) )( (S (-NONE- *)) )",
        ),
        ("wsj/22/wsj_2200.MRG", "( (NN mr.) )"),
        ("wsj/23/wsj_2300.mrg", "( (NN unseen) (SYM \\*) )"),
        ("wsj/24/README", "not a tree"),
    ]
}

fn open_treebank(options: &treebank::Options) -> Corpus {
    treebank::open(folder(&treebank_files()).path(), options).unwrap()
}

#[test]
fn a_treebank_is_preprocessed_like_mikolovs() {
    let corpus = open_treebank(&treebank::Options::default());
    assert_eq!(
        text(&corpus, &corpus.train),
        "mr. smith paid $ N\nN 30-year smith\n"
    );
    assert_eq!(text(&corpus, &corpus.validation), "paid <unk>\nmr.\n");
    assert_eq!(
        text(&corpus, corpus.test.as_ref().unwrap()),
        "<unk> <unk>\n"
    );
    // N, <eos> and smith occur twice, the others once, <unk> never.
    let words: Vec<String> = (0..4).filter_map(|id| corpus.tokenizer.token(id)).collect();
    assert_eq!(words, ["<eos>", "N", "smith", "$"]);
    assert_eq!(corpus.tokenizer.id("<unk>"), Some(7));
}

#[test]
fn preprocessing_of_a_treebank_is_optional() {
    let options = treebank::Options {
        lower_case: false,
        numbers: false,
        punctuation: true,
        unescape: true,
        ..treebank::Options::default()
    };
    let corpus = open_treebank(&options);
    assert_eq!(
        text(&corpus, &corpus.train),
        "Mr. Smith , paid $ 1,200.50 .\n1/2 30-year ( smith )\n"
    );
    let options = treebank::Options {
        vocabulary: Some(4),
        ..treebank::Options::default()
    };
    let corpus = open_treebank(&options);
    assert_eq!(
        text(&corpus, &corpus.train),
        "<unk> smith <unk> <unk> N\nN <unk> smith\n"
    );
    assert_eq!(corpus.tokenizer.vocab_size(), 4);
}

#[test]
fn splits_of_a_treebank_are_sections_or_folders() {
    let parsing = treebank::Options {
        sections: treebank::Sections::Parsing,
        ..treebank::Options::default()
    };
    let corpus = open_treebank(&parsing);
    assert_eq!(
        text(&corpus, &corpus.train),
        "N 30-year smith\n<unk> <unk>\n".replace("<unk> <unk>", "paid 's")
    );
    assert_eq!(
        text(&corpus, corpus.test.as_ref().unwrap()),
        "<unk> <unk>\n"
    );

    let named = folder(&[
        ("wsj_0001.mrg", "((A a))"),
        ("wsj_2101.mrg", "((A a))"),
        ("x/wsj_2301.mrg", "((A a))"),
    ]);
    let corpus = treebank::open(named.path(), &treebank::Options::default()).unwrap();
    assert_eq!(corpus.train.len(), 2);
    let folders = folder(&[
        ("train/1.mrg", "((A a))"),
        ("dev/b/23/1.mrg", "((A a))"),
        ("test/1.mrg", "((A a) (A a))"),
    ]);
    let corpus = treebank::open(folders.path(), &treebank::Options::default()).unwrap();
    assert_eq!(
        [corpus.validation.len(), corpus.test.unwrap().len()],
        [2, 3]
    );
}

/// NLTK's sample is the first two sections.
#[test]
fn a_sample_of_training_sections_is_divided_by_files() {
    let names: Vec<String> = (1..=25).map(|n| format!("wsj_{n:04}.mrg")).collect();
    let texts: Vec<String> = (1..=25).map(|n| format!("( (A word{n}a) )")).collect();
    let files: Vec<(&str, &str)> = names
        .iter()
        .zip(&texts)
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let sample = folder(&files);
    let options = treebank::Options::default();
    let corpus = treebank::open(sample.path(), &options).unwrap();
    // One word and one line end per file.
    assert_eq!(corpus.train.len(), 2 * 21);
    assert_eq!(text(&corpus, &corpus.validation), "<unk>\n<unk>\n");
    assert_eq!(corpus.test.unwrap().len(), 2 * 2);
    assert!(corpus.tokenizer.id("word21a").is_some());
    assert!(corpus.tokenizer.id("word22a").is_none());
}

#[test]
fn wrong_treebanks_are_explained() {
    let error = |files: &[(&str, &str)], options: &treebank::Options| {
        message(treebank::open(folder(files).path(), options))
    };
    let usual = treebank::Options::default();
    assert!(
        error(&[], &usual).contains("has no .mrg files; expected sections 00-20, 21-22, 23-24")
    );
    assert!(error(&treebank_files()[..2], &usual).contains("has no .mrg files for validation"));
    assert!(error(&[("a/b.mrg", "((A a))")], &usual).contains("neither its folder nor its name"));
    let mut files = treebank_files();
    files[1].1 = "( (S\n (NN a)\n )";
    let broken = error(&files, &usual);
    assert!(
        broken.contains("wsj_2001.mrg: line 1: the bracket is never closed"),
        "{broken}"
    );
    let closed = treebank::Options {
        vocabulary: None,
        ..usual
    };
    let unknown = error(&treebank_files(), &closed);
    assert!(
        unknown.contains("(validation): line 1, column 6: \"'s\" is not in the vocabulary"),
        "{unknown}"
    );
    assert!(
        message(treebank::open(Path::new("no/such/folder"), &closed))
            .contains("cannot list no/such/folder")
    );
}
