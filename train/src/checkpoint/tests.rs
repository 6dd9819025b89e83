use super::*;

fn files(text: &str) -> Files {
    let one = |name: &str| (name.to_string(), text.as_bytes().to_vec());
    Files::from([one("model.safetensors"), one("state.json")])
}

fn checkpoints() -> (tempfile::TempDir, Checkpoints) {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = Checkpoints::new(folder.path().join("checkpoints"));
    (folder, checkpoints)
}

#[test]
fn a_saved_checkpoint_is_loaded() {
    let (_folder, checkpoints) = checkpoints();
    assert!(checkpoints.steps().unwrap().is_empty());
    checkpoints.save(7, &files("a")).unwrap();
    checkpoints.save(12, &files("b")).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [7, 12]);
    assert_eq!(checkpoints.load(12).unwrap(), files("b"));
}

#[test]
fn a_flipped_bit_is_found_in_every_file() {
    for name in ["model.safetensors", "state.json", SUMS] {
        let (_folder, checkpoints) = checkpoints();
        checkpoints.save(5, &files("x")).unwrap();
        checkpoints.save(7, &files("some content")).unwrap();
        let path = checkpoints.path(7).join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = checkpoints.load(7).unwrap_err().to_string();
        assert!(
            error.contains("is corrupt") && error.contains("--resume=5"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_file_is_found() {
    let (_folder, checkpoints) = checkpoints();
    checkpoints.save(7, &files("a")).unwrap();
    fs::remove_file(checkpoints.path(7).join("state.json")).unwrap();
    let error = checkpoints.load(7).unwrap_err().to_string();
    assert!(error.contains("state.json"), "{error}");
}

#[test]
fn leftovers_are_not_checkpoints_and_are_removed() {
    let (_folder, checkpoints) = checkpoints();
    checkpoints.save(7, &files("a")).unwrap();
    let left = checkpoints.folder.join(".partial-step-00000009");
    fs::create_dir(&left).unwrap();
    fs::create_dir(checkpoints.folder.join("step-8")).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [7]);
    checkpoints.clean().unwrap();
    assert!(!left.exists());
}

#[test]
fn a_checksum_of_a_file_elsewhere_is_refused() {
    let (folder, checkpoints) = checkpoints();
    checkpoints.save(7, &files("a")).unwrap();
    let outside = folder.path().join("secret");
    fs::write(&outside, "b").unwrap();
    let sums = checkpoints.path(7).join(SUMS);
    let absolute = outside.display().to_string();
    for name in [
        "../../secret",
        "x/../state.json",
        "./state.json",
        "..",
        "",
        &absolute,
    ] {
        fs::write(&sums, format!("{}  {name}\n", sha256(b"b"))).unwrap();
        let error = checkpoints.load(7).unwrap_err().to_string();
        let words = "is not the name of a file in this folder";
        assert!(error.contains(SUMS) && error.contains(words), "{error}");
    }
}

/// A kill between the renaming of a checkpoint and the pointers to it; after one, between the
/// pointers and the removal of old checkpoints.
#[test]
fn settling_completes_what_a_killed_process_had_left_to_do() {
    let (_folder, checkpoints) = checkpoints();
    let pointer = |name: &str| fs::read_to_string(checkpoints.folder.join(name)).ok();
    for step in 1..=4 {
        checkpoints.save(step, &files("a")).unwrap();
    }
    fs::write(checkpoints.folder.join(LATEST), name(3)).unwrap();
    fs::write(checkpoints.folder.join(BEST), name(1)).unwrap();
    fs::write(checkpoints.folder.join(".tmp-x"), "step-0").unwrap();
    checkpoints.settle(2, Some(4)).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [3, 4]);
    assert_eq!(pointer(LATEST), Some(name(4)));
    assert_eq!(pointer(BEST), Some(name(4)));
    assert!(!checkpoints.folder.join(".tmp-x").exists());
    // The best one was removed before the run went back to an earlier checkpoint.
    checkpoints.settle(2, Some(1)).unwrap();
    assert_eq!(pointer(BEST), None);
}

#[test]
fn pruning_keeps_the_newest_and_the_best() {
    let (_folder, checkpoints) = checkpoints();
    for step in 1..=6 {
        checkpoints.save(step, &files("a")).unwrap();
    }
    checkpoints.prune(2, Some(3)).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [3, 5, 6]);
    checkpoints.remove_after(5).unwrap();
    assert_eq!(checkpoints.steps().unwrap(), [3, 5]);
}
