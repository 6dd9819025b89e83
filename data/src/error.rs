//! The error type of the crate. Every message names the place, and the remedy where it is not
//! obvious.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. Its message is written for the owner of the data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused an operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The operation: "read", "write", "list".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// An invalid file or folder.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The problem and its remedy.
        reason: String,
    },
    /// An invalid record of a binary file.
    #[error("{}, record {record}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record's number, counted from 0.
        record: usize,
        /// The problem.
        reason: String,
    },
    /// An image that cannot be decoded or transformed.
    #[error("{name}: {reason}")]
    Image {
        /// Its path, or its name in the data set.
        name: String,
        /// The problem.
        reason: String,
    },
    /// An invalid setting.
    #[error("{what}: {reason}")]
    Config {
        /// The setting.
        what: String,
        /// The problem and its remedy.
        reason: String,
    },
    /// A loader configuration that contradicts the source's [`Batching`](crate::loader::Batching).
    #[error("{setting} is {found}, but this data set needs {needed}: {reason}")]
    Batching {
        /// The setting: "batch_size" or "shuffle".
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that the source needs.
        needed: String,
        /// Why it needs that value.
        reason: &'static str,
    },
    /// An unusable item when none may be skipped.
    #[error("{} cannot be used: {source}", item(*index, name, source))]
    BadItem {
        /// Its index in the data set.
        index: usize,
        /// Its name in the data set.
        name: String,
        /// Why it cannot be used.
        source: Box<DataError>,
    },
    /// More unusable items than may be skipped.
    #[error("{count} items cannot be used, and only {limit} may be left out; the last one is {}: {source}", item(*index, name, source))]
    TooManyBadItems {
        /// Number of distinct unusable items, this one included.
        count: usize,
        /// Number that may be skipped.
        limit: usize,
        /// Index of this item.
        index: usize,
        /// Its name in the data set.
        name: String,
        /// Why it cannot be used.
        source: Box<DataError>,
    },
    /// A batch whose items were all skipped.
    #[error(
        "batch {batch} of epoch {epoch} is empty: none of its {size} items can be used (first: {first})"
    )]
    EmptyBatch {
        /// The epoch.
        epoch: u64,
        /// The batch's number in the epoch, counted from 0.
        batch: usize,
        /// Number of items that it should have had.
        size: usize,
        /// Name of the first of them.
        first: String,
    },
    /// A panic in the code of a data set, caught by the loader.
    #[error("{name}: the data set's code panicked: {message}")]
    Panic {
        /// The item, or the batch.
        name: String,
        /// The panic message.
        message: String,
    },
    /// A failed download.
    #[error("cannot download {url}: {reason}; run again to continue, or put {} into {} yourself", files.join(", "), folder.display())]
    Download {
        /// The address.
        url: String,
        /// The reason.
        reason: String,
        /// The files that are needed.
        files: Vec<String>,
        /// The folder that they belong in.
        folder: PathBuf,
    },
    /// A downloaded file that differs from the published one.
    #[error(
        "{name} from {url} is not the published file: its checksum is {found}, expected {expected}; it was deleted, run again to download it afresh"
    )]
    Checksum {
        /// The file.
        name: String,
        /// The address.
        url: String,
        /// The published checksum.
        expected: String,
        /// The checksum of the downloaded file.
        found: String,
    },
}

impl DataError {
    /// For `map_err`: the operating system refused to do `action` to `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File {
            path: path.to_path_buf(),
            reason: reason.into(),
        }
    }

    pub(crate) fn record(path: &Path, record: usize, reason: impl Into<String>) -> Self {
        Self::Record {
            path: path.to_path_buf(),
            record,
            reason: reason.into(),
        }
    }

    pub(crate) fn image(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Image {
            name: name.into(),
            reason: reason.into(),
        }
    }

    pub(crate) fn config(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Config {
            what: what.into(),
            reason: reason.into(),
        }
    }
}

/// "item 3 (cats/a.png)", or "item 3" if the error names the item anyway.
pub(crate) fn item(index: usize, name: &str, error: &DataError) -> String {
    if error.to_string().contains(name) {
        format!("item {index}")
    } else {
        format!("item {index} ({name})")
    }
}
