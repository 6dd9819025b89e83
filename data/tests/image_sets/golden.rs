//! The images and classes that torchvision and webdataset find (golden/make_image_sets.py).

use base64::Engine;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs;
use std::io::Read;
use std::path::Path;
use tinderbox_data::Split;
use tinderbox_data::image::{Cifar, CifarSet, Shards};

fn fixture() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/image_sets.json"
    );
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn unpacked(text: &Value) -> Vec<u8> {
    let packed = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap());
    let mut bytes = Vec::new();
    GzDecoder::new(&packed.unwrap()[..])
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

#[cfg(unix)]
#[test]
fn class_folders_have_the_images_of_torchvision() {
    use std::collections::BTreeSet;
    use std::os::unix::fs::symlink;
    use tinderbox_data::image::ImageFolder;
    let strings = |value: &Value| -> Vec<String> {
        let values = value.as_array().unwrap().iter();
        values
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    for tree in fixture()["folders"].as_array().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        let train = dir.path().join("train");
        let outside = ["../store/s.jpg", "../store/more/t.png"].map(str::to_owned);
        for file in strings(&tree["files"]).iter().chain(&outside) {
            fs::create_dir_all(train.join(file).parent().unwrap()).unwrap();
            fs::write(train.join(file), "").unwrap();
        }
        for (link, target) in tree["links"].as_object().unwrap() {
            symlink(target.as_str().unwrap(), train.join(link)).unwrap();
        }
        let found = ImageFolder::open(dir.path(), Split::Train).unwrap();
        assert_eq!(found.classes(), strings(&tree["classes"]));
        let class = |index| found.classes()[found.label(index)].clone();
        let samples: BTreeSet<(String, String)> = (0..found.len())
            .map(|index| (found.relative_name(index), class(index)))
            .collect();
        let expected = tree["samples"].as_array().unwrap().iter().map(|sample| {
            let sample = strings(sample);
            (sample[0].clone(), sample[1].clone())
        });
        assert_eq!(samples, expected.collect());
        assert_eq!(samples.len(), found.len());
    }
}

/// Labels, sums of each channel, and the sixth pixel of every image.
fn contents(cifar: &Cifar) -> Value {
    let images = || (0..cifar.len()).map(|index| cifar.image(index));
    let sum = |pixels: &[u8], channel: usize| -> u64 {
        pixels
            .iter()
            .skip(channel)
            .step_by(3)
            .map(|&value| u64::from(value))
            .sum()
    };
    serde_json::json!({
        "labels": (0..cifar.len()).map(|index| cifar.label(index)).collect::<Vec<_>>(),
        "sums": images().map(|image| [0, 1, 2].map(|c| sum(&image.pixels, c))).collect::<Vec<_>>(),
        "sixth_pixels": images().map(|image| image.pixels[15..18].to_vec()).collect::<Vec<_>>(),
    })
}

#[test]
fn pickled_cifar_has_the_images_and_labels_of_torchvision() {
    for (name, case) in fixture()["cifar"].as_object().unwrap() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(case["folder"].as_str().unwrap());
        fs::create_dir(&folder).unwrap();
        for (file, content) in case["files"].as_object().unwrap() {
            fs::write(folder.join(file), unpacked(content)).unwrap();
        }
        let set = if name.starts_with("100") {
            CifarSet::Cifar100
        } else {
            CifarSet::Cifar10
        };
        // torchvision's data root, and the folder itself.
        for place in [root.path(), &folder] {
            for (split, key) in [(Split::Train, "train"), (Split::Test, "test")] {
                let cifar = Cifar::open(place, set, split).expect(name);
                assert_eq!(contents(&cifar), case[key], "{name}");
                assert_eq!(
                    serde_json::json!(cifar.classes()),
                    case["classes"],
                    "{name}"
                );
            }
        }
        if set == CifarSet::Cifar100 {
            let coarse = Cifar::open(&folder, CifarSet::Cifar100Coarse, Split::Train).unwrap();
            assert_eq!(coarse.classes()[19], "coarse 19");
            assert!((0..coarse.len()).all(|index| coarse.label(index) < 20));
        }
    }
}

#[test]
fn a_damaged_pickle_is_an_error_that_names_the_file() {
    let fixture = fixture();
    let files = fixture["cifar"]["10, protocol 4"]["files"]
        .as_object()
        .unwrap();
    let root = tempfile::tempdir().unwrap();
    for (file, content) in files {
        fs::write(root.path().join(file), unpacked(content)).unwrap();
    }
    let path = root.path().join("data_batch_3");
    let whole = fs::read(&path).unwrap();
    let error = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let error = Cifar::open(root.path(), CifarSet::Cifar10, Split::Train).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("data_batch_3"), "{error}");
        error
    };
    for length in (0..whole.len()).step_by(41) {
        error(&whole[..length]);
    }
    let renamed = |from: &[u8], to: &[u8]| {
        let at = whole
            .windows(from.len())
            .position(|part| part == from)
            .unwrap();
        [&whole[..at], to, &whole[at + from.len()..]].concat()
    };
    let message = error(&renamed(b"labels", b"Labels"));
    assert!(message.contains("without \"labels\""), "{message}");
    let message = error(&renamed(b"u1", b"i1"));
    assert!(
        message.contains("are of NumPy's type i1, not uint8"),
        "{message}"
    );
    // A file that would run a command in Python.
    let message = error(b"\x80\x02cos\nsystem\nU\x04true\x85R.");
    assert!(message.contains("not of a dict"), "{message}");
}

#[test]
fn shards_have_the_images_and_classes_of_webdataset() {
    for (name, case) in fixture()["shards"].as_object().unwrap() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("train.tar"), &unpacked(&case["tar"]));
        let shards = Shards::open(dir.path(), Split::Train).expect(name);
        let found: Vec<[usize; 2]> = (0..shards.len())
            .map(|index| {
                let pixel = shards.image(index).unwrap().pixels[0];
                [usize::from(pixel), shards.label(index)]
            })
            .collect();
        assert_eq!(serde_json::json!(found), case["samples"], "{name}");
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}
