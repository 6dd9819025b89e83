//! Files that Git LFS keeps elsewhere.

/// Reason for refusing such a file.
pub(crate) const POINTER: &str =
    "is a pointer of Git LFS, not the file itself; run `git lfs pull` in its folder";

/// True for the text that a clone without Git LFS has in place of a large file.
pub(crate) fn is_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/")
}
