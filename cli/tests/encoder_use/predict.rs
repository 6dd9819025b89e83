//! `tinderbox predict` of texts: classes, tags, answers.

use std::fs;

use crate::common::assert_one_line_error;
use crate::folders::{TEXTS, WORDS, classifier, folder, json, json_lines, run, shown};
use serde_json::Value;
use tinderbox_model_transformer::Head;

#[test]
fn texts_are_classified() {
    let folder = classifier();
    let path = folder.path();
    let alone: Vec<Value> = TEXTS
        .iter()
        .map(|text| json(run("predict", path, &["--text", text, "--json"])))
        .collect();
    let mut piped = run("predict", path, &["--json"]);
    piped.write_stdin(TEXTS.join("\n"));
    let together = json_lines(&shown(piped).0);
    assert_eq!(together.len(), TEXTS.len());
    for ((one, other), text) in alone.iter().zip(&together).zip(TEXTS) {
        assert_eq!(
            (&one["text"], &other["text"]),
            (&(*text).into(), &(*text).into())
        );
        let classes = one["classes"].as_array().unwrap();
        let probability = |at: usize| classes[at]["probability"].as_f64().unwrap();
        assert!((probability(0) + probability(1) - 1.0).abs() < 1e-6);
        assert!(probability(0) >= 0.5);
        assert_eq!(classes[0]["class"], other["classes"][0]["class"]);
        let difference = probability(0) - other["classes"][0]["probability"].as_f64().unwrap();
        assert!(difference.abs() < 1e-5);
    }
    let (table, _) = shown(run("predict", path, &["--text", TEXTS[0], "--top-k", "1"]));
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(
        table.contains(TEXTS[0]) && table.contains("tive"),
        "{table}"
    );
    // A pair is not the same input as its two texts in one.
    let pair = json(run(
        "predict",
        path,
        &["--text", "bad", "--pair", "good", "--json"],
    ));
    let one = json(run("predict", path, &["--text", "bad good", "--json"]));
    assert_eq!(pair["pair"], "good");
    assert_ne!(pair["classes"], one["classes"]);
    assert_one_line_error(
        &mut run(
            "predict",
            path,
            &["--text", "a", "--text", "b", "--pair", "c"],
        ),
        1,
        &["2 texts have 1 --pair"],
    );
}

#[test]
fn texts_are_read_from_tables() {
    let folder = classifier();
    let path = folder.path();
    let write = |name: &str, text: &str| {
        let file = path.join(name);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_string()
    };
    let tsv = write(
        "dev.tsv",
        "sentence\tlabel\ngood \"film\tpositive\nbad\tnegative\n",
    );
    let texts = json_lines(&shown(run("predict", path, &["--file", &tsv, "--json"])).0);
    assert_eq!(texts[0]["text"], "good \"film");
    assert_eq!(texts[1]["text"], "bad");
    let csv = write("pairs.csv", "a,b\n\"good, film\",bad\n");
    let columns = [
        "--file",
        &csv,
        "--json",
        "--text-column",
        "a",
        "--pair-column",
        "b",
    ];
    let pair = json(run("predict", path, &columns));
    assert_eq!(
        (&pair["text"], &pair["pair"]),
        (&"good, film".into(), &"bad".into())
    );
    assert_one_line_error(
        &mut run("predict", path, &["--file", &csv]),
        1,
        &["pairs.csv", "its columns are \"a\", \"b\""],
    );
    let broken = write("broken.jsonl", "{\"text\": \"good\"}\n{\"text\": \n");
    assert_one_line_error(
        &mut run("predict", path, &["--file", &broken]),
        1,
        &["broken.jsonl", "line 2"],
    );
}

#[test]
fn every_word_gets_a_tag() {
    let folder = folder(Head::TokenClassification, &["O", "B-LOC", "I-LOC"]);
    let path = folder.path();
    let text = "Paris is unbelievable.";
    let tagged = json(run("predict", path, &["--text", text, "--json"]));
    let words: Vec<&str> = tagged["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["word"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["Paris", "is", "unbelievable", "."]);
    for word in tagged["words"].as_array().unwrap() {
        assert!(["O", "B-LOC", "I-LOC"].contains(&word["tag"].as_str().unwrap()));
        let bytes = |end: &str| word["bytes"][end].as_u64().unwrap() as usize;
        assert_eq!(
            text[bytes("start")..bytes("end")],
            *word["word"].as_str().unwrap()
        );
    }
    // A text of many windows: every word once, in order.
    let long: Vec<&str> = WORDS
        .lines()
        .skip(5)
        .filter(|word| !word.contains('#'))
        .cycle()
        .take(200)
        .collect();
    let tagged = json(run("predict", path, &["--text", &long.join(" "), "--json"]));
    let words: Vec<&str> = tagged["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| w["word"].as_str().unwrap())
        .collect();
    assert_eq!(words, long);
    let (table, _) = shown(run("predict", path, &["--text", text]));
    assert!(table.contains("unbelievable"), "{table}");
}

#[test]
fn an_answer_is_a_passage_of_the_text() {
    let folder = folder(Head::QuestionAnswering, &[]);
    let path = folder.path();
    let context = "é é ".repeat(300) + "Paris is the capital of France. A good film.";
    let file = path.join("context.txt");
    fs::write(&file, &context).unwrap();
    let arguments = [
        "--question",
        "Who is bad?",
        "--file",
        file.to_str().unwrap(),
        "--json",
    ];
    let answer = json(run("predict", path, &arguments));
    let found = answer["answer"].as_str().unwrap();
    assert!(!found.is_empty());
    let at = |kind: &str, end: &str| answer[kind][end].as_u64().unwrap() as usize;
    assert_eq!(&context[at("bytes", "start")..at("bytes", "end")], found);
    let (start, end) = (at("characters", "start"), at("characters", "end"));
    let characters: String = context.chars().skip(start).take(end - start).collect();
    assert_eq!(characters, found);
    let probability = answer["probability"].as_f64().unwrap();
    assert!(probability > 0.0 && probability <= 1.0);
    // No answer scores this much above "no answer".
    let none = [&arguments[..], &["--null-threshold", "-1000000"]].concat();
    assert_eq!(json(run("predict", path, &none))["answer"], "");
    assert_one_line_error(
        &mut run("predict", path, &["--text", "paris"]),
        1,
        &["--question"],
    );
    let column = [&arguments[..], &["--text-column", "text"]].concat();
    assert_one_line_error(&mut run("predict", path, &column), 1, &["--text-column"]);
    assert_one_line_error(
        &mut run("predict", path, &["--text", "paris", "--question", " "]),
        1,
        &["the question is empty"],
    );
    // `explain` explains the same answer.
    let explained = json(run("explain", path, &arguments));
    assert!(
        explained["said"].as_str().unwrap().starts_with(found),
        "{explained}"
    );
    let empty = ["--question", "who?", "--text", ""];
    assert_one_line_error(&mut run("explain", path, &empty), 1, &["no answer"]);
    assert!(
        shown(run("predict", path, &empty))
            .0
            .contains("(no answer)")
    );
}
