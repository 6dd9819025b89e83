//! IDX, the file format of MNIST, Fashion-MNIST and EMNIST: a big-endian header (magic number,
//! sizes), then bytes; plain or compressed with gzip.

use super::Image;
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// `0x08` means unsigned bytes; the last digit is the number of dimensions.
const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
/// Minimum number of classes: the ten digits.
const MIN_CLASSES: usize = 10;
/// Limit of the data unpacked from a `.gz` file: the largest public set, EMNIST's `byclass`, has 550
/// MB. Deflate packs zeros a thousandfold.
const MOST_UNPACKED: usize = 1 << 30;
/// Folders of torchvision's data root, one set each.
const RAW: &str = "raw";

/// Grey images and labels from a pair of IDX files, held in memory.
#[derive(Clone, Debug)]
pub struct Idx {
    path: PathBuf,
    classes: Vec<String>,
    width: usize,
    height: usize,
    labels: Vec<u8>,
    pixels: Vec<u8>,
}

impl Idx {
    /// Reads `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` from `dir` or from the folder
    /// `raw` in it, or their `t10k-` counterparts for the validation and test splits. A name may end in `.gz`, and may be written
    /// with a dot (`train-images.idx3-ubyte`). Classes are called "0", "1", ...; in every split
    /// there are as many as the training labels need, but at least ten.
    ///
    /// # Errors
    /// If a file is missing or not IDX, its length contradicts its header, images and labels differ
    /// in number, or a label is out of the training labels' range.
    pub fn open(dir: &Path, split: Split) -> Result<Self, DataError> {
        let below = dir.join(RAW);
        let is_below = !has_files(dir) && has_files(&below);
        let dir = if is_below { &below } else { dir };
        let prefix = match split {
            Split::Train => "train",
            Split::Validation | Split::Test => "t10k",
        };
        let (path, sizes, pixels) = read(&find(dir, prefix, "images", 3)?, IMAGES_MAGIC)?;
        let (labels_path, _, labels) = read(&find(dir, prefix, "labels", 1)?, LABELS_MAGIC)?;
        if labels.len() != sizes[0] {
            let reason = format!(
                "has {} labels, but {} has {} images",
                labels.len(),
                path.display(),
                sizes[0]
            );
            return Err(DataError::file(&labels_path, reason));
        }
        Ok(Self {
            classes: classes(dir, split, &labels_path, &labels)?,
            path,
            height: sizes[1],
            width: sizes[2],
            labels,
            pixels,
        })
    }

    /// Reads the set called `set` in torchvision's data root, `root/MNIST/raw`, or else as
    /// [`open`](Self::open) from `root`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in_root(root: &Path, set: &str, split: Split) -> Result<Self, DataError> {
        let below = root.join(set);
        let is_root = !has_files(root) && (has_files(&below) || has_files(&below.join(RAW)));
        Self::open(if is_root { &below } else { root }, split)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Always false: an empty file is refused.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Width and height of every image, in pixels.
    pub fn image_size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        usize::from(self.labels[index])
    }

    /// File and record of image `index`, for messages.
    pub fn name(&self, index: usize) -> String {
        format!("{}, record {index}", self.path.display())
    }

    /// Adds size and pixels.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let size = self.width * self.height;
        fingerprint.number(self.width);
        fingerprint.bytes(&self.pixels[index * size..][..size]);
    }

    /// Record of image `index`.
    pub fn relative_name(&self, index: usize) -> String {
        index.to_string()
    }

    /// Image `index`, in grey.
    pub fn image(&self, index: usize) -> Image {
        let size = self.width * self.height;
        Image {
            width: self.width,
            height: self.height,
            channels: 1,
            pixels: self.pixels[index * size..][..size].to_vec(),
        }
    }
}

/// True if a file of any split is in `dir`.
fn has_files(dir: &Path) -> bool {
    let has =
        |prefix| find(dir, prefix, "images", 3).is_ok() || find(dir, prefix, "labels", 1).is_ok();
    has("train") || has("t10k")
}

