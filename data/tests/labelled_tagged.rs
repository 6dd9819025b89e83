//! Tagged sentences: reading, errors for malformed files, and batches.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tinderbox_data::DataError;
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::token_classification::{
    self, TagColumns, TaggedSentence, TaggedSplits, TokenClassificationBatch,
    TokenClassificationSource,
};
use tinderbox_data::text::encoder::{InputBuilder, Truncated};

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

const CONLL: &str = "-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\n\nPeter NNP B-NP B-PER\n. . O O\n";

fn tagged(files: &[(&str, &str)], columns: &TagColumns) -> Result<TaggedSplits, DataError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    token_classification::open(folder.path(), columns, 0.5)
}

#[test]
fn conll_columns_are_words_and_tags() {
    let splits = tagged(
        &[
            ("train.conll", CONLL),
            ("dev.txt", "Peter\tO\r\n"),
            ("test.tsv", "EU B-ORG"),
        ],
        &TagColumns::default(),
    )
    .unwrap();
    assert_eq!(splits.labels, ["O", "B-ORG", "B-PER"]);
    assert_eq!(splits.train.len(), 2);
    assert_eq!(splits.train[0].words, ["EU", "rejects"]);
    assert_eq!(splits.train[0].tags, [1, 0]);
    assert_eq!(splits.train[1].tags, [2, 0]);
    assert_eq!(splits.validation[0].tags, [0]);
    assert_eq!(splits.test.unwrap()[0].tags, [1]);

    let named = TagColumns {
        word: Some("form".into()),
        tag: Some("upos".into()),
    };
    let text = "id\tform\tupos\n1\tTwo words\tX\n\n2\ta\tDET\n";
    let splits = tagged(&[("train.tsv", text)], &named).unwrap();
    assert_eq!(splits.labels, ["DET", "X"]);
    assert_eq!(splits.train[0].words, ["Two words"]);
    assert_eq!(splits.validation[0].words, ["a"]);
    // A non-breaking space does not separate columns.
    let text = "10\u{a0}000 NUM\n\n\u{a0} O\n";
    let splits = tagged(&[("train.txt", text)], &TagColumns::default()).unwrap();
    assert_eq!(splits.train[0].words, ["10\u{a0}000"]);
    assert_eq!(splits.validation[0].words, ["\u{a0}"]);

    let error = tagged(&[("train.tsv", "id form tag\n1 a X\n")], &named).unwrap_err();
    says(
        &error.to_string(),
        &["line 1", "\"upos\"", "\"id\", \"form\", \"tag\""],
    );
}

#[test]
fn unusable_tags_are_named_with_their_line() {
    let of = |text: &str| {
        let files = [("train.txt", CONLL), ("dev.txt", text)];
        tagged(&files, &TagColumns::default())
            .unwrap_err()
            .to_string()
    };
    says(
        &of("EU B-ORG\nx B-LOC\n"),
        &["dev.txt", "line 2", "\"B-LOC\"", "\"O\", \"B-ORG\""],
    );
    says(
        &of("EU B-ORG\nx y O\n"),
        &["dev.txt", "line 2", "3 columns", "2"],
    );
    says(&of("EU\n"), &["line 1", "\"EU\" has no tag"]);
    says(&of("EU\tO\na\t\n"), &["line 2", "missing"]);
    says(&of("\n\n"), &["dev.txt", "no words"]);
    assert!(
        token_classification::read(Path::new("no/such.txt"), &TagColumns::default(), &[]).is_err()
    );
}

fn words(splits: &TaggedSplits) -> Vec<(&str, &str)> {
    let tags = |sentence: &'_ TaggedSentence| -> Vec<u32> { sentence.tags.clone() };
    let all = splits.train.iter().chain(&splits.validation);
    all.flat_map(|sentence| sentence.words.iter().zip(tags(sentence)))
        .map(|(word, tag)| (word.as_str(), splits.labels[tag as usize].as_str()))
        .collect()
}

fn column(word: &str, tag: &str) -> TagColumns {
    TagColumns {
        word: Some(word.into()),
        tag: Some(tag.into()),
    }
}

