//! `shards.json`, the manifest that [`write_shards`](super::write_shards) writes.

use super::tar_writer::Hashing;
use crate::Split;
use crate::error::DataError;
use crate::files;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

pub(super) const FILE: &str = "shards.json";
const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    /// False until the conversion is finished.
    pub(super) complete: bool,
    pub(super) classes: Vec<String>,
    pub(super) train: SplitFiles,
    pub(super) val: SplitFiles,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SplitFiles {
    pub(super) images: usize,
    /// Number of images in each class, indexed by label.
    pub(super) class_counts: Vec<usize>,
    pub(super) shards: Vec<ShardFile>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShardFile {
    /// Path relative to the folder of `shards.json`.
    pub(super) file: String,
    pub(super) images: usize,
    pub(super) bytes: u64,
    /// In hexadecimal, of the whole file.
    pub(super) sha256: String,
}

impl Manifest {
    pub(super) fn incomplete() -> Self {
        Self {
            version: VERSION,
            complete: false,
            classes: Vec::new(),
            train: SplitFiles::default(),
            val: SplitFiles::default(),
        }
    }

    pub(super) fn complete(classes: Vec<String>, train: SplitFiles, val: SplitFiles) -> Self {
        Self {
            version: VERSION,
            complete: true,
            classes,
            train,
            val,
        }
    }

    /// Reads the manifest of the folder `root`, if it has one.
    ///
    /// # Errors
    /// If it is invalid, or the conversion was interrupted.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, DataError> {
        let manifest = Self::read_unfinished(root)?;
        match manifest {
            Some(manifest) if !manifest.complete => Err(DataError::file(
                root,
                "its shards were never finished; run the conversion again",
            )),
            manifest => Ok(manifest),
        }
    }

    /// Like [`read`](Self::read), but accepts the manifest of an interrupted conversion.
    pub(super) fn read_unfinished(root: &Path) -> Result<Option<Self>, DataError> {
        let path = root.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = files::read_limited(&path, files::MAX_METADATA)
            .map_err(DataError::io("read", &path))?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| {
            DataError::file(&path, format!("is not a manifest of shards: {error}"))
        })?;
        if manifest.version != VERSION {
            let reason = format!(
                "is of version {}, and this program reads version {VERSION}",
                manifest.version
            );
            return Err(DataError::file(&path, reason));
        }
        let mut shards = manifest.train.shards.iter().chain(&manifest.val.shards);
        if let Some(shard) = shards.find(|shard| !files::stays_within(&shard.file)) {
            let reason = format!(
                "names {:?}, which is not a path within its folder",
                shard.file
            );
            return Err(DataError::file(&path, reason));
        }
        Ok(Some(manifest))
    }

    pub(super) fn write(&self, root: &Path) -> Result<(), DataError> {
        let path = root.join(FILE);
        let write = || DataError::io("write", &path);
        let mut file = files::begin(&path)?;
        serde_json::to_writer_pretty(&mut file, self)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(write())?;
        files::finish(file, &path)
    }

    /// # Errors
    /// If `split` is [`Split::Test`], which is never written.
    pub(super) fn split(&self, split: Split) -> Result<&SplitFiles, DataError> {
        match split {
            Split::Train => Ok(&self.train),
            Split::Validation => Ok(&self.val),
            Split::Test => Err(split.missing(FILE)),
        }
    }
}

impl SplitFiles {
    /// Checks that every shard exists and has its full length, which an interrupted copy has not.
    pub(super) fn check_lengths(&self, root: &Path) -> Result<(), DataError> {
        for shard in &self.shards {
            let path = root.join(&shard.file);
            let found = fs::metadata(&path)
                .map_err(DataError::io("read", &path))?
                .len();
            if found != shard.bytes {
                let reason = format!(
                    "has {found} bytes, and {FILE} says {}; copy it again",
                    shard.bytes
                );
                return Err(DataError::file(&path, reason));
            }
        }
        Ok(())
    }
}

/// Reads every shard under `root` and compares it with its checksum in `shards.json`. `progress` is
/// called with the bytes read so far and their total.
///
/// # Errors
/// If there is no `shards.json`, or a shard differs from its checksum.
pub fn verify_shards(root: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), DataError> {
    let Some(manifest) = Manifest::read(root)? else {
        let reason = format!("has no {FILE} with the checksums of its shards");
        return Err(DataError::file(root, reason));
    };
    let shards = || manifest.train.shards.iter().chain(&manifest.val.shards);
    let total = shards().map(|shard| shard.bytes).sum();
    let mut done = 0;
    for shard in shards() {
        progress(done, total);
        let path = root.join(&shard.file);
        let read = || DataError::io("read", &path);
        let mut file = File::open(&path).map_err(read())?;
        let mut hashing = Hashing::new(io::sink());
        io::copy(&mut file, &mut hashing).map_err(read())?;
        let (_, found, bytes) = hashing.finish();
        if found != shard.sha256 {
            let reason = format!(
                "is not what was written: its SHA-256 is {found}, and {FILE} says {}; copy it again",
                shard.sha256
            );
            return Err(DataError::file(&path, reason));
        }
        done += bytes;
    }
    progress(done, total);
    Ok(())
}
