//! Files that are whole or absent.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Prefix of the names of temporary files.
const TEMPORARY: &str = ".tmp-";

/// True for the name of a temporary file of [`write_atomically`], which a killed process leaves.
pub(crate) fn is_temporary(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}

/// Removes what processes killed within [`write_atomically`] left in `folder`, if it exists.
///
/// # Errors
/// The file system's error.
pub(crate) fn remove_temporary(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if is_temporary(&entry.file_name()) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Writes `bytes` to `path` atomically: into a temporary file beside it, synced, then renamed into
/// place. A reader, or a crash at any instant, finds the old or the new content, never a part.
///
/// # Errors
/// The file system's error; `path` is then unchanged.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    make_readable(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder)
}

/// Makes renames and removals inside `folder` survive a power cut.
///
/// # Errors
/// The file system's error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows cannot sync a folder, and opening one as a file fails there.
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// SHA-256 of `bytes` in hexadecimal, as `sha256sum` prints it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Parent folder of `path`, `.` for a bare file name.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a temporary file, which is private to its owner, as readable as any other file.
fn make_readable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in [".tmp-abc", "curves.svg", "a.tmp-"] {
            fs::write(path(name), "x").unwrap();
        }
        fs::create_dir(path(".tmp-folder")).unwrap();
        remove_temporary(folder.path()).unwrap();
        assert!(!path(".tmp-abc").exists());
        assert!(path("curves.svg").exists() && path("a.tmp-").exists());
        assert!(path(".tmp-folder").exists());
        remove_temporary(&path("missing")).unwrap();
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(&folder.path().join("no/a.json"), b"x").is_err());
    }
}
