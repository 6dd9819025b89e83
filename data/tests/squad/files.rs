//! Valid and malformed files.

use crate::{ENCODER, folder};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tinderbox_data::loader::Source;
use tinderbox_data::text::encoder::question_answering::metrics::Version;
use tinderbox_data::text::encoder::question_answering::{
    QaEvaluationSource, QaTrainingSource, open, read,
};

/// Id, and answers with their offsets.
type Asked<'a> = (&'a str, &'a [(&'a str, i64)]);

/// A file with one article per list of questions.
fn file(articles: &[&[Asked]]) -> String {
    let article = |questions: &&[Asked]| {
        let qas: Vec<Value> = questions
            .iter()
            .map(|(id, answers)| {
                let answers = answers
                    .iter()
                    .map(|(text, start)| json!({"text": text, "answer_start": start}));
                json!({"id": id, "question": "Who?", "answers": answers.collect::<Vec<_>>()})
            })
            .collect();
        json!({"paragraphs": [{"context": "Ä 😀 The keeper saw the lamp.", "qas": qas}]})
    };
    json!({"data": articles.iter().map(article).collect::<Vec<_>>()}).to_string()
}

#[test]
fn offsets_count_code_points_and_wrong_ones_are_reported() {
    let text = file(&[&[
        ("right", &[("😀", 2), ("The keeper", 4)]),
        ("one", &[("keeper", 9), ("keeper", 8)]),
        (
            "none",
            &[
                ("The keeper", 7),
                ("lamp", 99),
                ("lamp", -1),
                ("", 3),
                ("lamp. And", 23),
            ],
        ),
        ("impossible", &[]),
    ]]);
    let folder = folder(&[("x.json", &text)]);
    let (questions, report) = read(&folder.path().join("x.json")).unwrap();
    assert_eq!(questions[0].answers[0].range(), Some(3..7));
    assert_eq!(questions[0].answers[1].range(), Some(8..18));
    assert_eq!(questions[0].answer_range(), Some(3..7));
    assert_eq!(questions[1].answer_range(), Some(12..18));
    assert_eq!(questions[2].answer_range(), None);
    assert_eq!(questions[2].score("lamp", Version::V1).exact_match, 1.0);
    assert!(questions[3].is_impossible && !questions[2].is_impossible);
    assert!(
        questions
            .iter()
            .all(|question| Arc::ptr_eq(&question.context, &questions[0].context))
    );
    assert_eq!(
        (
            report.questions,
            report.unanswerable,
            report.answers,
            report.misaligned
        ),
        (4, 1, 9, 6)
    );
    assert_eq!(
        report.examples,
        [
            "one: \"keeper\" is not at character 9: the context has \"eeper \" there",
            "none: \"The keeper\" is not at character 7: the context has \" keeper sa\" there",
            "none: \"lamp\" is not at character 99: the context has 28 characters",
            "none: \"lamp\" is not at character -1: the context has 28 characters",
            "none: the answer \"\" has no words",
        ]
    );
    let warning = report.warning().unwrap();
    assert!(
        warning.starts_with("6 of 9 answers") && warning.ends_with("; ..."),
        "{warning}"
    );

    let training = QaTrainingSource::new(&questions, &ENCODER, 4, 2).unwrap();
    assert_eq!(
        (training.len(), training.unusable(), training.answered()),
        (3, 1, 2)
    );
    let nothing = QaTrainingSource::new(&questions[2..3], &ENCODER, 4, 2).unwrap_err();
    assert!(
        nothing
            .to_string()
            .contains("at the offset given in the file"),
        "{nothing}"
    );
    assert_eq!(
        QaEvaluationSource::new(questions, &ENCODER, 4)
            .unwrap()
            .len(),
        4
    );
    assert!(QaEvaluationSource::new(vec![], &ENCODER, 4).is_err());
}

fn error(path: &Path) -> String {
    open(path, 0.5).unwrap_err().to_string()
}

