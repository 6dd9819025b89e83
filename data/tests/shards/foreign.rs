//! Shards in WebDataset's layout as other tools write them, whole and damaged.

use std::fs;
use std::path::Path;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::{Image, Shards, write_png};

/// A PNG file with one pixel.
fn png(value: u8) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.png");
    let image = Image {
        width: 1,
        height: 1,
        channels: 1,
        pixels: vec![value],
    };
    write_png(&path, &image).unwrap();
    fs::read(path).unwrap()
}

fn gnu(content: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A tar file with the given members.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in members {
        // Names above 100 bytes use GNU's extension.
        builder
            .append_data(&mut gnu(content), name, *content)
            .unwrap();
    }
    builder.into_inner().unwrap()
}

/// A folder with the given files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

fn small(label: &str) -> Vec<u8> {
    tar(&[("x.png", &png(1)), ("x.cls", label.as_bytes())])
}

fn open(root: &Path, split: Split) -> Result<Shards, String> {
    Shards::open(root, split).map_err(|error| error.to_string())
}

/// Label and first sample of every image.
fn contents(shards: &Shards) -> Vec<(usize, u8)> {
    (0..shards.len())
        .map(|index| (shards.label(index), shards.image(index).unwrap().pixels[0]))
        .collect()
}

#[test]
fn members_are_grouped_by_their_name_up_to_the_first_dot() {
    let long = format!("{}/{}", "f".repeat(80), "n".repeat(90));
    let (long_png, long_cls) = (format!("{long}.png"), format!("{long}.cls"));
    let pictures: Vec<Vec<u8>> = (0..6).map(png).collect();
    let shard = tar(&[
        ("./a/one.JPEG", &pictures[0]),
        ("./a/one.cls", b"3\n"),
        ("./a/one.json", b"{\"label\": 7}"),
        // The class may come first; the same name in another folder is another sample.
        ("b/one.cls", b" 0 "),
        ("b/one.jpeg", &pictures[1]),
        (&long_png, &pictures[2]),
        (&long_cls, b"12"),
        ("two.cls", b"1"),
        ("two.seg.png", &pictures[3]),
        ("two.Jpg", &pictures[4]),
        ("._two.jpg", b"of a macintosh"),
        ("readme", b"no extension"),
        ("only.json", b"{}"),
    ]);
    let dir = folder(&[("train-0.tar", shard)]);
    let shards = open(dir.path(), Split::Train).unwrap();
    assert_eq!(contents(&shards), [(3, 0), (0, 1), (12, 2), (1, 4)]);
    assert_eq!(shards.classes().len(), 13);
    assert_eq!(shards.classes()[12], "12");
    assert!(
        shards
            .name(2)
            .ends_with(&format!("train-0.tar: {long_png}"))
    );
}

#[test]
fn pax_headers_are_read_and_members_that_are_not_files_ignored() {
    let long = format!("{}/{}", "f".repeat(120), "n".repeat(160));
    let (image_name, label_name) = (format!("{long}.jpg"), format!("{long}.cls"));
    let mut builder = Builder::new(Vec::new());
    let mut append = |name: &str, kind: EntryType, content: &[u8], long: Option<&str>| {
        if let Some(long) = long {
            let extensions = [
                ("path", long.as_bytes()),
                ("mtime", b"1500000000.25".as_slice()),
            ];
            builder.append_pax_extensions(extensions).unwrap();
        }
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    };
    append("folder.jpg", EntryType::Directory, b"", None);
    append("link.jpg", EntryType::Symlink, b"", None);
    append("short.jpg", EntryType::Regular, &png(5), Some(&image_name));
    append("short.cls", EntryType::Regular, b"0", Some(&label_name));
    append("next.cls", EntryType::Regular, b"1", None);
    append("next.png", EntryType::Regular, &png(6), None);
    let dir = folder(&[("train.tar", builder.into_inner().unwrap())]);
    let shards = open(dir.path(), Split::Train).unwrap();
    assert_eq!(contents(&shards), [(0, 5), (1, 6)]);
    assert!(shards.name(0).ends_with(&image_name));
}

