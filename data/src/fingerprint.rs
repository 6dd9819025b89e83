//! Fingerprints of data sets, by which a resumed run notices other data.

use sha2::{Digest, Sha256};
use std::path::Path;

/// A digest of what identifies a data set: the names, sizes or contents of its items, in their
/// order. It does not depend on the folder that the data lie in, on file times, or on the order in
/// which a folder is listed.
///
/// ```
/// use tinderbox_data::Fingerprint;
///
/// let of = |words: [&str; 2]| {
///     let mut fingerprint = Fingerprint::default();
///     words.iter().for_each(|word| fingerprint.text(word));
///     fingerprint.finish()
/// };
/// assert_eq!(of(["cat", "dog"]), of(["cat", "dog"]));
/// assert_ne!(of(["cat", "dog"]), of(["ca", "tdog"]));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a number.
    pub fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_le_bytes());
    }

    /// Adds a sequence of bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        // The length keeps neighbouring sequences apart.
        self.number(bytes.len());
        self.0.update(bytes);
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Adds token ids.
    pub fn ids(&mut self, ids: &[u32]) {
        self.number(ids.len());
        let mut bytes = Vec::new();
        for chunk in ids.chunks(1 << 12) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|id| id.to_le_bytes()));
            self.0.update(&bytes);
        }
    }

    /// Adds a relative path, equal on all systems.
    pub fn path(&mut self, path: &Path) {
        self.number(path.iter().count());
        for part in path {
            self.text(&part.to_string_lossy());
        }
    }

    /// SHA-256 of everything added, in hexadecimal.
    pub fn finish(self) -> String {
        let digest = self.0.finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
