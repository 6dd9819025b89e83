//! Damaged and missing shards.

use crate::disk::{open, options, sharded};
use std::fs::{self, File};
use tempfile::TempDir;
use tinderbox_data::Split;
use tinderbox_data::image::verify_shards;

fn verify(dir: &TempDir) -> Result<(), String> {
    verify_shards(&dir.path().join("shards"), &mut |_, _| ()).map_err(|error| error.to_string())
}

#[test]
fn damage_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 8, &options(4));
    verify(&dir).unwrap();
    let path = dir.path().join("shards/train-000001.tar");
    let whole = fs::read(&path).unwrap();

    // One bit of an image: only the checksum detects it.
    let mut bytes = whole.clone();
    bytes[700] ^= 1;
    fs::write(&path, &bytes).unwrap();
    assert!(open(dir.path(), Split::Train).is_ok());
    let error = verify(&dir).unwrap_err();
    assert!(
        error.contains("train-000001.tar: is not what was written"),
        "{error}"
    );

    // One bit of a header.
    let mut bytes = whole.clone();
    bytes[10] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("train-000001.tar: is not a tar file, or damaged, at its"),
        "{error}"
    );

    // An interrupted copy.
    fs::write(&path, &whole[..whole.len() - 512]).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("train-000001.tar: has ") && error.contains("copy it again"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.starts_with("cannot read") && error.contains("train-000001.tar"),
        "{error}"
    );

    fs::write(&path, &whole).unwrap();
    open(dir.path(), Split::Train).unwrap();
    fs::write(dir.path().join("shards/shards.json"), "{}").unwrap();
    let error = open(dir.path(), Split::Train).unwrap_err();
    assert!(
        error.contains("shards.json: is not a manifest of shards"),
        "{error}"
    );
}

#[test]
fn a_shard_lost_after_opening_is_named_with_the_image() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 4, &options(9));
    let shards = open(dir.path(), Split::Train).unwrap();
    let path = dir.path().join("shards/train-000000.tar");
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(600)
        .unwrap();
    let error = shards.image(2).unwrap_err().to_string();
    assert!(error.contains("train-000000.tar: 0000000"), "{error}");
    assert!(error.contains("cannot be read"), "{error}");
}
