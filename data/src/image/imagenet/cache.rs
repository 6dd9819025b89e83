//! Cache of an index on disk, validated by the modification times and sizes of the folders and
//! archives. A cache file that is unreadable, of another version or out of date counts as absent,
//! and a failure to write one is ignored: it only saves time.

use super::index::{Group, Listing, Stamp};
use crate::image::PassedOver;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Incremented with every change of the format or of the listing.
const VERSION: u32 = 2;
/// Coarsest resolution of file times. A file modified this shortly before it was listed may change
/// again without a new modification time.
const STEP: Duration = Duration::from_secs(2);

#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    version: u32,
    root: Cow<'a, Path>,
    stamps: Cow<'a, [(String, Stamp)]>,
    groups: Cow<'a, [Group]>,
    passed_over: Cow<'a, PassedOver>,
}

/// Loads the listing of `root`, if it is cached and nothing has changed.
pub(super) fn load(cache: &Path, root: &Path) -> Option<(Vec<Group>, PassedOver)> {
    let root = std::path::absolute(root).ok()?;
    let bytes = fs::read(file(cache, &root)).ok()?;
    let kept: Kept = serde_json::from_slice(&bytes).ok()?;
    let fresh = kept.version == VERSION
        && kept.root == root
        && kept.stamps.iter().all(|(path, stamp)| {
            // Joining an empty path would append a slash, which fails for an archive.
            let path = if path.is_empty() {
                root.clone()
            } else {
                root.join(path)
            };
            Stamp::of(&path).is_ok_and(|now| now == *stamp)
        });
    let whole = kept.groups.iter().all(Group::is_whole);
    (fresh && whole).then(|| (kept.groups.into_owned(), kept.passed_over.into_owned()))
}

/// Stores the listing of `root` that was begun at `started`, unless something was still changing.
pub(super) fn store(cache: &Path, root: &Path, listing: &Listing, started: SystemTime) {
    let settled = |stamp: &Stamp| {
        started
            .duration_since(stamp.modified)
            .is_ok_and(|age| age > STEP)
    };
    if listing.stamps.iter().all(|(_, stamp)| settled(stamp)) {
        let _ = write(cache, root, listing);
    }
}

/// Writes to a temporary file first, so that no other process reads an incomplete one.
fn write(cache: &Path, root: &Path, listing: &Listing) -> io::Result<()> {
    let root = std::path::absolute(root)?;
    fs::create_dir_all(cache)?;
    let mut beside = tempfile::NamedTempFile::new_in(cache)?;
    let kept = Kept {
        version: VERSION,
        root: Cow::Borrowed(&root),
        stamps: Cow::Borrowed(&listing.stamps),
        groups: Cow::Borrowed(&listing.groups),
        passed_over: Cow::Borrowed(&listing.passed_over),
    };
    let mut writer = BufWriter::new(beside.as_file_mut());
    serde_json::to_writer(&mut writer, &kept)?;
    writer.flush()?;
    drop(writer);
    beside.persist(file(cache, &root))?;
    Ok(())
}

fn file(cache: &Path, root: &Path) -> PathBuf {
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let name: String = digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    cache.join(format!("{name}.json"))
}
