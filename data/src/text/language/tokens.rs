//! A split of a corpus as token ids, in memory or on disk.

use super::TokenShards;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use std::ops::Range;
use std::sync::Arc;

/// Token ids in order. Clones share them.
#[derive(Clone, Debug)]
pub enum Tokens {
    /// All ids in memory.
    Memory(Arc<[u32]>),
    /// Ids in files, read on demand.
    Shards(Arc<TokenShards>),
}

impl From<Vec<u32>> for Tokens {
    fn from(ids: Vec<u32>) -> Self {
        Self::Memory(ids.into())
    }
}

impl Tokens {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        match self {
            Self::Memory(ids) => ids.len(),
            Self::Shards(shards) => shards.len(),
        }
    }

    /// True if there are no tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the ids, or the checksums of their shards.
    pub(super) fn identify(&self, fingerprint: &mut Fingerprint) {
        match self {
            Self::Memory(ids) => fingerprint.ids(ids),
            Self::Shards(shards) => shards.identify(fingerprint),
        }
    }

    /// Reads the ids in `range`, which must lie within [`len`](Self::len).
    ///
    /// # Errors
    /// If a shard cannot be read or is not what was written.
    pub fn read(&self, range: Range<usize>) -> Result<Vec<u32>, DataError> {
        match self {
            Self::Memory(ids) => Ok(ids[range].to_vec()),
            Self::Shards(shards) => shards.read(range),
        }
    }
}
