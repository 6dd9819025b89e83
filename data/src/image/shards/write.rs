//! Any image data set, written as tar shards.

use super::manifest::{self, Manifest, ShardFile, SplitFiles};
use super::{Shards, prefix};
use crate::error::DataError;
use crate::files;
use crate::image::{Image, ImageDataset, Interpolation, Resize, Split, decode, sheet};
use crate::loader::{Loader, LoaderConfig, Source};
use image::codecs::jpeg::JpegEncoder;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

/// Of a tar file: one for a member's header, and as many as its content fills.
const BLOCK: u64 = 512;
/// Two blocks of zeros.
const END: u64 = 2 * BLOCK;
/// Images that a thread prepares at a time; two such lots a thread are in memory.
const LOT: usize = 8;
/// Tar headers have room for 100 bytes of name, and the number and the extension need some.
const LONGEST_STEM: usize = 64;
const LOCK: &str = ".lock";

/// How [`write_shards`] converts.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// When a shard is full.
    pub size: ShardSize,
    /// Images with a longer side than this many pixels are scaled down until it is this long (bilinear, antialiased);
    /// all others stay as they are, byte for byte.
    pub max_side: Option<usize>,
    /// Of JPEG files that are scaled down, 1 to 100 as in libjpeg, colours not subsampled. PNG files stay PNG files.
    pub quality: u8,
    /// Threads that read, check and scale. The shards are the same for any number.
    pub workers: usize,
    /// Of the order of the training images.
    pub seed: u64,
    /// How many images that cannot be decoded may be left out, in both splits together.
    pub skip_bad: usize,
}

/// When a shard is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardSize {
    /// Before it would have more than this many bytes; one image always fits.
    Bytes(u64),
    /// When it has this many images.
    Images(usize),
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

/// What [`write_shards`] wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenShards {
    /// The training images.
    pub train: WrittenSplit,
    /// The validation images.
    pub validation: WrittenSplit,
    /// Names and reasons of the images that were left out.
    pub skipped: Vec<String>,
}

/// What was written of one split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WrittenSplit {
    /// How many images.
    pub images: usize,
    /// How many shards.
    pub shards: usize,
    /// Of all shards together.
    pub bytes: u64,
}

