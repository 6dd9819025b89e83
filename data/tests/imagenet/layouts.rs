//! Every layout gives the same images with the same classes.

use crate::disk::{self, CASSETTE_PLAYER, PARACHUTE, Picture, TENCH, put, train, validation};
use proptest::prelude::*;
use std::path::Path;
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::ImageNet;

#[track_caller]
fn assert_complete(root: &Path) {
    for (split, pictures) in [(Split::Train, train()), (Split::Validation, validation())] {
        let dataset = disk::open(root, split);
        assert_eq!(dataset.wnids(), [TENCH, CASSETTE_PLAYER, PARACHUTE]);
        assert_eq!(disk::seen(&dataset), disk::expected(&pictures));
    }
}

/// One line per validation image.
fn lines(line: impl Fn(&Picture) -> String) -> String {
    validation().iter().map(line).collect()
}

fn position(picture: &Picture) -> usize {
    let wnids = [TENCH, CASSETTE_PLAYER, PARACHUTE];
    wnids.iter().position(|wnid| *wnid == picture.wnid).unwrap()
}

/// `LOC_val_solution.csv`, not in the order of the images.
fn kaggle_list() -> String {
    let mut rows: Vec<String> = validation()
        .iter()
        .map(|p| {
            format!(
                "{},{} 85 1 499 272 {} 1 2 3 4 \r\n",
                p.name.replace(".JPEG", ""),
                p.wnid,
                p.wnid
            )
        })
        .collect();
    rows.reverse();
    format!("ImageId,PredictionString\r\n{}", rows.concat())
}

#[test]
fn class_folders() {
    let dir = disk::with_train();
    disk::class_folders(&dir.path().join("val"), &validation());
    assert_complete(dir.path());
    // Other files are ignored.
    put(&dir.path().join("train").join(TENCH).join("notes.txt"), "");
    put(&dir.path().join("train/README"), "");
    put(&dir.path().join("val/.DS_Store"), "");
    assert_complete(dir.path());
}

#[test]
fn extensions_are_case_insensitive() {
    let dir = tempfile::tempdir().unwrap();
    for (name, shade) in [
        ("a.JPEG", 1),
        ("b.jpeg", 2),
        ("c.jpg", 3),
        ("d.JPG", 4),
        ("e.png", 5),
    ] {
        // The format is detected from the content.
        put(
            &dir.path().join("train").join(TENCH).join(name),
            disk::jpeg(shade),
        );
    }
    assert_eq!(disk::seen(&disk::open(dir.path(), Split::Train)).len(), 5);
}

#[test]
fn flat_validation_images_with_each_list() {
    let lists: [(&str, String); 8] = [
        ("LOC_val_solution.csv", kaggle_list()),
        (
            "imagenet_2012_validation_synset_labels.txt",
            lines(|p| format!("{}\n", p.wnid)),
        ),
        (
            "val.txt",
            lines(|p| format!("{} {}\n", p.name, position(p))),
        ),
        ("val.txt", lines(|p| format!("{}\t{}\r\n", p.name, p.wnid))),
        (
            "val/val.txt",
            lines(|p| format!("val/{} {}\n", p.name, position(p))),
        ),
        (
            "data/val.txt",
            lines(|p| format!("{} {}\n\n", p.name, position(p))),
        ),
        (
            "map_clsloc.txt",
            format!(
                "{CASSETTE_PLAYER} 1 cassette_player\n{TENCH} 2 tench\n{PARACHUTE} 3 parachute\n"
            ),
        ),
        (
            "synsets.txt",
            format!("{CASSETTE_PLAYER}\n{TENCH}\n{PARACHUTE}\n"),
        ),
    ];
    for (path, text) in lists {
        let dir = disk::with_flat_validation();
        put(&dir.path().join(path), text);
        if path == "map_clsloc.txt" || path == "synsets.txt" {
            let truth = disk::ground_truth(&validation());
            put(
                &dir.path().join("ILSVRC2012_validation_ground_truth.txt"),
                truth,
            );
        }
        assert_complete(dir.path());
    }
}

#[test]
fn the_devkit_is_read_unpacked_and_packed() {
    let pictures = validation();
    for place in ["", "data", "ILSVRC2012_devkit_t12/data", "devkit/data"] {
        let dir = disk::with_flat_validation();
        let place = dir.path().join(place);
        put(
            &place.join("ILSVRC2012_validation_ground_truth.txt"),
            disk::ground_truth(&pictures),
        );
        put(&place.join("meta.mat"), disk::META);
        assert_complete(dir.path());
    }
    let dir = disk::with_flat_validation();
    put(
        &dir.path().join("ILSVRC2012_devkit_t12.tar.gz"),
        disk::devkit_archive(&pictures),
    );
    assert_complete(dir.path());
    let names = ["tench", "cassette player", "café"];
    assert_eq!(disk::open(dir.path(), Split::Train).classes(), names);
}

#[test]
fn kaggles_folders_from_the_top_and_from_inside() {
    let dir = tempfile::tempdir().unwrap();
    let images = dir.path().join("ILSVRC/Data/CLS-LOC");
    disk::class_folders(&images.join("train"), &train());
    disk::flat(&images.join("val"), &validation());
    put(&dir.path().join("LOC_val_solution.csv"), kaggle_list());
    assert_complete(dir.path());
    assert_complete(&images);
}

