//! A separate project that depends on this crate by path trains, predicts and generates.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn another_project_can_train_predict_and_generate() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/downstream-train");
    // The target folder is kept between runs. Its dependencies are those of this workspace, so no
    // network is needed.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("downstream-train");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--locked", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "steps 2\nclasses 10\nsteps 2\ngenerated true\n"
    );
}
