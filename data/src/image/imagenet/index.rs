//! Index of the images in a folder or an archive.

use super::{archive, cache};
use crate::error::DataError;
use crate::image::PassedOver;
use crate::image::folder::listing;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The images under one folder, or in one archive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Index {
    /// The folder or the archive.
    pub(super) root: PathBuf,
    pub(super) groups: Vec<Group>,
    pub(super) passed_over: PassedOver,
}

/// The images of one folder, or of one inner archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Group {
    /// Path relative to the root: "n01440764", "n01440764/images", or empty for the root itself. A
    /// class folder without images is a group without names.
    pub(super) path: String,
    pub(super) names: Names,
    /// The images' spans in the archive; empty for folders.
    pub(super) spans: Vec<Span>,
}

/// A range of bytes in a file: offset and length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Span(pub(super) u64, pub(super) u64);

/// File names in one allocation: ImageNet has more than a million.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Names {
    /// The names, separated by slashes, which no file name contains.
    text: String,
    /// End of each name.
    ends: Vec<usize>,
}

/// State of a folder or file when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stamp {
    pub(super) modified: SystemTime,
    length: u64,
}

/// The groups of an index, and the stamps of everything that was read, by path relative to the
/// root.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) stamps: Vec<(String, Stamp)>,
    pub(super) groups: Vec<Group>,
    pub(super) passed_over: PassedOver,
}

impl Index {
    /// Opens the index of the folder or archive at `root`: from `cache` if nothing has changed,
    /// else by listing it and updating the cache.
    pub(super) fn open(root: &Path, cache: Option<&Path>) -> Result<Self, DataError> {
        let started = SystemTime::now();
        let (groups, passed_over) = match cache.and_then(|cache| cache::load(cache, root)) {
            Some(known) => known,
            None => {
                let listing = Listing::read(root)?;
                if let Some(cache) = cache {
                    cache::store(cache, root, &listing, started);
                }
                (listing.groups, listing.passed_over)
            }
        };
        let root = root.to_path_buf();
        Ok(Self {
            root,
            groups,
            passed_over,
        })
    }

    /// Counts the images beside the class folders as passed over.
    pub(super) fn pass_over_images_beside(&mut self) {
        let beside = self.groups.iter().filter(|group| group.path.is_empty());
        for _ in beside.flat_map(|group| group.names.iter()) {
            self.passed_over.add(PassedOver::BESIDE);
        }
    }
}

impl Group {
    /// The class folder: the first component of the path.
    pub(super) fn class(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// True if every name has a span or none has: a cache file may be corrupt.
    pub(super) fn is_whole(&self) -> bool {
        self.spans.is_empty() || self.spans.len() == self.names.len()
    }
}

impl Listing {
    fn read(root: &Path) -> Result<Self, DataError> {
        if root.is_dir() {
            return Self::of_folder(root);
        }
        let groups = archive::list(root)?;
        let stamps = vec![(String::new(), Stamp::of(root)?)];
        Ok(Self {
            stamps,
            groups,
            passed_over: PassedOver::default(),
        })
    }

    fn of_folder(root: &Path) -> Result<Self, DataError> {
        let mut listing = Self::default();
        let top = listing::entries(root)?;
        listing.passed_over.merge(&top.passed_over);
        listing.stamps.push((String::new(), Stamp::of(root)?));
        if !top.images.is_empty() {
            listing.add(String::new(), top.images.into_iter().collect());
        }
        for class in top.folders {
            let files = listing::class_files(&root.join(&class))?;
            listing.passed_over.merge(&files.passed_over);
            for path in &files.folders {
                listing.stamps.push((below(root, path)?, Stamp::of(path)?));
            }
            if files.images.is_empty() {
                listing.add(class, Names::default());
            }
            for images in files.images.chunk_by(|a, b| a.parent() == b.parent()) {
                let parent = images[0].parent().unwrap_or(root);
                let names = images.iter().map(|path| file_name(path));
                listing.add(below(root, parent)?, names.collect::<Result<_, _>>()?);
            }
        }
        Ok(listing)
    }

    fn add(&mut self, path: String, names: Names) {
        self.groups.push(Group {
            path,
            names,
            spans: Vec::new(),
        });
    }
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Result<Self, DataError> {
        let metadata = fs::metadata(path).map_err(DataError::io("read", path))?;
        Ok(Self {
            modified: metadata.modified().map_err(DataError::io("read", path))?,
            length: metadata.len(),
        })
    }
}

/// `path` relative to `root`, with slashes on every system.
fn below(root: &Path, path: &Path) -> Result<String, DataError> {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    let parts: Option<Vec<&str>> = parts.map(|part| part.to_str()).collect();
    Ok(parts.ok_or_else(|| listing::not_utf8(path))?.join("/"))
}

fn file_name(path: &Path) -> Result<String, DataError> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.ok_or_else(|| listing::not_utf8(path))?.to_owned())
}

impl Names {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> &str {
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1] + 1,
        };
        &self.text[start..self.ends[index]]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }
}

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        let names: Vec<String> = names.into_iter().collect();
        names.join("/").into()
    }
}

impl From<String> for Names {
    fn from(text: String) -> Self {
        let mut ends: Vec<usize> = text.match_indices('/').map(|(at, _)| at).collect();
        if !text.is_empty() {
            ends.push(text.len());
        }
        Self { text, ends }
    }
}

impl From<Names> for String {
    fn from(names: Names) -> Self {
        names.text
    }
}
