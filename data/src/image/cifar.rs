//! CIFAR-10 and CIFAR-100 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images",
//! 2009), in the binary version and in the Python version, which torchvision downloads.
//!
//! An image has 32x32 pixels, stored as 1,024 red, 1,024 green and 1,024 blue bytes.

mod binary;
mod pickle;
mod python;

use super::Image;
use crate::Split;
use crate::error::DataError;
use crate::fingerprint::Fingerprint;
use std::fs::{self, File};
use std::io::Read;
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
const PLANE: usize = Cifar::SIDE * Cifar::SIDE;
/// Bytes of an image.
const PIXELS: usize = 3 * PLANE;
/// Largest file that is read; the largest official one has 155 MB.
const LARGEST_FILE: u64 = 1 << 30;

/// A CIFAR data set, and the labels that are its classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CifarSet {
    /// CIFAR-10.
    Cifar10,
    /// CIFAR-100 with its 100 fine labels.
    Cifar100,
    /// CIFAR-100 with its 20 coarse labels, the superclasses.
    Cifar100Coarse,
}

/// A CIFAR data set, held in memory as stored (3,073 bytes per image).
#[derive(Clone, Debug)]
pub struct Cifar {
    classes: Vec<String>,
    batches: Vec<Batch>,
    len: usize,
}

/// The validated images of one file.
#[derive(Clone, Debug)]
struct Batch {
    path: PathBuf,
    labels: Vec<u8>,
    /// [`PIXELS`] bytes per image: its red, green and blue plane.
    planes: Vec<u8>,
}

/// The version of a data set that a folder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Binary,
    Python,
}

impl Cifar {
    /// Width and height of every image, in pixels.
    pub const SIDE: usize = 32;

    /// Reads the training or test batches of `set` from `dir`, or from the folder in it that the
    /// official archive unpacks to (`cifar-10-batches-bin`, `cifar-10-batches-py`,
    /// `cifar-100-binary`, `cifar-100-python`), as in torchvision's data root. The validation split
    /// is the test batch. Class names are read from the data set's own list if it exists; without
    /// one, those of CIFAR-100 are numbers. Python's pickles are read as data, nothing is called.
    ///
    /// # Errors
    /// If a file is missing, damaged or of another length, or a label is no class.
    pub fn open(dir: &Path, set: CifarSet, split: Split) -> Result<Self, DataError> {
        let (dir, version) = set.locate(dir)?;
        let names = match split {
            Split::Train => set.train_files(version),
            Split::Validation | Split::Test => set.test_files(version),
        };
        let batches = names
            .iter()
            .map(|name| Batch::read(dir.join(name), set, version))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            classes: class_names(&dir, set, version)?,
            len: batches.iter().map(|batch| batch.labels.len()).sum(),
            batches,
        })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: an empty file is refused.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The class names, indexed by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The label of image `index`.
    pub fn label(&self, index: usize) -> usize {
        let (batch, record) = self.locate(index);
        usize::from(batch.labels[record])
    }

    /// File and record of image `index`, for messages.
    pub fn name(&self, index: usize) -> String {
        let (batch, record) = self.locate(index);
        format!("{}, record {record}", batch.path.display())
    }

    /// Record of image `index`, counted over all files: the same in both versions.
    pub fn relative_name(&self, index: usize) -> String {
        index.to_string()
    }

    /// Adds the pixels.
    pub(super) fn identify_image(&self, index: usize, fingerprint: &mut Fingerprint) {
        let (batch, record) = self.locate(index);
        fingerprint.bytes(&batch.planes[record * PIXELS..][..PIXELS]);
    }

    /// Image `index`, in RGB.
    pub fn image(&self, index: usize) -> Image {
        let (batch, record) = self.locate(index);
        let planes = &batch.planes[record * PIXELS..][..PIXELS];
        let mut pixels = vec![0; PIXELS];
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
    fn locate(&self, index: usize) -> (&Batch, usize) {
        assert!(index < self.len, "image {index} of {}", self.len);
        let mut record = index;
        let mut batch = 0;
        while record >= self.batches[batch].labels.len() {
            record -= self.batches[batch].labels.len();
            batch += 1;
        }
        (&self.batches[batch], record)
    }
}

impl CifarSet {
    /// Names of all files of the data set in the binary version.
    pub(crate) fn binary_files(self) -> Vec<String> {
        let mut names = self.train_files(Version::Binary);
        names.extend(self.test_files(Version::Binary));
        names
    }

