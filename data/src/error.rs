//! What can be wrong with data: always with the place, and with what to do where that is not obvious.

use std::io;
use std::path::{Path, PathBuf};

/// An error of this crate. The message is meant for the person whose data it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The operating system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: "read", "write", "list".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file or folder that is not as it should be.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// One record of a binary file that is not as it should be.
    #[error("{}, record {record}: {reason}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Which record, counted from 0.
        record: usize,
        /// What is wrong.
        reason: String,
    },
    /// An image that cannot be decoded or transformed.
    #[error("{name}: {reason}")]
    Image {
        /// Its path, or what the data set calls it.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A setting that makes no sense.
    #[error("{what}: {reason}")]
    Config {
        /// Which setting.
        what: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// An item of a data set that cannot be used, and none or no more may be left out.
    #[error("{} cannot be used: {source}", item(*index, name, source))]
    BadItem {
        /// Its index in the data set.
        index: usize,
        /// What the data set calls it.
        name: String,
        /// Why.
        source: Box<DataError>,
    },
    /// More items than allowed cannot be used.
    #[error("{count} items cannot be used, and only {limit} may be left out; the last one is {}: {source}", item(*index, name, source))]
    TooManyBadItems {
        /// How many distinct items, this one included.
        count: usize,
        /// How many may be left out.
        limit: usize,
        /// Index of the one too many.
        index: usize,
        /// What the data set calls it.
        name: String,
        /// Why it cannot be used.
        source: Box<DataError>,
    },
    /// A batch of which nothing is left.
    #[error(
        "batch {batch} of epoch {epoch} is empty: none of its {size} items can be used (first: {first})"
    )]
    EmptyBatch {
        /// Which epoch.
        epoch: u64,
        /// Which batch of it, counted from 0.
        batch: usize,
        /// How many items it should have had.
        size: usize,
        /// The first of them.
        first: String,
    },
    /// A data set's own code panicked; the loader goes on living.
    #[error("{name}: the data set's code panicked: {message}")]
    Panic {
        /// The item, or the batch.
        name: String,
        /// What it said.
        message: String,
    },
    /// A file that could not be downloaded.
    #[error("cannot download {url}: {reason}; run again to continue, or put {} into {} yourself", files.join(", "), folder.display())]
    Download {
        /// From where.
        url: String,
        /// Why not.
        reason: String,
        /// The files that are needed.
        files: Vec<String>,
        /// Where they belong.
        folder: PathBuf,
    },
    /// A downloaded file that is not the published one.
    #[error(
        "{name} from {url} is not the published file: its checksum is {found}, expected {expected}; it was deleted, run again to download it afresh"
    )]
    Checksum {
        /// Which file.
        name: String,
        /// From where.
        url: String,
        /// The published checksum.
        expected: String,
        /// The checksum of what came.
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

/// "item 3 (cats/a.png)", without the name where the error says it anyway.
pub(crate) fn item(index: usize, name: &str, error: &DataError) -> String {
    if error.to_string().contains(name) {
        format!("item {index}")
    } else {
        format!("item {index} ({name})")
    }
}
