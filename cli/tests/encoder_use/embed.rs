//! `tinderbox embed`.

use std::fs;

use crate::common::assert_one_line_error;
use crate::folders::{TEXTS, assert_close, headless, json, json_lines, run, shown};
use npyz::NpyFile;
use serde_json::Value;

fn vector(object: &Value) -> Vec<f64> {
    let vector = object["embedding"].as_array().unwrap();
    vector.iter().map(|x| x.as_f64().unwrap()).collect()
}

#[test]
fn a_text_has_the_same_vector_alone_and_among_others_in_their_order() {
    let folder = headless();
    let file = folder.path().join("texts.txt");
    // CRLF line ends.
    fs::write(&file, TEXTS.join("\r\n") + "\r\n").unwrap();
    let file = file.to_str().unwrap();
    let (lines, _) = shown(run(
        "embed",
        folder.path(),
        &["--file", file, "--batch-size", "2"],
    ));
    let together = json_lines(&lines);
    assert_eq!(together.len(), TEXTS.len());
    for (object, text) in together.iter().zip(TEXTS) {
        assert_eq!(object["text"], *text);
        let alone = json(run("embed", folder.path(), &["--text", text]));
        assert_close(&vector(object), &vector(&alone));
        assert_eq!(vector(object).len(), 8);
    }
    assert_ne!(vector(&together[0]), vector(&together[2]));
    let mut piped = run("embed", folder.path(), &["--batch-size", "2"]);
    piped.write_stdin(TEXTS.join("\n"));
    assert_eq!(shown(piped).0, lines);
}

#[test]
fn vectors_go_into_files_of_three_kinds() {
    let folder = headless();
    let file = folder.path().join("texts.txt");
    fs::write(&file, TEXTS.join("\n")).unwrap();
    let write = |name: &str| {
        let path = folder.path().join(name);
        let (out, error) = shown(run(
            "embed",
            folder.path(),
            &[
                "--file",
                file.to_str().unwrap(),
                "--output",
                path.to_str().unwrap(),
            ],
        ));
        assert_eq!(out, "");
        assert!(error.contains("5 vectors of 8 numbers"), "{error}");
        fs::read(path).unwrap()
    };
    let lines = json_lines(&String::from_utf8(write("a.jsonl")).unwrap());
    let array: Value = serde_json::from_slice(&write("b.json")).unwrap();
    assert_eq!(array.as_array().unwrap(), &lines);
    let npy = write("c.npy");
    let npy = NpyFile::new(npy.as_slice()).unwrap();
    assert_eq!(npy.shape(), [5, 8]);
    assert_eq!(npy.dtype().descr(), "'<f4'");
    let values: Vec<f64> = npy
        .into_vec::<f32>()
        .unwrap()
        .into_iter()
        .map(f64::from)
        .collect();
    let expected: Vec<f64> = lines.iter().flat_map(vector).collect();
    assert_close(&values, &expected);
    for (name, words) in [
        ("vectors.csv", ".npy, .json or .jsonl"),
        ("no/vectors.npy", "there is no folder no"),
    ] {
        let mut command = run("embed", folder.path(), &["--text", "a", "--output", name]);
        assert_one_line_error(&mut command, 1, &[name, words]);
    }
}

#[test]
fn a_sentence_transformers_folder_sets_pooling_and_length() {
    let folder = headless();
    let path = folder.path();
    let text = ["--text", TEXTS[0]];
    let mean = vector(&json(run("embed", path, &text)));
    let length = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>();
    assert!((length(&mean) - 1.0).abs() > 1e-3);
    let modules = r#"[
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;
    fs::write(path.join("modules.json"), modules).unwrap();
    fs::create_dir(path.join("1_Pooling")).unwrap();
    fs::write(
        path.join("1_Pooling/config.json"),
        r#"{"pooling_mode_cls_token": true}"#,
    )
    .unwrap();
    fs::write(
        path.join("sentence_bert_config.json"),
        r#"{"max_seq_length": 5}"#,
    )
    .unwrap();
    let command = run("embed", path, &text);
    let (out, error) = shown(command);
    let cls = vector(&json_lines(&out)[0]);
    assert!((length(&cls) - 1.0).abs() < 1e-5);
    // [CLS], three words, [SEP]: four of seven words are cut off.
    assert!(
        error.contains("1 text is longer than the 5 tokens"),
        "{error}"
    );
    assert!(error.contains("4 tokens are left out"), "{error}");
    // The command line takes precedence.
    let asked = ["--pooling", "mean", "--normalize", "false"];
    let other = vector(&json(run("embed", path, &[&text[..], &asked].concat())));
    assert!((length(&other) - 1.0).abs() > 1e-3);
    // A module that is not supported is named.
    fs::write(
        path.join("modules.json"),
        modules.replace("Normalize\"", "WordWeights\""),
    )
    .unwrap();
    assert_one_line_error(
        &mut run("embed", path, &text),
        1,
        &["modules.json", "WordWeights"],
    );
}