/// GermEval 2014: a comment with the source, then numbered words with two levels of names.
#[test]
fn numbered_words_with_comments_are_germevals() {
    let text = "#\thttp://a.b/1 [2009-10-17]\n1\tAda\tB-PER\tO\n2\tran\tO\tO\n\n#\thttp://a.b/2 [x]\n1\tEnd\tO\tB-PER\n";
    let splits = tagged(&[("train.tsv", text)], &TagColumns::default()).unwrap();
    assert_eq!(
        words(&splits),
        [("Ada", "B-PER"), ("ran", "O"), ("End", "O")]
    );
    let splits = tagged(&[("train.tsv", text)], &column("1", "3")).unwrap();
    assert_eq!(
        words(&splits),
        [("Ada", "O"), ("ran", "O"), ("End", "B-PER")]
    );
    let error = tagged(&[("train.tsv", text)], &column("1", "4")).unwrap_err();
    says(&error.to_string(), &["line 2", "no column is called \"4\""]);
}

#[test]
fn conll_u_has_columns_by_name_and_ranges_that_are_no_words() {
    let row = |id: &str, form: &str, upos: &str, xpos: &str| {
        format!("{id}\t{form}\t_\t{upos}\t{xpos}\t_\t0\troot\t_\tSpaceAfter=No\n")
    };
    let text = "# sent_id = 1\n# text = au 10 000\n".to_owned()
        + &row("1-2", "au", "_", "_")
        + &row("1", "\u{e0}", "ADP", "P")
        + &row("2", "le", "DET", "D")
        + &row("3", "10 000", "NUM", "N")
        + &row("3.1", "x", "VERB", "V")
        + "\n# text = #\n"
        + &row("1", "#", "SYM", "S")
        + "\n";
    let upos = [
        ("\u{e0}", "ADP"),
        ("le", "DET"),
        ("10 000", "NUM"),
        ("#", "SYM"),
    ];
    let xpos = [("\u{e0}", "P"), ("le", "D"), ("10 000", "N"), ("#", "S")];
    for (columns, expected) in [
        (TagColumns::default(), upos),
        (column("form", "xpos"), xpos),
        (column("FORM", "4"), xpos),
    ] {
        let splits = tagged(&[("train.conllu", &text)], &columns).unwrap();
        assert_eq!(words(&splits), expected);
        let splits = tagged(&[("train.txt", &text)], &columns).unwrap();
        assert_eq!(words(&splits), expected);
    }
    // CoNLL-U Plus names its columns.
    let plus = "# global.columns = ID FORM UPOS PARSEME:MWE\n1\tgive\tVERB\t1:VPC\n2\tup\tADP\t1\n\n1\tyes\tINTJ\t*\n";
    let splits = tagged(&[("train.conllu", plus)], &TagColumns::default()).unwrap();
    assert_eq!(
        words(&splits),
        [("give", "VERB"), ("up", "ADP"), ("yes", "INTJ")]
    );
    // A test part that is not annotated.
    let blank = row("1", "a", "_", "_");
    let files = [("train.conllu", text.as_str()), ("test.conllu", &blank)];
    assert_eq!(tagged(&files, &TagColumns::default()).unwrap().test, None);
}

#[test]
fn a_line_with_a_hash_is_a_word_if_it_has_the_columns_and_a_tag_of_words() {
    let of = |text: &str| {
        let splits = tagged(&[("train.txt", text)], &TagColumns::default()).unwrap();
        let words = words(&splits);
        words
            .iter()
            .map(|word| word.0.to_owned())
            .collect::<Vec<_>>()
    };
    // CoNLL 2000 has the pound sign as a word, tweets have hashtags.
    assert_eq!(of("# # B-NP\n1 CD B-NP\n\na b O\n"), ["#", "1", "a"]);
    assert_eq!(
        of("#nlp\tO\nrules\tO\n\n#\t#\n5\tCD\n"),
        ["#nlp", "rules", "#", "5"]
    );
    assert_eq!(
        of("# sent_id = 3\na b c O\n\n# id = 4\nc d e O\n"),
        ["a", "c"]
    );
    assert_eq!(of("# text\na O\n\n# a\tO\nb O\n"), ["a", "b"]);
}

