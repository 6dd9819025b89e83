//! Data sets with known addresses.

use super::fetch::{Checksum, RemoteFile, fetch};
use crate::error::DataError;
use crate::image::CifarSet;
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Checksum from the data set's page.
const CIFAR10: RemoteFile<'static> = RemoteFile {
    url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    name: "cifar-10-binary.tar.gz",
    checksum: Checksum::Md5("c32a1d4ab5d03f1284b67883e8d87530"),
    bytes: Some(170_052_171),
};
/// The folder in the archive.
const CIFAR10_FOLDER: &str = "cifar-10-batches-bin";

/// Checksum from torchvision.
const CIFAR100: RemoteFile<'static> = RemoteFile {
    url: "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    name: "cifar-100-python.tar.gz",
    checksum: Checksum::Md5("eb9058c3a382ffc7106e4002c42a8d85"),
    bytes: Some(169_001_437),
};
/// The folder in the archive.
const CIFAR100_FOLDER: &str = "cifar-100-python";

/// Limit of an unpacked archive, several times the size of the official ones.
const MOST_UNPACKED: u64 = 1 << 30;

/// The four files of a data set in MNIST's layout, with the checksums from torchvision.
macro_rules! idx_files {
    ($base:literal, $([$name:literal, $md5:literal, $bytes:literal]),*) => {
        [$(RemoteFile {
            url: concat!($base, $name),
            name: $name,
            checksum: Checksum::Md5($md5),
            bytes: Some($bytes),
        }),*]
    };
}

const MNIST: [RemoteFile<'static>; 4] = idx_files!(
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    [
        "train-images-idx3-ubyte.gz",
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        9_912_422
    ],
    [
        "train-labels-idx1-ubyte.gz",
        "d53e105ee54ea40749a09fcbcd1e9432",
        28_881
    ],
    [
        "t10k-images-idx3-ubyte.gz",
        "9fb629c4189551a2d022fa330f9573f3",
        1_648_877
    ],
    [
        "t10k-labels-idx1-ubyte.gz",
        "ec29112dd5afa0611ce80d1b7f02629c",
        4_542
    ]
);

const FASHION_MNIST: [RemoteFile<'static>; 4] = idx_files!(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    [
        "train-images-idx3-ubyte.gz",
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        26_421_880
    ],
    [
        "train-labels-idx1-ubyte.gz",
        "25c81989df183df01b3e8a0aad5dffbe",
        29_515
    ],
    [
        "t10k-images-idx3-ubyte.gz",
        "bef4ecab320f06d8554ea6380940ec79",
        4_422_102
    ],
    [
        "t10k-labels-idx1-ubyte.gz",
        "bb300cfdad3c16e7a12a480ee83cd310",
        5_148
    ]
);

/// Called with the bytes so far and, if known, their total.
type Progress<'a> = &'a mut dyn FnMut(u64, Option<u64>);

/// Returns the folder with CIFAR-10's binary files in `cache`, after downloading (170 MB) and
/// unpacking them if necessary.
///
/// # Errors
/// As [`fetch`]; also if the archive cannot be unpacked, or the folder exists but lacks files.
pub fn cifar10(cache: &Path, progress: Progress<'_>) -> Result<PathBuf, DataError> {
    let files = CifarSet::Cifar10.binary_files();
    unpacked(cache, &CIFAR10, CIFAR10_FOLDER, &files, progress)
}

/// Returns the folder with CIFAR-100's Python files in `cache`, after downloading (169 MB) and
/// unpacking them if necessary.
///
/// # Errors
/// Errors are those of [`cifar10`].
pub fn cifar100(cache: &Path, progress: Progress<'_>) -> Result<PathBuf, DataError> {
    let files = CifarSet::Cifar100.python_files();
    unpacked(cache, &CIFAR100, CIFAR100_FOLDER, &files, progress)
}

/// The folder `name` of an archive, with all of `files`.
fn unpacked(
    cache: &Path,
    archive: &RemoteFile<'_>,
    name: &str,
    files: &[String],
    progress: Progress<'_>,
) -> Result<PathBuf, DataError> {
    let folder = cache.join(name);
    let has_files = || files.iter().all(|file| folder.join(file).is_file());
    if has_files() {
        return Ok(folder);
    }
    if folder.exists() {
        let reason = "exists, but some of its files are missing; delete it to download them again";
        return Err(DataError::file(&folder, reason));
    }
    let archive = fetch(cache, archive, progress)?;
    unpack(&archive, cache, name)?;
    if has_files() {
        Ok(folder)
    } else {
        Err(DataError::file(&folder, "lacks files after unpacking"))
    }
}

