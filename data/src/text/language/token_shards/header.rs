//! The fixed-size header of a shard.

use super::hex;
use sha2::{Digest, Sha256};

/// Size in bytes.
pub(super) const LENGTH: usize = 96;
/// Tokens per block. Each block has its own checksum in the table.
pub(super) const BLOCK: usize = 1 << 15;
/// Bytes of a SHA-256 digest.
pub(super) const DIGEST: usize = 32;

const MAGIC: &[u8; 8] = b"tbtokens";
const VERSION: u32 = 1;
/// Offset of the checksum.
const CHECKSUM: usize = 64;

/// Contents of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes per id: 2 or 4.
    pub(super) width: usize,
    pub(super) tokens: u64,
    pub(super) vocabulary: u64,
    /// SHA-256 of `tokenizer.json`.
    pub(super) tokenizer: [u8; DIGEST],
}

impl Header {
    /// Bytes per id for a vocabulary size.
    pub(super) fn width(vocabulary: usize) -> usize {
        if vocabulary <= 1 << 16 { 2 } else { 4 }
    }

    /// Length of the whole file; `None` if it overflows.
    pub(super) fn file_length(&self) -> Option<u64> {
        let ids = self.tokens.checked_mul(self.width as u64)?;
        ids.checked_add(LENGTH as u64 + self.table_length())
    }

    /// Offset of the table.
    pub(super) fn table_offset(&self) -> u64 {
        LENGTH as u64 + self.tokens * self.width as u64
    }

    pub(super) fn table_length(&self) -> u64 {
        self.tokens.div_ceil(BLOCK as u64) * DIGEST as u64
    }

    /// Serialises the header with the checksum of itself and `table`.
    pub(super) fn to_bytes(&self, table: &[u8]) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(self.width as u32).to_le_bytes());
        bytes[16..24].copy_from_slice(&self.tokens.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.vocabulary.to_le_bytes());
        bytes[32..64].copy_from_slice(&self.tokenizer);
        let checksum = checksum(&bytes[..CHECKSUM], table);
        bytes[CHECKSUM..].copy_from_slice(&checksum);
        bytes
    }

    /// # Errors
    /// If this is not a shard, or has another version. Damage is detected by
    /// [`check`](Self::check).
    pub(super) fn from_bytes(bytes: &[u8; LENGTH]) -> Result<Self, String> {
        let mut rest = &bytes[..];
        if take::<8>(&mut rest) != *MAGIC {
            return Err("is not a token shard: it does not begin with \"tbtokens\"".to_owned());
        }
        let version = u32::from_le_bytes(take(&mut rest));
        if version != VERSION {
            return Err(format!(
                "is a shard of version {version}, but this program reads version {VERSION}"
            ));
        }
        let width = u32::from_le_bytes(take(&mut rest));
        if width != 2 && width != 4 {
            return Err(format!(
                "its header is damaged: ids of {width} bytes; copy or write it again"
            ));
        }
        Ok(Self {
            width: width as usize,
            tokens: u64::from_le_bytes(take(&mut rest)),
            vocabulary: u64::from_le_bytes(take(&mut rest)),
            tokenizer: take(&mut rest),
        })
    }

    /// # Errors
    /// If the header or the table is not what was written.
    pub(super) fn check(bytes: &[u8; LENGTH], table: &[u8]) -> Result<(), String> {
        let (before, written) = bytes.split_at(CHECKSUM);
        if checksum(before, table)[..] == *written {
            return Ok(());
        }
        Err("its header or its table is damaged; copy or write it again".to_owned())
    }

    pub(super) fn tokenizer(&self) -> String {
        hex(&self.tokenizer)
    }
}

fn checksum(header: &[u8], table: &[u8]) -> [u8; DIGEST] {
    let hash = Sha256::new_with_prefix(header).chain_update(table);
    hash.finalize().into()
}

/// Takes the next bytes; zeros beyond the end, which no field of a header reaches.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    match rest.split_first_chunk::<N>() {
        Some((first, left)) => {
            *rest = left;
            *first
        }
        None => [0; N],
    }
}
