//! Paths of the parts of ImageNet under its root folder, in the layouts that are in common use.

use crate::budget::Budget;
use crate::error::DataError;
use crate::files::{MAX_METADATA, read_limited};
use flate2::read::GzDecoder;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const TRAIN_ARCHIVE: &str = "ILSVRC2012_img_train.tar";
const VALIDATION_ARCHIVE: &str = "ILSVRC2012_img_val.tar";
const DEVKIT_ARCHIVE: &str = "ILSVRC2012_devkit_t12.tar.gz";
/// Common names of the validation folder. Not `test`: ImageNet's test images have no labels.
const VALIDATION: [&str; 3] = ["val", "valid", "validation"];
/// The images' folder in Kaggle's archive, whose lists are at the top.
const KAGGLE: &str = "ILSVRC/Data/CLS-LOC";
/// Folders that are searched for lists of labels and names.
const LISTS: [&str; 6] = [
    "",
    "ILSVRC2012_devkit_t12/data",
    "devkit/data",
    "data",
    "meta",
    "val",
];

/// Paths under one root.
pub(super) struct Paths {
    root: PathBuf,
    /// The folder of `train` and `val`.
    images: PathBuf,
    /// Folders that may have lists.
    lists: Vec<PathBuf>,
}

/// A list file.
pub(super) struct Found {
    /// Path in messages.
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
}

impl Paths {
    pub(super) fn under(root: &Path) -> Result<Self, DataError> {
        if root.is_file() {
            return Err(DataError::file(
                root,
                "is a file; give the folder that it is in",
            ));
        }
        if !root.is_dir() {
            return Err(DataError::file(root, "no such folder"));
        }
        let kaggle = root.join(KAGGLE);
        let images = if kaggle.is_dir() { &kaggle } else { root };
        let mut lists: Vec<PathBuf> = LISTS.iter().map(|place| root.join(place)).collect();
        if root.ends_with(KAGGLE) {
            lists.extend(root.ancestors().nth(3).map(Path::to_path_buf));
        }
        Ok(Self {
            root: root.to_path_buf(),
            images: images.to_path_buf(),
            lists,
        })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Folder or archive of the training images, if it exists.
    pub(super) fn train(&self) -> Option<PathBuf> {
        self.images_in(&["train"], TRAIN_ARCHIVE)
    }

    /// Error for missing training images.
    pub(super) fn no_train(&self) -> DataError {
        self.nothing_there(&format!(
            "has no folder train and no {TRAIN_ARCHIVE}; expected train/n01440764/*.JPEG"
        ))
    }

    /// Folder or archive of the validation images.
    pub(super) fn validation(&self) -> Result<PathBuf, DataError> {
        let place = self.images_in(&VALIDATION, VALIDATION_ARCHIVE);
        place.ok_or_else(|| {
            self.nothing_there(&format!(
                "has no folder val and no {VALIDATION_ARCHIVE}; expected val/n01440764/*.JPEG, or val/*.JPEG and a list \
                 of labels"
            ))
        })
    }

    fn images_in(&self, folders: &[&str], archive: &str) -> Option<PathBuf> {
        let mut folders = folders.iter().map(|name| self.images.join(name));
        let archive = self.root.join(archive);
        let folder = folders.find(|folder| folder.is_dir());
        folder.or_else(|| archive.is_file().then_some(archive))
    }

    fn nothing_there(&self, reason: &str) -> DataError {
        DataError::file(
            &self.images,
            format!("{reason} ({})", found_in(&self.images)),
        )
    }

    /// Reads the file called `name` from the first folder that has it.
    pub(super) fn find(&self, name: &str) -> Result<Option<Found>, DataError> {
        let mut paths = self.lists.iter().map(|folder| folder.join(name));
        let Some(path) = paths.find(|path| path.is_file()) else {
            return Ok(None);
        };
        let bytes = read_limited(&path, MAX_METADATA).map_err(DataError::io("read", &path))?;
        Ok(Some(Found { path, bytes }))
    }

    /// Like [`find`](Self::find), but also searches the devkit's published archive.
    pub(super) fn find_in_devkit(&self, name: &str) -> Result<Option<Found>, DataError> {
        if let Some(found) = self.find(name)? {
            return Ok(Some(found));
        }
        let mut archives = self.lists.iter().map(|folder| folder.join(DEVKIT_ARCHIVE));
        let Some(archive) = archives.find(|path| path.is_file()) else {
            return Ok(None);
        };
        let path = archive.join(name);
        let bytes = unpack(&archive, name).map_err(DataError::io("read", &archive))?;
        Ok(bytes.map(|bytes| Found { path, bytes }))
    }
}

/// Unpacks the first file called `name` from a compressed archive.
fn unpack(archive: &Path, name: &str) -> std::io::Result<Option<Vec<u8>>> {
    let unpacked = Budget::new(GzDecoder::new(File::open(archive)?), MAX_METADATA);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.file_name().is_some_and(|found| found == name) {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

impl Found {
    pub(super) fn text(&self) -> Result<&str, DataError> {
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|_| DataError::file(&self.path, "is not a text file in UTF-8"))?;
        Ok(text.trim_start_matches('\u{feff}'))
    }

    /// The non-empty lines, trimmed, with their numbers.
    pub(super) fn lines(&self) -> Result<impl Iterator<Item = (usize, &str)>, DataError> {
        let lines = self.text()?.lines().map(str::trim).zip(1..);
        Ok(lines
            .filter(|(line, _)| !line.is_empty())
            .map(|(line, number)| (number, line)))
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> DataError {
        DataError::file(&self.path, reason)
    }

    pub(super) fn line_error(&self, line: usize, reason: impl Display) -> DataError {
        self.error(format!("line {line}: {reason}"))
    }
}

/// "found a, b, c and 7 more", for messages about a folder with unexpected contents.
pub(super) fn found_in(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    if names.is_empty() {
        return "it is empty".to_owned();
    }
    names.sort_unstable();
    let shown = names.len().min(4);
    let more = match names.len() - shown {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("found {}{more}", names[..shown].join(", "))
}
