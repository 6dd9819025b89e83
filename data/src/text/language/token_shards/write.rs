//! Writes shards incrementally, in little memory.

use super::header::{self, BLOCK, Header};
use super::manifest::{self, Manifest, ShardFile, SplitFiles};
use super::shard::file_sha256;
use super::{TOKENIZER, TOKENIZER_CONFIG};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::text::Tokenizer;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Writes the tokens of a corpus as shards. The folder cannot be opened before
/// [`finish`](Self::finish).
#[derive(Debug)]
pub struct TokenShardWriter {
    folder: PathBuf,
    /// Tokens per full shard.
    shard_tokens: usize,
    vocabulary: usize,
    /// SHA-256 of `tokenizer.json`.
    tokenizer: [u8; header::DIGEST],
    splits: [SplitWriter; 3],
}

/// Writes the tokenizer's settings beside it, or removes those of an interrupted writer.
fn write_settings(folder: &Path, tokenizer: &Tokenizer) -> Result<(), DataError> {
    let path = folder.join(TOKENIZER_CONFIG);
    if let Some(config) = tokenizer.config_json() {
        return manifest::write_text(&path, &format!("{:#}\n", serde_json::Value::from(config)));
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DataError::io("remove", &path)(error))
        }
        _ => Ok(()),
    }
}

/// Summary of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTokens {
    /// Tokens of train, validation and test.
    pub tokens: [u64; 3],
    /// Shards of train, validation and test.
    pub shards: [usize; 3],
}

#[derive(Debug, Default)]
struct SplitWriter {
    files: SplitFiles,
    /// The shard that is not full yet.
    open: Option<ShardWriter>,
}

impl TokenShardWriter {
    /// Default number of tokens per shard: files of 200 or 400 MB.
    pub const SHARD_TOKENS: usize = 100_000_000;

    /// Starts writing into `folder`, which is created if needed. Shards left by an interrupted
    /// writer are replaced.
    ///
    /// # Errors
    /// If the folder already has finished shards, cannot be written, or a shard would have no
    /// token.
    pub fn create(
        folder: &Path,
        tokenizer: &Tokenizer,
        shard_tokens: usize,
    ) -> Result<Self, DataError> {
        if shard_tokens == 0 {
            return Err(DataError::config("tokens of a shard", "must be at least 1"));
        }
        if folder.join(manifest::FILE).exists() {
            let reason = "has token shards already; delete them or choose another folder";
            return Err(DataError::file(folder, reason));
        }
        fs::create_dir_all(folder).map_err(DataError::io("write", folder))?;
        let json = tokenizer.to_json();
        manifest::write_text(&folder.join(TOKENIZER), &json)?;
        write_settings(folder, tokenizer)?;
        Ok(Self {
            folder: folder.to_path_buf(),
            shard_tokens,
            vocabulary: tokenizer.vocab_size(),
            tokenizer: Sha256::digest(json.as_bytes()).into(),
            splits: Default::default(),
        })
    }

    /// Appends tokens to a split. `characters` is the number of characters of their text.
    ///
    /// # Errors
    /// If an id is outside the vocabulary, or the disk is full.
    pub fn push(&mut self, split: Split, ids: &[u32], characters: u64) -> Result<(), DataError> {
        let vocabulary = self.vocabulary;
        if let Some(id) = ids.iter().find(|&&id| id as usize >= vocabulary) {
            let reason = format!("token {id} is outside the vocabulary of {vocabulary} tokens");
            return Err(DataError::config(split.name(), reason));
        }
        self.splits[split as usize].files.characters += characters;
        let mut left = ids;
        while !left.is_empty() {
            let full = self.shard_tokens;
            let shard = self.shard(split)?;
            let room = full - shard.tokens;
            let (now, later) = left.split_at(left.len().min(room));
            shard.push(now)?;
            left = later;
            if now.len() == room {
                self.close(split)?;
            }
        }
        Ok(())
    }

    /// The shard of a split that is not full yet.
    fn shard(&mut self, split: Split) -> Result<&mut ShardWriter, DataError> {
        let SplitWriter { files, open } = &mut self.splits[split as usize];
        let shard = match open.take() {
            Some(shard) => shard,
            None => {
                let name = format!("{}-{:05}.tokens", split.name(), files.shards.len());
                ShardWriter::begin(&self.folder, name, Header::width(self.vocabulary))?
            }
        };
        Ok(open.insert(shard))
    }

