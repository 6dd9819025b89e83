//! Run directories: resuming with changed data, damaged files, pointers to checkpoints, messages.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod files;
mod images;
mod kills;
mod messages;
mod texts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::tinderbox;
use serde_json::Value;
use tempfile::TempDir;
use tinderbox_train::checkpoint::Checkpoints;

/// A folder, the data and the run in it.
pub(crate) fn folders() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (data, run) = (folder.path().join("data"), folder.path().join("run"));
    (folder, data, run)
}

/// Every file under `folder` with its content.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    files
}

/// `tinderbox train RECIPE` on `data` into `run`, with overrides.
pub(crate) fn train(recipe: &str, data: &Path, run: &Path, sets: &[&str]) -> Command {
    let mut command = tinderbox();
    command.args(["train", recipe, "--ui", "plain", "--data"]);
    command.arg(data).arg("--run-dir").arg(run);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// `tinderbox train RECIPE --resume` of `run`, with overrides.
pub(crate) fn resume(recipe: &str, run: &Path, sets: &[&str]) -> Command {
    resume_from("--resume", recipe, run, sets)
}

/// The same from the checkpoint at a step; `from` is `--resume` or `--resume=STEP`.
pub(crate) fn resume_from(from: &str, recipe: &str, run: &Path, sets: &[&str]) -> Command {
    let mut command = tinderbox();
    command.args(["train", recipe, "--ui", "plain", from, "--run-dir"]);
    command.arg(run);
    for set in sets {
        command.args(["--set", set]);
    }
    command
}

/// Standard output of a command that succeeds.
pub(crate) fn shown(mut command: Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Asserts that a resume is refused with these words, and leaves the run as it was.
pub(crate) fn assert_refused(mut command: Command, run: &Path, words: &[&str]) {
    let before = snapshot(run);
    common::assert_one_line_error(&mut command, 1, words);
    let after = snapshot(run);
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
    assert!(after == before, "a refused resume changed the run");
}

/// Changes the state in the checkpoint at `step`, with its checksum.
pub(crate) fn change_state(run: &Path, step: u64, change: impl FnOnce(&mut Value)) {
    let checkpoints = Checkpoints::new(run.join("checkpoints"));
    let mut files = checkpoints.load(step).unwrap();
    let mut state = serde_json::from_slice(&files["state.json"]).unwrap();
    change(&mut state);
    files.insert("state.json".into(), state.to_string().into_bytes());
    fs::remove_dir_all(checkpoints.path(step)).unwrap();
    checkpoints.save(step, &files).unwrap();
}
