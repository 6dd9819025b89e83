//! The cached index, and its invalidation.

use crate::disk::{self, TENCH, put, train};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::ImageNet;

struct Disk {
    dir: TempDir,
}

impl Disk {
    /// Training images in class folders that are an hour old, opened once.
    fn new() -> Self {
        let disk = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        disk::class_folders(&disk.train(), &train());
        disk::age(&disk.root());
        assert_eq!(disk.open().len(), 6);
        disk
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("imagenet")
    }

    fn train(&self) -> PathBuf {
        self.root().join("train")
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("cache/lists")
    }

    fn open(&self) -> ImageNet {
        ImageNet::open(&self.root(), Split::Train, Some(&self.cache())).unwrap()
    }

    /// Files in the cache.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Changes a file name in the cache, to detect that it is read.
    fn mark(&self) {
        let [kept] = &self.kept()[..] else {
            panic!("one file is kept")
        };
        replace(kept, "n01440764_2.JPEG", "n01440764_marked.JPEG");
        assert!(self.is_marked());
    }

    fn is_marked(&self) -> bool {
        let dataset = self.open();
        (0..dataset.len()).any(|index| dataset.name(index).ends_with("n01440764_marked.JPEG"))
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from} in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn unchanged_folders_are_not_listed_again() {
    let disk = Disk::new();
    let first: Vec<String> = (0..6).map(|index| disk.open().name(index)).collect();
    let again: Vec<String> = (0..6).map(|index| disk.open().name(index)).collect();
    assert_eq!(first, again);
    disk.mark();
}

type Change = fn(&Disk);

#[test]
fn every_change_of_the_folders_is_detected() {
    let changes: [(&str, Change); 5] = [
        ("an image more", |disk| {
            put(&disk.train().join(TENCH).join("new.JPEG"), disk::jpeg(7));
        }),
        ("an image less", |disk| {
            fs::remove_file(disk.train().join(TENCH).join("n01440764_4.JPEG")).unwrap();
        }),
        ("a class more", |disk| {
            put(&disk.train().join("n00000001/a.JPEG"), disk::jpeg(7));
        }),
        ("a class less", |disk| {
            fs::remove_dir_all(disk.train().join("n02979186")).unwrap();
        }),
        ("a folder within more", |disk| {
            put(&disk.train().join(TENCH).join("more/a.JPEG"), disk::jpeg(7));
        }),
    ];
    for (change, apply) in changes {
        let disk = Disk::new();
        disk.mark();
        apply(&disk);
        let cached = disk.open();
        let listed = disk::open(&disk.root(), Split::Train);
        assert!(!disk.is_marked(), "{change}");
        assert_eq!(disk::seen(&cached), disk::seen(&listed), "{change}");
        // The new listing is cached.
        disk::age(&disk.root());
        disk.open();
        disk.mark();
    }
}

#[test]
fn a_change_in_a_subfolder_of_a_class_is_detected() {
    let disk = Disk::new();
    let within = disk.train().join(TENCH).join("more");
    put(&within.join("a.JPEG"), disk::jpeg(7));
    disk::age(&disk.root());
    assert_eq!(disk.open().len(), 7);
    disk.mark();
    put(&within.join("b.JPEG"), disk::jpeg(8));
    assert_eq!(disk.open().len(), 8);
}

#[test]
fn folders_that_changed_just_now_are_not_cached() {
    let disk = Disk::new();
    put(&disk.train().join(TENCH).join("new.JPEG"), disk::jpeg(7));
    let before = fs::read(&disk.kept()[0]).unwrap();
    assert_eq!(disk.open().len(), 7);
    assert_eq!(fs::read(&disk.kept()[0]).unwrap(), before);
}

#[test]
fn a_replaced_archive_is_detected() {
    let disk = Disk::new();
    fs::remove_dir_all(disk.train()).unwrap();
    fs::remove_dir_all(disk.cache()).unwrap();
    let archive = disk.root().join("ILSVRC2012_img_train.tar");
    let mut pictures = train();
    put(&archive, disk::train_archive(&pictures));
    disk::age(&disk.root());
    assert_eq!(disk::seen(&disk.open()), disk::expected(&pictures));
    disk.mark();
    pictures.pop();
    put(&archive, disk::train_archive(&pictures));
    disk::age(&disk.root());
    // The same time, but another size.
    assert_eq!(disk::seen(&disk.open()), disk::expected(&pictures));
}

type Damage = fn(&str) -> String;

#[test]
fn a_damaged_or_outdated_cache_is_rebuilt() {
    let damages: [(&str, Damage); 5] = [
        ("cut off", |text| text[..text.len() / 2].to_owned()),
        ("empty", |_| String::new()),
        ("no JSON", |_| "\0".repeat(500)),
        ("another version", |text| {
            text.replace("\"version\":2", "\"version\":999")
        }),
        ("more names than places", |text| {
            text.replace("\"spans\":[]", "\"spans\":[[0,1]]")
        }),
    ];
    for (damage, apply) in damages {
        let disk = Disk::new();
        disk.mark();
        let kept = &disk.kept()[0];
        let text = fs::read_to_string(kept).unwrap();
        let damaged = apply(&text);
        assert_ne!(text, damaged);
        fs::write(kept, damaged).unwrap();
        assert!(!disk.is_marked(), "{damage}");
        assert_eq!(
            disk::seen(&disk.open()),
            disk::expected(&train()),
            "{damage}"
        );
        disk.mark();
    }
}

#[test]
fn each_root_has_its_own_cache_file() {
    let disk = Disk::new();
    disk.mark();
    let moved = disk.dir.path().join("moved");
    fs::rename(disk.root(), &moved).unwrap();
    disk::age(&moved);
    let dataset = ImageNet::open(&moved, Split::Train, Some(&disk.cache())).unwrap();
    assert_eq!(disk::seen(&dataset), disk::expected(&train()));
    assert_eq!(disk.kept().len(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_is_ignored() {
    let disk = Disk::new();
    let file = disk.dir.path().join("file");
    put(&file, "no folder");
    let dataset = ImageNet::open(&disk.root(), Split::Train, Some(&file)).unwrap();
    assert_eq!(dataset.len(), 6);
    assert_eq!(fs::read_to_string(&file).unwrap(), "no folder");
}
