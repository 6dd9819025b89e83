//! A resumed run compares its images and classes with those that it was trained on.

use std::fs;
use std::path::Path;

use super::common::{cifar10, class_folder, image};
use super::{assert_refused, folders, resume, resume_from, shown, snapshot, train};
use tinderbox_data::image::write_png;

const TINY_CNN: &[&str] = &[
    "model.channels=[4, 8]",
    "model.hidden=8",
    "train.batch_size=4",
    "data.train_transforms=[{ random_resized_crop = { size = 24 } }]",
    "data.val_transforms=[{ resize = { size = 24 } }, { center_crop = { size = 24 } }]",
];

fn train_folder(data: &Path, run: &Path, more: &[&str]) {
    class_folder(data);
    shown(train("cnn-folder", data, run, &[TINY_CNN, more].concat()));
}

/// Adds `count` images to the class `blue` of the training split.
fn add_images(data: &Path, count: usize) {
    for number in 0..count {
        let path = data.join(format!("train/blue/new{number}.png"));
        write_png(&path, &image(30, 28, [30, 40, 190])).unwrap();
    }
}

fn assert_steps(shown: &str, steps: u64) {
    let words = format!("finished after {steps} steps");
    assert!(shown.contains(&words), "no {words:?} in {shown}");
}

#[test]
fn renamed_classes_are_refused() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("red"), data.join(split).join("ant")).unwrap();
    }
    let words = ["other classes", "class 0 is `ant`, not `blue`"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=2"]),
        &run,
        &words,
    );
    // A class more, behind the others.
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("ant"), data.join(split).join("red")).unwrap();
        let (red, more) = (data.join(split).join("red"), data.join(split).join("white"));
        fs::create_dir(&more).unwrap();
        fs::copy(red.join("0.png"), more.join("0.png")).unwrap();
    }
    let words = ["the data have 3 classes, the model was trained on 2"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=2"]),
        &run,
        &words,
    );
}

/// Two epochs of 2 batches, then one of 3.
#[test]
fn added_images_are_told_and_epochs_keep_their_meaning() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=2"]);
    add_images(&data, 4);
    let text = shown(resume("cnn-folder", &run, &["train.epochs=3"]));
    let note = "note: the data have changed: 12 training images instead of 8\n";
    assert!(text.contains(note), "{text}");
    assert_steps(&text, 2 * 2 + 3);
    let text = shown(resume("cnn-folder", &run, &["train.epochs=4"]));
    assert!(!text.contains("have changed"), "{text}");
    assert_steps(&text, 2 * 2 + 3 + 3);
}

/// The first epoch goes on where it was, to its new end.
#[test]
fn an_epoch_that_became_longer_or_shorter_goes_on_where_it_was() {
    let (_folder, data, run) = folders();
    let settings = [
        "train.epochs=1",
        "train.checkpoint_every=1",
        "train.keep_last=9",
    ];
    train_folder(&data, &run, &settings);
    add_images(&data, 8);
    let from = |from: &str| shown(resume_from(from, "cnn-folder", &run, &["train.epochs=2"]));
    // One step of the first epoch is taken: 3 are left of it, and 4 of the second.
    assert_steps(&from("--resume=1"), 1 + 3 + 4);
    for number in 0..8 {
        fs::remove_file(data.join(format!("train/blue/new{number}.png"))).unwrap();
    }
    // Three steps are taken of an epoch that has 2 by now: it is over.
    let text = from("--resume=3");
    assert!(text.contains("8 training images instead of 16"), "{text}");
    assert_steps(&text, 3 + 2);
}

