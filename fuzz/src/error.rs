use std::io;
use std::path::{Path, PathBuf};

/// An error of the driver itself, not of the command under test.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot encode an image of the kind {kind}: {reason}")]
    Image { kind: &'static str, reason: String },
    #[error("the command failed on undamaged input: {command}: {message}")]
    Seed { command: String, message: String },
    #[error("no kind of input begins with {0:?}; --list lists them")]
    UnknownKind(String),
    #[error("{}: no such file; build it with `cargo build --release --locked`, or give --binary", .0.display())]
    NoBinary(PathBuf),
    #[error("{}: choose a folder outside the repository for --keep", .0.display())]
    InRepository(PathBuf),
}

impl FuzzError {
    /// For `map_err`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, source }
    }
}