#[test]
fn splits_are_found_by_words_in_paths() {
    for (train, validation) in [
        ("train-000000.tar", "val-000000.tar"),
        ("imagenet1k-train-0000.tar", "imagenet1k-validation-00.tar"),
        ("train/00000.tar", "valid/00000.tar"),
        ("TRAIN_0.tar", "test_0.tar"),
    ] {
        let dir = folder(&[
            (train, small("1")),
            (validation, small("0")),
            ("constrained.tar", small("7")),
            (".train.tar", small("7")),
            ("train.txt", b"no shard".to_vec()),
        ]);
        let of_train = open(dir.path(), Split::Train).unwrap();
        assert_eq!(contents(&of_train), [(1, 1)], "{train}");
        let of_validation = open(dir.path(), Split::Validation).unwrap();
        assert_eq!(contents(&of_validation), [(0, 1)], "{validation}");
        // The validation images alone would have one class.
        assert_eq!(of_validation.classes(), ["0", "1"]);
    }
    let dir = folder(&[("train-1.tar", small("1")), ("train-0.tar", small("0"))]);
    let shards = open(dir.path(), Split::Train).unwrap();
    assert_eq!(contents(&shards), [(0, 1), (1, 1)]);
    let error = open(dir.path(), Split::Validation).unwrap_err();
    assert!(error.contains("has no shards for validation"), "{error}");
    assert!(
        error.contains(
            "the word val or valid or validation or test in its name or its folder's name (2 .tar"
        ),
        "{error}"
    );
    let error = open(&dir.path().join("nowhere"), Split::Train).unwrap_err();
    assert!(error.ends_with("nowhere: no such folder"), "{error}");
}

/// The error for a shard with these bytes.
fn refusal(shard: Vec<u8>) -> String {
    let dir = folder(&[("train-7.tar", shard)]);
    let error = open(dir.path(), Split::Train).unwrap_err();
    let path = dir.path().join("train-7.tar").display().to_string();
    let reason = error
        .strip_prefix(&path)
        .unwrap_or_else(|| panic!("{error}"));
    reason.trim_start_matches(": ").to_owned()
}

#[test]
fn incomplete_samples_are_errors() {
    let image = png(1);
    for (members, reason) in [
        (
            &[("a/x.jpg", &image[..])][..],
            "a/x.jpg has no class: a/x.cls is missing",
        ),
        (
            &[("x.cls", b"0")],
            "x.cls has no image: x.jpg or x.png is missing",
        ),
        (
            &[("x.jpg", &image), ("x.cls", b"cat")],
            "x.cls says \"cat\", which is not the number of a class",
        ),
        (
            &[("x.jpg", &image), ("x.cls", b"-1")],
            "x.cls says \"-1\", which is",
        ),
        (
            &[("x.jpg", &image), ("x.cls", b"")],
            "x.cls says \"\", which is",
        ),
        (
            &[("x.jpg", &image), ("x.cls", b"4000000000")],
            "x.cls says \"4000000000\"",
        ),
        (
            &[("x.jpg", &image), ("x.png", &image), ("x.cls", b"0")],
            "x.png is the second image of the sample x, after x.jpg",
        ),
        (
            &[("x.jpg", &image), ("x.cls", b"0"), ("x.cls", b"1")],
            "x.cls is the second class of the sample x, after x.cls",
        ),
        (
            &[("x\n.jpg", &image)],
            "has a member whose name is not plain UTF-8: x\\n.jpg",
        ),
    ] {
        let found = refusal(tar(members));
        assert!(found.starts_with(reason), "{found}");
    }
    let dir = folder(&[("train.tar", tar(&[("a.txt", b"none")]))]);
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.ends_with("has no images in its shards among 1 file: 1 .txt"),
        "{error}"
    );
}

#[test]
fn a_validation_class_beyond_the_training_classes_is_an_error() {
    let dir = folder(&[("train.tar", small("2")), ("val.tar", small("3"))]);
    let error = open(dir.path(), Split::Validation).unwrap_err();
    assert!(
        error.contains("val.tar: x.png has class 3, and there are 3"),
        "{error}"
    );
}

#[test]
fn damaged_tar_files_are_errors() {
    let (a, b) = (png(1), png(2));
    let whole = tar(&[
        ("a.png", &a),
        ("a.cls", b"0"),
        ("b.png", &b),
        ("b.cls", b"1"),
    ]);
    // Each member takes two blocks; two more end the file.
    assert_eq!(whole.len(), 10 * 512);
    let dir = folder(&[("train.tar", whole[..9 * 512].to_vec())]);
    assert!(
        open(dir.path(), Split::Train).is_ok(),
        "one block at the end is enough"
    );

    let mut flipped = whole.clone();
    flipped[2 * 1024 + 5] ^= 4;
    let found = refusal(flipped);
    assert!(
        found.starts_with("is not a tar file, or damaged, after a.cls: "),
        "{found}"
    );
    let found = refusal(b"no tar file at all".repeat(99));
    assert!(
        found.starts_with("is not a tar file, or damaged, at its beginning: "),
        "{found}"
    );

    for length in (1..9 * 512).step_by(97) {
        let found = refusal(whole[..length].to_vec());
        assert!(found.ends_with("; copy it again"), "{length}: {found}");
    }
    assert!(refusal(whole[..2600].to_vec()).starts_with("ends within b.png"));
    assert!(refusal(whole[..2048].to_vec()).starts_with("has no end mark"));
    assert!(refusal(Vec::new()).starts_with("has no end mark"));
}