    fn close(&mut self, split: Split) -> Result<(), DataError> {
        let SplitWriter { files, open } = &mut self.splits[split as usize];
        if let Some(shard) = open.take() {
            files
                .shards
                .push(shard.finish(self.vocabulary, self.tokenizer)?);
        }
        Ok(())
    }

    /// Completes the last shards and writes `tokens.json`, which makes the folder readable.
    ///
    /// # Errors
    /// If there are no tokens for training or validation, or writing fails.
    pub fn finish(mut self) -> Result<WrittenTokens, DataError> {
        for split in Split::ALL {
            self.close(split)?;
        }
        let [train, validation, test] = self.splits.map(|split| split.files);
        for (split, files) in [(Split::Train, &train), (Split::Validation, &validation)] {
            if files.shards.is_empty() {
                return Err(DataError::config(split.name(), "has no tokens"));
            }
        }
        let written = [&train, &validation, &test];
        let written = WrittenTokens {
            tokens: written.map(|split| split.shards.iter().map(|shard| shard.tokens).sum()),
            shards: written.map(|split| split.shards.len()),
        };
        let manifest = Manifest {
            version: manifest::VERSION,
            tokenizer_sha256: super::hex(&self.tokenizer),
            vocabulary: self.vocabulary,
            dtype: format!("u{}", 8 * Header::width(self.vocabulary)),
            train,
            validation,
            test,
        };
        manifest.write(&self.folder)?;
        Ok(written)
    }
}

/// A shard being written. Its header is written last, when its contents are known.
#[derive(Debug)]
struct ShardWriter {
    path: PathBuf,
    name: String,
    file: BufWriter<NamedTempFile>,
    width: usize,
    tokens: usize,
    /// Hash of the block that is not full yet.
    block: Sha256,
    /// SHA-256 of each full block.
    table: Vec<u8>,
}

impl ShardWriter {
    fn begin(folder: &Path, name: String, width: usize) -> Result<Self, DataError> {
        let path = folder.join(&name);
        let mut file = BufWriter::new(files::begin(&path)?);
        file.write_all(&[0; header::LENGTH])
            .map_err(DataError::io("write", &path))?;
        Ok(Self {
            path,
            name,
            file,
            width,
            tokens: 0,
            block: Sha256::new(),
            table: Vec::new(),
        })
    }

    fn push(&mut self, mut ids: &[u32]) -> Result<(), DataError> {
        while !ids.is_empty() {
            let room = BLOCK - self.tokens % BLOCK;
            let (now, later) = ids.split_at(ids.len().min(room));
            let mut bytes = Vec::with_capacity(now.len() * self.width);
            for id in now {
                // Little-endian: a two-byte id is the first two bytes of four.
                bytes.extend(&id.to_le_bytes()[..self.width]);
            }
            self.block.update(&bytes);
            self.file
                .write_all(&bytes)
                .map_err(DataError::io("write", &self.path))?;
            self.tokens += now.len();
            if now.len() == room {
                self.table.extend(self.block.finalize_reset());
            }
            ids = later;
        }
        Ok(())
    }

    fn finish(
        mut self,
        vocabulary: usize,
        tokenizer: [u8; header::DIGEST],
    ) -> Result<ShardFile, DataError> {
        if !self.tokens.is_multiple_of(BLOCK) {
            self.table.extend(self.block.finalize_reset());
        }
        let header = Header {
            width: self.width,
            tokens: self.tokens as u64,
            vocabulary: vocabulary as u64,
            tokenizer,
        };
        let header = header.to_bytes(&self.table);
        let write = || DataError::io("write", &self.path);
        self.file.write_all(&self.table).map_err(write())?;
        self.file.seek(SeekFrom::Start(0)).map_err(write())?;
        self.file.write_all(&header).map_err(write())?;
        // The error of `into_inner` contains the writer, which is of no use here.
        let file = self.file.into_inner();
        let file = file.map_err(|error| write()(error.into_error()))?;
        // Read back, since the header was not known when the rest was written.
        let sha256 = file_sha256(file.as_file()).map_err(write())?;
        files::finish(file, &self.path)?;
        Ok(ShardFile {
            file: self.name,
            tokens: self.tokens as u64,
            sha256,
        })
    }
}
