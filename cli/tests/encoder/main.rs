//! Text encoders through the command: training on every kind of data, evaluation, export, errors.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod adapting;
mod counting;
mod learning;
mod refusals;

use std::path::{Path, PathBuf};

use common::tinderbox;
use serde_json::Value;
use tempfile::TempDir;

/// Output of `tinderbox eval --json`.
pub(crate) fn eval(run: &Path, split: &str) -> Value {
    let mut command = tinderbox();
    command
        .arg("eval")
        .arg(run)
        .args(["--split", split, "--json"]);
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

/// A temporary folder with paths for data and a run.
pub(crate) fn folders() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    (folder, data, run)
}
