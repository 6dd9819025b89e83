//! Conversion of image data sets to tar shards.

use super::encode::Encoder;
use super::manifest::{self, Manifest, SplitFiles};
use super::tar_writer::{ShardSize, ShardWriter};
use super::{Shards, prefix};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::image::ImageDataset;
use crate::loader::{Loader, LoaderConfig, Source};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Images per batch of the loader; two batches per thread are in memory.
const LOT: usize = 8;
const LOCK: &str = ".lock";

/// Options of [`write_shards`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ShardOptions {
    /// Maximum size of a shard.
    pub size: ShardSize,
    /// Maximum length of the longer side in pixels. Larger images are scaled down (bilinear,
    /// antialiased); all others are copied byte for byte.
    pub max_side: Option<usize>,
    /// JPEG quality of images that are scaled down, 1 to 100 as in libjpeg, without chroma
    /// subsampling. PNG files stay PNG files.
    pub quality: u8,
    /// Threads that read, verify and scale. The shards are the same for any number.
    pub workers: usize,
    /// Seed for the order of the training images.
    pub seed: u64,
    /// Maximum number of undecodable images to leave out, in both splits together.
    pub skip_bad: usize,
}

impl Default for ShardOptions {
    fn default() -> Self {
        Self {
            size: ShardSize::Bytes(128 << 20),
            max_side: None,
            quality: 90,
            workers: 1,
            seed: 0,
            skip_bad: 0,
        }
    }
}

impl ShardOptions {
    /// Sets the maximum size of a shard.
    #[must_use]
    pub fn with_size(self, size: ShardSize) -> Self {
        Self { size, ..self }
    }

    /// Sets the maximum length of the longer side of an image.
    #[must_use]
    pub fn with_max_side(self, max_side: Option<usize>) -> Self {
        Self { max_side, ..self }
    }

    /// Sets the JPEG quality of images that are scaled down.
    #[must_use]
    pub fn with_quality(self, quality: u8) -> Self {
        Self { quality, ..self }
    }

    /// Sets the number of threads.
    #[must_use]
    pub fn with_workers(self, workers: usize) -> Self {
        Self { workers, ..self }
    }

    /// Sets the seed for the order of the training images.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the maximum number of undecodable images to leave out.
    #[must_use]
    pub fn with_skip_bad(self, skip_bad: usize) -> Self {
        Self { skip_bad, ..self }
    }

    fn validate(&self) -> Result<(), DataError> {
        let above_0 = match self.size {
            ShardSize::Bytes(bytes) => bytes > 0,
            ShardSize::Images(images) => images > 0,
        };
        if !above_0 {
            return Err(DataError::config("shard size", "must be at least 1"));
        }
        if self
            .max_side
            .is_some_and(|side| !(1..=65_535).contains(&side))
        {
            return Err(DataError::config("max_side", "must be 1 to 65535 pixels"));
        }
        if !(1..=100).contains(&self.quality) {
            return Err(DataError::config("quality", "must be 1 to 100"));
        }
        Ok(())
    }
}

/// Summary of [`write_shards`].
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenShards {
    /// The training images.
    pub train: WrittenSplit,
    /// The validation images.
    pub validation: WrittenSplit,
    /// Names and errors of the images that were left out.
    pub skipped: Vec<String>,
}

/// Summary of one split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrittenSplit {
    /// Number of images.
    pub images: usize,
    /// Number of shards.
    pub shards: usize,
    /// Total size of the shards.
    pub bytes: u64,
}

