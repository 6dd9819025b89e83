//! One open shard.

use super::header::{self, BLOCK, DIGEST, Header};
use super::hex;
use super::manifest::{self, Manifest, ShardFile};
use crate::error::DataError;
use crate::files;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes read at a time by [`file_sha256`].
const CHUNK: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    file: File,
    header: Header,
    tokens: usize,
    /// Concatenated SHA-256 digests of the blocks.
    table: Vec<u8>,
    /// Blocks that have been compared with the table.
    checked: Vec<AtomicBool>,
    /// SHA-256 of the whole file, from the manifest.
    sha256: String,
}

impl Shard {
    /// Opens the file and checks everything except the ids.
    pub(super) fn open(
        folder: &Path,
        listed: &ShardFile,
        manifest: &Manifest,
    ) -> Result<Self, DataError> {
        let path = folder.join(&listed.file);
        let read = || DataError::io("read", &path);
        let wrong = |reason: String| DataError::file(&path, reason);
        let file = File::open(&path).map_err(read())?;
        let length = file.metadata().map_err(read())?.len();
        if length < header::LENGTH as u64 {
            return Err(wrong(format!(
                "has {length} bytes, fewer than a header; copy it again"
            )));
        }
        let mut bytes = [0; header::LENGTH];
        files::read_exact_at(&file, &mut bytes, 0).map_err(read())?;
        let header = Header::from_bytes(&bytes).map_err(wrong)?;
        let expected = header.file_length();
        if expected != Some(length) {
            let expected = expected.map_or("more than any file has".to_owned(), |n| n.to_string());
            return Err(wrong(format!(
                "has {length} bytes, but by its header it should have {expected}; copy it again"
            )));
        }
        // Not longer than the file, whose length was checked.
        let mut table = vec![0; header.table_length() as usize];
        files::read_exact_at(&file, &mut table, header.table_offset()).map_err(read())?;
        Header::check(&bytes, &table)
            .and_then(|()| fits(&header, listed, manifest))
            .map_err(wrong)?;
        let tokens = usize::try_from(header.tokens)
            .map_err(|_| wrong("is too large for this machine".to_owned()))?;
        Ok(Self {
            checked: table
                .chunks(DIGEST)
                .map(|_| AtomicBool::new(false))
                .collect(),
            path,
            file,
            header,
            tokens,
            table,
            sha256: listed.sha256.clone(),
        })
    }

    /// Concatenated SHA-256 digests of the blocks.
    pub(super) fn table(&self) -> &[u8] {
        &self.table
    }

    pub(super) fn len(&self) -> usize {
        self.tokens
    }

    /// Appends the ids in `range` to `ids`.
    pub(super) fn read(&self, range: Range<usize>, ids: &mut Vec<u32>) -> Result<(), DataError> {
        if range.is_empty() {
            return Ok(());
        }
        for block in range.start / BLOCK..=(range.end - 1) / BLOCK {
            if !self.checked[block].load(Ordering::Relaxed) {
                self.check_block(block)?;
                self.checked[block].store(true, Ordering::Relaxed);
            }
        }
        let bytes = self.bytes(&range)?;
        let first = ids.len();
        match self.header.width {
            2 => ids.extend(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|&id| u32::from(u16::from_le_bytes(id))),
            ),
            _ => ids.extend(bytes.as_chunks().0.iter().map(|&id| u32::from_le_bytes(id))),
        }
        let vocabulary = self.header.vocabulary;
        match ids[first..]
            .iter()
            .position(|&id| u64::from(id) >= vocabulary)
        {
            None => Ok(()),
            Some(place) => {
                let reason = format!(
                    "token {} is {}, but the vocabulary has {vocabulary}",
                    range.start + place,
                    ids[first + place]
                );
                Err(DataError::file(&self.path, reason))
            }
        }
    }

    fn bytes(&self, range: &Range<usize>) -> Result<Vec<u8>, DataError> {
        let width = self.header.width;
        let mut bytes = vec![0; range.len() * width];
        let offset = header::LENGTH as u64 + range.start as u64 * width as u64;
        files::read_exact_at(&self.file, &mut bytes, offset)
            .map_err(DataError::io("read", &self.path))?;
        Ok(bytes)
    }

    fn check_block(&self, block: usize) -> Result<(), DataError> {
        let range = block * BLOCK..((block + 1) * BLOCK).min(self.tokens);
        let found = Sha256::digest(self.bytes(&range)?);
        if self.table[block * DIGEST..][..DIGEST] == found[..] {
            return Ok(());
        }
        let reason = format!(
            "block {block} (tokens {} to {}) is not what was written; the file is damaged: copy or write it again",
            range.start,
            range.end - 1
        );
        Err(DataError::file(&self.path, reason))
    }

    /// Compares the whole file with the SHA-256 in the manifest.
    pub(super) fn verify(&self) -> Result<(), DataError> {
        let found = file_sha256(&self.file).map_err(DataError::io("read", &self.path))?;
        if found == self.sha256 {
            return Ok(());
        }
        (0..self.checked.len()).try_for_each(|block| self.check_block(block))?;
        let reason = format!(
            "its SHA-256 is {found}, but {} says {}; copy or write it again",
            manifest::FILE,
            self.sha256
        );
        Err(DataError::file(&self.path, reason))
    }
}

/// Checks that a shard is the one that the manifest describes.
fn fits(header: &Header, listed: &ShardFile, manifest: &Manifest) -> Result<(), String> {
    let file = manifest::FILE;
    if header.tokens != listed.tokens {
        return Err(format!(
            "has {} tokens, but {file} says {}",
            header.tokens, listed.tokens
        ));
    }
    if header.vocabulary != manifest.vocabulary as u64 {
        return Err(format!(
            "has a vocabulary of {} tokens, but {file} says {}",
            header.vocabulary, manifest.vocabulary
        ));
    }
    if header.tokenizer() != manifest.tokenizer_sha256 {
        return Err(format!(
            "was made with another tokenizer than {file} says: with {}, not {}",
            header.tokenizer(),
            manifest.tokenizer_sha256
        ));
    }
    Ok(())
}

/// SHA-256 of a whole file, in hexadecimal.
pub(super) fn file_sha256(file: &File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let read = match files::read_at(file, &mut buffer, offset) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        offset += read as u64;
    }
}