/// Writes `train` and `validation`, which have the same classes, as shards into the folder `output`, in the layout that
/// [`Shards`] reads. Training images are mixed completely, so that any few consecutive shards are a fair sample;
/// validation images keep their order. Every image is decoded once, to be sure that it can be. What is stored as JPEG or
/// PNG is copied unless it must be scaled; other images become PNG files.
///
/// A shard gets its name when it is whole, and the set is refused by [`Shards::open`] until its last shard is there. The
/// conversion that was interrupted is begun again by calling this again. The bytes written depend on the data and the
/// options alone. `progress` is told how many images are done, and of how many.
///
/// # Errors
/// If `output` has other files in it, finished shards for example, or another process is writing there; if it cannot be
/// written; if an option makes no sense; and for the first image too many that cannot be decoded.
pub fn write_shards(
    output: &Path,
    train: Arc<ImageDataset>,
    validation: Arc<ImageDataset>,
    options: &ShardOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<WrittenShards, DataError> {
    options.validate()?;
    fs::create_dir_all(output).map_err(DataError::io("create", output))?;
    let _lock = lock(output)?;
    clear(output)?;
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
    // Reads the headers back, which proves them, and saves the first training run from most of it.
    Shards::open(output, Split::Train)?;
    Shards::open(output, Split::Validation)?;
    Ok(written)
}

/// Held until it is dropped. The file stays: deleting it would let a third process lock another one of that name.
fn lock(output: &Path) -> Result<File, DataError> {
    let path = output.join(LOCK);
    let file = File::create(&path).map_err(DataError::io("create", &path))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(DataError::file(
            output,
            "another process is writing shards there",
        )),
        // Some network file systems know no locks; converting there is still possible, unguarded.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

/// Removes what an interrupted conversion left in `output`.
///
/// # Errors
/// If there is anything else.
fn clear(output: &Path) -> Result<(), DataError> {
    let manifest = Manifest::read_unfinished(output)?;
    if manifest.as_ref().is_some_and(|manifest| manifest.complete) {
        let reason = "has finished shards in it; delete them, or write to another folder";
        return Err(DataError::file(output, reason));
    }
    let list = || DataError::io("list", output);
    for entry in fs::read_dir(output).map_err(list())? {
        let path = entry.map_err(list())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let shard = [Split::Train, Split::Validation]
            .map(prefix)
            .iter()
            .any(|prefix| {
                let number = name
                    .strip_prefix(*prefix)
                    .and_then(|rest| rest.strip_prefix('-'));
                number.is_some_and(|number| number.ends_with(".tar"))
            });
        let ours = name.starts_with(files::UNFINISHED) || (manifest.is_some() && shard);
        if ours {
            fs::remove_file(&path).map_err(DataError::io("delete", &path))?;
        } else if !name.starts_with('.') && name != manifest::FILE {
            let reason = format!("has {name} in it; shards are written into a folder of their own");
            return Err(DataError::file(output, reason));
        }
    }
    Ok(())
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
    let mut writer = ShardWriter {
        output,
        split,
        size: options.size,
        begun: None,
        done: Vec::new(),
    };
    let config = LoaderConfig {
        batch_size: LOT,
        workers: options.workers,
        shuffle: split == Split::Train,
        drop_last: false,
        seed: options.seed,
        skip_bad: 0,
    };
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
    writer.finish()?;
    Ok(SplitFiles {
        images: class_counts.iter().sum(),
        class_counts,
        shards: writer.done,
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

/// An image on its way into a shard.
struct Member {
    /// Without dots.
    key: String,
    extension: &'static str,
    file: Vec<u8>,
    label: usize,
}

/// Makes members of images. It is a [`Source`], so that the loader's threads do it, and in order. An image that cannot
/// be used is passed on as an error for the writer to count.
struct Encoder {
    dataset: Arc<ImageDataset>,
    max_side: Option<usize>,
    quality: u8,
}

impl Source for Encoder {
    type Item = (usize, Result<Member, DataError>);
    type Batch = Vec<Self::Item>;

    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn name(&self, index: usize) -> String {
        self.dataset.name(index)
    }

    fn item(&self, _: u64, index: usize) -> Result<Self::Item, DataError> {
        Ok((index, self.member(index)))
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<Self::Item>) -> Self::Batch {
        items
    }
}

impl Encoder {
    fn member(&self, index: usize) -> Result<Member, DataError> {
        let name = self.dataset.name(index);
        let stored = self.dataset.file(index)?;
        let image = match &stored {
            Some(bytes) => decode::decode_bytes(bytes, &name)?,
            None => self.dataset.decode(index)?,
        };
        let jpeg = stored.as_deref().is_some_and(decode::is_jpeg);
        let too_large = self
            .max_side
            .filter(|&side| image.width.max(image.height) > side);
        let file = match (stored, too_large) {
            (Some(bytes), None) => Ok(bytes),
            (_, None) => sheet::encode_png(&image),
            (_, Some(side)) => {
                let scaled = scale_down(image, side)?;
                if jpeg {
                    encode_jpeg(&scaled, self.quality)
                } else {
                    sheet::encode_png(&scaled)
                }
            }
        };
        Ok(Member {
            key: key(index, &name),
            extension: if jpeg { "jpg" } else { "png" },
            file: file.map_err(|reason| DataError::image(&name, reason))?,
            label: self.dataset.label(index),
        })
    }
}

/// The image with a longer side of at most `side` pixels (unless the shorter one would vanish).
fn scale_down(image: Image, side: usize) -> Result<Image, DataError> {
    let (short, long) = (image.width.min(image.height), image.width.max(image.height));
    let resize = Resize {
        size: (short * side / long).max(1),
        exact: false,
        interpolation: Interpolation::Bilinear,
    };
    resize.apply(image)
}

fn encode_jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let (width, height) = (image.width as u32, image.height as u32);
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(&image.pixels, width, height, sheet::sample_layout(image))
        .map_err(|error| format!("cannot be encoded as JPEG: {error}"))?;
    Ok(bytes)
}

/// Unique by its number; the rest, what the file was called, is for people.
fn key(index: usize, name: &str) -> String {
    let file = name.rsplit(['/', '\\', ' ']).next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '-'
        }
    };
    let stem: String = stem.chars().take(LONGEST_STEM).map(plain).collect();
    format!("{index:08}-{stem}")
}

/// Appends members to the shards of one split.
struct ShardWriter<'a> {
    output: &'a Path,
    split: Split,
    size: ShardSize,
    begun: Option<BegunShard>,
    done: Vec<ShardFile>,
}

struct BegunShard {
    tar: Builder<Hashing<BufWriter<NamedTempFile>>>,
    images: usize,
    /// Without the end.
    bytes: u64,
}

impl ShardWriter<'_> {
    fn add(&mut self, member: &Member) -> Result<(), DataError> {
        let label = member.label.to_string();
        let blocks = |bytes: usize| BLOCK + (bytes as u64).next_multiple_of(BLOCK);
        let bytes = blocks(member.file.len()) + blocks(label.len());
        let full = |shard: &BegunShard| match self.size {
            ShardSize::Bytes(most) => shard.bytes + bytes + END > most,
            ShardSize::Images(most) => shard.images >= most,
        };
        if self.begun.as_ref().is_some_and(full) {
            self.finish()?;
        }
        let path = self.output.join(self.file_name());
        let shard = match &mut self.begun {
            Some(shard) => shard,
            none => none.insert(BegunShard {
                tar: Builder::new(Hashing::new(BufWriter::new(files::begin(&path)?))),
                images: 0,
                bytes: 0,
            }),
        };
        let Member {
            key,
            extension,
            file,
            ..
        } = member;
        append(&mut shard.tar, &format!("{key}.{extension}"), file)
            .and_then(|()| append(&mut shard.tar, &format!("{key}.cls"), label.as_bytes()))
            .map_err(DataError::io("write", &path))?;
        shard.images += 1;
        shard.bytes += bytes;
        Ok(())
    }

    /// Ends the shard that has been begun, if there is one.
    fn finish(&mut self) -> Result<(), DataError> {
        let Some(shard) = self.begun.take() else {
            return Ok(());
        };
        let file = self.file_name();
        let path = self.output.join(&file);
        let write = || DataError::io("write", &path);
        let (buffered, sha256, bytes) = shard.tar.into_inner().map_err(write())?.finish();
        let unnamed = buffered
            .into_inner()
            .map_err(|error| write()(error.into_error()))?;
        files::finish(unnamed, &path)?;
        self.done.push(ShardFile {
            file,
            images: shard.images,
            bytes,
            sha256,
        });
        Ok(())
    }

    /// Of the shard that is written, or of the next one.
    fn file_name(&self) -> String {
        format!("{}-{:06}.tar", prefix(self.split), self.done.len())
    }
}

/// With no time and no owner in the header, so that the same images give the same bytes.
fn append(tar: &mut Builder<impl Write>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    tar.append(&header, content)
}

/// Counts and hashes what is written through it.
pub(super) struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    bytes: u64,
}

impl<W> Hashing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            sha256: Sha256::new(),
            bytes: 0,
        }
    }

    /// The writer, the SHA-256 in hexadecimal, and how many bytes there were.
    pub(super) fn finish(self) -> (W, String, u64) {
        let digest = self.sha256.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, hex, self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.sha256.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
