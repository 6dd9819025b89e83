//! Labelled texts from tables and folders, and the errors for malformed ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod formats;

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tinderbox_data::DataError;
use tinderbox_data::text::encoder::masked_lm::TextLines;
use tinderbox_data::text::encoder::sequence_classification::{
    Columns, LabelledSplits, LabelledText, open_folders, open_table, read_labelled, read_table,
};

/// A folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn table(files: &[(&str, &str)]) -> Result<LabelledSplits, DataError> {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, text)| (*n, text.as_bytes()))
        .collect();
    open_table(folder(&files).path(), &Columns::default(), 0.1)
}

/// The error for a folder with these files.
fn complaint(files: &[(&str, &str)]) -> String {
    table(files).unwrap_err().to_string()
}

fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}

fn texts(texts: &[LabelledText]) -> Vec<(&str, u32)> {
    texts
        .iter()
        .map(|text| (text.text.as_str(), text.label))
        .collect()
}

#[test]
fn tsv_is_read_as_glue_writes_it() {
    let splits = table(&[
        (
            "train.tsv",
            "label\tsentence\n1\tso \"good\n0\tbad,\n\n1\t\n",
        ),
        ("dev.tsv", "\u{feff}content\tlabel\r\nfine\t1\r\n"),
        ("test.tsv", "index\tsentence\n0\tno labels here\n"),
        ("README.md", "not a table"),
    ])
    .unwrap();
    assert_eq!(splits.labels, ["0", "1"]);
    assert_eq!(
        texts(&splits.train),
        [("so \"good", 1), ("bad,", 0), ("", 1)]
    );
    assert_eq!(texts(&splits.validation), [("fine", 1)]);
    assert_eq!(splits.test, None);
}

#[test]
fn csv_is_rfc_4180() {
    let text = "text,label\n\"a, \"\"b\"\"\nc\",pos\n\nplain,neg\n";
    let splits = table(&[("train.csv", text), ("valid.csv", "label,text\npos,é 🎉\n")]).unwrap();
    assert_eq!(splits.labels, ["neg", "pos"]);
    assert_eq!(texts(&splits.train), [("a, \"b\"\nc", 1), ("plain", 0)]);
    assert_eq!(texts(&splits.validation), [("é 🎉", 1)]);
    // A row's line number is its first.
    says(
        &complaint(&[("train.csv", "text,label\n\"a\nb\",x\nc\n")]),
        &["train.csv", "line 4", "1 columns", "2"],
    );
    // Empty lines count, too.
    says(
        &complaint(&[("train.csv", "text,label\na,x\n\n\nc\n")]),
        &["train.csv", "line 5", "1 columns", "2"],
    );
}

#[test]
fn jsonl_has_one_object_per_line() {
    let splits = table(&[
        ("train.jsonl", "{\"text\": \"a\\nb\", \"label\": 10, \"more\": [1]}\n\n{\"label\": 9, \"text\": \"\"}\n"),
        ("val.ndjson", "{\"sentence\": \"c\", \"label\": \"9\"}"),
    ])
    .unwrap();
    assert_eq!(splits.labels, ["9", "10"]);
    assert_eq!(texts(&splits.train), [("a\nb", 1), ("", 0)]);
    assert_eq!(texts(&splits.validation), [("c", 0)]);

    let good = "{\"text\": \"a\", \"label\": 1}\n";
    for (line, parts) in [
        (
            "{\"text\": \"a\", \"label\": 1",
            vec!["line 2", "not a JSON object", "EOF"],
        ),
        ("[1]", vec!["line 2", "not a JSON object", "column"]),
        (
            "{\"label\": 1}",
            vec![
                "line 2",
                "no key \"sentence\" or \"text\" or \"content\"",
                "\"label\"",
            ],
        ),
        (
            "{\"text\": 3, \"label\": 1}",
            vec!["line 2", "\"text\" is 3"],
        ),
        (
            "{\"text\": \"a\", \"label\": [1]}",
            vec!["line 2", "\"label\" is a list"],
        ),
        ("{\"text\": \"a\"}", vec!["line 2", "\"label\"", "missing"]),
        (
            "{\"text\": \"a\", \"label\": null}",
            vec!["line 2", "missing"],
        ),
    ] {
        says(
            &complaint(&[("train.jsonl", &format!("{good}{line}\n"))]),
            &parts,
        );
    }
}

#[test]
fn pairs_have_a_second_column() {
    let folder = folder(&[
        (
            "train.tsv",
            b"question\tanswer\tgood\nwho?\tme\tyes\nwhy?\t\tno\n",
        ),
        ("dev.tsv", b"question\tanswer\tgood\nhow?\tso\tyes\n"),
    ]);
    let mut columns = Columns {
        text: vec!["question".into()],
        pair: Some("answer".into()),
        label: "good".into(),
        ..Columns::default()
    };
    let splits = open_table(folder.path(), &columns, 0.1).unwrap();
    assert_eq!(splits.train[0].pair.as_deref(), Some("me"));
    assert_eq!(splits.train[1].pair.as_deref(), Some(""));
    columns.pair = Some("reply".into());
    let error = open_table(folder.path(), &columns, 0.1)
        .unwrap_err()
        .to_string();
    says(
        &error,
        &["no column \"reply\"", "\"question\", \"answer\", \"good\""],
    );
}

