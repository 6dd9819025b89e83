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
        ("", "has no questions"),
        (
            "{\"data\": [\n{\"title\": []}]}",
            "line 2: is not SQuAD's JSON: an id or title is a list",
        ),
        (
            "{\"data\": [{\"title\": \"x\",\n\"paragraphs\": [{\"qas\": []}]}]}",
            "line 2: is not SQuAD's JSON: missing field `context` (column 26)",
        ),
        ("{\"data\": [}", "line 1: "),
        ("{\"data\": [", "line 1: the list is not closed"),
        ("[1]", "line 1: is not SQuAD's JSON: invalid type"),
        ("{\"data\": []}", "has no questions"),
        (
            "{\"version\": \"1.1\"}",
            "line 1: is not SQuAD's JSON: an entry has \"paragraphs\"",
        ),
        (
            "[{\"context\": \"x\",\n\"answers\": {\"text\": [\"x\"], \"answer_start\": []}}]",
            "line 2: is not SQuAD's JSON: \"answers\" has 1 \"text\" and 0",
        ),
        (
            "[{\"context\": \"x\", \"question\": \"?\", \"answers\": [{\"text\": 3, \"answer_start\": 0}]}]",
            "\"text\" of an answer is 3, not a string",
        ),
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

/// The forms of transformers' `run_qa.py`, of `Dataset.to_json` and of other programs.
#[test]
fn questions_are_read_in_all_their_forms() {
    let context = "Ada met Bob in Oslo.";
    let row = |more: Value| {
        let mut row = json!({"title": "t", "context": context, "question": "Who?"});
        row.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        row
    };
    let rows = [
        row(json!({"id": "a", "answers": {"text": ["Ada"], "answer_start": [0]}})),
        row(json!({"id": 17, "answers": {"text": ["Bob", "Bob in"], "answer_start": [8.0, 8]}})),
        row(json!({"id": 2.5, "answers": {"text": [], "answer_start": []}, "is_impossible": null})),
        row(json!({"answers": null, "is_impossible": 1, "plausible_answers": null})),
        row(json!({"id": "n", "answers": [{"text": "Oslo", "answer_start": null}]})),
        row(json!({"id": "o", "title": null, "answers": {"text": "Oslo", "answer_start": 15}})),
    ];
    let lines = rows
        .iter()
        .map(|row| format!("{row}\n"))
        .collect::<String>();
    let list = json!(rows).to_string();
    let data = json!({"version": 1.1, "data": rows}).to_string();
    let mut nested =
        json!({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": rows}]}]});
    nested["data"][0]["paragraphs"][0]["qas"]
        .as_array_mut()
        .unwrap()
        .pop();
    for (name, text) in [
        ("x.jsonl", &lines),
        ("x.json", &lines),
        ("x.json", &list),
        ("x.json", &data),
        ("x.json", &nested.to_string()),
    ] {
        let folder = folder(&[(name, text)]);
        let (questions, report) = read(&folder.path().join(name)).unwrap();
        let ids: Vec<&str> = questions
            .iter()
            .map(|question| question.id.as_str())
            .collect();
        assert_eq!(ids[..5], ["a", "17", "2.5", "", "n"]);
        let ranges: Vec<_> = questions
            .iter()
            .map(|question| question.answer_range())
            .collect();
        assert_eq!(ranges[..5], [Some(0..3), Some(8..11), None, None, None]);
        assert_eq!(report.unanswerable, 2);
        assert!(
            report.examples[0].contains("has no answer_start"),
            "{report:?}"
        );
        assert!(
            questions
                .iter()
                .all(|question| Arc::ptr_eq(&question.context, &questions[0].context))
        );
        if let Some(last) = questions.get(5) {
            assert_eq!(
                (last.answer_range(), last.title.as_str()),
                (Some(15..19), "")
            );
        }
    }
    // Questions of one title are an article, which is not divided.
    let folder = folder(&[("x.jsonl", &lines)]);
    let splits = open(&folder.path().join("x.jsonl"), 0.1).unwrap();
    assert_eq!((splits.train.len(), splits.validation.len()), (5, 1));
    // Python writes half characters, which no text can have.
    let broken = lines.replace("Who?", "Who\\ud83d?");
    let folder = crate::folder(&[("x.jsonl", &broken)]);
    let (questions, _) = read(&folder.path().join("x.jsonl")).unwrap();
    assert_eq!(questions[0].question, "Who\u{fffd}?");
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
