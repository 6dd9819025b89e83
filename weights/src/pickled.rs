//! Pickles without tensors.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::Refusal;
use super::lfs::{LFS_POINTER, is_lfs_pointer};
use super::{WeightsError, pytorch};

/// Maximum size of such a file in bytes.
const MAX_SIZE: u64 = 64 << 20;

/// Strings of the dict `key` of a pickled dict by their integer keys, such as the characters
/// (`itos`) in nanoGPT's `meta.pkl`. Nothing in the pickle is called.
///
/// # Errors
/// As [`StateDict::read`](super::StateDict::read); there is no such dict.
pub fn read_strings(path: &Path, key: &str) -> Result<BTreeMap<i64, String>, WeightsError> {
    let io = |source| WeightsError::Io {
        path: path.to_path_buf(),
        source,
    };
    let refused = |refusal: Refusal| refusal.of(path);
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_SIZE {
        let reason = format!("it has {size} bytes, and should have at most {MAX_SIZE}");
        return Err(refused(Refusal::format(reason)));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    if is_lfs_pointer(&bytes) {
        return Err(refused(Refusal::format(LFS_POINTER)));
    }
    pytorch::strings(&bytes, key).map_err(refused)
}
