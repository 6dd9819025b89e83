//! Reads with a limit, atomic writes, and positioned reads.

use crate::error::DataError;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Component, Path};
use tempfile::{Builder, NamedTempFile};

/// Prefix of unfinished files: hidden, so that they are not mistaken for data.
pub(crate) const UNFINISHED: &str = ".tmp-";

/// Limit of files that describe something: settings, labels, lists of classes. The largest ones
/// published have a few megabytes.
pub const MAX_METADATA: u64 = 64 << 20;
/// Limit of tokenizers; the largest ones published have 35 MB.
pub const MAX_TOKENIZER: u64 = 1 << 30;

/// Reads a whole file of at most `limit` bytes. Only small files are meant to be read whole, and a
/// file of another kind under the name of one is often large.
///
/// # Errors
/// If it cannot be read, or is larger; the message then has its size and the limit.
pub fn read_limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= limit {
        file.take(limit + 1).read_to_end(&mut bytes)?;
    }
    let size = size.max(bytes.len() as u64);
    if size <= limit {
        return Ok(bytes);
    }
    let reason =
        format!("it has {size} bytes or more, and a file of this kind is read up to {limit}");
    Err(io::Error::new(io::ErrorKind::FileTooLarge, reason))
}

/// Reads a text file as [`read_limited`] does.
///
/// # Errors
/// Those of [`read_limited`]; the file is not UTF-8.
pub fn read_text_limited(path: &Path, limit: u64) -> io::Result<String> {
    String::from_utf8(read_limited(path, limit)?)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Creates a temporary file beside `path`, which [`finish`] renames to `path`. Deleted on drop.
pub(crate) fn begin(path: &Path) -> Result<NamedTempFile, DataError> {
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        // Temporary files are private by default; this one becomes an ordinary file (less the
        // umask).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
        .tempfile_in(parent(path))
        .map_err(DataError::io("write", path))
}

/// Flushes the file to disk and renames it to `path`, so that `path` is complete whenever it
/// exists, even after a power cut.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> Result<(), DataError> {
    let write = || DataError::io("write", path);
    file.as_file().sync_all().map_err(write())?;
    file.persist(path).map_err(|error| write()(error.error))?;
    // Windows cannot sync a folder, and fails to open one as a file.
    if cfg!(unix) {
        File::open(parent(path))
            .and_then(|folder| folder.sync_all())
            .map_err(write())?;
    }
    Ok(())
}

/// True for a path, relative to a folder, that stays within it.
pub(crate) fn stays_within(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Number of bytes of a file that [`beginning`] reads.
const BEGINNING: usize = 4096;

/// The first bytes of the file at `path`.
pub(crate) fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let length = std::fs::metadata(path)?.len();
    beginning_at(&File::open(path)?, 0, length)
}

/// The first bytes of the `length` bytes at `offset`.
pub(crate) fn beginning_at(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).unwrap_or(BEGINNING).min(BEGINNING);
    let mut bytes = vec![0; length];
    read_exact_at(file, &mut bytes, offset)?;
    Ok(bytes)
}

/// Fills `buffer` with the bytes at `offset`. Thread-safe: positioned reads do not share a cursor.
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match read_at(file, &mut buffer[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads some of the bytes at `offset`; 0 at the end of the file.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

/// Reads some of the bytes at `offset`; 0 at the end of the file.
#[cfg(windows)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_their_folder_are_found() {
        for within in ["a.tar", "train/a.tar", "a..b", "a/.b"] {
            assert!(stays_within(within), "{within}");
        }
        for beyond in ["", ".", "..", "../a.tar", "train/../../a.tar", "/a.tar"] {
            assert!(!stays_within(beyond), "{beyond}");
        }
    }

    #[test]
    fn a_file_above_the_limit_is_refused_with_its_size_and_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.json");
        std::fs::write(&path, "[\"a\"]").unwrap();
        assert_eq!(read_text_limited(&path, 5).unwrap(), "[\"a\"]");
        let error = read_limited(&path, 4).unwrap_err().to_string();
        assert_eq!(
            error,
            "it has 5 bytes or more, and a file of this kind is read up to 4"
        );
        std::fs::write(&path, [0xff]).unwrap();
        assert!(read_text_limited(&path, 5).is_err());
        assert!(read_text_limited(&folder.path().join("none"), 4).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_never_ends_is_refused() {
        let error = read_limited(Path::new("/dev/zero"), 1000).unwrap_err();
        assert!(error.to_string().contains("read up to 1000"), "{error}");
    }
}