/// A run that had 16 images all the time has the same learning rates in its last epoch.
#[test]
fn the_schedule_keeps_its_place_in_the_epochs() {
    let (folder, data, run) = folders();
    let settings = [
        "train.log_every=1",
        "schedule.name=cosine",
        "schedule.warmup_epochs=1",
    ];
    train_folder(&data, &run, &[&settings[..], &["train.epochs=2"]].concat());
    add_images(&data, 8);
    shown(resume("cnn-folder", &run, &["train.epochs=3"]));
    let other = folder.path().join("other");
    let settings = [TINY_CNN, &settings, &["train.epochs=3"]].concat();
    shown(train("cnn-folder", &data, &other, &settings));
    let rates = |run: &Path| {
        let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let json = records
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let of_epoch = json.filter(|record: &serde_json::Value| {
            record["split"] == "train" && record["epoch"] == 3
        });
        of_epoch
            .map(|record| record["values"]["learning_rate"].as_f64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(rates(&run).len(), 4);
    assert_eq!(rates(&run), rates(&other));
}

#[test]
fn replaced_images_are_told() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let path = data.join("train/red/2.png");
    write_png(&path, &image(90, 70, [210, 40, 10])).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    let note = "the data have changed: 8 training images as before, but not the same ones";
    assert!(text.contains(note), "{text}");
    // The same size, other pixels.
    let mut bytes = fs::read(&path).unwrap();
    bytes[60] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(text.contains(note), "{text}");
}

/// Neither the place of the data nor their times are part of what is compared.
#[test]
fn moved_data_are_the_same_data() {
    let (folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let record = fs::read(run.join("data.json")).unwrap();
    let elsewhere = folder.path().join("else where's");
    fs::create_dir(&elsewhere).unwrap();
    for (path, bytes) in snapshot(&data).into_iter().rev() {
        let copy = elsewhere.join(path.strip_prefix(&data).unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::write(copy, bytes).unwrap();
    }
    fs::remove_dir_all(&data).unwrap();
    let mut command = resume("cnn-folder", &run, &["train.epochs=2"]);
    command.arg("--data").arg(&elsewhere);
    let text = shown(command);
    assert!(!text.contains("note"), "{text}");
    assert!(fs::read(run.join("data.json")).unwrap() == record);
}

#[test]
fn a_run_of_an_earlier_version_records_its_data_when_it_resumes() {
    let (_folder, data, run) = folders();
    train_folder(&data, &run, &["train.epochs=1"]);
    let record = fs::read(run.join("data.json")).unwrap();
    fs::remove_file(run.join("data.json")).unwrap();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(!text.contains("have changed"), "{text}");
    assert!(fs::read(run.join("data.json")).unwrap() == record);
    fs::write(run.join("data.json"), "{\"version\": 1, \"training\": 3}").unwrap();
    let words = ["data.json: training: invalid type"];
    assert_refused(resume("cnn-folder", &run, &[]), &run, &words);
}

#[test]
fn images_in_memory_are_compared_by_their_pixels() {
    let (_folder, data, run) = folders();
    cifar10(&data, 20);
    let settings = [
        "model.channels=[4, 8]",
        "model.hidden=8",
        "train.batch_size=50",
        "train.epochs=1",
        "schedule.warmup_epochs=0",
    ];
    shown(train("cnn-cifar10", &data, &run, &settings));
    let path = data.join("data_batch_3.bin");
    let mut bytes = fs::read(&path).unwrap();
    bytes[5000] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = shown(resume("cnn-cifar10", &run, &["train.epochs=2"]));
    let note = "the data have changed: 100 training images as before, but not the same ones\n";
    assert!(text.contains(note), "{text}");
    // Other names of the classes.
    let classes = "plane\nauto\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n";
    fs::write(data.join("batches.meta.txt"), classes).unwrap();
    let words = ["class 0 is `plane`, not `airplane`"];
    assert_refused(
        resume("cnn-cifar10", &run, &["train.epochs=3"]),
        &run,
        &words,
    );
}

#[test]
fn shards_with_other_images_or_classes_are_noticed() {
    let (folder, data, run) = folders();
    class_folder(&data);
    let shards = folder.path().join("shards");
    let convert = || {
        let _ = fs::remove_dir_all(&shards);
        let mut command = super::tinderbox();
        command
            .args(["data", "shards", "cnn-folder", "--data"])
            .arg(&data);
        command.arg("--output").arg(&shards);
        shown(command);
    };
    convert();
    let settings = [TINY_CNN, &["data.source=shards", "train.epochs=1"]].concat();
    shown(train("cnn-folder", &shards, &run, &settings));
    add_images(&data, 4);
    convert();
    let text = shown(resume("cnn-folder", &run, &["train.epochs=2"]));
    assert!(text.contains("12 training images instead of 8"), "{text}");
    assert_steps(&text, 2 + 3);
    for split in ["train", "val"] {
        fs::rename(data.join(split).join("red"), data.join(split).join("zebra")).unwrap();
    }
    convert();
    let words = ["class 1 is `zebra`, not `red`"];
    assert_refused(
        resume("cnn-folder", &run, &["train.epochs=3"]),
        &run,
        &words,
    );
}

/// Generated data are a function of the recipe.
#[test]
fn generated_data_do_not_change() {
    let (_folder, _, run) = folders();
    shown(super::common::train_tiny(&run, &["train.epochs=1"]));
    let text = shown(super::common::resume(&run, "--resume", &["train.epochs=2"]));
    assert!(!text.contains("have changed"), "{text}");
    assert!(run.join("data.json").is_file());
}
