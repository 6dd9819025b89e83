//! Images in tar shards, in WebDataset's layout: few large files instead of millions of small ones.
//!
//! ```text
//! train-000000.tar   00000042-tench.jpg  image file, unchanged
//!                    00000042-tench.cls  class, as a decimal number
//!                    00000007-church.jpg ...
//! train-000001.tar   ...
//! val-000000.tar     ...
//! shards.json        class names, and the length and SHA-256 of every shard
//! ```
//! The class may also be the entry "label" or "cls" of a `.json` file, and both files may have
//! further names: `00000042.image.jpg`, `00000042.label.cls`.
//!
//! [`write_shards`] converts any image data set, and [`Shards`] reads the result. Shards written by
//! other tools, without `shards.json`, are read as well. Images are read at their offsets, which
//! come from the tar headers. When the first image of a shard is requested, the whole shard is read
//! sequentially: the disk sees large reads, and the images, in shuffled order, then come from the
//! system's page cache, which is shared by all processes. An epoch visits a few shards at a time,
//! so that little cache is needed.

mod encode;
mod fields;
mod find;
mod index;
mod manifest;
mod scan;
mod tar_writer;
mod write;

use super::{Image, PassedOver, decode};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::fingerprint::Fingerprint;
use crate::random;
use index::Sample;
use manifest::Manifest;
use rand::seq::SliceRandom;
use scan::Scanned;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use manifest::verify_shards;
pub use tar_writer::ShardSize;
pub use write::{ShardOptions, WrittenShards, WrittenSplit, write_shards};

/// Number of shards whose images are shuffled together.
const GROUP: usize = 4;
/// Number of shards kept open: where a group ends and the next begins, loader threads read from
/// both.
const MOST_OPEN: usize = 2 * GROUP;
/// Larger shards are not read ahead: the first image would be late, and four of them may not fit
/// into memory.
const MOST_READ_THROUGH: u64 = 512 << 20;

/// Images in tar shards. Opening indexes them; each is read on access.
#[derive(Clone, Debug)]
pub struct Shards {
    root: PathBuf,
    classes: Vec<String>,
    /// Paths of the shards, relative to `root`.
    shards: Vec<String>,
    /// The images, shard by shard.
    samples: Vec<Sample>,
    /// Index of each shard's first image, followed by the number of images.
    starts: Vec<usize>,
    passed_over: PassedOver,
    open: Arc<OpenShards>,
}

impl Shards {
    /// Opens the shards listed in `root/shards.json`. In a sample, one member has the extension of
    /// an image ([`decode::EXTENSIONS`]) and another is the class. Without that file: all `.tar` files in `root`
    /// and its folders with the word `train`, `val` (or `valid`, `validation`, `test`) or `test` in
    /// their name or their folder's name, as in `imagenet-train-0001.tar`; the classes are then
    /// named by their number, up to the highest in the training shards. The index is read from the
    /// shards once and kept in `root/train.index.json` (or `val`, `test`) until a shard changes. If
    /// `root` is read-only, it is read each time.
    ///
    /// # Errors
    /// If there are no shards, one is damaged or differs in length from `shards.json`, an image has
    /// no class or two, a class is out of range, or [`write_shards`] was interrupted.
    pub fn open(root: &Path, split: Split) -> Result<Self, DataError> {
        if !root.is_dir() {
            return Err(DataError::file(root, "no such folder"));
        }
        match Manifest::read(root)? {
            Some(manifest) => Self::listed(root, split, &manifest),
            None => Self::found(root, split),
        }
    }

    /// True if `root` has shards of validation images, not counting `test`.
    pub fn has_validation(root: &Path) -> bool {
        root.join(manifest::FILE).is_file() || find::has_validation(root)
    }

    /// True if `root` has shards of test images.
    pub fn has_test(root: &Path) -> bool {
        !root.join(manifest::FILE).is_file() && find::shards(root, Split::Test).is_ok()
    }

    fn listed(root: &Path, split: Split, manifest: &Manifest) -> Result<Self, DataError> {
        let listed = manifest.split(split)?;
        listed.check_lengths(root)?;
        let shards: Vec<String> = listed
            .shards
            .iter()
            .map(|shard| shard.file.clone())
            .collect();
        let scanned = index::load(root, split, &shards)?;
        for (shard, scanned) in listed.shards.iter().zip(&scanned) {
            if scanned.samples.len() != shard.images {
                let reason = format!(
                    "has {} images, and {} says {}; copy it again",
                    scanned.samples.len(),
                    manifest::FILE,
                    shard.images
                );
                return Err(DataError::file(&root.join(&shard.file), reason));
            }
        }
        Self::new(root, manifest.classes.clone(), shards, scanned)
    }

    fn found(root: &Path, split: Split) -> Result<Self, DataError> {
        let mut shards = find::shards(root, Split::Train)?;
        let mut scanned = index::load(root, Split::Train, &shards)?;
        let samples = scanned.iter().flat_map(|shard| &shard.samples);
        let labels = samples.map(|sample| sample.label);
        let classes = labels.max().map_or(0, |highest| highest + 1);
        let classes = (0..classes).map(|class| class.to_string()).collect();
        if split != Split::Train {
            shards = find::shards(root, split)?;
            scanned = index::load(root, split, &shards)?;
        }
        Self::new(root, classes, shards, scanned)
    }

