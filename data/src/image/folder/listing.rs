//! Search for image files, with one folder per class.
//!
//! As torchvision's `ImageFolder`: folders below a class are searched at any depth and links are
//! followed. Unlike it: hidden files and folders are passed over, such as Jupyter's
//! `.ipynb_checkpoints` and macOS's `._picture.jpg`, which hold copies or no picture at all; a link
//! to a folder above itself ends there.

use crate::error::DataError;
use crate::image::PassedOver;
use crate::image::decode::{EXTENSIONS, has_readable_extension};
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Folders of thumbnails and metadata whose name does not begin with a dot: of Synology's NAS and
/// of macOS archives.
const SYSTEM_FOLDERS: [&str; 2] = ["@eaDir", "__MACOSX"];

/// The sorted names of a folder's direct entries.
#[derive(Default)]
pub(in crate::image) struct Entries {
    pub(in crate::image) folders: Vec<String>,
    pub(in crate::image) images: Vec<String>,
    /// Everything else, without the images.
    pub(in crate::image) passed_over: PassedOver,
}

/// Lists the class folders in `folder` and the image files beside them.
pub(in crate::image) fn entries(folder: &Path) -> Result<Entries, DataError> {
    let list = || DataError::io("list", folder);
    let mut entries = Entries::default();
    for entry in fs::read_dir(folder).map_err(list())? {
        let entry = entry.map_err(list())?;
        let path = entry.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(not_utf8(&path));
        };
        // The listing distinguishes files and folders; only links need another system call.
        let kind = entry.file_type().map_err(list())?;
        let is_folder = kind.is_dir() || kind.is_symlink() && path.is_dir();
        match (is_folder, has_readable_extension(&path)) {
            (true, _) if is_hidden(name) || kind.is_symlink() && is_above(&path, folder) => {}
            (true, _) => entries.folders.push(name.to_owned()),
            (false, true) if !is_hidden(name) => entries.images.push(name.to_owned()),
            (false, true) => entries.passed_over.add(PassedOver::HIDDEN),
            (false, false) if is_dangling(&path) => entries.passed_over.add(PassedOver::DANGLING),
            (false, false) if is_hidden(name) => {}
            (false, false) => entries.passed_over.add_file(&path),
        }
    }
    entries.folders.sort_unstable();
    entries.images.sort_unstable();
    Ok(entries)
}

/// The sorted paths of a class folder's entries, at any depth.
#[derive(Default)]
pub(in crate::image) struct ClassFiles {
    pub(in crate::image) images: Vec<PathBuf>,
    /// The class folder and its subfolders.
    pub(in crate::image) folders: Vec<PathBuf>,
    pub(in crate::image) passed_over: PassedOver,
}

/// Lists the files of one class. A dangling link with an image's name is listed like an image, so
/// that it is reported like one that cannot be read.
pub(in crate::image) fn class_files(class: &Path) -> Result<ClassFiles, DataError> {
    let mut files = ClassFiles::default();
    let walk = WalkDir::new(class).follow_links(true).into_iter();
    let leads_up = |entry: &DirEntry| {
        let is_link = entry.depth() > 0 && entry.path_is_symlink();
        is_link && entry.file_type().is_dir() && is_above(entry.path(), class)
    };
    for entry in walk.filter_entry(|entry| !leads_up(entry)) {
        match entry {
            Ok(entry) if entry.file_type().is_dir() => files.folders.push(entry.into_path()),
            Ok(entry) => files.add(class, &entry),
            Err(error) => files.add_failed(class, &error)?,
        }
    }
    files.images.sort_unstable();
    files.folders.sort_unstable();
    Ok(files)
}

impl ClassFiles {
    fn add(&mut self, class: &Path, entry: &DirEntry) {
        let path = entry.path();
        match (has_readable_extension(path), is_hidden_below(class, path)) {
            (true, false) if entry.file_type().is_file() => self.images.push(path.to_path_buf()),
            (true, true) => self.passed_over.add(PassedOver::HIDDEN),
            (false, true) => {}
            (_, false) => self.passed_over.add_file(path),
        }
    }

    /// Decides about an entry that could not be listed.
    fn add_failed(&mut self, class: &Path, error: &walkdir::Error) -> Result<(), DataError> {
        let path = error.path().unwrap_or(class);
        // A link to a folder above it: everything there is listed already.
        if error.loop_ancestor().is_some() {
            return Ok(());
        }
        match (is_dangling(path), is_hidden_below(class, path)) {
            (_, true) => Ok(()),
            (true, false) if has_readable_extension(path) => {
                self.images.push(path.to_path_buf());
                Ok(())
            }
            (true, false) => {
                self.passed_over.add(PassedOver::DANGLING);
                Ok(())
            }
            (false, false) => Err(DataError::file(path, format!("cannot be listed: {error}"))),
        }
    }

    /// Error for a class that needs an image.
    pub(in crate::image) fn no_image(&self, class: &Path) -> DataError {
        let mut reason = format!("has no image (.{})", EXTENSIONS.join(", ."));
        if !self.passed_over.is_empty() {
            reason = format!("{reason} among {}", self.passed_over);
        }
        DataError::file(class, reason)
    }
}

pub(in crate::image) fn not_utf8(path: &Path) -> DataError {
    DataError::file(path, "its name is not valid UTF-8; rename it")
}

/// True for names of files and folders that are passed over with everything below them.
pub(in crate::image) fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || SYSTEM_FOLDERS.contains(&name)
}

fn is_hidden_below(class: &Path, path: &Path) -> bool {
    let below = path.strip_prefix(class).unwrap_or(path);
    below.iter().any(|part| is_hidden(&part.to_string_lossy()))
}

/// True for a link whose target cannot be reached.
pub(in crate::image) fn is_dangling(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|entry| entry.is_symlink()) && fs::metadata(path).is_err()
}

/// True if the folder that `link` leads to contains `folder`, or is the same.
fn is_above(link: &Path, folder: &Path) -> bool {
    let (target, folder) = (fs::canonicalize(link), fs::canonicalize(folder));
    matches!((target, folder), (Ok(target), Ok(folder)) if folder.starts_with(&target))
}
