//! ImageNet (ILSVRC 2012; Russakovsky et al. 2015, <https://arxiv.org/abs/1409.0575>) and
//! Tiny-ImageNet, in the layouts that are in common use.

mod archive;
mod cache;
mod index;
mod labels;
mod matlab;
mod names;
mod paths;
mod synsets;

use super::{Image, PassedOver, decode};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::fingerprint::Fingerprint;
use index::{Group, Index, Span};
use labels::Flat;
use paths::{Paths, found_in};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// ImageNet's images. Opening lists them; each is read on access. Classes are ordered by their
/// WordNet ids (`n01440764`, ...), as in torchvision. Their names come from a list beside the
/// images: `LOC_synset_mapping.txt`, `synset_words.txt`, `words.txt`, `imagenet_class_index.json`
/// or the devkit's `meta.mat`.
#[derive(Clone, Debug)]
pub struct ImageNet {
    wnids: Vec<String>,
    classes: Vec<String>,
    index: Arc<Index>,
    /// The open archive, if the images are in one.
    archive: Option<Arc<File>>,
    items: Vec<Item>,
}

/// An image: its position in the index, and its class.
#[derive(Clone, Copy, Debug)]
struct Item {
    group: u32,
    file: u32,
    label: u32,
}

impl ImageNet {
    /// Opens ImageNet in the folder `root`: `train/nXXXXXXXX/*.JPEG` or `ILSVRC2012_img_train.tar`;
    /// and for validation `val/nXXXXXXXX/*.JPEG`, or `val/*.JPEG` or `ILSVRC2012_img_val.tar` with
    /// a list of labels: `LOC_val_solution.csv`, `ILSVRC2012_validation_ground_truth.txt` with
    /// `meta.mat` (both also within `ILSVRC2012_devkit_t12.tar.gz`),
    /// `imagenet_2012_validation_synset_labels.txt`, or `val.txt` with lines like
    /// `ILSVRC2012_val_00000001.JPEG 65`. All may be below Kaggle's `ILSVRC/Data/CLS-LOC`.
    /// Validation images can be opened without training images if they are in class folders or a
    /// list names all classes. The test images have no labels. The listing is kept in the folder
    /// `cache`, if given, and renewed when the modification time or size of a folder or archive has
    /// changed.
    ///
    /// # Errors
    /// If a part is missing, cannot be listed, is truncated, or contradicts another: a class without
    /// training images, a label for a missing image, a number that is not a
    /// class. Also for [`Split::Test`].
    pub fn open(root: &Path, split: Split, cache: Option<&Path>) -> Result<Self, DataError> {
        check_split(split)?;
        let paths = Paths::under(root)?;
        let words = names::words(&paths)?;
        let Some(train) = paths.train() else {
            return if split == Split::Train {
                Err(paths.no_train())
            } else {
                Self::open_validation_alone(&paths, &words, cache)
            };
        };
        let mut train = Index::open(&train, cache)?;
        let wnids = class_folders(&train)?;
        if split == Split::Train {
            train.pass_over_images_beside();
            let items = training_items(&train, &wnids)?;
            return Self::new(wnids, &words, train, items);
        }
        let validation = Index::open(&paths.validation()?, cache)?;
        let items = validation_items(&paths, &validation, &wnids)?;
        Self::new(wnids, &words, validation, items)
    }

    /// Opens the validation split without training images; the classes are those with a folder or a
    /// name.
    fn open_validation_alone(
        paths: &Paths,
        words: &HashMap<String, String>,
        cache: Option<&Path>,
    ) -> Result<Self, DataError> {
        let validation = Index::open(&paths.validation()?, cache)?;
        let wnids = match flat_images(&validation)? {
            None => class_folders(&validation)?,
            Some(_) if words.is_empty() => return Err(paths.no_train()),
            Some(_) => sorted(words.keys().cloned()),
        };
        let items = validation_items(paths, &validation, &wnids)?;
        Self::new(wnids, words, validation, items)
    }

