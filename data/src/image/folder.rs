//! Image folders, with one folder per class: `root/train/CLASS/picture.jpg`,
//! `root/val/CLASS/picture.jpg`. torchvision's `ImageFolder` reads each split in this layout.

pub(super) mod listing;

use super::{Image, PassedOver, decode};
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use listing::{class_files, entries, is_dangling};
use std::fs;
use std::path::{Path, PathBuf};

const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["test"];
/// Folders for the validation split; the first that exists is used.
const VALIDATION: &[&str] = &["val", "valid", "validation", "test"];
/// Names of folders that are parts of a data set and no classes.
const PARTS: [&str; 6] = ["train", "training", "val", "valid", "validation", "test"];

/// Image files in one folder per class. Opening lists them; each is read on access.
#[derive(Clone, Debug)]
pub struct ImageFolder {
    /// Folder of the split.
    folder: PathBuf,
    classes: Vec<String>,
    files: Vec<(PathBuf, usize)>,
    passed_over: PassedOver,
}

impl ImageFolder {
    /// Lists `root/train`, `root/val` (or `valid`, `validation`, `test`), or `root/test`. For every
    /// split, the classes are the folders of `root/train` in alphabetical order; a class may have
    /// subfolders, and outside of the training split it may be empty. Links are followed; hidden
    /// files and folders and files without one of [`decode::EXTENSIONS`] are passed over
    /// ([`passed_over`](Self::passed_over)).
    ///
    /// # Errors
    /// If a folder is missing or cannot be listed, a training class has no images, or a class of
    /// another split has images and is not in `root/train`.
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
        Self::list(&folder, classes, split == Split::Train)
    }

    /// Lists the class folders in `folder` itself as training images, in the way of
    /// [`open`](Self::open): torchvision's `ImageFolder(folder)`.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); a folder is named like a part of a data set (`val`).
    pub fn open_classes(folder: &Path) -> Result<Self, DataError> {
        let classes = entries(folder)?.folders;
        let part = classes
            .iter()
            .find(|class| PARTS.contains(&class.to_lowercase().as_str()));
        if let Some(part) = part {
            let reason =
                "is named like a part of a data set, beside which a folder train is missing";
            return Err(DataError::file(&folder.join(part), reason));
        }
        if classes.is_empty() {
            let reason = "has neither a folder train nor class folders; expected CLASS/picture.jpg";
            return Err(DataError::file(folder, reason));
        }
        Self::list(folder, classes, true)
    }

    /// True if `root` has a folder of training images, `train`.
    pub fn has_train(root: &Path) -> bool {
        subfolder(root, TRAIN).is_ok()
    }

    /// True if `root` has a folder of validation images, not counting `test`.
    pub fn has_validation(root: &Path) -> bool {
        let folders = VALIDATION.iter().filter(|name| !TEST.contains(name));
        folders.into_iter().any(|name| root.join(name).is_dir())
    }

    /// True if `root` has a folder of test images.
    pub fn has_test(root: &Path) -> bool {
        subfolder(root, TEST).is_ok()
    }

    /// Lists the class folders in `folder`.
    fn list(folder: &Path, classes: Vec<String>, none_empty: bool) -> Result<Self, DataError> {
        let mut listed = Self {
            folder: folder.to_path_buf(),
            classes,
            files: Vec::new(),
            passed_over: PassedOver::default(),
        };
        let top = entries(folder)?;
        listed.passed_over.merge(&top.passed_over);
        for _ in &top.images {
            listed.passed_over.add(PassedOver::BESIDE);
        }
        for class in top.folders {
            listed.add_class(&folder.join(&class), &class, none_empty)?;
        }
        if listed.files.is_empty() {
            return Err(DataError::file(folder, "has no images in class folders"));
        }
        Ok(listed)
    }

    fn add_class(&mut self, folder: &Path, class: &str, none_empty: bool) -> Result<(), DataError> {
        let found = class_files(folder)?;
        self.passed_over.merge(&found.passed_over);
        if found.images.is_empty() {
            return if none_empty {
                Err(found.no_image(folder))
            } else {
                Ok(())
            };
        }
        let known = self
            .classes
            .binary_search_by(|known| known.as_str().cmp(class));
        let label = known.map_err(|_| {
            let reason = "has images, and there is no such class among the training images";
            DataError::file(folder, reason)
        })?;
        let images = found.images.into_iter();
        self.files.extend(images.map(|path| (path, label)));
        Ok(())
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

    /// Path of image `index` below the split's folder, with slashes on every system.
    pub fn relative_name(&self, index: usize) -> String {
        let path = self.path(index);
        let below = path.strip_prefix(&self.folder).unwrap_or(path);
        let parts = below.iter().map(|part| part.to_string_lossy());
        parts.collect::<Vec<_>>().join("/")
    }

    /// Files of the split's folder that are no images of the data set.
    pub fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }

    /// Reads the file of image `index`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let path = self.path(index);
        fs::read(path).map_err(|error| match fs::read_link(path) {
            Ok(target) if is_dangling(path) => {
                let reason = format!("is a link to {}, which cannot be read", target.display());
                DataError::file(path, format!("{reason}: {error}"))
            }
            _ => DataError::io("read", path)(error),
        })
    }

    /// Reads and decodes image `index`.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        decode::decode_bytes(&self.file(index)?, &self.name(index))
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
        assert!(error(&dir, Split::Validation).contains("cow: has images, and there is no such"));
        fs::create_dir(dir.path().join("train/dog")).unwrap();
        assert!(error(&dir, Split::Train).contains("dog: has no image (.jpg, .jpeg,"));

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
