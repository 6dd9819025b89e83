//! Images in tar shards, in WebDataset's layout: a few large files instead of millions of small ones.
//!
//! ```text
//! train-000000.tar   00000042-tench.jpg  the image file, as it was
//!                    00000042-tench.cls  its class, as a decimal number
//!                    00000007-church.jpg ...
//! train-000001.tar   ...
//! val-000000.tar     ...
//! shards.json        the names of the classes, and every shard's length and SHA-256
//! ```
//!
//! [`write_shards`] makes them of any image data set, and [`Shards`] reads them. What other tools wrote in this layout,
//! without `shards.json`, is read as well.
//!
//! Images are read from their places in the shard, which the tar headers tell once. A shard is read through from its
//! beginning to its end when its first image is asked for: so the disk is read in large pieces, and what follows, image
//! by image in shuffled order, comes from the system's cache of files, which costs no process any memory and is shared
//! by all. An epoch goes through a few shards at a time, so that little of it is needed.

mod encode;
mod find;
mod index;
mod manifest;
mod tar_writer;
mod write;

use super::{Image, decode};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::random;
use index::Sample;
use manifest::Manifest;
use rand::seq::SliceRandom;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

pub use manifest::verify_shards;
pub use tar_writer::ShardSize;
pub use write::{ShardOptions, WrittenShards, WrittenSplit, write_shards};

/// Shards whose images are shuffled among each other.
const GROUP: usize = 4;
/// Where one group ends and the next one begins, loader threads read from both.
const MOST_OPEN: usize = 2 * GROUP;
/// Shards of more bytes are not read through: the first image would come late, and four of them may not fit in memory.
const MOST_READ_THROUGH: u64 = 512 << 20;

/// Images in tar shards. Where they lie is listed when the set is opened; they are read when they are asked for.
#[derive(Clone, Debug)]
pub struct Shards {
    root: PathBuf,
    classes: Vec<String>,
    /// The shards' paths, relative to `root`.
    shards: Vec<String>,
    /// The images, shard by shard.
    samples: Vec<Sample>,
    /// The index of each shard's first image, and at the end how many there are.
    starts: Vec<usize>,
    open: Arc<OpenShards>,
}

impl Shards {
    /// The shards that `root/shards.json` lists. Without that file: all `.tar` files in `root` or its folders with the
    /// word `train`, or `val` (`valid`, `validation`, `test`), in their name or their folder's name, as in
    /// `imagenet-train-0001.tar`; the classes are then called by their number, up to the highest in the training shards.
    ///
    /// The places of the images are read from the shards once and then kept in `root/train.index.json`, or in
    /// `root/val.index.json`, until a shard changes. Where `root` cannot be written they are read each time.
    ///
    /// # Errors
    /// If there is no shard, one is not as long as `shards.json` says or is damaged, an image has no class, a class is
    /// out of range, or [`write_shards`] was interrupted.
    pub fn open(root: &Path, split: Split) -> Result<Self, DataError> {
        if !root.is_dir() {
            return Err(DataError::file(root, "no such folder"));
        }
        match Manifest::read(root)? {
            Some(manifest) => Self::listed(root, split, &manifest),
            None => Self::found(root, split),
        }
    }

    fn listed(root: &Path, split: Split, manifest: &Manifest) -> Result<Self, DataError> {
        let listed = manifest.split(split)?;
        listed.check_lengths(root)?;
        let shards: Vec<String> = listed
            .shards
            .iter()
            .map(|shard| shard.file.clone())
            .collect();
        let samples = index::load(root, split, &shards)?;
        for (shard, samples) in listed.shards.iter().zip(&samples) {
            if samples.len() != shard.images {
                let reason = format!(
                    "has {} images, and {} says {}; copy it again",
                    samples.len(),
                    manifest::FILE,
                    shard.images
                );
                return Err(DataError::file(&root.join(&shard.file), reason));
            }
        }
        Self::new(root, manifest.classes.clone(), shards, samples)
    }

    fn found(root: &Path, split: Split) -> Result<Self, DataError> {
        let mut shards = find::shards(root, Split::Train)?;
        let mut samples = index::load(root, Split::Train, &shards)?;
        let labels = samples.iter().flatten().map(|sample| sample.label);
        let classes = labels.max().map_or(0, |highest| highest + 1);
        let classes = (0..classes).map(|class| class.to_string()).collect();
        if split != Split::Train {
            shards = find::shards(root, split)?;
            samples = index::load(root, split, &shards)?;
        }
        Self::new(root, classes, shards, samples)
    }

    fn new(
        root: &Path,
        classes: Vec<String>,
        shards: Vec<String>,
        samples: Vec<Vec<Sample>>,
    ) -> Result<Self, DataError> {
        let mut starts = vec![0];
        for (shard, samples) in shards.iter().zip(&samples) {
            if let Some(sample) = samples.iter().find(|sample| sample.label >= classes.len()) {
                let reason = format!(
                    "{} has class {}, and there are {}, counted from 0",
                    sample.name,
                    sample.label,
                    classes.len()
                );
                return Err(DataError::file(&root.join(shard), reason));
            }
            starts.push(starts[starts.len() - 1] + samples.len());
        }
        let samples: Vec<Sample> = samples.into_iter().flatten().collect();
        if samples.is_empty() {
            return Err(DataError::file(root, "has no images in its shards"));
        }
        Ok(Self {
            root: root.to_path_buf(),
            classes,
            shards,
            samples,
            starts,
            open: Arc::default(),
        })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there are none (never: that is refused).
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The names of the classes, by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        self.samples[index].label
    }

    /// The shard's path and the image's name in it, for messages.
    pub fn name(&self, index: usize) -> String {
        let path = self.path(self.shard(index));
        format!("{}: {}", path.display(), self.samples[index].name)
    }

    /// The JPEG or PNG file that image `index` is.
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
    /// As [`decode::decode`], with the shard and the name.
    pub fn image(&self, index: usize) -> Result<Image, DataError> {
        decode::decode_bytes(&self.file(index)?, &self.name(index))
    }

    /// The order in which a shuffled epoch visits the images: the shards in random order, and the images of each four
    /// consecutive ones in random order among themselves. So an epoch reads the disk from a few large files at a time,
    /// and each of them only once; how well it mixes depends on how well the shards are mixed themselves
    /// ([`write_shards`] mixes them completely).
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

    /// The shard that image `index` is in.
    fn shard(&self, index: usize) -> usize {
        self.starts.partition_point(|&start| start <= index) - 1
    }

    fn path(&self, shard: usize) -> PathBuf {
        self.root.join(&self.shards[shard])
    }
}

/// The shards that were read from last, the latest first. To open one for each image would be slow on network file
/// systems, and to keep all open would exceed what a process may have.
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
                read_through: OnceLock::new(),
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
    read_through: OnceLock<()>,
}

impl OpenShard {
    fn read(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        // Who comes while another thread reads through waits for it, instead of making the disk jump.
        self.read_through.get_or_init(|| self.read_through());
        files::read_exact_at(&self.file, bytes, offset)
    }

    /// Brings the shard into the system's cache. An error shows again where an image is read.
    fn read_through(&self) {
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

/// What the names of a split's files begin with.
fn prefix(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Validation => "val",
        Split::Test => "test",
    }
}
