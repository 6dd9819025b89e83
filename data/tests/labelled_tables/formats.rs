//! Tables as other programs write them.

use crate::{complaint, folder, says, table, texts};
use tinderbox_data::text::encoder::sequence_classification::{
    Columns, LabelledSplits, open_table, read_labelled,
};

/// The label of each training and validation text, by name.
fn labels_of(splits: &LabelledSplits) -> Vec<&str> {
    let all = splits.train.iter().chain(&splits.validation);
    let names = all.map(|text| splits.labels[text.label as usize].as_str());
    names.collect()
}

#[test]
fn json_is_read_in_all_its_layouts() {
    let rows = [
        "{\"text\": \"a\", \"label\": true, \"idx\": 0}",
        "{\"text\": \"b\\ud83d\", \"label\": false, \"idx\": 1}",
    ];
    for text in [
        rows.join("\n"),
        format!("[{},\n {}]", rows[0], rows[1]),
        format!(
            "{{\"version\": \"1\",\n \"data\": [{}, {}]}}",
            rows[0], rows[1]
        ),
        format!("\u{feff}{}\r\n{}\r\n", rows[0], rows[1]),
    ] {
        for name in ["train.json", "train.jsonl"] {
            // An object over several lines is not a line of its own.
            if name == "train.jsonl" && text.starts_with("{\"v") {
                continue;
            }
            let splits = table(&[(name, &text), ("dev.json", rows[1])]).unwrap();
            assert_eq!(splits.labels, ["false", "true"]);
            assert_eq!(texts(&splits.train), [("a", 1), ("b\u{fffd}", 0)], "{text}");
        }
    }
    let error = complaint(&[(
        "train.json",
        "[{\"text\": \"a\", \"label\": 1},\n\n{\"text\": 1}]",
    )]);
    says(&error, &["train.json", "line 3", "\"text\" is 1"]);
    let error = complaint(&[("train.json", "[{\"text\": \"a\",\n\"label\": 1,}]")]);
    says(&error, &["train.json", "line 2", "not a JSON object"]);
    let keys: Vec<String> = (0..40).map(|key| format!("\"k{key}\": 0")).collect();
    let error = complaint(&[("train.json", &format!("{{{}}}", keys.join(", ")))]);
    says(&error, &["line 1", "has no key", "and 20 more"]);
}

#[test]
fn a_test_part_without_labels_is_left_out() {
    let train = "text\tlabel\na\t0\nb\t1\n";
    let test = |name: &str, text: &str| {
        table(&[("train.tsv", train), ("dev.tsv", train), (name, text)]).map(|splits| splits.test)
    };
    for (name, text) in [
        ("test.tsv", "text\tlabel\na\t-1\nb\t-1\n"),
        ("test.csv", "text,label\na,\nb,\n"),
        (
            "test.json",
            "{\"text\": \"a\", \"label\": -1}\n{\"text\": \"b\", \"label\": null}",
        ),
        ("test.csv", "text,idx\na,0\n"),
    ] {
        assert_eq!(test(name, text).unwrap(), None, "{text}");
    }
    let error = test("test.tsv", "text\tlabel\na\t-1\nb\t1\n").unwrap_err();
    says(&error.to_string(), &["test.tsv", "line 2", "\"-1\""]);
    // A class of its own.
    let train = "text\tlabel\na\t-1\nb\t1\n";
    let files = [
        ("train.tsv", train),
        ("dev.tsv", train),
        ("test.tsv", "text\tlabel\na\t-1\n"),
    ];
    assert_eq!(texts(&table(&files).unwrap().test.unwrap()), [("a", 0)]);
}

#[test]
fn numbers_of_one_value_are_one_label_in_all_parts() {
    let splits = table(&[
        ("train.csv", "text,label\na,1\nb,0\nc,1.0\nd,+1\n"),
        (
            "dev.jsonl",
            "{\"text\": \"e\", \"label\": 1.0}\n{\"text\": \"f\", \"label\": \"0\"}",
        ),
    ])
    .unwrap();
    assert_eq!(splits.labels, ["0", "1"]);
    assert_eq!(labels_of(&splits), ["1", "0", "1", "1", "1", "0"]);
    // Among words, numbers are words too.
    let splits = table(&[
        ("train.csv", "text,label\na,1\nb,x\nc,1.0\n"),
        ("dev.csv", "text,label\na,x\n"),
    ]);
    assert_eq!(splits.unwrap().labels, ["1", "1.0", "x"]);
}

#[test]
fn columns_without_a_name_are_called_by_their_number() {
    let mut columns = Columns::default();
    let open = |text: &str, columns: &Columns| {
        let folder = folder(&[("train.csv", text.as_bytes()), ("dev.csv", text.as_bytes())]);
        open_table(folder.path(), columns, 0.1)
    };
    // Excel's trailing commas; rows may end earlier.
    let splits = open("text,label,,,\nx,1,,,\ny,0\nz,0,,\n", &columns).unwrap();
    assert_eq!(texts(&splits.train), [("x", 1), ("y", 0), ("z", 0)]);
    // An index of pandas.
    let splits = open(",text,label\n0,x,1\n1,y,0\n", &columns).unwrap();
    assert_eq!(splits.train.len(), 2);
    columns.text = vec!["Unnamed: 0".into()];
    let splits = open(",text,label\nx,,1\ny,,0\n", &columns).unwrap();
    assert_eq!(texts(&splits.train), [("x", 1), ("y", 0)]);
    let error = open("text,label,,\nx,1,,\ny\n", &Columns::default()).unwrap_err();
    says(&error.to_string(), &["line 3", "1 columns", "header has 4"]);
    // The same name twice, of no interest.
    let splits = open("text,label,a,a\nx,1,2,3\ny,0,2,3\n", &Columns::default()).unwrap();
    assert_eq!(splits.train.len(), 2);
}