#[test]
fn malformed_files_are_refused_with_the_place() {
    let cases = [
        ("", "line 1 column 0"),
        ("{\"data\": [\n{\"title\": 3}]}", "line 2 column 11"),
        (
            "{\"data\": [{\"title\": \"x\",\n\"paragraphs\": [{\"qas\": []}]}]}",
            "missing field `context` at line 2 column 26",
        ),
        ("{\"data\": [}", "line 1 column 11"),
        ("{\"data\": [", "line 1 column 10"),
        ("[1]", "line 1 column"),
        ("{\"data\": []}", "has no questions"),
        ("{\"version\": \"1.1\"}", "missing field `data`"),
        (
            "{\"data\": [{\"paragraphs\": [{\"context\": \"x\", \"qas\": [{\"id\": \"q7\", \"question\": \"?\", \
             \"is_impossible\": true, \"answers\": [{\"text\": \"x\", \"answer_start\": 0}]}]}]}]}",
            "question q7 is marked is_impossible and has answers",
        ),
    ];
    for (text, expected) in cases {
        let folder = folder(&[("x.json", text)]);
        let error = error(folder.path());
        assert!(
            error.contains(expected) && error.contains("x.json"),
            "{error}"
        );
    }
    let folder = folder(&[]);
    fs::write(folder.path().join("x.json"), b"{\"data\": \"\xff\"}").unwrap();
    assert!(error(folder.path()).contains("line 1"));
    assert!(error(&folder.path().join("none")).contains("no such file or folder"));
}

#[test]
fn a_folder_has_a_file_for_each_split_or_a_single_one() {
    let (a, b) = (file(&[&[("a", &[("The", 4)])]]), file(&[&[("b", &[])]]));
    let named = folder(&[
        ("train-v2.0.json", &a),
        ("dev-v2.0.json", &format!("\u{feff}{b}")),
        ("other.json", ""),
    ]);
    let splits = open(named.path(), 0.1).unwrap();
    assert_eq!(
        (
            splits.train[0].id.as_str(),
            splits.validation[0].id.as_str()
        ),
        ("a", "b")
    );
    assert!(splits.has_impossible());
    assert_eq!(
        (
            splits.train_report.questions,
            splits.validation_report.unanswerable
        ),
        (1, 1)
    );

    for files in [
        vec![],
        vec![("train.json", "")],
        vec![
            ("train-v1.1.json", ""),
            ("train-v2.0.json", ""),
            ("dev-v1.1.json", ""),
        ],
        vec![("x.json", ""), ("y.json", "")],
    ] {
        let message = error(folder(&files).path());
        // A single file may have any name.
        assert!(
            message.contains("one dev*.json") || files.len() == 1,
            "{message}"
        );
        assert!(
            files.iter().all(|(name, _)| message.contains(name)),
            "{message}"
        );
    }
}

#[test]
fn one_file_is_divided_by_article() {
    let one = [("q", [("The", 4i64)].as_slice())];
    let text = file(&[&one, &one, &[], &one, &[one[0]; 3], &one]);
    let folder = folder(&[("x.json", &text)]);
    let ids = |fraction: f64| {
        let splits = open(folder.path(), fraction).unwrap();
        assert!(!splits.has_impossible());
        [splits.train.len(), splits.validation.len()]
    };
    assert_eq!(ids(0.01), [6, 1]);
    assert_eq!(ids(0.2), [6, 1]);
    assert_eq!(ids(0.3), [3, 4]);
    assert_eq!(ids(0.99), [1, 6]);
    for fraction in [0.0, 1.0, -1.0, f64::NAN] {
        let error = open(folder.path(), fraction).unwrap_err().to_string();
        assert!(error.contains("between 0 and 1"), "{error}");
    }
    let single = crate::folder(&[("x.json", &file(&[&one]))]);
    assert!(error(single.path()).contains("a single article"));
}
