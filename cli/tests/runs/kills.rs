//! A run that is killed at any instant ends with the same files as an undisturbed one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::common::TINY;
use super::{change_state, common, shown, snapshot};

/// Kills; `TINDERBOX_KILLS=400` for a long test.
const KILLS: u64 = 12;

/// Writes little and often, and the best checkpoint changes.
const SETTINGS: &[&str] = &[
    "train.max_steps=60",
    "train.epochs=100",
    "train.checkpoint_every=1",
    "train.eval_every=3",
    "train.keep_last=2",
    "train.log_every=1",
    "optimizer.learning_rate=0.3",
    "train.best_metric='loss'",
];

fn command(run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tinderbox"));
    command
        .args(["train", "cnn", "--ui", "quiet", "--run-dir"])
        .arg(run);
    if run.join("recipe.toml").exists() {
        command.arg("--resume");
    } else {
        for set in TINY.iter().chain(SETTINGS) {
            command.args(["--set", set]);
        }
    }
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn finish(run: &Path) {
    let output = command(run).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// All files but TensorBoard's, which hold times.
fn files(run: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = snapshot(run).into_iter();
    all.map(|(path, bytes)| (path.strip_prefix(run).unwrap().to_path_buf(), bytes))
        .filter(|(path, _)| !path.starts_with("tensorboard"))
        .collect()
}

fn assert_same(found: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected));
    for (path, bytes) in expected {
        assert!(found[path] == *bytes, "{} differs", path.display());
    }
}

/// The next of a sequence of random numbers (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn kills_at_any_instant_leave_the_files_of_an_undisturbed_run() {
    let kills = std::env::var("TINDERBOX_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed");
    let begun = Instant::now();
    finish(&undisturbed);
    let whole = begun.elapsed();
    let expected = files(&undisturbed);
    let mut state = 17;
    let mut done = 0;
    let mut runs = 0;
    while done < kills {
        runs += 1;
        let run = folder.path().join(format!("killed-{runs}"));
        // Several kills a run, until it has ended.
        let mut ended = false;
        while !ended && done < kills {
            let mut child = command(&run).spawn().unwrap();
            let after = random(&mut state) % (whole.as_micros() as u64 / 2);
            std::thread::sleep(Duration::from_micros(after));
            child.kill().unwrap();
            let status = child.wait().unwrap();
            ended = status.success();
            done += u64::from(!ended);
        }
        finish(&run);
        assert_same(&files(&run), &expected);
        fs::remove_dir_all(&run).unwrap();
    }
}

/// A process killed after its last checkpoint was renamed into place, but not named; and one killed
/// while it wrote a file. The resumed run has no step to take.
#[test]
fn a_run_without_a_step_left_is_put_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    finish(&run);
    let expected = files(&run);
    let checkpoints = run.join("checkpoints");
    for pointer in ["latest", "best"] {
        fs::write(checkpoints.join(pointer), "step-00000001").unwrap();
    }
    let old = checkpoints.join("step-00000058");
    fs::create_dir(&old).unwrap();
    for entry in fs::read_dir(checkpoints.join("step-00000059")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, old.join(path.file_name().unwrap())).unwrap();
    }
    fs::create_dir(checkpoints.join(".partial-step-00000061")).unwrap();
    for left in [".tmp-a", "checkpoints/.tmp-b"] {
        fs::write(run.join(left), "x").unwrap();
    }
    finish(&run);
    assert_same(&files(&run), &expected);
    fs::remove_file(checkpoints.join("best")).unwrap();
    finish(&run);
    assert_same(&files(&run), &expected);
}

/// The best checkpoint was removed when a later one became the best; then the run goes back.
#[test]
fn the_best_of_the_checkpoints_that_are_left_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let settings = [
        "train.max_steps=6",
        "train.checkpoint_every=1",
        "train.eval_every=1",
    ];
    shown(common::train_tiny(&run, &settings));
    change_state(&run, 4, |state| {
        state["best"]["record"] = serde_json::json!([0.5, 2]);
    });
    for step in [5, 6, 2] {
        let _ = fs::remove_dir_all(run.join(format!("checkpoints/step-0000000{step}")));
    }
    shown(common::resume(&run, "--resume", &["train.max_steps=4"]));
    let best = fs::read_to_string(run.join("checkpoints/best"));
    if let Ok(best) = best {
        assert!(run.join("checkpoints").join(best).is_dir());
    }
    shown({
        let mut command = common::tinderbox();
        command.arg("eval").arg(&run);
        command
    });
}

/// A run is replaced as a whole, even by a process that is killed while it removes the old one.
#[test]
fn a_half_removed_run_is_no_run_and_can_be_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    shown(common::train_tiny(&run, &["train.max_steps=2"]));
    fs::rename(run.join("recipe.toml"), run.join(".removed-recipe.toml")).unwrap();
    common::assert_one_line_error(
        &mut common::resume(&run, "--resume", &[]),
        1,
        &["no run here"],
    );
    shown(common::train_tiny(&run, &["train.max_steps=3"]));
    assert!(run.join("checkpoints/step-00000003").is_dir());
    assert!(!run.join("checkpoints/step-00000002").exists());
    assert!(!run.join(".removed-recipe.toml").exists());
}