    fn new(
        root: &Path,
        classes: Vec<String>,
        shards: Vec<String>,
        scanned: Vec<Scanned>,
    ) -> Result<Self, DataError> {
        let mut starts = vec![0];
        let mut passed_over = PassedOver::default();
        for (shard, scanned) in shards.iter().zip(&scanned) {
            passed_over.merge(&scanned.passed_over);
            if let Some(sample) = scanned
                .samples
                .iter()
                .find(|sample| sample.label >= classes.len())
            {
                let reason = format!(
                    "{} has class {}, and there are {}, counted from 0",
                    sample.name,
                    sample.label,
                    classes.len()
                );
                return Err(DataError::file(&root.join(shard), reason));
            }
            starts.push(starts[starts.len() - 1] + scanned.samples.len());
        }
        let samples = scanned.into_iter().flat_map(|shard| shard.samples);
        let samples: Vec<Sample> = samples.collect();
        if samples.is_empty() {
            let mut reason = "has no images in its shards".to_owned();
            if !passed_over.is_empty() {
                reason = format!("{reason} among {passed_over}");
            }
            return Err(DataError::file(root, reason));
        }
        Ok(Self {
            root: root.to_path_buf(),
            classes,
            shards,
            samples,
            starts,
            passed_over,
            open: Arc::default(),
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Always false: an empty data set is refused.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        self.samples[index].label
    }

    /// Members of samples with neither an image nor a class.
    pub fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }

    /// Shard and name of image `index`, for messages.
    pub fn name(&self, index: usize) -> String {
        let path = self.path(self.shard(index));
        format!("{}: {}", path.display(), self.samples[index].name)
    }

    /// Adds the shard, and the image's name and place in it.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let sample = &self.samples[index];
        fingerprint.text(&self.shards[self.shard(index)]);
        fingerprint.text(&sample.name);
        fingerprint.bytes(&sample.offset.to_le_bytes());
        fingerprint.bytes(&sample.length.to_le_bytes());
    }

    /// Shard and name of image `index`, without the folder.
    pub fn relative_name(&self, index: usize) -> String {
        format!(
            "{}: {}",
            self.shards[self.shard(index)],
            self.samples[index].name
        )
    }

    /// The first bytes of image `index`, without reading ahead.
    pub(super) fn beginning(&self, index: usize) -> io::Result<Vec<u8>> {
        let sample = &self.samples[index];
        let file = File::open(self.path(self.shard(index)))?;
        files::beginning_at(&file, sample.offset, sample.length)
    }

    /// Reads the file of image `index`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let sample = &self.samples[index];
        let mut bytes = vec![0; sample.length as usize];
        let shard = self.shard(index);
        self.open
            .get(shard, || self.path(shard))
            .and_then(|open| open.read(&mut bytes, sample.offset))
            .map_err(|error| {
                DataError::image(self.name(index), format!("cannot be read: {error}"))
            })?;
        Ok(bytes)
    }

    /// Reads and decodes image `index`.
    ///
    /// # Errors
    /// As [`decode::decode`]; the error names the shard and the image.
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        decode::decode_bytes(&self.file(index)?, &self.name(index))
    }

    /// Order in which a shuffled epoch visits the images: the shards in random order, and the
    /// images of every four consecutive shards shuffled together. An epoch thus reads from few
    /// large files at a time, and each only once. The quality of the shuffle depends on how well
    /// the shards themselves are shuffled ([`write_shards`] shuffles them completely).
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<usize> {
        let mut shards: Vec<usize> = (0..self.shards.len()).collect();
        shards.shuffle(&mut random::rng(seed, "shards", epoch, 0));
        let mut order = Vec::with_capacity(self.len());
        for (number, group) in shards.chunks(GROUP).enumerate() {
            let first = order.len();
            for &shard in group {
                order.extend(self.starts[shard]..self.starts[shard + 1]);
            }
            let mut rng = random::rng(seed, "images of shards", epoch, number as u64);
            order[first..].shuffle(&mut rng);
        }
        order
    }

    /// The shard of image `index`.
    fn shard(&self, index: usize) -> usize {
        self.starts.partition_point(|&start| start <= index) - 1
    }

    fn path(&self, shard: usize) -> PathBuf {
        self.root.join(&self.shards[shard])
    }
}

/// The shards that were read last, latest first. Opening one per image would be slow on network
/// file systems, and keeping all open would exceed the limit of open files.
#[derive(Debug, Default)]
struct OpenShards(Mutex<Vec<(usize, Arc<OpenShard>)>>);

impl OpenShards {
    fn get(&self, shard: usize, path: impl FnOnce() -> PathBuf) -> io::Result<Arc<OpenShard>> {
        let mut shards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = shards.iter().position(|(open, _)| *open == shard) {
            shards[..=place].rotate_right(1);
        } else {
            let open = OpenShard {
                file: File::open(path())?,
                read_ahead: OnceLock::new(),
            };
            shards.truncate(MOST_OPEN - 1);
            shards.insert(0, (shard, Arc::new(open)));
        }
        Ok(shards[0].1.clone())
    }
}

#[derive(Debug)]
struct OpenShard {
    file: File,
    read_ahead: OnceLock<()>,
}

impl OpenShard {
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        // Waits while another thread reads ahead, instead of making the disk seek.
        self.read_ahead.get_or_init(|| self.read_ahead());
        files::read_exact_at(&self.file, bytes, offset)
    }

    /// Brings the shard into the page cache. Errors are ignored here: reading an image reports
    /// them.
    fn read_ahead(&self) {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        let mut buffer = vec![0; 1 << 20];
        let mut offset = 0;
        while offset < length && length <= MOST_READ_THROUGH {
            match files::read_at(&self.file, &mut buffer, offset) {
                Ok(0) | Err(_) => break,
                Ok(read) => offset += read as u64,
            }
        }
    }
}

/// Prefix of the names of a split's files.
fn prefix(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Validation => "val",
        Split::Test => "test",
    }
}
