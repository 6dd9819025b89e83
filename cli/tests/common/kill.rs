//! Kill tests: an undisturbed run, and others that are killed and resumed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A run to kill; it must end at step 300.
pub struct Killable<'a> {
    pub recipe: &'a str,
    pub settings: Vec<&'a str>,
}

/// Files of the last checkpoint, and the metrics.
pub type Outcome = BTreeMap<String, Vec<u8>>;

pub fn outcome(run: &Path) -> Outcome {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(run.join("checkpoints/step-00000300")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        files.insert(name, fs::read(entry.path()).unwrap());
    }
    files.insert(
        "metrics.jsonl".into(),
        fs::read(run.join("metrics.jsonl")).unwrap(),
    );
    files
}

fn assert_same(run: &Path, expected: &Outcome) {
    let got = outcome(run);
    assert_eq!(
        got.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in expected {
        assert!(got[name] == *bytes, "{name} differs");
    }
}

pub fn metrics_lines(run: &Path) -> usize {
    fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count())
}

/// A random number that differs in each run of the test.
fn random(below: usize) -> usize {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(below) as usize % below
}

/// Kills the process after it has written a random number of further records.
fn kill_at_random(run: &Path, child: &mut Child) {
    let lines = metrics_lines(run) + random(40);
    let deadline = Instant::now() + Duration::from_secs(120);
    while metrics_lines(run) <= lines && child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "no progress");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

impl Killable<'_> {
    /// Starts or resumes the run.
    pub fn start(&self, run: &Path, workers: usize) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tinderbox"));
        command
            .args(["train", self.recipe, "--ui", "quiet", "--run-dir"])
            .arg(run);
        command.args(["--workers", &workers.to_string()]);
        if run.join("recipe.toml").exists() {
            command.arg("--resume");
        } else {
            for set in &self.settings {
                command.args(["--set", set]);
            }
        }
        command.stdout(Stdio::null()).spawn().unwrap()
    }

    /// Runs it undisturbed without workers, and killed three times with each number of `workers`.
    /// All must end with the same bytes, which are returned.
    pub fn assert_exact(&self, workers: &[usize]) -> Outcome {
        let folder = tempfile::tempdir().unwrap();
        let undisturbed = folder.path().join("undisturbed");
        assert!(self.start(&undisturbed, 0).wait().unwrap().success());
        let expected = outcome(&undisturbed);
        for &workers in workers {
            let run = folder.path().join(format!("killed-{workers}"));
            for _ in 0..3 {
                let mut child = self.start(&run, workers);
                kill_at_random(&run, &mut child);
            }
            assert!(self.start(&run, workers).wait().unwrap().success());
            assert_same(&run, &expected);
        }
        expected
    }
}