/// Writes `train` and `validation`, which have the same classes, as shards into the folder
/// `output`, in the layout that [`Shards`] reads. Training images are shuffled completely, so that
/// any few consecutive shards are a fair sample; validation images keep their order. Every image is
/// decoded once, as a check. JPEG and PNG files are copied unless they are scaled; other images
/// become PNG files. Shards are written atomically, and [`Shards::open`] refuses the folder until
/// the last one is finished. Calling this again restarts an interrupted conversion. The bytes
/// depend on the data and the options alone. `progress` is called with the number of images done
/// and the total.
///
/// # Errors
/// If `output` has other files in it, such as finished shards, if another process is writing there,
/// if it cannot be written, if an option is invalid, or if too many images cannot be decoded.
pub fn write_shards(
    output: &Path,
    train: Arc<ImageDataset>,
    validation: Arc<ImageDataset>,
    options: &ShardOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<WrittenShards, DataError> {
    options.validate()?;
    if train.classes() != validation.classes() {
        let reason = "training and validation images have different classes";
        return Err(DataError::config("classes", reason));
    }
    fs::create_dir_all(output).map_err(DataError::io("create", output))?;
    // First, so that nothing is written into a folder with other files.
    leftovers(output)?;
    let _lock = lock(output)?;
    for path in leftovers(output)? {
        fs::remove_file(&path).map_err(DataError::io("delete", &path))?;
    }
    Manifest::incomplete().write(output)?;

    let classes = train.classes().to_vec();
    let total = train.len() + validation.len();
    let mut done = 0;
    let mut step = || {
        done += 1;
        progress(done, total);
    };
    let mut skipped = Vec::new();
    let train = write_split(
        output,
        train,
        Split::Train,
        options,
        &mut skipped,
        &mut step,
    )?;
    let validation = write_split(
        output,
        validation,
        Split::Validation,
        options,
        &mut skipped,
        &mut step,
    )?;
    let written = WrittenShards {
        train: train.summary(),
        validation: validation.summary(),
        skipped,
    };
    Manifest::complete(classes, train, validation).write(output)?;
    // Reads the headers back as a check, and writes the index for the first training run.
    Shards::open(output, Split::Train)?;
    Shards::open(output, Split::Validation)?;
    Ok(written)
}

/// Locks `output` until the file is dropped. The file stays: if it were deleted, a third process
/// could lock another one of that name.
fn lock(output: &Path) -> Result<File, DataError> {
    let path = output.join(LOCK);
    let file = File::create(&path).map_err(DataError::io("create", &path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(DataError::file(
            output,
            "another process is writing shards there",
        )),
        // Some network file systems have no locks; the conversion then runs unguarded.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Lists the remains of an interrupted conversion in `output`.
///
/// # Errors
/// If there are other files.
fn leftovers(output: &Path) -> Result<Vec<PathBuf>, DataError> {
    let manifest = Manifest::read_unfinished(output)?;
    if manifest.as_ref().is_some_and(|manifest| manifest.complete) {
        let reason = "has finished shards in it; delete them, or write to another folder";
        return Err(DataError::file(output, reason));
    }
    let mut leftovers = Vec::new();
    let list = || DataError::io("list", output);
    for entry in fs::read_dir(output).map_err(list())? {
        let path = entry.map_err(list())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if manifest.is_some() && (name.starts_with(files::UNFINISHED) || is_shard(&name)) {
            leftovers.push(path);
        } else if !name.starts_with('.') && name != manifest::FILE {
            let reason = format!("has {name} in it; write shards to a folder of their own");
            return Err(DataError::file(output, reason));
        }
    }
    Ok(leftovers)
}

/// True for the names of shards that are written here.
fn is_shard(name: &str) -> bool {
    let stem = name.strip_suffix(".tar").unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(split, number)| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        digits
            && [Split::Train, Split::Validation]
                .map(prefix)
                .contains(&split)
    })
}

fn write_split(
    output: &Path,
    dataset: Arc<ImageDataset>,
    split: Split,
    options: &ShardOptions,
    skipped: &mut Vec<String>,
    step: &mut dyn FnMut(),
) -> Result<SplitFiles, DataError> {
    let mut class_counts = vec![0; dataset.classes().len()];
    let mut writer = ShardWriter::new(output, split, options.size);
    let mut config = LoaderConfig::new(LOT).with_workers(options.workers);
    if split == Split::Train {
        config = config.with_shuffle(options.seed);
    }
    let encoder = Encoder {
        dataset,
        max_side: options.max_side,
        quality: options.quality,
    };
    let loader = Loader::new(Arc::new(encoder), config)?;
    for lot in loader.epoch(0, 0) {
        for (index, member) in lot? {
            match member {
                Ok(member) => {
                    writer.add(&member)?;
                    class_counts[member.label] += 1;
                }
                Err(error) => {
                    let name = loader.source().name(index);
                    skipped.push(error.to_string());
                    leave_out(index, name, error, skipped.len(), options.skip_bad)?;
                }
            }
            step();
        }
    }
    Ok(SplitFiles {
        images: class_counts.iter().sum(),
        class_counts,
        shards: writer.finish()?,
    })
}

fn leave_out(
    index: usize,
    name: String,
    error: DataError,
    count: usize,
    limit: usize,
) -> Result<(), DataError> {
    if count <= limit {
        return Ok(());
    }
    if limit == 0 {
        return Err(error);
    }
    Err(DataError::TooManyBadItems {
        count,
        limit,
        index,
        name,
        source: Box::new(error),
    })
}

impl SplitFiles {
    fn summary(&self) -> WrittenSplit {
        WrittenSplit {
            images: self.images,
            shards: self.shards.len(),
            bytes: self.shards.iter().map(|shard| shard.bytes).sum(),
        }
    }
}
