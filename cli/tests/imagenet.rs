//! ImageNet and Tiny-ImageNet through the command, whole and in parts.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{assert_one_line_error, image, tinderbox};
use tempfile::TempDir;
use tinderbox_data::image::write_png;

const TENCH: &str = "n01440764";
const CHURCH: &str = "n03028079";
const CRANES: [&str; 2] = ["n02012849", "n03126707"];

struct Disk(TempDir);

impl Disk {
    /// Four classes with four images each, in ImageNet's layout; validation images flat, with Kaggle's lists.
    fn imagenet() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let mut rows = "ImageId,PredictionString\n".to_owned();
        let classes = [TENCH, CRANES[0], CHURCH, CRANES[1]]
            .into_iter()
            .zip(0_u8..);
        for (number, (wnid, class)) in (0..4).flat_map(|n| classes.clone().map(move |c| (n, c))) {
            let picture = image(30 + number, 26, [class * 60, 200 - class * 60, 90]);
            disk.put(&format!("train/{wnid}/{wnid}_{number}.JPEG"), &picture);
            let id = format!("ILSVRC2012_val_{:08}", number * 4 + usize::from(class) + 1);
            disk.put(&format!("val/{id}.JPEG"), &picture);
            rows += &format!("{id},{wnid} 1 1 20 20 \n");
        }
        fs::write(disk.data().join("LOC_val_solution.csv"), rows).unwrap();
        let names = format!("{TENCH} tench, Tinca tinca\n{CHURCH} church, church building\n");
        let cranes = CRANES.map(|wnid| format!("{wnid} crane\n")).concat();
        fs::write(disk.data().join("LOC_synset_mapping.txt"), names + &cranes).unwrap();
        disk
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn run(&self) -> PathBuf {
        self.0.path().join("run")
    }

    fn put(&self, path: &str, picture: &tinderbox_data::image::Image) {
        let path = self.data().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // The format follows from the content: one of ImageNet's own .JPEG files is PNG.
        write_png(&path, picture).unwrap();
    }

    /// The command with its own cache folder.
    fn tinderbox(&self) -> Command {
        let mut command = tinderbox();
        command.env("XDG_CACHE_HOME", self.0.path().join("cache"));
        command.env("HOME", self.0.path());
        command
    }

    /// `tinderbox VERB... cnn-folder` on these data, with these overrides.
    fn recipe(&self, verb: &[&str], sets: &[&str]) -> Command {
        let mut command = self.tinderbox();
        command
            .args(verb)
            .args(["cnn-folder", "--data"])
            .arg(self.data());
        let sets = sets.iter().chain(&["train.epochs=1", "train.batch_size=4"]);
        for set in ["data.source=imagenet"].iter().chain(sets) {
            command.args(["--set", set]);
        }
        command
    }

    fn train(&self, sets: &[&str]) -> Command {
        let mut command = self.recipe(&["train"], sets);
        command.args(["--ui", "plain", "--run-dir"]).arg(self.run());
        command
    }

    fn info(&self, sets: &[&str]) -> serde_json::Value {
        let output = self
            .recipe(&["data", "info"], sets)
            .arg("--json")
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
    }
}

fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_dry_run_succeeds_and_leaves_nothing() {
    let disk = Disk::imagenet();
    let shown = stdout(disk.train(&[]).arg("--dry-run"));
    assert!(
        shown.contains("dry run: two steps and an evaluation succeeded"),
        "{shown}"
    );
    assert!(!disk.run().exists());
}

#[test]
fn classes_are_called_by_name_from_info_to_predict() {
    let disk = Disk::imagenet();
    let names = ["tench", "crane (n02012849)", "church", "crane (n03126707)"];
    let info = disk.info(&[]);
    assert_eq!(info["classes"], serde_json::json!(names));
    assert_eq!(info["train"], serde_json::json!([4, 4, 4, 4]));
    assert_eq!(info["validation"], info["train"]);
    disk.train(&[]).assert().success();
    let picture = disk.data().join("val/ILSVRC2012_val_00000001.JPEG");
    let shown = stdout(disk.tinderbox().arg("predict").arg(disk.run()).arg(picture));
    assert!(names.iter().all(|name| shown.contains(name)), "{shown}");
    disk.tinderbox()
        .arg("eval")
        .arg(disk.run())
        .assert()
        .success();
    // Without the names, the same folders are other classes to the run.
    fs::remove_file(disk.data().join("LOC_synset_mapping.txt")).unwrap();
    let words = ["other classes", "class 0 is `n01440764`, not `tench`"];
    assert_one_line_error(disk.tinderbox().arg("eval").arg(disk.run()), 1, &words);
}