#[test]
fn errors_name_the_place() {
    let good = "text\tlabel\na\t0\nb\t1\n";
    let dev = |text: &str| complaint(&[("train.tsv", good), ("dev.tsv", text)]);
    says(
        &dev("text\tlabel\na\t0\nb\t2\n"),
        &["dev.tsv", "line 3", "\"2\"", "\"0\", \"1\""],
    );
    says(
        &dev("text\tlabel\na\t0\nb\n"),
        &["dev.tsv", "line 3: 1 columns", "header has 2"],
    );
    says(
        &dev("text\tlabel\na\t0\nb\t\n"),
        &["line 3", "label", "missing"],
    );
    says(&dev("text\tclass\na\t0\n"), &["no label column \"label\""]);
    says(
        &dev("words\tlabel\na\t0\n"),
        &[
            "no column \"sentence\" or \"text\" or \"content\"",
            "\"words\", \"label\"",
        ],
    );
    says(
        &dev("text\tlabel\ttext\na\t0\tb\n"),
        &["line 1", "two columns", "\"text\""],
    );
    says(&dev("text\tlabel\n"), &["dev.tsv", "no texts"]);
    says(
        &complaint(&[
            ("train.tsv", good),
            ("dev.tsv", good),
            ("test.tsv", "text\tlabel\n"),
        ]),
        &["test.tsv", "no texts"],
    );
    says(&dev(""), &["dev.tsv", "empty"]);
    says(&complaint(&[("train.csv", "")]), &["train.csv", "empty"]);
    says(
        &complaint(&[("train.jsonl", "\n")]),
        &["train.jsonl", "empty"],
    );
    says(
        &complaint(&[("train.tsv", "text\tlabel\na\t0\nb\t0\n")]),
        &["\"0\"", "nothing to learn"],
    );
    says(
        &complaint(&[("dev.tsv", good)]),
        &["no training file", "train.tsv", "train.ndjson"],
    );
    says(
        &complaint(&[("train.tsv", good), ("train.csv", "")]),
        &["train.csv and train.tsv", "same split"],
    );
    says(
        &complaint(&[("train.tsv", good), ("dev.tsv", good), ("val.tsv", good)]),
        &["same split"],
    );

    let bad = folder(&[("train.tsv", b"text\tlabel\nfine\t0\n\xff\t1\n")]);
    let error = open_table(bad.path(), &Columns::default(), 0.1).unwrap_err();
    says(&error.to_string(), &["line 3", "0xFF is not UTF-8"]);
    let none = open_table(&bad.path().join("no"), &Columns::default(), 0.1).unwrap_err();
    says(&none.to_string(), &["no such file or folder"]);
    let odd = folder(&[("texts.dat", b"x")]);
    let error = read_table(&odd.path().join("texts.dat"), &Columns::default(), None).unwrap_err();
    says(&error.to_string(), &[".tsv", ".jsonl"]);
}

#[test]
fn a_fraction_of_each_class_of_a_single_file_is_held_out() {
    // Classes in turn (taking every k-th row would hold out only one of them), and one after the
    // other.
    let turns: Vec<u32> = (0..200).map(|row| row % 2).collect();
    let blocks: Vec<u32> = (0..200).map(|row| u32::from(row >= 150)).collect();
    for labels in [turns, blocks] {
        let rows = labels
            .iter()
            .enumerate()
            .map(|(n, label)| format!("text {n}\t{label}\n"));
        let text = format!("text\tlabel\n{}", rows.collect::<String>());
        let folder = folder(&[("all.tsv", text.as_bytes())]);
        let path = folder.path().join("all.tsv");
        let splits = open_table(&path, &Columns::default(), 0.1).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len()), (180, 20));
        let ones = |texts: &[LabelledText]| texts.iter().filter(|text| text.label == 1).count();
        let all = labels.iter().filter(|label| **label == 1).count();
        assert_eq!(ones(&splits.validation), all / 10);
        assert_eq!(ones(&splits.train), all - all / 10);
        assert_eq!(splits, open_table(&path, &Columns::default(), 0.1).unwrap());
        for fraction in [0.0, 1.0, f64::NAN] {
            assert!(open_table(&path, &Columns::default(), fraction).is_err());
        }
    }
    says(
        &complaint(&[("train.tsv", "text\tlabel\na\t0\nb\t1\n")]),
        &["0.1", "none of its 2 texts"],
    );
}