#[test]
fn a_test_part_without_tags_is_left_out() {
    let test = |train: &str, test: &str, columns: &TagColumns| {
        tagged(&[("train.txt", train), ("test.txt", test)], columns).map(|splits| splits.test)
    };
    let plain = TagColumns::default();
    let train = "a DT B-NP O\nb NN I-NP B-X\n\nc NN B-NP O\n";
    for untagged in [
        "a\nb\n\nc\n",
        "a DT B-NP\nb NN I-NP\n",
        "a\t\nb\t\n",
        "a _\nb _\n",
    ] {
        assert_eq!(test(train, untagged, &plain).unwrap(), None, "{untagged}");
    }
    assert!(test(train, "a O\n", &plain).unwrap().is_some());
    for (wrong, parts) in [
        ("a\tO\nb\t\n", ["line 2", "\"b\" has no tag"]),
        ("a DT B-NP B-Y\n", ["line 1", "\"B-Y\""]),
        ("a O\nb Y\n", ["line 2", "\"Y\""]),
    ] {
        let error = test(train, wrong, &plain).unwrap_err().to_string();
        says(&error, &parts);
    }
    let named = column("form", "tag");
    assert_eq!(
        test("form tag\na O\n\nb X\n", "form\na\n", &named).unwrap(),
        None
    );
}

/// Words `w0` to `w4`, and `w41` to `w45` of two tokens each.
fn encoder(max_length: usize) -> InputBuilder {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned);
    let words = (0..5).map(|word| format!("w{word}"));
    let pieces = (1..6).map(|piece| format!("##{piece}"));
    let list = special.into_iter().chain(words).chain(pieces);
    let tokenizer = Tokenizer::from_word_pieces(list.collect()).unwrap();
    InputBuilder::new(tokenizer, max_length).unwrap()
}

fn batches(
    source: &Arc<TokenClassificationSource>,
    batch_size: usize,
    shuffle: bool,
) -> Vec<TokenClassificationBatch> {
    let mut config = LoaderConfig::new(batch_size)
        .with_workers(2)
        .with_shuffle(5);
    config.shuffle = shuffle;
    let loader = Loader::new(source.clone(), config).unwrap();
    loader.epoch(0, 0).collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_tag_is_at_the_first_token_of_its_word() {
    let sentence = |words: &[&str], tags: &[u32]| TaggedSentence {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        tags: tags.to_vec(),
    };
    // The tokenizer drops a zero-width space, so its tag has no token.
    let sentences = [
        sentence(&["w41", "w1", "\u{200b}", "w42"], &[7, 8, 9, 6]),
        sentence(&["w3"], &[5]),
        sentence(&["w41", "w42", "w43", "w44", "w45"], &[1, 2, 3, 4, 5]),
    ];
    let encoder = encoder(8);
    let source = Arc::new(TokenClassificationSource::evaluation(&sentences, &encoder).unwrap());
    assert_eq!(
        source.truncated(),
        Truncated {
            texts: 1,
            tokens: 4
        }
    );
    assert_eq!(source.words(), 1 + 3 + 3);
    let all = batches(&source, 2, false);
    assert_eq!(
        (all[0].items.as_slice(), all[1].items.as_slice()),
        (&[1, 0][..], &[2][..])
    );
    let [rows, time] = all[0].input.shape;
    assert_eq!((rows, time), (2, 7));
    let none = None;
    let expected = [none, Some(5), none, none, none, none, none];
    assert_eq!(all[0].tags[..time], expected);
    let expected = [none, Some(7), none, Some(8), Some(6), none, none];
    assert_eq!(all[0].tags[time..], expected);
    let expected = [none, Some(1), none, Some(2), none, Some(3), none, none];
    assert_eq!(all[1].tags, expected);

    let training = Arc::new(TokenClassificationSource::training(&sentences, &encoder, 1).unwrap());
    let mut items: Vec<u32> = batches(&training, 1, true)
        .iter()
        .map(|b| b.items[0])
        .collect();
    items.sort_unstable();
    assert_eq!(items, [0, 1, 2]);
    assert!(TokenClassificationSource::training(&[], &encoder, 1).is_err());
}
