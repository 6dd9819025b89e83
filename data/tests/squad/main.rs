//! SQuAD: files, metrics, and both sources in the loader, against Python on the same data. The
//! fixture is made by `golden/make_squad.py`.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod files;
mod golden;
mod loading;

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::encoder::question_answering::{Question, read};

#[derive(Deserialize)]
struct Expected {
    metrics: Vec<Pair>,
    document: Value,
    max_length: usize,
    stride: usize,
    questions: BTreeMap<String, OfQuestion>,
}

#[derive(Deserialize)]
struct Pair {
    prediction: String,
    truths: Vec<String>,
    normalized: String,
    v1: [f64; 2],
    v2: [f64; 2],
}

#[derive(Deserialize)]
struct OfQuestion {
    windows: Vec<Window>,
    answers: Vec<Case>,
}

#[derive(Deserialize)]
struct Window {
    ids: Vec<u32>,
    offsets: Vec<Option<[usize; 2]>>,
    span: [u32; 2],
}

#[derive(Deserialize)]
struct Case {
    n_best: usize,
    longest: usize,
    impossible: bool,
    threshold: f32,
    start_quarters: Vec<i32>,
    end_quarters: Vec<i32>,
    text: String,
    range: [usize; 2],
    score: f32,
    probability: f32,
    null: f32,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

static EXPECTED: LazyLock<Expected> = LazyLock::new(|| {
    serde_json::from_slice(&fs::read(fixtures().join("squad.json")).unwrap()).unwrap()
});

static ENCODER: LazyLock<InputBuilder> = LazyLock::new(|| {
    let tokenizer = Tokenizer::open(&fixtures().join("tokenizers/bert")).unwrap();
    InputBuilder::new(tokenizer, EXPECTED.max_length).unwrap()
});

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn questions() -> Vec<Arc<Question>> {
    let folder = folder(&[("train.json", &EXPECTED.document.to_string())]);
    let (questions, report) = read(&folder.path().join("train.json")).unwrap();
    assert_eq!(report.questions, questions.len());
    assert_eq!((report.unanswerable, report.misaligned), (3, 0));
    assert_eq!(report.warning(), None);
    questions
}
