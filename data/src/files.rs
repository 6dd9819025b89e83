//! Files that are whole or absent, and reading here and there in them.

use crate::error::DataError;
use std::fs::File;
use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

/// What files are called until they are whole; hidden, so that nobody takes them for data.
pub(crate) const UNFINISHED: &str = ".tmp-";

/// A file that will be `path` once [`finish`] is called with it. Until then it lies beside, and if it is dropped it is
/// deleted.
pub(crate) fn begin(path: &Path) -> Result<NamedTempFile, DataError> {
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        // Temporary files are private by default; this one is to become an ordinary file (less the umask).
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder
        .tempfile_in(parent(path))
        .map_err(DataError::io("write", path))
}

/// Gives the file its name, after everything in it has reached the disk: whoever finds it, also after a power cut, finds
/// all of it.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> Result<(), DataError> {
    let write = || DataError::io("write", path);
    file.as_file().sync_all().map_err(write())?;
    file.persist(path).map_err(|error| write()(error.error))?;
    // Windows has no way to sync a folder, and opening one as a file fails there.
    if cfg!(unix) {
        File::open(parent(path))
            .and_then(|folder| folder.sync_all())
            .map_err(write())?;
    }
    Ok(())
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Fills `buffer` with what is at `offset`. Any number of threads may read from one file, since it has no position that
/// they would share.
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

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}
