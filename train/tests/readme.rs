//! The commands in the README run: each `tinderbox` line of its shell blocks, on small data, training as a dry run.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::{cifar10, class_folder, image, tinderbox, train_tiny};
use data::image::write_png;

const README: &str = include_str!("../../README.md");

/// The lines of all `sh` blocks that call the command, without their comments.
fn commands() -> Vec<Vec<String>> {
    let mut is_shell = false;
    let mut commands = Vec::new();
    // Quotes are for the shell; nothing that the README quotes has blanks.
    for line in README.lines() {
        if line.starts_with("```") {
            is_shell = line == "```sh";
        }
        let code = line.split(" #").next().unwrap_or_default();
        let words: Vec<&str> = code.split_whitespace().collect();
        if is_shell && words.first() == Some(&"tinderbox") {
            let unquoted = words[1..].iter().map(|word| word.replace('\'', ""));
            commands.push(unquoted.collect());
        }
    }
    commands
}

/// Everything that the README takes to be there.
fn prepare(folder: &Path) {
    train_tiny(&folder.join("runs/cnn"), &["train.max_steps=3"])
        .assert()
        .success();
    class_folder(&folder.join("path/to/images"));
    let classes = ["n01440764", "n02102040"];
    for root in ["path/to/imagenette", "path/to/imagenet"] {
        for split in ["train", "val"] {
            for (class, shade) in classes.into_iter().zip([60, 190]) {
                let of_class = folder.join(root).join(split).join(class);
                std::fs::create_dir_all(&of_class).unwrap();
                for name in ["a.JPEG", "b.JPEG"] {
                    write_png(&of_class.join(name), &image(60, 50, [shade, 90, 20])).unwrap();
                }
            }
        }
    }
    let device = burn::tensor::Device::flex();
    let pretrained = model_cnn::ResNetConfig::resnet18(1000).init(&device);
    model_cnn::weights::save(&pretrained.unwrap(), &folder.join("pretrained.pth")).unwrap();
    cifar10(&folder.join("path/to/cifar-10-batches-bin"), 10);
    for picture in ["photo.jpg", "new.jpg"] {
        // What a picture is follows from its content, not from its name.
        write_png(&folder.join(picture), &image(50, 40, [200, 90, 20])).unwrap();
    }
    tinderbox()
        .current_dir(folder)
        .args([
            "train",
            "cnn-folder",
            "--data",
            "path/to/images",
            "--ui",
            "quiet",
        ])
        .args(["--set", "train.epochs=1"])
        .assert()
        .success();
}

#[test]
fn the_commands_in_the_readme_run() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let commands = commands();
    assert!(commands.len() > 10, "the README lost its commands");
    for words in commands {
        let mut command = tinderbox();
        command.current_dir(folder.path()).args(&words);
        let is_resumed = words.iter().any(|word| word.starts_with("--resume"));
        if words[0] == "train" && !is_resumed && !words.iter().any(|word| word == "--dry-run") {
            command.arg("--dry-run");
        }
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "tinderbox {}: {error}",
            words.join(" ")
        );
    }
}

#[test]
fn every_verb_has_help_with_an_example() {
    let help = |arguments: &[&str]| {
        let output = tinderbox().args(arguments).arg("--help").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&[]);
    for verb in [
        "train", "eval", "predict", "explain", "export", "models", "recipes", "devices", "data",
        "bench",
    ] {
        assert!(overview.contains(verb), "{verb} is not listed");
        assert!(
            help(&[verb]).contains(&format!("tinderbox {verb}")),
            "{verb} has no example"
        );
    }
}
