//! Class folders with more in them than images.

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tinderbox_data::image::{Image, ImageDataset, ImageFolder, ImageNet, write_png};
use tinderbox_data::{DataError, Split};

/// A folder with these files, all of them the same picture.
fn folder(files: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in files {
        put(dir.path(), file);
    }
    dir
}

fn put(root: &Path, file: &str) {
    let image = Image {
        width: 2,
        height: 1,
        channels: 1,
        pixels: vec![7, 9],
    };
    fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
    write_png(&root.join(file), &image).unwrap();
}

fn counts(dir: &TempDir, split: Split) -> Vec<usize> {
    ImageDataset::Folder(ImageFolder::open(dir.path(), split).unwrap()).class_counts()
}

#[test]
fn hidden_pictures_are_passed_over_and_counted_at_any_depth() {
    let dir = folder(&[
        "train/cat/a.png",
        "train/cat/.ipynb_checkpoints/a-checkpoint.png",
        "train/cat/deep/.thumbnails/deeper/a.png",
        "train/cat/@eaDir/a.png/thumb.JPG",
        "train/cat/._a.png",
        "train/cat/notes.txt",
        "train/.cache/x.png",
        "train/__MACOSX/dog/._b.png",
        "train/dog/b.PNG",
        "train/dog/b.Npy",
        "train/stray.png",
    ]);
    let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
    assert_eq!(train.classes(), ["cat", "dog"]);
    assert_eq!(counts(&dir, Split::Train), [1, 1]);
    assert_eq!(
        train.passed_over().to_string(),
        "7 files: 4 hidden, 1 .npy, 1 .txt, 1 beside the class folders"
    );
    assert_eq!(train.passed_over().counts()["hidden"], 4);
}

#[test]
fn a_class_may_be_empty_outside_of_the_training_images() {
    let dir = folder(&[
        "train/cat/a.png",
        "train/cow/a.png",
        "val/cat/b.png",
        "test/cow/c.png",
    ]);
    for empty in ["val/cow", "val/emu", "test/emu/deep", "test/cat"] {
        fs::create_dir_all(dir.path().join(empty)).unwrap();
    }
    assert_eq!(counts(&dir, Split::Validation), [1, 0]);
    assert_eq!(counts(&dir, Split::Test), [0, 1]);
    fs::write(dir.path().join("val/emu/notes.txt"), "").unwrap();
    assert_eq!(counts(&dir, Split::Validation), [1, 0]);

    let error = |split| {
        ImageFolder::open(dir.path(), split)
            .unwrap_err()
            .to_string()
    };
    put(dir.path(), "val/emu/e.png");
    let message = error(Split::Validation);
    assert!(
        message.contains("val/emu: has images, and there is no such class"),
        "{message}"
    );
    fs::create_dir(dir.path().join("train/emu")).unwrap();
    fs::write(dir.path().join("train/emu/e.xcf"), "").unwrap();
    let message = error(Split::Train);
    assert!(
        message.contains("train/emu: has no image (.jpg, .jpeg"),
        "{message}"
    );
    assert!(message.ends_with("among 1 file: 1 .xcf"), "{message}");
}

#[test]
fn an_imagenet_class_may_be_empty_in_the_validation_images() {
    let dir = folder(&[
        "train/n00000001/a.JPEG",
        "train/n00000002/a.JPEG",
        "train/n00000002/.ipynb_checkpoints/a.JPEG",
        "val/n00000002/b.JPEG",
    ]);
    fs::create_dir_all(dir.path().join("val/n00000001")).unwrap();
    fs::create_dir_all(dir.path().join("val/n00000009")).unwrap();
    let open = |split| ImageNet::open(dir.path(), split, None);
    let train = open(Split::Train).unwrap();
    assert_eq!(train.len(), 2);
    assert_eq!(train.passed_over().to_string(), "1 file: 1 hidden");
    let validation = ImageDataset::ImageNet(open(Split::Validation).unwrap());
    assert_eq!(validation.class_counts(), [0, 1]);
    put(dir.path(), "val/n00000009/c.JPEG");
    let error = open(Split::Validation).unwrap_err().to_string();
    assert!(
        error.contains("n00000009: this class is not one of"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn a_dangling_link_is_an_image_that_cannot_be_read_if_it_has_an_images_name() {
    use std::os::unix::fs::symlink;
    let dir = folder(&["train/cat/a.png", "train/dog/a.png"]);
    let link = |target: &str, place: &str| symlink(target, dir.path().join(place)).unwrap();
    link("nowhere.jpg", "train/cat/zz.jpg");
    link("itself.PNG", "train/cat/itself.PNG");
    link("nowhere.txt", "train/cat/notes.txt");
    link("nowhere", "train/cow");
    link("nowhere.jpg", "train/cat/.hidden.jpg");
    link(".", "train/cat/loop");
    link("../..", "train/cat/above");
    link("..", "train/everything");
    let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
    assert_eq!(train.classes(), ["cat", "dog"]);
    assert_eq!(counts(&dir, Split::Train), [3, 1]);
    assert_eq!(train.passed_over().to_string(), "2 files: 2 dangling");
    let error = |index: usize| -> DataError { train.image(index).unwrap_err() };
    let message = error(2).to_string();
    assert!(
        message.contains("zz.jpg: is a link to nowhere.jpg, which cannot be read"),
        "{message}"
    );
    assert!(error(1).to_string().contains("itself.PNG"));
    assert_eq!(train.image(0).unwrap().pixels, [7, 9]);
}

#[test]
fn class_folders_without_parts_are_training_images() {
    let dir = folder(&["cat/a.png", "cat/b.png", "dog/a.png"]);
    let images = ImageFolder::open_classes(dir.path()).unwrap();
    assert_eq!((images.classes().len(), images.len()), (2, 3));
    assert!(!ImageFolder::has_validation(dir.path()));
    put(dir.path(), "Val/cat/a.png");
    let error = ImageFolder::open_classes(dir.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Val: is named like a part of a data set"),
        "{error}"
    );
}
