//! A run that is killed and resumed ends with the same bytes as an undisturbed one.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::kill::{Killable, metrics_lines};
use common::{assert_one_line_error, resume, tinderbox, train_tiny};

/// Everything that a checkpoint holds: gradient accumulation, averaged weights, clipping, evaluations
/// between checkpoints; and everything that is drawn at random.
const SETTINGS: &[&str] = &[
    "train.max_steps=300",
    "train.epochs=100",
    "train.gradient_accumulation=2",
    "train.ema_decay=0.98",
    "train.clip_norm=1.0",
    "train.label_smoothing=0.1",
    "train.checkpoint_every=20",
    "train.eval_every=50",
    "train.log_every=3",
    "data.train_transforms=[{ random_resized_crop = { size = 24, scale = [0.5, 1] } }, { trivial_augment_wide = {} }, \
     { random_erasing = { p = 0.25, value = 'random' } }]",
    "data.mixup_alpha=0.2",
    "data.cutmix_alpha=1.0",
];

/// A run of the recipe `cnn` with these overrides.
fn killable(settings: &[&'static str]) -> Killable<'static> {
    Killable {
        recipe: "cnn",
        settings: [common::TINY, settings].concat(),
    }
}

#[test]
fn killed_and_resumed_runs_end_where_an_undisturbed_one_does() {
    let ended = killable(SETTINGS).assert_exact(&[0, 1, 4]);
    assert!(ended.contains_key("ema.safetensors") && ended.contains_key("optimizer.safetensors"));
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let model = |name: &str, seed: &str| {
        let run = folder.path().join(name);
        train_tiny(&run, &["train.max_steps=12", seed])
            .assert()
            .success();
        fs::read(run.join("checkpoints/step-00000012/model.safetensors")).unwrap()
    };
    let one = model("one", "seed=1");
    assert!(one == model("again", "seed=1"));
    assert!(one != model("two", "seed=2"));
}

#[test]
fn ctrl_c_writes_a_checkpoint_and_says_how_to_resume() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tinderbox"));
    command
        .args(["train", "cnn", "--ui", "plain", "--run-dir"])
        .arg(&run);
    for set in common::TINY.iter().chain(&["train.epochs=10000"]) {
        command.args(["--set", set]);
    }
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while metrics_lines(&run) < 3 {
        assert!(Instant::now() < deadline, "no progress");
        std::thread::sleep(Duration::from_millis(10));
    }
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("--resume"), "{shown}");
    resume(&run, "--resume", &["train.epochs=1"])
        .assert()
        .success();
}

#[test]
fn two_processes_cannot_train_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut child = killable(SETTINGS).start(&run, 0);
    let deadline = Instant::now() + Duration::from_secs(120);
    while metrics_lines(&run) == 0 {
        assert!(Instant::now() < deadline, "no progress");
        std::thread::sleep(Duration::from_millis(5));
    }
    let words = ["another process is training"];
    assert_one_line_error(train_tiny(&run, &[]).arg("--overwrite"), 1, &words);
    child.kill().unwrap();
    child.wait().unwrap();
    // A killed process holds no lock.
    train_tiny(&run, &["train.max_steps=1"])
        .arg("--overwrite")
        .assert()
        .success();
}

#[test]
fn an_existing_run_is_neither_replaced_nor_continued_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=4"]).assert().success();
    let before = fs::read(run.join("metrics.jsonl")).unwrap();
    assert_one_line_error(&mut train_tiny(&run, &[]), 1, &["--resume", "--overwrite"]);
    assert_eq!(fs::read(run.join("metrics.jsonl")).unwrap(), before);
    train_tiny(&run, &["train.max_steps=5"])
        .arg("--overwrite")
        .assert()
        .success();
    assert!(run.join("checkpoints/step-00000005").is_dir());

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("thesis.txt"), "years of work").unwrap();
    assert_one_line_error(
        train_tiny(&other, &[]).arg("--overwrite"),
        1,
        &["other files"],
    );
    assert!(other.join("thesis.txt").exists());
}

#[test]
fn a_resumed_run_can_be_longer_but_not_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=4"]).assert().success();
    assert_one_line_error(
        &mut resume(&run, "--resume", &["optimizer.learning_rate=0.5"]),
        2,
        &["optimizer.learning_rate was 0.05, is 0.5"],
    );
    resume(&run, "--resume", &["train.max_steps=6"])
        .assert()
        .success();
    assert!(run.join("checkpoints/step-00000006").is_dir());
}

#[test]
fn a_flipped_bit_in_a_checkpoint_is_detected_and_the_one_before_still_works() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &["train.max_steps=8", "train.checkpoint_every=4"])
        .assert()
        .success();
    let path = run.join("checkpoints/step-00000008/model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let words = [
        "step-00000008 is corrupt",
        "model.safetensors",
        "--resume=4",
    ];
    assert_one_line_error(&mut resume(&run, "--resume", &[]), 1, &words);
    assert_one_line_error(tinderbox().arg("eval").arg(&run), 1, &words);
    resume(&run, "--resume=4", &[]).assert().success();
    tinderbox().arg("eval").arg(&run).assert().success();
}

#[test]
fn a_diverging_run_stops_and_names_the_last_good_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let settings = [
        "train.checkpoint_every=1",
        "optimizer.learning_rate=1e30",
        "schedule.name=constant",
        "schedule.warmup_epochs=0",
    ];
    assert_one_line_error(
        &mut train_tiny(&run, &settings),
        3,
        &[
            "the loss is",
            "at step",
            "the last good checkpoint is",
            "step-0000000",
        ],
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    train_tiny(&run, &[])
        .arg("--dry-run")
        .current_dir(folder.path())
        .assert()
        .success();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_run_recorded_with_former_keys_resumes_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let settings = [
        "train.accumulate=2",
        "train.max_steps=6",
        "train.checkpoint_every=3",
    ];
    train_tiny(&run, &settings).assert().success();
    let model = || fs::read(run.join("checkpoints/step-00000006/model.safetensors")).unwrap();
    let undisturbed = model();

    let path = run.join("recipe.toml");
    let mut recipe = fs::read_to_string(&path).unwrap();
    assert!(recipe.contains("gradient_accumulation = 2"), "{recipe}");
    for (present, former) in [
        ("gradient_accumulation", "accumulate"),
        ("ar_alpha", "activation_decay"),
        ("tar_beta", "slowness_decay"),
    ] {
        recipe = recipe.replace(present, former);
    }
    fs::write(&path, recipe).unwrap();
    tinderbox().arg("eval").arg(&run).assert().success();
    resume(&run, "--resume=3", &[]).assert().success();
    assert!(model() == undisturbed);
    let recipe = fs::read_to_string(&path).unwrap();
    assert!(recipe.contains("gradient_accumulation = 2"), "{recipe}");
}
