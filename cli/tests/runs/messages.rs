//! Messages of a run: printed commands can be pasted, and notes tell what matters.

use std::fs;
use std::process::Command;

use super::common::{TINY, tinderbox};
use super::{resume, shown};

fn train(run: &std::path::Path, recipe: &str, sets: &[&str]) -> String {
    let mut command = tinderbox();
    command
        .args(["train", recipe, "--ui", "plain", "--run-dir"])
        .arg(run);
    for set in TINY.iter().chain(sets) {
        command.args(["--set", set]);
    }
    shown(command)
}

#[cfg(unix)]
#[test]
fn printed_commands_are_quoted_for_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("it's a run; $HOME");
    let text = train(&run, "cnn", &["train.max_steps=2"]);
    let next = text
        .split("next:\n")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap();
    // The shell hands the path back as it was.
    let echoed = next.replacen("tinderbox eval", "printf %s", 1);
    let output = Command::new("sh").args(["-c", &echoed]).output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap().trim(),
        run.to_str().unwrap()
    );
}

/// Paths with quotes are paths of data too.
#[test]
fn a_path_with_quotes_is_the_path_of_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("it's \"here\"");
    let run = folder.path().join("run");
    super::common::class_folder(&data);
    shown(super::train(
        "cnn-folder",
        &data,
        &run,
        &["train.max_steps=1"],
    ));
    shown(resume("cnn-folder", &run, &["train.max_steps=2"]));
}

#[test]
fn options_need_not_be_repeated_and_are_not_mentioned() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train(&run, "cnn", &["train.max_steps=2"]);
    let text = shown(resume("cnn", &run, &["train.max_steps=3"]));
    assert!(!text.contains("note"), "{text}");
    // Another recipe's name, with the folder of this run, is worth a note.
    let text = shown(resume(
        "cnn-folder",
        &run,
        &["train.max_steps=4", "data.path='x'"],
    ));
    let note = "note: resuming with the recipe recorded in";
    assert!(text.contains(note), "{text}");
    assert!(
        text.contains("another name, `cnn-folder` instead of `cnn`"),
        "{text}"
    );
}

#[test]
fn a_recipe_that_was_edited_is_told_by_its_own_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (run, path) = (folder.path().join("run"), folder.path().join("my.toml"));
    let recipe = |rate: f64| {
        let text = format!(
            "name = 'my'\n[model]\nname = 'simple_cnn'\n[optimizer]\nlearning_rate = {rate}\n"
        );
        fs::write(&path, text).unwrap();
        path.to_str().unwrap()
    };
    train(&run, recipe(0.1), &["train.max_steps=2"]);
    let text = shown(resume(recipe(0.1), &run, &["train.max_steps=3"]));
    assert!(!text.contains("note"), "{text}");
    let text = shown(resume(recipe(0.2), &run, &["train.max_steps=4"]));
    let told = "has now: optimizer.learning_rate was 0.1, is 0.2\n";
    assert!(text.contains(told), "{text}");
}
