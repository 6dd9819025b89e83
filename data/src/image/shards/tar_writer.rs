//! Writer of the tar files of one split.

use super::encode::Member;
use super::manifest::ShardFile;
use super::prefix;
use crate::Split;
use crate::error::DataError;
use crate::files;
use sha2::{Digest, Sha256};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

/// Block size of tar: a member takes one block for its header, and its content padded to blocks.
const BLOCK: u64 = 512;
/// Length of the end mark: two blocks of zeros.
const END: u64 = 2 * BLOCK;

/// Maximum size of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardSize {
    /// Maximum number of bytes; a shard has at least one image.
    Bytes(u64),
    /// Number of images.
    Images(usize),
}

/// Appends members to the shards of one split.
pub(super) struct ShardWriter<'a> {
    output: &'a Path,
    split: Split,
    size: ShardSize,
    begun: Option<BegunShard>,
    done: Vec<ShardFile>,
}

struct BegunShard {
    tar: Builder<Hashing<BufWriter<NamedTempFile>>>,
    images: usize,
    /// Bytes written, without the end mark.
    bytes: u64,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn new(output: &'a Path, split: Split, size: ShardSize) -> Self {
        Self {
            output,
            split,
            size,
            begun: None,
            done: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, member: &Member) -> Result<(), DataError> {
        let label = member.label.to_string();
        let blocks = |bytes: usize| BLOCK + (bytes as u64).next_multiple_of(BLOCK);
        let bytes = blocks(member.file.len()) + blocks(label.len());
        let full = |shard: &BegunShard| match self.size {
            ShardSize::Bytes(most) => shard.bytes + bytes + END > most,
            ShardSize::Images(most) => shard.images >= most,
        };
        if self.begun.as_ref().is_some_and(full) {
            self.end_shard()?;
        }
        let path = self.output.join(self.file_name());
        let shard = match &mut self.begun {
            Some(shard) => shard,
            none => none.insert(BegunShard {
                tar: Builder::new(Hashing::new(BufWriter::new(files::begin(&path)?))),
                images: 0,
                bytes: 0,
            }),
        };
        let Member {
            key,
            extension,
            file,
            ..
        } = member;
        append(&mut shard.tar, &format!("{key}.{extension}"), file)
            .and_then(|()| append(&mut shard.tar, &format!("{key}.cls"), label.as_bytes()))
            .map_err(DataError::io("write", &path))?;
        shard.images += 1;
        shard.bytes += bytes;
        Ok(())
    }

    /// Finishes the last shard and returns all of them.
    pub(super) fn finish(mut self) -> Result<Vec<ShardFile>, DataError> {
        self.end_shard()?;
        Ok(self.done)
    }

    /// Finishes the current shard, if any, and renames it into place.
    fn end_shard(&mut self) -> Result<(), DataError> {
        let Some(shard) = self.begun.take() else {
            return Ok(());
        };
        let file = self.file_name();
        let path = self.output.join(&file);
        let write = || DataError::io("write", &path);
        let (buffered, sha256, bytes) = shard.tar.into_inner().map_err(write())?.finish();
        let unnamed = buffered
            .into_inner()
            .map_err(|error| write()(error.into_error()))?;
        files::finish(unnamed, &path)?;
        self.done.push(ShardFile {
            file,
            images: shard.images,
            bytes,
            sha256,
        });
        Ok(())
    }

    /// Name of the current shard, or of the next one.
    fn file_name(&self) -> String {
        format!("{}-{:06}.tar", prefix(self.split), self.done.len())
    }
}

/// Appends a member without time and owner, so that the same images give the same bytes.
fn append(tar: &mut Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    tar.append(&header, content)
}

/// A writer that counts and hashes the bytes written through it.
pub(super) struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            sha256: Sha256::new(),
            bytes: 0,
        }
    }

    /// Returns the writer, the SHA-256 in hexadecimal, and the number of bytes.
    pub(super) fn finish(self) -> (W, String, u64) {
        let digest = self.sha256.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, hex, self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.sha256.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