/// The first spelling of the file's name that exists.
fn find(dir: &Path, prefix: &str, what: &str, sizes: usize) -> Result<PathBuf, DataError> {
    let name = format!("{prefix}-{what}-idx{sizes}-ubyte");
    let dotted = format!("{prefix}-{what}.idx{sizes}-ubyte");
    for name in [&name, &dotted] {
        for suffix in ["", ".gz"] {
            let path = dir.join(format!("{name}{suffix}"));
            if path.is_file() {
                return Ok(path);
            }
        }
    }
    Err(DataError::file(
        dir,
        format!("has neither {name} nor {name}.gz"),
    ))
}

/// Path, sizes and data of one file.
type Content = (PathBuf, Vec<usize>, Vec<u8>);

fn read(path: &Path, magic: u32) -> Result<Content, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let is_packed = path.extension().is_some_and(|e| e == "gz");
    let mut reader: Box<dyn Read> = if is_packed {
        Box::new(MultiGzDecoder::new(BufReader::new(file)))
    } else {
        Box::new(BufReader::new(file))
    };
    let found = read_u32(&mut reader).map_err(|e| broken(path, &e))?;
    if found != magic {
        let reason = format!(
            "begins with {found:#010x} instead of {magic:#010x}: not an IDX file of this kind"
        );
        return Err(DataError::file(path, reason));
    }
    let mut sizes = Vec::new();
    for _ in 0..(magic & 0xff) {
        let size = read_u32(&mut reader).map_err(|e| broken(path, &e))?;
        sizes.push(size as usize);
    }
    let expected = sizes
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
        .filter(|&product| product > 0)
        .ok_or_else(|| DataError::file(path, format!("its header says sizes {sizes:?}")))?;
    if is_packed && expected > MOST_UNPACKED {
        let reason = format!(
            "its header says {sizes:?}, which is {expected} bytes, and up to {MOST_UNPACKED} are unpacked; unpack \
             it with gunzip"
        );
        return Err(DataError::file(path, reason));
    }
    // Reads up to one byte too many, to detect it; nothing is allocated on the header's word alone.
    let mut bytes = Vec::new();
    reader
        .take(expected as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| broken(path, &e))?;
    if bytes.len() != expected {
        let relation = if bytes.len() < expected {
            format!("has only {} bytes", bytes.len())
        } else {
            "has more bytes".to_owned()
        };
        let reason = format!(
            "{relation} of data, but its header says {sizes:?}, which is {expected}; copy or download it again"
        );
        return Err(DataError::file(path, reason));
    }
    Ok((path.to_path_buf(), sizes, bytes))
}

