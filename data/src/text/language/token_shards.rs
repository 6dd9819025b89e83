//! Tokenized corpora larger than memory: token ids in files, read on demand.
//!
//! ```text
//! train-00000.tokens  train-00001.tokens ...  validation-00000.tokens ...  test-00000.tokens ...
//! tokenizer.json      the tokenizer of the ids
//! tokens.json         vocabulary size, hash of tokenizer.json, and each shard's tokens and SHA-256
//! ```
//!
//! A shard is a header of 96 bytes, the ids, and a table. All numbers are little-endian.
//!
//! | offset | bytes | |
//! |---|---|---|
//! | 0 | 8 | `tbtokens` |
//! | 8 | 4 | version of the format, 1 |
//! | 12 | 4 | bytes per id: 2 if the vocabulary has at most 65,536 entries, else 4 |
//! | 16 | 8 | number of tokens |
//! | 24 | 8 | vocabulary size |
//! | 32 | 32 | SHA-256 of `tokenizer.json` |
//! | 64 | 32 | SHA-256 of the 64 bytes before and the table |
//! | 96 | | the ids |
//! | | | the table: SHA-256 of each block of 32,768 ids (the last may be shorter) |
//!
//! Other programs can map the ids: `numpy.memmap(path, "<u2", "r", offset=96, shape=tokens)`.
//!
//! The header and the table are checked when a shard is opened, and each block of ids against the
//! table when it is first read: a flipped bit anywhere is an error before a model is trained on it,
//! at the cost of one SHA-256 per block. [`TokenShards::verify_folder`] checks everything at once.
//!
//! Shards are read with positioned reads, not mapped into memory: if another process shortens a
//! mapped file, the reading process is killed (so mapping cannot be offered without `unsafe`),
//! while a read returns an error. Either way the operating system caches what was read.

mod header;
mod manifest;
mod shard;
mod write;

pub use write::{TokenShardWriter, WrittenTokens};

use super::{Corpus, Tokens};
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use crate::text::Tokenizer;
use manifest::Manifest;
use shard::Shard;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

const TOKENIZER: &str = "tokenizer.json";
/// Settings of the tokenizer, if it has some.
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The shards of one split. All files stay open, so that none is replaced while it is read.
#[derive(Debug)]
pub struct TokenShards {
    shards: Vec<Shard>,
    /// Index of each shard's first token in the split, and the total number of tokens at the end.
    starts: Vec<usize>,
}

impl TokenShards {
    /// Opens the shards of a split. Reads headers and tables, but no ids yet.
    ///
    /// # Errors
    /// If the folder has no `tokens.json` (for example because writing was interrupted), it lacks
    /// the split, or a shard has the wrong length, is damaged, or was made with another tokenizer.
    pub fn open(folder: &Path, split: Split) -> Result<Self, DataError> {
        Self::listed(folder, split, &Manifest::read(folder)?)
    }

    fn listed(folder: &Path, split: Split, manifest: &Manifest) -> Result<Self, DataError> {
        let listed = &manifest.split(split).shards;
        if !manifest.has(split) {
            let reason = format!("has no tokens of the {} split", split.name());
            return Err(DataError::file(folder, reason));
        }
        let mut shards = Vec::with_capacity(listed.len());
        let mut starts = vec![0];
        let mut total = 0;
        for file in listed {
            let shard = Shard::open(folder, file, manifest)?;
            total += shard.len();
            starts.push(total);
            shards.push(shard);
        }
        Ok(Self { shards, starts })
    }

    /// Opens all splits of a folder with their tokenizer.
    ///
    /// # Errors
    /// As [`open`](Self::open); also if `tokenizer.json` is missing or is not the one of the
    /// shards.
    pub fn corpus(folder: &Path) -> Result<Corpus, DataError> {
        let manifest = Manifest::read(folder)?;
        let tokenizer = tokenizer(folder, &manifest)?;
        let open = |split| -> Result<Tokens, DataError> {
            Self::listed(folder, split, &manifest).map(Tokens::from)
        };
        Ok(Corpus {
            tokenizer,
            train: open(Split::Train)?,
            validation: open(Split::Validation)?,
            test: manifest
                .has(Split::Test)
                .then(|| open(Split::Test))
                .transpose()?,
            characters: Split::ALL.map(|split| manifest.split(split).characters),
        })
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or_default()
    }

    /// True if there are no tokens; never, since an empty split is refused.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the tables of checksums, which the ids are compared with as they are read.
    pub(super) fn identify(&self, fingerprint: &mut Fingerprint) {
        fingerprint.number(self.len());
        self.shards
            .iter()
            .for_each(|shard| fingerprint.bytes(shard.table()));
    }

    /// Reads the ids in `range`, which must lie within [`len`](Self::len).
    ///
    /// # Errors
    /// If a shard cannot be read or is damaged (with its name and the block).
    pub fn read(&self, range: Range<usize>) -> Result<Vec<u32>, DataError> {
        assert!(range.end <= self.len(), "{range:?} of {}", self.len());
        let mut ids = Vec::with_capacity(range.len());
        let mut begin = range.start;
        while begin < range.end {
            let number = self.starts.partition_point(|&start| start <= begin) - 1;
            let (start, next) = (self.starts[number], self.starts[number + 1]);
            let end = range.end.min(next);
            self.shards[number].read(begin - start..end - start, &mut ids)?;
            begin = end;
        }
        Ok(ids)
    }

    /// Reads every shard of this split and compares it with `tokens.json`.
    ///
    /// # Errors
    /// If a shard is not what was written (with the block, where it is known).
    pub fn verify(&self) -> Result<(), DataError> {
        self.shards.iter().try_for_each(Shard::verify)
    }

    /// [`verify`](Self::verify) for all splits of a folder, and its tokenizer.
    ///
    /// # Errors
    /// As [`corpus`](Self::corpus) and [`verify`](Self::verify).
    pub fn verify_folder(folder: &Path) -> Result<(), DataError> {
        let manifest = Manifest::read(folder)?;
        tokenizer(folder, &manifest)?;
        for split in Split::ALL {
            // Training and validation are mandatory; `tokens.json` says whether there is a test
            // split.
            if split != Split::Test || manifest.has(split) {
                Self::listed(folder, split, &manifest)?.verify()?;
            }
        }
        Ok(())
    }
}

impl From<TokenShards> for Tokens {
    fn from(shards: TokenShards) -> Self {
        Self::Shards(Arc::new(shards))
    }
}

/// Reads the folder's tokenizer, which must be the one that made the shards.
fn tokenizer(folder: &Path, manifest: &Manifest) -> Result<Tokenizer, DataError> {
    let path = folder.join(TOKENIZER);
    fs::metadata(&path).map_err(DataError::io("read", &path))?;
    let tokenizer = Tokenizer::open(&path)?;
    let hash = tokenizer.hash();
    if hash == manifest.tokenizer_sha256 {
        return Ok(tokenizer);
    }
    let reason = format!(
        "is not the tokenizer that the shards beside it were made with: its SHA-256 is {hash}, but {} says {}",
        manifest::FILE,
        manifest.tokenizer_sha256
    );
    Err(DataError::file(&path, reason))
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
