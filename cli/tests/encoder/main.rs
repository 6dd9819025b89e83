//! Encoders through the command: training on every kind of data, measuring, exporting, and what is said when something is
//! wrong.
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

/// What `tinderbox eval --json` measures of a run.
pub(crate) fn eval(run: &Path, split: &str) -> Value {
    let mut command = tinderbox();
    command
        .arg("eval")
        .arg(run)
        .args(["--split", split, "--json"]);
    serde_json::from_slice(&command.assert().success().get_output().stdout).unwrap()
}

/// A folder, and in it where data and a run are to be.
pub(crate) fn folders() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    (folder, data, run)
}
