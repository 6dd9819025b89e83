//! Image folders, with one folder per class: `root/train/CLASS/picture.jpg`,
//! `root/val/CLASS/picture.jpg`. torchvision's `ImageFolder` reads each split in this layout.

use super::{Image, decode};
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// File extensions of images, case-insensitive.
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];
const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["test"];
/// Folders for the validation split; the first that exists is used.
const VALIDATION: &[&str] = &["val", "valid", "validation", "test"];

/// Image files in one folder per class. Opening lists them; each is read on access.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    /// Folder of the split.
    folder: PathBuf,
    classes: Vec<String>,
    files: Vec<(PathBuf, usize)>,
}

impl ImageFolder {
    /// Lists `root/train`, `root/val` (or `valid`, `validation`, `test`), or `root/test`. For every
    /// split, the classes are the folders of `root/train` in alphabetical order; a class may have
    /// subfolders. Links are followed; hidden folders and files other than `.jpg`, `.jpeg` and
    /// `.png` are ignored.
    ///
    /// # Errors
    /// If a folder is missing or cannot be listed, a class has no images, or a class of another
    /// split is not in `root/train`.
    pub fn open(root: &Path, split: Split) -> Result<Self, DataError> {
        if !root.is_dir() {
            return Err(DataError::file(root, "no such folder"));
        }
        let train = subfolder(root, TRAIN)?;
        let classes = entries(&train)?.folders;
        if classes.is_empty() {
            let reason = "has no class folders; images belong in one folder per class: train/CLASS/picture.jpg";
            return Err(DataError::file(&train, reason));
        }
        let folder = match split {
            Split::Train => train,
            Split::Validation => subfolder(root, VALIDATION)?,
            Split::Test => subfolder(root, TEST)?,
        };
        let mut files = Vec::new();
        for class in entries(&folder)?.folders {
            let label = classes.binary_search(&class).map_err(|_| {
                let reason = format!("this class is not in {}", root.join("train").display());
                DataError::file(&folder.join(&class), reason)
            })?;
            let images = class_files(&folder.join(&class))?.images;
            files.extend(images.into_iter().map(|path| (path, label)));
        }
        if files.is_empty() {
            return Err(DataError::file(&folder, "has no images in class folders"));
        }
        Ok(Self {
            folder,
            classes,
            files,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Always false: an empty folder is refused.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Names of the class folders, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        self.files[index].1
    }

    /// Path of image `index`.
    pub fn path(&self, index: usize) -> &Path {
        &self.files[index].0
    }

    /// Path of image `index`, for messages.
    pub fn name(&self, index: usize) -> String {
        self.path(index).display().to_string()
    }

    /// Adds the path within the split's folder and the size. A file without a size, such as a
    /// dangling link, is left to the loader.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let path = self.path(index);
        fingerprint.path(path.strip_prefix(&self.folder).unwrap_or(path));
        let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
        fingerprint.bytes(&size.to_le_bytes());
    }

    /// Reads and decodes image `index`.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        decode::decode(self.path(index))
    }
}

fn subfolder(root: &Path, names: &[&str]) -> Result<PathBuf, DataError> {
    let mut folders = names.iter().map(|name| root.join(name));
    folders.find(|folder| folder.is_dir()).ok_or_else(|| {
        let reason = format!(
            "has no folder {}; expected {}/CLASS/picture.jpg",
            names.join(" or "),
            names[0]
        );
        DataError::file(root, reason)
    })
}

/// The sorted names of a folder's direct entries.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) folders: Vec<String>,
    pub(super) images: Vec<String>,
}

/// Lists the class folders in `folder` and the image files beside them.
pub(super) fn entries(folder: &Path) -> Result<Entries, DataError> {
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
        if is_folder && !name.starts_with('.') {
            entries.folders.push(name.to_owned());
        } else if !is_folder && is_image(&path) {
            entries.images.push(name.to_owned());
        }
    }
    entries.folders.sort_unstable();
    entries.images.sort_unstable();
    Ok(entries)
}

pub(super) fn not_utf8(path: &Path) -> DataError {
    DataError::file(path, "its name is not valid UTF-8; rename it")
}