#[test]
fn tiny_imagenet() {
    let disk = Disk(tempfile::tempdir().unwrap());
    let mut lines = String::new();
    for (wnid, class) in [TENCH, CHURCH].into_iter().zip(0_u8..) {
        for number in 0..3 {
            let picture = image(64, 64, [class * 200, 90, 90]);
            disk.put(
                &format!("train/{wnid}/images/{wnid}_{number}.JPEG"),
                &picture,
            );
            let name = format!("val_{}.JPEG", number * 2 + class);
            disk.put(&format!("val/images/{name}"), &picture);
            lines += &format!("{name}\t{wnid}\t0\t0\t63\t63\n");
        }
    }
    fs::write(disk.data().join("val/val_annotations.txt"), lines).unwrap();
    fs::write(
        disk.data().join("words.txt"),
        format!("{TENCH}\ttench, Tinca tinca\n"),
    )
    .unwrap();
    let info = disk.info(&["data.source=tiny_imagenet"]);
    assert_eq!(info["classes"], serde_json::json!(["tench", CHURCH]));
    assert_eq!(info["validation"], serde_json::json!([3, 3]));
    stdout(disk.train(&["data.source=tiny_imagenet"]).arg("--dry-run"));
}

#[test]
fn parts_have_the_same_classes_in_both_splits() {
    let disk = Disk::imagenet();
    let counts = |sets: &[&str]| {
        let info = disk.info(sets);
        assert_eq!(
            info["classes"].as_array().unwrap().len(),
            info["train"].as_array().unwrap().len()
        );
        (info["train"].clone(), info["validation"].clone())
    };
    let json = |counts: &[usize]| serde_json::json!(counts);
    assert_eq!(counts(&["data.classes=3"]), (json(&[4; 3]), json(&[4; 3])));
    assert_eq!(
        counts(&["data.fraction=0.5"]),
        (json(&[2; 4]), json(&[2; 4]))
    );
    let sets = [
        "data.classes=2",
        "data.fraction=0.01",
        "data.val_fraction=1.0",
    ];
    assert_eq!(counts(&sets), (json(&[1; 2]), json(&[4; 2])));
    // A recipe with parts is recorded like any other and read again by `eval`.
    disk.train(&sets).assert().success();
    disk.tinderbox()
        .arg("eval")
        .arg(disk.run())
        .assert()
        .success();
    assert_one_line_error(
        &mut disk.train(&["data.classes=5"]),
        1,
        &["data.classes: 5 are asked for, the data have 4"],
    );
    let sets = ["data.classes=0", "data.fraction=0", "data.val_fraction=1.5"];
    let words = [
        "data.classes must be at least 1",
        "data.fraction must be above 0",
        "data.val_fraction must be",
    ];
    assert_one_line_error(&mut disk.train(&sets), 2, &words);
}

#[test]
fn the_list_of_files_is_kept_in_the_cache_folder() {
    let disk = Disk::imagenet();
    let an_hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let class = |wnid: &str| disk.data().join("train").join(wnid);
    for folder in ["", TENCH, CRANES[0], CHURCH, CRANES[1]].map(class) {
        fs::File::open(folder)
            .unwrap()
            .set_modified(an_hour_ago)
            .unwrap();
    }
    let first = disk.info(&[]);
    let kept: Vec<PathBuf> = files(disk.0.path(), "lists");
    assert_eq!(
        kept.len(),
        1,
        "only the training images have not changed for some time: {kept:?}"
    );
    assert_eq!(disk.info(&[]), first);
}

/// The files in all folders called `name` under `root`.
fn files(root: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if root.ends_with(name) {
            found.push(path);
        }
    }
    found
}

#[test]
fn missing_files_are_named_in_one_line() {
    let disk = Disk::imagenet();
    fs::remove_file(disk.data().join("LOC_val_solution.csv")).unwrap();
    let words = [
        "its images are not in class folders",
        "LOC_val_solution.csv",
        "meta.mat",
    ];
    assert_one_line_error(&mut disk.train(&[]), 1, &words);
    fs::remove_dir_all(disk.data().join("train")).unwrap();
    let words = [
        "has no folder train",
        "ILSVRC2012_img_train.tar",
        "found LOC_synset_mapping.txt, val",
    ];
    assert_one_line_error(&mut disk.train(&[]), 1, &words);
    let mut command = disk.tinderbox();
    command.args(["train", "cnn", "--set", "data.source=imagenet"]);
    assert_one_line_error(&mut command, 2, &["data.path must be given"]);
    assert!(!disk.run().exists());
}