    /// Names of all files of the data set in the Python version.
    pub(crate) fn python_files(self) -> Vec<String> {
        let mut names = self.train_files(Version::Python);
        names.extend(self.test_files(Version::Python));
        names
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "CIFAR-10",
            Self::Cifar100 | Self::Cifar100Coarse => "CIFAR-100",
        }
    }

    fn classes(self) -> usize {
        match self {
            Self::Cifar10 => 10,
            Self::Cifar100 => 100,
            Self::Cifar100Coarse => 20,
        }
    }

    /// The folder in the official archive.
    fn folder(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Cifar10, Version::Binary) => "cifar-10-batches-bin",
            (Self::Cifar10, Version::Python) => "cifar-10-batches-py",
            (_, Version::Binary) => "cifar-100-binary",
            (_, Version::Python) => "cifar-100-python",
        }
    }

    fn train_files(self, version: Version) -> Vec<String> {
        let end = version.extension();
        match self {
            Self::Cifar10 => (1..=5).map(|n| format!("data_batch_{n}{end}")).collect(),
            Self::Cifar100 | Self::Cifar100Coarse => vec![format!("train{end}")],
        }
    }

    fn test_files(self, version: Version) -> Vec<String> {
        let end = version.extension();
        match self {
            Self::Cifar10 => vec![format!("test_batch{end}")],
            Self::Cifar100 | Self::Cifar100Coarse => vec![format!("test{end}")],
        }
    }

    /// Finds the data set in `dir` or one level below.
    fn locate(self, dir: &Path) -> Result<(PathBuf, Version), DataError> {
        let versions = [
            (Version::Binary, self.binary_files()),
            (Version::Python, self.python_files()),
        ];
        for below in [false, true] {
            for (version, files) in &versions {
                let folder = if below {
                    dir.join(self.folder(*version))
                } else {
                    dir.to_path_buf()
                };
                if files.iter().any(|file| folder.join(file).is_file()) {
                    return Ok((folder, *version));
                }
            }
        }
        if !dir.is_dir() {
            return Err(DataError::file(dir, "no such folder"));
        }
        let [binary, python] = [Version::Binary, Version::Python].map(|version| {
            let first = self.train_files(version).swap_remove(0);
            format!("{first} (of {})", self.folder(version))
        });
        let reason = format!(
            "has no {} in it or in a folder of it; expected {binary} or {python}",
            self.name()
        );
        Err(DataError::file(dir, reason))
    }
}

impl Version {
    fn extension(self) -> &'static str {
        match self {
            Self::Binary => ".bin",
            Self::Python => "",
        }
    }
}

impl Batch {
    fn read(path: PathBuf, set: CifarSet, version: Version) -> Result<Self, DataError> {
        let bytes = read_file(&path, set, version)?;
        let (labels, planes) = match version {
            Version::Binary => binary::batch(&bytes, set),
            Version::Python => python::batch(&bytes, set),
        }
        .map_err(|reason| DataError::file(&path, reason))?;
        if let Some(record) = labels
            .iter()
            .position(|label| usize::from(*label) >= set.classes())
        {
            let reason = format!(
                "label {} is not one of 0 to {}",
                labels[record],
                set.classes() - 1
            );
            return Err(DataError::record(&path, record, reason));
        }
        Ok(Self {
            path,
            labels,
            planes,
        })
    }
}

fn read_file(path: &Path, set: CifarSet, version: Version) -> Result<Vec<u8>, DataError> {
    if !path.is_file() {
        let reason = format!(
            "no such file; the folder {} of {} has it",
            set.folder(version),
            set.name()
        );
        return Err(DataError::file(path, reason));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(DataError::io("read", path))?;
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(DataError::io("read", path))?;
    if bytes.len() as u64 > LARGEST_FILE {
        let reason = format!(
            "is larger than {LARGEST_FILE} bytes: not a file of {}",
            set.name()
        );
        return Err(DataError::file(path, reason));
    }
    Ok(bytes)
}

fn class_names(dir: &Path, set: CifarSet, version: Version) -> Result<Vec<String>, DataError> {
    let file = match (version, set) {
        (Version::Binary, CifarSet::Cifar10) => "batches.meta.txt",
        (Version::Binary, CifarSet::Cifar100) => "fine_label_names.txt",
        (Version::Binary, CifarSet::Cifar100Coarse) => "coarse_label_names.txt",
        (Version::Python, CifarSet::Cifar10) => "batches.meta",
        (Version::Python, _) => "meta",
    };
    let path = dir.join(file);
    if !path.exists() {
        return Ok(match set {
            CifarSet::Cifar10 => CLASSES.map(str::to_owned).to_vec(),
            _ => (0..set.classes()).map(|class| class.to_string()).collect(),
        });
    }
    let bytes = fs::read(&path).map_err(DataError::io("read", &path))?;
    let names = match version {
        Version::Binary => binary::names(&bytes),
        Version::Python => python::names(&bytes, set),
    }
    .map_err(|reason| DataError::file(&path, reason))?;
    if names.len() != set.classes() {
        let reason = format!(
            "has {} class names instead of {}",
            names.len(),
            set.classes()
        );
        return Err(DataError::file(&path, reason));
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