#[test]
fn the_last_lines_of_plain_text_are_held_out() {
    let folder = folder(&[("all.txt", b"a\r\n\nb\nc\n"), ("one/only.txt", b"a\n")]);
    let path = folder.path().join("all.txt");
    let open = |fraction| TextLines::open(&path, fraction);
    let lines = open(0.5).unwrap();
    assert_eq!(lines.train, ["a", ""]);
    assert_eq!(lines.validation, ["b", "c"]);
    assert_eq!(lines.test, None);
    assert_eq!(open(0.01).unwrap().validation, ["c"]);
    for fraction in [0.0, 1.0, -0.1, f64::NAN] {
        let error = open(fraction).unwrap_err().to_string();
        says(&error, &["validation_fraction", "between 0 and 1"]);
    }
    let only = TextLines::open(&folder.path().join("one/only.txt"), 0.1);
    says(
        &only.unwrap_err().to_string(),
        &["only.txt", "too few lines"],
    );
}

#[test]
fn a_file_for_inference_may_have_labels() {
    let folder = folder(&[
        ("with.tsv", b"text\tlabel\na\t1\nb\t\n"),
        ("without.csv", b"text\na\n\"\"\n"),
        ("one.tsv", b"text\na\n\nb\n"),
    ]);
    let known = ["0".to_owned(), "1".to_owned()];
    let read =
        |name: &str, known| read_table(&folder.path().join(name), &Columns::default(), known);
    let rows = read("with.tsv", Some(&known)).unwrap();
    let labels: Vec<_> = rows
        .iter()
        .map(|row| (row.line, row.label.as_deref()))
        .collect();
    assert_eq!(labels, [(2, Some("1")), (3, None)]);
    says(
        &read("with.tsv", Some(&known[..1])).unwrap_err().to_string(),
        &["line 2", "\"1\""],
    );
    assert_eq!(read("with.tsv", None).unwrap().len(), 2);
    assert_eq!(read("without.csv", Some(&known)).unwrap().len(), 2);
    let one = read("one.tsv", None).unwrap();
    assert_eq!(
        one.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(),
        ["a", "", "b"]
    );

    let labelled =
        |name: &str| read_labelled(&folder.path().join(name), &Columns::default(), &known);
    says(
        &labelled("with.tsv").unwrap_err().to_string(),
        &["line 3", "missing"],
    );
    says(
        &labelled("without.csv").unwrap_err().to_string(),
        &["no label column \"label\""],
    );
}

#[test]
fn one_folder_per_class_is_imdbs_layout() {
    let imdb = folder(&[
        ("train/pos/0_9.txt", b"good\r\nfilm"),
        ("train/pos/1_8.txt", b""),
        ("train/neg/0_1.txt", "schlecht é".as_bytes()),
        ("train/neg/1_2.txt", b"worse"),
        ("train/unsup/0_0.txt", b"whatever"),
        ("train/labeledBow.feat", b"0:1"),
        ("test/neg/3.txt", b"bad"),
        ("test/pos/3.txt", b"fine"),
    ]);
    let splits = open_folders(imdb.path(), 0.5).unwrap();
    assert_eq!(splits.labels, ["neg", "pos"]);
    assert_eq!(texts(&splits.train), [("schlecht é", 0), ("good\nfilm", 1)]);
    assert_eq!(texts(&splits.validation), [("worse", 0), ("", 1)]);
    assert_eq!(texts(&splits.test.unwrap()), [("bad", 0), ("fine", 1)]);

    let flat = folder(&[
        ("a/1.txt", b"x"),
        ("a/2.txt", b"y"),
        ("b/1.txt", b"z"),
        (".git/1.txt", b""),
    ]);
    let splits = open_folders(flat.path(), 0.5).unwrap();
    assert_eq!(
        (
            splits.labels.len(),
            splits.train.len(),
            splits.validation.len()
        ),
        (2, 2, 1)
    );
}

#[test]
fn folders_that_cannot_be_used_are_named() {
    let says_of = |files: &[(&str, &[u8])], parts: &[&str]| {
        let error = open_folders(folder(files).path(), 0.1).unwrap_err();
        says(&error.to_string(), parts);
    };
    says_of(&[("train/a/1.txt", b"x")], &["train", "1 class folders"]);
    says_of(&[("a.txt", b"x")], &["0 class folders"]);
    says_of(
        &[("a/1.txt", b"x"), ("b/1.csv", b"x")],
        &["b", "no .txt file"],
    );
    says_of(
        &[
            ("train/a/1.txt", b"x"),
            ("train/b/1.txt", b"y"),
            ("val/c/1.txt", b"z"),
        ],
        &["val", "\"c\"", "\"a\", \"b\""],
    );
    says_of(
        &[("a/1.txt", b"x"), ("b/2.txt", b"\xff")],
        &["2.txt", "UTF-8"],
    );
    assert!(open_folders(Path::new("no/such/folder"), 0.1).is_err());
}
