//! The examples of every crate run to their end. Only a build of the whole workspace has them all.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Examples that need a weights file.
const WITH_ARGUMENTS: [&str; 2] = ["classify", "logits"];

/// Names of the files in the folders `examples` of the workspace.
fn examples() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = fs::read_dir(root).unwrap().map(|entry| entry.unwrap());
    let folders = crates.filter_map(|entry| fs::read_dir(entry.path().join("examples")).ok());
    let files = folders.flatten().map(|file| file.unwrap().path());
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_string();
    files.filter(is_rust).map(name).collect()
}

#[test]
fn examples_run_and_print() {
    // target/debug/deps/examples-HASH, beside target/debug/examples.
    let test = std::env::current_exe().unwrap();
    let built = test.parent().unwrap().parent().unwrap().join("examples");
    let folder = tempfile::tempdir().unwrap();
    let mut ran = 0;
    for name in examples() {
        if WITH_ARGUMENTS.contains(&name.as_str()) {
            continue;
        }
        let program = built.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        assert!(
            program.is_file(),
            "{} is not built; `cargo test --workspace` builds it",
            program.display()
        );
        let output = Command::new(&program)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        ran += 1;
    }
    assert!(ran >= 12, "only {ran} examples were found");
}