#[test]
fn a_file_without_a_header_has_numbered_columns() {
    let cola = "gj04\t1\t\tOur friends won't.\ngj04\t0\t*\tThey drank.\n";
    let test = "index\tsentence\n0\tBill.\n";
    let files = [("train.tsv", cola), ("dev.tsv", cola), ("test.tsv", test)];
    let splits = table(&files).unwrap();
    assert_eq!(
        texts(&splits.train),
        [("Our friends won't.", 1), ("They drank.", 0)]
    );
    assert_eq!((splits.validation.len(), splits.test), (2, None));

    // AG News: class, title, text.
    let news = folder(&[(
        "train.csv",
        b"\"3\",\"T\",\"a, b\"\n\"1\",\"U\",\"c\"\n\"1\",\"U\",\"d\"\n",
    )]);
    let columns: Columns =
        serde_json::from_str(r#"{"text": [2], "label": 0, "pair": "1", "header": false}"#).unwrap();
    let splits = open_table(news.path(), &columns, 0.5).unwrap();
    assert_eq!(splits.labels, ["1", "3"]);
    assert_eq!(splits.train[0].text, "a, b");
    assert_eq!(splits.train[0].pair.as_deref(), Some("T"));
    let columns: Columns = serde_json::from_str(r#"{"text": ["2"], "label": "0"}"#).unwrap();
    let error = open_table(news.path(), &columns, 0.5).unwrap_err();
    says(
        &error.to_string(),
        &["no column \"2\"", "data.columns.header"],
    );
}

#[test]
fn the_matched_parts_of_mnli_are_its_splits() {
    let row = |label: u32| format!("text\tlabel\na\t{label}\nb\t{}\n", 1 - label);
    let (matched, mismatched) = (row(0), row(1));
    let mut files = vec![
        ("train.tsv", matched.as_str()),
        ("validation_matched.tsv", &matched),
        ("validation_mismatched.tsv", &mismatched),
        ("test_matched.tsv", &matched),
        ("test_mismatched.tsv", &mismatched),
    ];
    let splits = table(&files).unwrap();
    assert_eq!(texts(&splits.validation), [("a", 0), ("b", 1)]);
    assert_eq!(texts(&splits.test.unwrap()), [("a", 0), ("b", 1)]);
    files.remove(1);
    assert_eq!(
        texts(&table(&files).unwrap().validation),
        [("a", 1), ("b", 0)]
    );
}

#[test]
fn utf_16_is_refused_by_its_name() {
    let utf_16 = |text: &str, big: bool, mark: bool| -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        let units = mark.into_iter().chain(text.encode_utf16());
        let bytes = |unit: u16| {
            if big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.flat_map(bytes).collect()
    };
    for name in ["train.csv", "train.tsv", "train.json", "train.jsonl"] {
        for (big, mark) in [(false, true), (true, true), (false, false), (true, false)] {
            let folder = folder(&[(name, &utf_16("text,label\na,1\n", big, mark))]);
            let error = open_table(folder.path(), &Columns::default(), 0.1).unwrap_err();
            says(
                &error.to_string(),
                &[name, "is UTF-16", "convert the file to UTF-8"],
            );
        }
    }
}

#[test]
fn a_quote_that_is_not_closed_is_refused_with_its_line() {
    for (text, line) in [
        ("text,label\na,0\n\n\"b,1\nc,0\nd,1\n", "line 4: a quote"),
        ("text,label\na,0\nb,\"1\nc,0", "line 3: a quote"),
        ("text,label\na,0\n\"b \"\"c\"\",1\n", "line 3: a quote"),
    ] {
        says(&complaint(&[("train.csv", text)]), &["train.csv", line]);
    }
    let rows = "\"b\n\",\"1\"\nd \"e,0\n\"\"\"f\"\"\",\"0\n\"\n";
    let splits = table(&[
        ("train.csv", &format!("text,label\n{rows}")),
        ("dev.csv", "text,label\na,0\n"),
    ]);
    assert_eq!(
        texts(&splits.unwrap().train),
        [("b\n", 1), ("d \"e", 0), ("\"f\"", 0)]
    );
}

#[derive(serde::Deserialize)]
struct Reference {
    name: String,
    text: String,
    /// Texts and labels.
    rows: Vec<(String, String)>,
}

/// Files with the rows that pandas or `datasets` reads: `golden/make_tables.py`.
#[test]
fn tables_are_those_of_pandas_and_datasets() {
    let cases = include_str!("../fixtures/tables.json");
    let cases: Vec<Reference> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() > 15);
    for case in cases {
        let folder = folder(&[(case.name.as_str(), case.text.as_bytes())]);
        let path = folder.path().join(&case.name);
        let columns = Columns::default();
        let labels: Vec<String> = case.rows.iter().map(|row| row.1.clone()).collect();
        let rows = read_labelled(&path, &columns, &labels).unwrap();
        let found: Vec<(String, String)> = rows
            .into_iter()
            .map(|row| (row.text, labels[row.label as usize].clone()))
            .collect();
        assert_eq!(found, case.rows, "{} {:?}", case.name, case.text);
    }
}
