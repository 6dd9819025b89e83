//! Tokenizers of model folders, against transformers: all files of a folder, regular expressions,
//! chat templates, and damaged files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod chat;
mod damage;
mod patterns;
mod random;

use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A fixture of `golden/`.
fn fixture(name: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).join(name)
}

/// A compressed JSON fixture.
fn compressed(name: &str) -> Value {
    let mut text = String::new();
    let file = fs::File::open(fixture(name)).unwrap();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Writes files of a folder, each with its JSON or its text.
fn write(folder: &Path, files: &Value) {
    for (name, content) in files.as_object().unwrap() {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = content
            .as_str()
            .map_or_else(|| content.to_string(), str::to_owned);
        fs::write(path, text).unwrap();
    }
}

fn numbers(value: &Value) -> Vec<u32> {
    let numbers = value.as_array().unwrap().iter();
    numbers
        .map(|number| number.as_u64().unwrap() as u32)
        .collect()
}