    /// Opens Tiny-ImageNet in the folder `root`: `train/nXXXXXXXX/images/*.JPEG`,
    /// `val/images/*.JPEG` with `val/val_annotations.txt` (or validation images in class folders),
    /// `words.txt`, and, optionally, `wnids.txt`, which must list the classes. `cache` is as in
    /// [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_tiny(root: &Path, split: Split, cache: Option<&Path>) -> Result<Self, DataError> {
        check_split(split)?;
        let paths = Paths::under(root)?;
        let words = names::tiny_words(&paths)?;
        let train = paths.train().ok_or_else(|| paths.no_train())?;
        let mut train = Index::open(&train, cache)?;
        let wnids = class_folders(&train)?;
        check_listed(&paths, &train, &wnids)?;
        if split == Split::Train {
            train.pass_over_images_beside();
            let items = training_items(&train, &wnids)?;
            return Self::new(wnids, &words, train, items);
        }
        let validation = Index::open(&paths.validation()?, cache)?;
        let items = match &validation.groups[..] {
            [images] if images.path.is_empty() || images.path == "images" => {
                let flat = flat(&validation.root, images, &wnids);
                flat_items(&flat.tiny_labels(&paths)?)
            }
            _ => items_in_class_folders(&validation, &wnids)?,
        };
        Self::new(wnids, &words, validation, items)
    }

    /// True if `root` has validation images.
    pub fn has_validation(root: &Path) -> bool {
        Paths::under(root).is_ok_and(|paths| paths.validation().is_ok())
    }

    fn new(
        wnids: Vec<String>,
        words: &HashMap<String, String>,
        index: Index,
        items: Vec<Item>,
    ) -> Result<Self, DataError> {
        let archive = if index.root.is_dir() {
            None
        } else {
            Some(File::open(&index.root).map_err(DataError::io("read", &index.root))?)
        };
        Ok(Self {
            classes: names::readable(&wnids, words),
            wnids,
            index: Arc::new(index),
            archive: archive.map(Arc::new),
            items,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Always false: an empty data set is refused.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Unique class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// WordNet ids of the classes, indexed by label.
    pub fn wnids(&self) -> &[String] {
        &self.wnids
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        self.items[index].label as usize
    }

    /// Files of the split's folder that are no images of the data set.
    pub fn passed_over(&self) -> &PassedOver {
        &self.index.passed_over
    }

    /// Path of image `index` for messages, including the path within an archive.
    pub fn name(&self, index: usize) -> String {
        self.path(index).display().to_string()
    }

    /// Path of image `index` below the split's folder or in its archive.
    pub fn relative_name(&self, index: usize) -> String {
        let (group, file) = self.locate(index);
        format!("{}/{}", group.path, group.names.get(file))
    }

    /// Reads the file of image `index`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let path = self.path(index);
        let (group, file) = self.locate(index);
        let bytes = match &self.archive {
            Some(archive) => archive::read(archive, group.spans[file]),
            None => fs::read(&path),
        };
        bytes.map_err(DataError::io("read", &path))
    }

    /// Reads and decodes image `index`.
    ///
    /// # Errors
    /// As [`decode::decode`].
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        decode::decode_bytes(&self.file(index)?, &self.name(index))
    }

    /// Adds the path, and the place in the archive if there is one. Sizes of a million files would
    /// have to be asked for one by one.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let (group, file) = self.locate(index);
        fingerprint.text(&group.path);
        fingerprint.text(group.names.get(file));
        if let Some(Span(offset, length)) = group.spans.get(file) {
            fingerprint.bytes(&offset.to_le_bytes());
            fingerprint.bytes(&length.to_le_bytes());
        }
    }

    /// The first bytes of image `index`.
    pub(super) fn beginning(&self, index: usize) -> io::Result<Vec<u8>> {
        let (group, file) = self.locate(index);
        match (&self.archive, group.spans.get(file)) {
            (Some(archive), Some(Span(offset, length))) => {
                files::beginning_at(archive, *offset, *length)
            }
            _ => files::beginning(&self.path(index)),
        }
    }

    fn locate(&self, index: usize) -> (&Group, usize) {
        let item = self.items[index];
        (&self.index.groups[item.group as usize], item.file as usize)
    }

    fn path(&self, index: usize) -> PathBuf {
        let (group, file) = self.locate(index);
        self.index
            .root
            .join(&group.path)
            .join(group.names.get(file))
    }
}

fn check_split(split: Split) -> Result<(), DataError> {
    if split == Split::Test {
        let reason =
            "the labels of ImageNet's test images are not published; use the validation split";
        return Err(DataError::config("split", reason));
    }
    Ok(())
}

/// True for WordNet ids as ImageNet writes them: `n` and eight digits.
fn is_wnid(name: &str) -> bool {
    matches!(name.as_bytes(), [b'n', digits @ ..] if digits.len() == 8 && digits.iter().all(u8::is_ascii_digit))
}

