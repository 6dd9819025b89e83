//! The example: a run that stops and resumes ends byte for byte where an undisturbed one does.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, unused_imports)]
#[path = "../examples/own_model.rs"]
mod own_model;

use std::fs;
use std::path::Path;

use tinderbox_train::recipe::TrainRecipe;

/// Trains for this many optimizer steps, from the newest checkpoint in `run`.
fn train(run: &Path, steps: u64) {
    let options = TrainRecipe::default().with_max_steps(Some(steps));
    let run = run.to_str().unwrap();
    own_model::train(run, &options.with_best_metric("loss")).unwrap();
}

#[test]
fn the_example_resumes_exactly() {
    let folder = tempfile::tempdir().unwrap();
    let [undisturbed, resumed] = ["undisturbed", "resumed"].map(|name| folder.path().join(name));
    train(&undisturbed, 21);
    for steps in [5, 13, 21] {
        train(&resumed, steps);
    }
    for file in ["model.safetensors", "optimizer.safetensors"] {
        let read = |run: &Path| fs::read(run.join("checkpoints/step-00000021").join(file)).unwrap();
        assert!(read(&undisturbed) == read(&resumed), "{file}");
    }
}
