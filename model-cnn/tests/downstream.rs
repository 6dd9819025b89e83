//! Another project, which depends on this crate by path and on no other part of the workspace, builds and runs.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

#[test]
fn another_project_can_use_the_crate() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/downstream");
    // Its build is kept between runs. The crates it needs are those of this workspace, so no network is used.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("downstream");
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--offline", "--locked", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "logits [2, 7]\n");
}