fn sorted(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// The classes with a folder, or with an archive within the archive, in order.
fn class_folders(index: &Index) -> Result<Vec<String>, DataError> {
    let classes = index.groups.iter().map(|group| group.class().to_owned());
    let mut classes = sorted(classes.filter(|class| !class.is_empty()));
    classes.dedup();
    if classes.is_empty() {
        return Err(no_class_folders(index));
    }
    match classes.iter().find(|class| !is_wnid(class)) {
        None => Ok(classes),
        Some(class) => Err(DataError::file(
            &index.root.join(class),
            "is not a WordNet id (`n` and eight digits); the data source `folder` reads folders with other names",
        )),
    }
}

fn no_class_folders(index: &Index) -> DataError {
    let root = &index.root;
    let reason = if root.is_dir() {
        format!(
            "has no class folders; expected n01440764/*.JPEG ({})",
            found_in(root)
        )
    } else {
        "has no archives n01440764.tar in it, one per class".to_owned()
    };
    DataError::file(root, reason)
}

/// The images of a split without class folders.
fn flat_images(index: &Index) -> Result<Option<&Group>, DataError> {
    let with_images = || index.groups.iter().filter(|group| group.names.len() > 0);
    let flat = with_images().find(|group| group.path.is_empty());
    match flat {
        Some(flat) if with_images().count() > 1 => Err(DataError::file(
            &index.root.join(flat.names.get(0)),
            format!(
                "is beside class folders with images, as do {} others; move them in or out",
                flat.names.len() - 1
            ),
        )),
        _ => Ok(flat),
    }
}

fn validation_items(
    paths: &Paths,
    index: &Index,
    wnids: &[String],
) -> Result<Vec<Item>, DataError> {
    match flat_images(index)? {
        Some(images) => Ok(flat_items(&flat(&index.root, images, wnids).labels(paths)?)),
        None if matches!(&index.groups[..], [only] if only.path == "images") => {
            Err(DataError::file(
                &index.root.join("images"),
                "is Tiny-ImageNet's folder for validation images, which the data source `tiny_imagenet` reads",
            ))
        }
        None => items_in_class_folders(index, wnids),
    }
}

fn flat<'a>(place: &'a Path, images: &'a Group, wnids: &'a [String]) -> Flat<'a> {
    Flat {
        place,
        images: &images.names,
        wnids,
    }
}

/// The items of an index with a single group.
fn flat_items(labels: &[u32]) -> Vec<Item> {
    let item = |(&label, file)| Item {
        group: 0,
        file,
        label,
    };
    labels.iter().zip(0..).map(item).collect()
}

/// Items with the classes of their folders; images beside the folders are ignored.
fn items_in_class_folders(index: &Index, wnids: &[String]) -> Result<Vec<Item>, DataError> {
    let mut items = Vec::new();
    for (group, number) in index.groups.iter().zip(0..) {
        if group.path.is_empty() || group.names.len() == 0 {
            continue;
        }
        let class = group.class();
        let label = wnids
            .binary_search_by(|known| known.as_str().cmp(class))
            .map_err(|_| {
                let reason = format!(
                    "this class is not one of the {} of the training images",
                    wnids.len()
                );
                DataError::file(&index.root.join(class), reason)
            })?;
        let files = 0..group.names.len() as u32;
        items.extend(files.map(|file| Item {
            group: number,
            file,
            label: label as u32,
        }));
    }
    if items.is_empty() {
        return Err(no_class_folders(index));
    }
    Ok(items)
}

/// Items of the training images: no class may be empty.
fn training_items(index: &Index, wnids: &[String]) -> Result<Vec<Item>, DataError> {
    let items = items_in_class_folders(index, wnids)?;
    let mut counts = vec![0usize; wnids.len()];
    for item in &items {
        counts[item.label as usize] += 1;
    }
    match wnids.iter().zip(counts).find(|(_, count)| *count == 0) {
        None => Ok(items),
        Some((wnid, _)) => {
            let reason = format!("has no image (.{})", decode::EXTENSIONS.join(", ."));
            Err(DataError::file(&index.root.join(wnid), reason))
        }
    }
}

/// Compares Tiny-ImageNet's list of classes with the folders.
fn check_listed(paths: &Paths, train: &Index, wnids: &[String]) -> Result<(), DataError> {
    let Some(list) = paths.find("wnids.txt")? else {
        return Ok(());
    };
    let mut listed = Vec::new();
    for (line, wnid) in list.lines()? {
        if wnids
            .binary_search_by(|known| known.as_str().cmp(wnid))
            .is_err()
        {
            let reason = format!("class {wnid} has no folder in {}", train.root.display());
            return Err(list.line_error(line, reason));
        }
        listed.push(wnid);
    }
    match wnids.iter().find(|wnid| !listed.contains(&wnid.as_str())) {
        None => Ok(()),
        Some(wnid) => Err(list.error(format!(
            "does not list {wnid}, which has a folder in {}",
            train.root.display()
        ))),
    }
}
