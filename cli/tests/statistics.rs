//! Running statistics of batch norms: resumed exactly, averaged, and unchanged in frozen layers.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use common::tinderbox;
use safetensors::SafeTensors;

/// A thin residual network on shapes, at a constant learning rate.
const SETTINGS: &[&str] = &[
    "model.name=resnet20",
    "model.width=2",
    "model.layers=[1, 1, 1]",
    "data.train_size=64",
    "data.val_size=20",
    "schedule.name=constant",
    "schedule.warmup_epochs=0",
    "train.batch_size=8",
    "train.epochs=10",
];

fn train(run: &Path, more: &[&str]) -> Command {
    let mut command = tinderbox();
    command
        .args(["train", "cnn", "--ui", "quiet", "--run-dir"])
        .arg(run);
    for set in SETTINGS.iter().chain(more) {
        command.args(["--set", set]);
    }
    command
}

fn export(run: &Path, to: &Path) -> Vec<u8> {
    tinderbox()
        .arg("export")
        .args([run, to])
        .args(["--checkpoint", "latest", "--live"])
        .assert()
        .success();
    fs::read(to).unwrap()
}

#[test]
fn a_resumed_run_has_the_statistics_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let (straight, resumed) = (folder.path().join("a"), folder.path().join("b"));
    let averaged = "train.ema_decay=0.9";
    train(&straight, &["train.max_steps=11", averaged])
        .assert()
        .success();
    train(&resumed, &["train.max_steps=5", averaged])
        .assert()
        .success();
    common::resume(&resumed, "--resume", &["train.max_steps=11"])
        .assert()
        .success();
    for name in ["model.safetensors", "ema.safetensors"] {
        let file = |run: &Path| fs::read(run.join("checkpoints/step-00000011").join(name)).unwrap();
        assert!(file(&straight) == file(&resumed), "{name} differs");
    }
    let file = |name| fs::read(straight.join("checkpoints/step-00000011").join(name)).unwrap();
    let (live, average) = (file("model.safetensors"), file("ema.safetensors"));
    let running = |bytes: &[u8]| {
        let file = SafeTensors::deserialize(bytes).unwrap();
        file.tensor("bn1.running_var").unwrap().data().to_vec()
    };
    assert_ne!(running(&live), running(&average));
    assert_ne!(running(&live), [1.0_f32.to_le_bytes(); 2].concat());
}

#[test]
fn only_the_head_of_a_frozen_network_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let (first, frozen) = (folder.path().join("first"), folder.path().join("frozen"));
    train(&first, &["train.max_steps=4"]).assert().success();
    let path = folder.path().join("first.safetensors");
    let before = export(&first, &path);
    train(
        &frozen,
        &["train.max_steps=4", "model.freeze_backbone=true"],
    )
    .arg("--weights")
    .arg(&path)
    .assert()
    .success();
    let after = export(&frozen, &folder.path().join("frozen.safetensors"));
    let (before, after) = (
        SafeTensors::deserialize(&before).unwrap(),
        SafeTensors::deserialize(&after).unwrap(),
    );
    for (name, tensor) in before.iter() {
        let same = tensor.data() == after.tensor(name).unwrap().data();
        assert_eq!(same, !name.starts_with("linear."), "{name}");
    }
}
