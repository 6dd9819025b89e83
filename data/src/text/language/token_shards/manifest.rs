//! `tokens.json`: the list of shards, written last.

use crate::Split;
use crate::error::DataError;
use crate::files;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::Path;

pub(super) const FILE: &str = "tokens.json";
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) version: u32,
    /// SHA-256 of `tokenizer.json`, in hexadecimal.
    pub(super) tokenizer_sha256: String,
    pub(super) vocabulary: usize,
    /// Type of the ids: `u16` or `u32`, little-endian.
    pub(super) dtype: String,
    pub(super) train: SplitFiles,
    pub(super) validation: SplitFiles,
    pub(super) test: SplitFiles,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SplitFiles {
    /// Characters of the split's text: 0 if unknown.
    pub(super) characters: u64,
    pub(super) shards: Vec<ShardFile>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShardFile {
    /// File name, in the folder of `tokens.json`.
    pub(super) file: String,
    pub(super) tokens: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    pub(super) sha256: String,
}

impl Manifest {
    /// # Errors
    /// If the folder has no manifest, or it cannot be used.
    pub(super) fn read(folder: &Path) -> Result<Self, DataError> {
        let path = folder.join(FILE);
        if !path.exists() {
            let reason = format!(
                "has no {FILE}: it is not a folder of token shards, or writing them was interrupted; write them again"
            );
            return Err(DataError::file(folder, reason));
        }
        let bytes = files::read_limited(&path, files::MAX_METADATA)
            .map_err(DataError::io("read", &path))?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| {
            DataError::file(&path, format!("is not a list of token shards: {error}"))
        })?;
        if manifest.version != VERSION {
            let reason = format!(
                "has version {}, but this program reads version {VERSION}",
                manifest.version
            );
            return Err(DataError::file(&path, reason));
        }
        let splits = Split::ALL.map(|split| manifest.split(split));
        let mut shards = splits.iter().flat_map(|split| &split.shards);
        if let Some(shard) = shards.find(|shard| !files::stays_within(&shard.file)) {
            let reason = format!(
                "names {:?}, which is not a path within its folder",
                shard.file
            );
            return Err(DataError::file(&path, reason));
        }
        Ok(manifest)
    }

    pub(super) fn write(&self, folder: &Path) -> Result<(), DataError> {
        let json = serde_json::to_string_pretty(self).map_err(io::Error::from);
        let json = json.map_err(DataError::io("write", &folder.join(FILE)))?;
        write_text(&folder.join(FILE), &format!("{json}\n"))
    }

    pub(super) fn has(&self, split: Split) -> bool {
        !self.split(split).shards.is_empty()
    }

    pub(super) fn split(&self, split: Split) -> &SplitFiles {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

/// Writes a small file atomically.
pub(super) fn write_text(path: &Path, text: &str) -> Result<(), DataError> {
    let mut file = files::begin(path)?;
    file.write_all(text.as_bytes())
        .map_err(DataError::io("write", path))?;
    files::finish(file, path)
}