/// The sorted paths of a class folder's entries, at any depth.
#[derive(Default)]
pub(super) struct ClassFiles {
    pub(super) images: Vec<PathBuf>,
    /// The class folder and its subfolders.
    pub(super) folders: Vec<PathBuf>,
}

/// Lists the image files of one class.
pub(super) fn class_files(class: &Path) -> Result<ClassFiles, DataError> {
    let mut files = ClassFiles::default();
    for entry in WalkDir::new(class).follow_links(true) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(class).to_path_buf();
            DataError::file(&path, format!("cannot be listed: {error}"))
        })?;
        if entry.file_type().is_dir() {
            files.folders.push(entry.into_path());
        } else if entry.file_type().is_file() && is_image(entry.path()) {
            files.images.push(entry.into_path());
        }
    }
    if files.images.is_empty() {
        let reason = format!("has no image (.{})", EXTENSIONS.join(", ."));
        return Err(DataError::file(class, reason));
    }
    files.images.sort_unstable();
    files.folders.sort_unstable();
    Ok(files)
}

pub(super) fn is_image(path: &Path) -> bool {
    // macOS writes files like "._picture.jpg" to foreign disks.
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().and_then(|extension| extension.to_str());
    !hidden
        && extension.is_some_and(|e| EXTENSIONS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::image::write_png;
    use tempfile::TempDir;

    fn folder(files: &[&str]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let image = Image {
            width: 2,
            height: 1,
            channels: 1,
            pixels: vec![7, 9],
        };
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_png(&path, &image).unwrap();
        }
        dir
    }

    fn error(dir: &TempDir, split: Split) -> String {
        ImageFolder::open(dir.path(), split)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn lists_classes_and_files_in_order() {
        let dir = folder(&[
            "train/dog/b.PNG",
            "train/dog/a.JPEG",
            "train/dog/notes.txt",
            "train/dog/._a.jpg",
            "train/cat/deep/c.jpg",
            "train/.cache/x.png",
            "valid/dog/d.png",
        ]);
        let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
        assert_eq!(train.classes(), ["cat", "dog"]);
        let names: Vec<String> = (0..train.len())
            .map(|i| {
                train
                    .path(i)
                    .file_name()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(names, ["c.jpg", "a.JPEG", "b.PNG"]);
        assert_eq!((train.label(0), train.label(2)), (0, 1));
        assert_eq!(train.image(1).unwrap().pixels, [7, 9]);
        // A split that lacks some classes keeps the labels.
        let validation = ImageFolder::open(dir.path(), Split::Validation).unwrap();
        assert_eq!((validation.len(), validation.label(0)), (1, 1));
        assert_eq!(validation.classes(), train.classes());
    }

    #[cfg(unix)]
    #[test]
    fn follows_links_to_folders_and_files() {
        use std::os::unix::fs::symlink;
        let store = folder(&["cats/a.png", "b.png"]);
        let dir = folder(&["train/dog/d.png"]);
        symlink(store.path().join("cats"), dir.path().join("train/cat")).unwrap();
        symlink(
            store.path().join("b.png"),
            dir.path().join("train/dog/b.png"),
        )
        .unwrap();
        let train = ImageFolder::open(dir.path(), Split::Train).unwrap();
        assert_eq!(train.classes(), ["cat", "dog"]);
        assert_eq!(train.len(), 3);
    }

    #[test]
    fn errors_name_the_folder() {
        let dir = folder(&["train/cat/a.png", "val/cow/b.png"]);
        assert!(error(&dir, Split::Validation).contains("cow: this class is not in"));
        fs::create_dir(dir.path().join("train/dog")).unwrap();
        assert!(error(&dir, Split::Train).contains("dog: has no image (.jpg, .jpeg, .png)"));

        let dir = folder(&["train/a.png"]);
        assert!(error(&dir, Split::Train).contains("train: has no class folders"));
        let dir = folder(&["train/cat/a.png"]);
        assert!(error(&dir, Split::Validation).contains("has no folder val or valid"));
        fs::create_dir(dir.path().join("val")).unwrap();
        assert!(error(&dir, Split::Validation).contains("val: has no images"));
        let missing = ImageFolder::open(&dir.path().join("nowhere"), Split::Train);
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("nowhere: no such folder")
        );
    }
}
