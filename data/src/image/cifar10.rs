//! CIFAR-10, binary version (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
//! 2009): files of records, each a label byte and a 32x32 image as 1,024 red, 1,024 green and 1,024
//! blue bytes.

use super::Image;
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use std::fs;
use std::path::{Path, PathBuf};

const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];
const PLANE: usize = Cifar10::SIDE * Cifar10::SIDE;
const RECORD: usize = 1 + 3 * PLANE;
const TRAIN: [&str; 5] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
];
const TEST: [&str; 1] = ["test_batch.bin"];

/// CIFAR-10, held in memory as stored (3,073 bytes per image).
#[derive(Clone, Debug)]
pub struct Cifar10 {
    classes: Vec<String>,
    files: Vec<Records>,
    len: usize,
}

/// The validated records of one file.
#[derive(Clone, Debug)]
struct Records {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Cifar10 {
    /// Width and height of every image, in pixels.
    pub const SIDE: usize = 32;

    /// Reads `data_batch_1.bin` to `data_batch_5.bin` from `dir`, or `test_batch.bin` for the
    /// validation and test splits. Class names are read from `batches.meta.txt` if it exists.
    ///
    /// # Errors
    /// If a file is missing, its length is not a multiple of a record's, or a label is above 9.
    pub fn open(dir: &Path, split: Split) -> Result<Self, DataError> {
        let names: &[&str] = match split {
            Split::Train => &TRAIN,
            Split::Validation | Split::Test => &TEST,
        };
        let files = names
            .iter()
            .map(|name| Records::read(dir.join(name)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            classes: class_names(&dir.join("batches.meta.txt"))?,
            len: files.iter().map(Records::len).sum(),
            files,
        })
    }

    /// Names of all files of the data set.
    pub(crate) fn file_names() -> impl Iterator<Item = &'static str> {
        TRAIN.into_iter().chain(TEST)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: an empty file is refused.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The ten class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        let (file, record) = self.locate(index);
        usize::from(file.record(record)[0])
    }

    /// File and record of image `index`, for messages.
    pub fn name(&self, index: usize) -> String {
        let (file, record) = self.locate(index);
        format!("{}, record {record}", file.path.display())
    }

    /// Adds the record.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let (file, record) = self.locate(index);
        fingerprint.bytes(file.record(record));
    }

    /// Image `index`, in RGB.
    pub fn image(&self, index: usize) -> Image {
        let (file, record) = self.locate(index);
        let planes = &file.record(record)[1..];
        let mut pixels = vec![0; 3 * PLANE];
        for (channel, plane) in planes.chunks_exact(PLANE).enumerate() {
            for (pixel, &value) in pixels[channel..].iter_mut().step_by(3).zip(plane) {
                *pixel = value;
            }
        }
        Image {
            width: Self::SIDE,
            height: Self::SIDE,
            channels: 3,
            pixels,
        }
    }

    /// The file of image `index`, and the record in it.
    ///
    /// # Panics
    /// If `index` is out of bounds.
    fn locate(&self, index: usize) -> (&Records, usize) {
        assert!(index < self.len, "image {index} of {}", self.len);
        let mut record = index;
        let mut file = 0;
        while record >= self.files[file].len() {
            record -= self.files[file].len();
            file += 1;
        }
        (&self.files[file], record)
    }
}

impl Records {
    fn read(path: PathBuf) -> Result<Self, DataError> {
        if !path.is_file() {
            let reason =
                "no such file; the binary version of CIFAR-10 (cifar-10-binary.tar.gz) has it";
            return Err(DataError::file(&path, reason));
        }
        let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let reason = format!(
                "{} bytes are not a whole number of {RECORD}-byte records (the official files have 30730000 bytes); \
                 copy or download it again",
                bytes.len()
            );
            return Err(DataError::file(&path, reason));
        }
        let records = Self { path, bytes };
        for record in 0..records.len() {
            let label = records.record(record)[0];
            if usize::from(label) >= CLASSES.len() {
                let reason = format!("label {label} is not one of 0 to 9");
                return Err(DataError::record(&records.path, record, reason));
            }
        }
        Ok(records)
    }

    fn len(&self) -> usize {
        self.bytes.len() / RECORD
    }

    fn record(&self, record: usize) -> &[u8] {
        &self.bytes[record * RECORD..][..RECORD]
    }
}

fn class_names(path: &Path) -> Result<Vec<String>, DataError> {
    if !path.exists() {
        return Ok(CLASSES.map(str::to_owned).to_vec());
    }
    let text = fs::read_to_string(path).map_err(DataError::io("read", path))?;
    let names: Vec<String> = text
        .lines()
        .map(|line| line.trim().to_owned())
        .filter(|line| !line.is_empty())
        .collect();
    if names.len() != CLASSES.len() {
        let reason = format!("has {} class names instead of 10", names.len());
        return Err(DataError::file(path, reason));
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// A record with planes of 10, 20 and 30, except for the second pixel's red.
    fn record(label: u8) -> Vec<u8> {
        let mut record = vec![label];
        for value in [10, 20, 30] {
            record.extend([value; PLANE]);
        }
        record[2] = 99;
        record
    }

    fn write(labels: &[&[u8]]) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, labels) in TRAIN.iter().zip(labels) {
            let bytes: Vec<u8> = labels.iter().flat_map(|&label| record(label)).collect();
            fs::write(dir.path().join(name), bytes).unwrap();
        }
        dir
    }

    #[test]
    fn reads_labels_names_and_planes_across_files() {
        let dir = write(&[&[3, 4], &[5], &[6], &[7], &[8, 9]]);
        let cifar = Cifar10::open(dir.path(), Split::Train).unwrap();
        let labels: Vec<usize> = (0..cifar.len()).map(|i| cifar.label(i)).collect();
        assert_eq!(labels, [3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(cifar.classes()[9], "truck");
        assert!(cifar.name(6).ends_with("data_batch_5.bin, record 1"));
        let image = cifar.image(2);
        assert_eq!((image.width, image.height, image.channels), (32, 32, 3));
        assert_eq!(image.pixels[..6], [10, 20, 30, 99, 20, 30]);
    }

    #[test]
    fn class_names_are_read_where_they_are() {
        let dir = write(&[&[0], &[0], &[0], &[0], &[0]]);
        let path = dir.path().join("batches.meta.txt");
        fs::write(&path, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
        let cifar = Cifar10::open(dir.path(), Split::Train).unwrap();
        assert_eq!(cifar.classes().join(""), "abcdefghij");
        fs::write(&path, "a\nb\n").unwrap();
        let error = Cifar10::open(dir.path(), Split::Train).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("has 2 class names instead of 10")
        );
    }

    #[test]
    fn errors_name_the_file_and_record() {
        let dir = write(&[&[0], &[1, 200], &[0], &[0], &[0]]);
        let message = |split| Cifar10::open(dir.path(), split).unwrap_err().to_string();
        assert!(message(Split::Train).contains("data_batch_2.bin, record 1: label 200"));
        assert!(message(Split::Validation).contains("test_batch.bin: no such file"));
        fs::write(dir.path().join("test_batch.bin"), vec![0; RECORD + 1]).unwrap();
        assert!(message(Split::Validation).contains("3074 bytes are not a whole number"));
    }
}
