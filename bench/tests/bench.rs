//! `tinderbox-bench` on the smallest workloads: which measurements it makes and how it reports them,
//! never how fast they are.
#![allow(clippy::unwrap_used)]

use std::fs;

use assert_cmd::Command;
use serde_json::Value;

/// The fewest possible steps.
const FEW: [&str; 6] = ["--rounds", "2", "--steps", "1", "--run-steps", "0"];

fn json(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_tinderbox-bench"))
        .args(arguments)
        .args(FEW)
        .arg("--json")
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn both_kinds_of_step_are_measured_with_and_without_kernels() {
    let report = json(&["article-cnn", "--batch-size", "2", "--plain"]);
    let steps = report["steps"].as_array().unwrap();
    let names: Vec<_> = steps
        .iter()
        .map(|row| [&row["workload"], &row["kind"]].map(|name| name.as_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [
            ["matmul", "infer"],
            ["article-cnn", "train"],
            ["article-cnn", "infer"]
        ]
    );
    for row in steps {
        assert!(row["peak_gflops"].as_f64().unwrap() > 0.0);
        assert!(row["peer"].is_null() && row["ratio_to_peer"].is_null());
        for side in ["ours", "plain"] {
            let side = &row[side];
            assert_eq!(side["steps"], 2);
            for number in ["milliseconds", "items_per_second", "gflops", "peak_mb"] {
                assert!(side[number].as_f64().unwrap() > 0.0, "{number} in {row}");
            }
        }
    }
    assert_eq!(steps[1]["batch"], 2);
}

#[test]
fn a_peer_is_driven_like_our_own_process() {
    // This program speaks the same protocol; a shell script reorders the arguments.
    let program = assert_cmd::cargo::cargo_bin("tinderbox-bench");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("peer.sh");
    let text = format!(
        "exec '{}' \"$2\" --serve \"$4\" --batch-size \"$6\" --size \"$8\"\n",
        program.display()
    );
    fs::write(&script, text).unwrap();
    let peer = format!("sh {}", script.display());
    let report = json(&[
        "article-cnn",
        "--batch-size",
        "2",
        "--kind",
        "infer",
        "--peer",
        &peer,
    ]);
    let row = &report["steps"][1];
    assert_eq!(row["peer"]["steps"], 2);
    assert!(row["ratio_to_peer"].as_f64().unwrap() > 0.0);
}

#[test]
fn images_are_drawn_and_loaded_from_both_formats() {
    let report = json(&[
        "load-folder",
        "load-shards",
        "--batch-size",
        "4",
        "--size",
        "32",
    ]);
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    for row in steps {
        assert_eq!((&row["kind"], &row["threads"]), (&"load".into(), &1.into()));
        assert!(row["ours"]["gflops"].is_null());
        assert_eq!(row["items_per_step"], 4);
    }
}

#[test]
fn the_result_replaces_its_section() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("RESULTS.md");
    fs::write(&path, "# Ours\n").unwrap();
    let measure = || {
        Command::new(env!("CARGO_BIN_EXE_tinderbox-bench"))
            .args(["article-cnn", "--kind", "infer", "--batch-size", "2"])
            .args(FEW)
            .arg("--markdown")
            .arg(&path)
            .assert()
            .success();
        fs::read_to_string(&path).unwrap()
    };
    measure();
    let text = measure();
    assert!(text.starts_with("# Ours\n"), "{text}");
    assert_eq!(text.matches("begin: results").count(), 1, "{text}");
    assert_eq!(
        text.matches("| article-cnn | inference |").count(),
        1,
        "{text}"
    );
}

#[test]
fn a_failing_peer_is_reported_and_fails_its_measurement() {
    let output = Command::new(env!("CARGO_BIN_EXE_tinderbox-bench"))
        .args(["article-cnn", "--kind", "infer", "--peer", "false"])
        .args(FEW)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("the peer"), "{error}");
}

#[test]
fn the_list_has_all_workloads() {
    let output = Command::new(env!("CARGO_BIN_EXE_tinderbox-bench"))
        .args(["--list"])
        .output()
        .unwrap();
    let list = String::from_utf8(output.stdout).unwrap();
    for name in [
        "article-cnn",
        "resnet18",
        "lstm-2x650",
        "bert-small",
        "generation",
        "load-shards",
    ] {
        assert!(list.contains(name), "{list}");
    }
}