fn read_u32(reader: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn broken(path: &Path, error: &io::Error) -> DataError {
    DataError::file(
        path,
        format!("ends too early or is damaged ({error}); copy or download it again"),
    )
}

/// Class names, the same for all splits: their number comes from the training labels, if they
/// exist.
fn classes(
    dir: &Path,
    split: Split,
    labels_path: &Path,
    labels: &[u8],
) -> Result<Vec<String>, DataError> {
    let training = match split {
        Split::Train => None,
        Split::Validation | Split::Test => find(dir, "train", "labels", 1).ok(),
    };
    let count = match &training {
        None => class_count(labels),
        Some(path) => class_count(&read(path, LABELS_MAGIC)?.2),
    };
    if let Some(record) = labels.iter().position(|&label| usize::from(label) >= count) {
        let reason = format!(
            "label {} is not one of the {count} classes of the training labels",
            labels[record]
        );
        return Err(DataError::record(labels_path, record, reason));
    }
    Ok((0..count).map(|label| label.to_string()).collect())
}

fn class_count(labels: &[u8]) -> usize {
    let highest = labels.iter().copied().max().map_or(0, usize::from);
    (highest + 1).max(MIN_CLASSES)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::fs;
    use std::io::Write;

    fn idx(magic: u32, sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = magic.to_be_bytes().to_vec();
        sizes
            .iter()
            .for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn two_images() -> Vec<u8> {
        idx(IMAGES_MAGIC, &[2, 1, 3], &[1, 2, 3, 4, 5, 6])
    }

    fn open_error(dir: &Path, split: Split) -> String {
        Idx::open(dir, split).unwrap_err().to_string()
    }

    #[test]
    fn reads_plain_and_gzip() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        fs::write(file("train-images-idx3-ubyte"), two_images()).unwrap();
        let labels = idx(LABELS_MAGIC, &[2], &[9, 11]);
        fs::write(file("train-labels-idx1-ubyte.gz"), gzip(&labels)).unwrap();
        fs::write(file("t10k-images.idx3-ubyte.gz"), gzip(&two_images())).unwrap();
        fs::write(
            file("t10k-labels-idx1-ubyte"),
            idx(LABELS_MAGIC, &[2], &[0, 1]),
        )
        .unwrap();

        let train = Idx::open(dir.path(), Split::Train).unwrap();
        assert_eq!((train.len(), train.label(1)), (2, 11));
        assert_eq!(train.image_size(), (3, 1));
        assert_eq!(train.image(1).pixels, [4, 5, 6]);
        assert!(train.name(1).ends_with("train-images-idx3-ubyte, record 1"));
        // Label 11 occurs in training, so both splits have twelve classes.
        let validation = Idx::open(dir.path(), Split::Validation).unwrap();
        assert_eq!(train.classes().len(), 12);
        assert_eq!(validation.classes(), train.classes());
    }

    #[test]
    fn errors_say_what_is_wrong_with_which_file() {
        let dir = tempfile::tempdir().unwrap();
        let images = dir.path().join("t10k-images-idx3-ubyte");
        let labels = dir.path().join("t10k-labels-idx1-ubyte");
        let error = || open_error(dir.path(), Split::Validation);
        assert!(error().contains("has neither t10k-images-idx3-ubyte nor"));
        fs::write(&images, two_images()).unwrap();
        assert!(error().contains("has neither t10k-labels-idx1-ubyte nor"));
        fs::write(&labels, idx(LABELS_MAGIC, &[3], &[0, 1, 2])).unwrap();
        assert!(error().contains("has 3 labels, but"));
        fs::write(&labels, two_images()).unwrap();
        assert!(error().contains("begins with 0x00000803 instead of 0x00000801"));

        let truncated = &two_images()[..18];
        fs::write(&images, truncated).unwrap();
        assert!(error().contains("has only 2 bytes of data, but its header says [2, 1, 3]"));
        fs::write(&images, [two_images(), vec![0]].concat()).unwrap();
        assert!(error().contains("has more bytes of data"));
        fs::write(&images, &two_images()[..7]).unwrap();
        assert!(error().contains("ends too early"));
        fs::write(&images, idx(IMAGES_MAGIC, &[2, 0, 3], &[])).unwrap();
        assert!(error().contains("its header says sizes [2, 0, 3]"));
        fs::write(&images, idx(IMAGES_MAGIC, &[u32::MAX; 3], &[1])).unwrap();
        assert!(error().contains("its header says sizes"));
    }

    #[test]
    fn damaged_gzip_and_unknown_labels_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        let images = gzip(&two_images());
        fs::write(
            file("t10k-images-idx3-ubyte.gz"),
            &images[..images.len() - 10],
        )
        .unwrap();
        assert!(open_error(dir.path(), Split::Validation).contains("ends too early or is damaged"));
        fs::write(file("t10k-images-idx3-ubyte.gz"), images).unwrap();
        fs::write(
            file("t10k-labels-idx1-ubyte"),
            idx(LABELS_MAGIC, &[2], &[0, 10]),
        )
        .unwrap();
        fs::write(
            file("train-labels-idx1-ubyte"),
            idx(LABELS_MAGIC, &[1], &[3]),
        )
        .unwrap();
        assert!(
            open_error(dir.path(), Split::Validation).contains(
                "t10k-labels-idx1-ubyte, record 1: label 10 is not one of the 10 classes"
            )
        );
    }
}