/// Returns the folder with MNIST's four `.gz` files in `cache`, after downloading them (12 MB) if
/// necessary.
///
/// # Errors
/// As [`fetch`].
pub fn mnist(cache: &Path, progress: Progress<'_>) -> Result<PathBuf, DataError> {
    idx(&cache.join("mnist"), &MNIST, progress)
}

/// Returns the folder with Fashion-MNIST's four `.gz` files in `cache`, after downloading them (31
/// MB) if necessary.
///
/// # Errors
/// As [`fetch`].
pub fn fashion_mnist(cache: &Path, progress: Progress<'_>) -> Result<PathBuf, DataError> {
    idx(&cache.join("fashion-mnist"), &FASHION_MNIST, progress)
}

fn idx(
    folder: &Path,
    files: &[RemoteFile<'_>],
    progress: Progress<'_>,
) -> Result<PathBuf, DataError> {
    for file in files {
        // The file may have been unpacked by hand.
        if !folder.join(file.name.trim_end_matches(".gz")).is_file() {
            fetch(folder, file, progress)?;
        }
    }
    Ok(folder.to_path_buf())
}

/// Unpacks the folder `name` of a `.tar.gz` into `cache` atomically.
fn unpack(archive: &Path, cache: &Path, name: &str) -> Result<(), DataError> {
    let temporary = tempfile::tempdir_in(cache).map_err(DataError::io("write into", cache))?;
    let file = File::open(archive).map_err(DataError::io("read", archive))?;
    let content = GzDecoder::new(BufReader::new(file)).take(MOST_UNPACKED);
    tar::Archive::new(content)
        .unpack(temporary.path())
        .map_err(DataError::io("unpack", archive))?;
    let unpacked = temporary.path().join(name);
    if !unpacked.is_dir() {
        return Err(DataError::file(
            archive,
            format!("has no folder {name} in it"),
        ));
    }
    let folder = cache.join(name);
    match fs::rename(&unpacked, &folder) {
        // Another process was faster.
        Err(_) if folder.is_dir() => Ok(()),
        result => result.map_err(DataError::io("rename an unpacked folder to", &folder)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};

    fn archive(path: &Path, folder: &str) {
        let encoder = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        for name in CifarSet::Cifar10.binary_files() {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_mode(0o644);
            let path = format!("{folder}/{name}");
            archive.append_data(&mut header, path, &b"abc"[..]).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap();
    }

    #[test]
    fn an_archive_is_unpacked_whole() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("a.tar.gz");
        archive(&path, CIFAR10_FOLDER);
        unpack(&path, cache.path(), CIFAR10_FOLDER).unwrap();
        // No temporary files are left, and the folder needs no network.
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 2);
        let folder = cifar10(cache.path(), &mut |_, _| {}).unwrap();
        assert!(folder.ends_with(CIFAR10_FOLDER));
    }

    #[test]
    fn a_wrong_or_truncated_archive_leaves_nothing() {
        let cache = tempfile::tempdir().unwrap();
        let path = cache.path().join("a.tar.gz");
        archive(&path, "something-else");
        let error = unpack(&path, cache.path(), CIFAR10_FOLDER).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("has no folder cifar-10-batches-bin")
        );
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let error = unpack(&path, cache.path(), CIFAR10_FOLDER).unwrap_err();
        assert!(error.to_string().starts_with("cannot unpack"), "{error}");
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_incomplete_folder_is_an_error() {
        let cache = tempfile::tempdir().unwrap();
        fs::create_dir(cache.path().join(CIFAR10_FOLDER)).unwrap();
        let error = cifar10(cache.path(), &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("some of its files are missing"));
    }

    #[test]
    fn unpacked_idx_files_need_no_network() {
        let cache = tempfile::tempdir().unwrap();
        let folder = cache.path().join("mnist");
        fs::create_dir(&folder).unwrap();
        for file in &MNIST {
            fs::write(folder.join(file.name.trim_end_matches(".gz")), b"").unwrap();
        }
        assert_eq!(mnist(cache.path(), &mut |_, _| {}).unwrap(), folder);
    }
}