/// The three archives from image-net.org.
fn archives() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    put(
        &at("ILSVRC2012_img_train.tar"),
        disk::train_archive(&train()),
    );
    put(
        &at("ILSVRC2012_img_val.tar"),
        disk::validation_archive(&validation()),
    );
    put(
        &at("ILSVRC2012_devkit_t12.tar.gz"),
        disk::devkit_archive(&validation()),
    );
    dir
}

#[test]
fn the_official_archives() {
    let dir = archives();
    assert_complete(dir.path());
    let name = disk::open(dir.path(), Split::Train).name(2);
    assert!(
        name.ends_with("ILSVRC2012_img_train.tar/n02979186/n02979186_3.JPEG"),
        "{name}"
    );
}

#[test]
fn threads_read_from_one_archive() {
    let dir = archives();
    let dataset = disk::open(dir.path(), Split::Train);
    let pixels: Vec<_> = (0..dataset.len())
        .map(|index| dataset.image(index).unwrap())
        .collect();
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (dataset, pixels) = (&dataset, &pixels);
            scope.spawn(move || {
                for index in (0..200).map(|step| (first + step * 5) % pixels.len()) {
                    assert_eq!(dataset.image(index).unwrap(), pixels[index]);
                }
            });
        }
    });
}

#[test]
fn validation_images_without_training_images() {
    let dir = tempfile::tempdir().unwrap();
    disk::class_folders(&dir.path().join("val"), &validation());
    let alone = disk::open(dir.path(), Split::Validation);
    assert_eq!(disk::seen(&alone), disk::expected(&validation()));

    let dir = tempfile::tempdir().unwrap();
    disk::flat(&dir.path().join("val"), &validation());
    put(
        &dir.path().join("ILSVRC2012_devkit_t12.tar.gz"),
        disk::devkit_archive(&validation()),
    );
    let alone = disk::open(dir.path(), Split::Validation);
    assert_eq!(alone.wnids(), [TENCH, CASSETTE_PLAYER, PARACHUTE]);
    assert_eq!(disk::seen(&alone), disk::expected(&validation()));
}

#[test]
fn class_names_come_from_a_list() {
    let lines = format!("{TENCH} tench, Tinca tinca\n{PARACHUTE} parachute, chute\n");
    let keras = format!(r#"{{"0": ["{TENCH}", "tench"], "2": ["{PARACHUTE}", "gas_pump"]}}"#);
    for (path, text, last) in [
        ("LOC_synset_mapping.txt", &lines, "parachute"),
        ("data/synset_words.txt", &lines, "parachute"),
        ("imagenet_class_index.json", &keras, "gas pump"),
    ] {
        let dir = disk::with_train();
        put(&dir.path().join(path), text);
        let dataset = disk::open(dir.path(), Split::Train);
        assert_eq!(dataset.classes(), ["tench", CASSETTE_PLAYER, last]);
    }
}

#[test]
fn tiny_imagenet() {
    let dir = disk::tiny();
    for (split, pictures) in [(Split::Train, train()), (Split::Validation, validation())] {
        let dataset = ImageNet::open_tiny(dir.path(), split, None).unwrap();
        assert_eq!(dataset.classes(), ["tench", CASSETTE_PLAYER, PARACHUTE]);
        assert_eq!(disk::seen(&dataset), disk::expected(&pictures));
    }
    // Its validation images are often sorted into class folders.
    let val = dir.path().join("val");
    std::fs::remove_dir_all(&val).unwrap();
    disk::class_folders(&val, &validation());
    let dataset = ImageNet::open_tiny(dir.path(), Split::Validation, None).unwrap();
    assert_eq!(disk::seen(&dataset), disk::expected(&validation()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The index of an archive equals the folder's, for any names in any classes.
    #[test]
    fn an_archive_equals_a_folder(
        files in proptest::collection::btree_map(
            (0usize..3, "[A-Za-z0-9_ é.-]{1,90}"), any::<u8>(), 1..12,
        ),
    ) {
        let wnid = |class: usize| [TENCH, CASSETTE_PLAYER, PARACHUTE][class];
        let picture = |((class, name), shade): (&(usize, String), &u8)| Picture {
            wnid: wnid(*class),
            name: format!("x{name}.JPEG"),
            jpeg: disk::jpeg(*shade),
        };
        let mut pictures: Vec<Picture> = files.iter().map(picture).collect();
        // The archive always has all three classes.
        pictures.extend((0..3).map(|class| Picture { wnid: wnid(class), name: "x.jpg".into(), jpeg: disk::jpeg(0) }));
        let (folder, archive) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        disk::class_folders(&folder.path().join("train"), &pictures);
        put(&archive.path().join("ILSVRC2012_img_train.tar"), disk::train_archive(&pictures));
        let (folder, archive) = (disk::open(folder.path(), Split::Train), disk::open(archive.path(), Split::Train));
        prop_assert_eq!(folder.len(), archive.len());
        for index in 0..folder.len() {
            let name = |dataset: &ImageNet| dataset.name(index).rsplit('/').next().map(str::to_owned);
            prop_assert_eq!(name(&folder), name(&archive));
            prop_assert_eq!(folder.label(index), archive.label(index));
            prop_assert_eq!(folder.file(index).unwrap(), archive.file(index).unwrap());
        }
    }
}
