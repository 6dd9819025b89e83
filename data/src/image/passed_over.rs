//! Files beside the images of a data set that are left out of it, counted by kind.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Number of kinds that a message lists.
const SHOWN: usize = 8;
/// Longest file extension that names a kind; whatever follows the last dot of a sentence does not.
const LONGEST_EXTENSION: usize = 12;

/// Files that are no images of the data set, counted by kind: their extension in lower case
/// (".txt"), "hidden" (images whose name, or a folder above them, is hidden), "dangling" (links
/// whose target does not exist), "beside the class folders" (images), or "other".
///
/// Its `Display` is "18 files: 9 .gif, 9 .txt", the most frequent kind first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PassedOver {
    counts: BTreeMap<String, usize>,
}

impl PassedOver {
    pub(super) const HIDDEN: &'static str = "hidden";
    pub(super) const DANGLING: &'static str = "dangling";
    pub(super) const BESIDE: &'static str = "beside the class folders";

    /// True if nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.counts.values().sum()
    }

    /// Number of files of each kind, in alphabetical order.
    pub fn counts(&self) -> &BTreeMap<String, usize> {
        &self.counts
    }

    /// Adds the counts of another part of the data.
    pub fn merge(&mut self, other: &Self) {
        for (kind, count) in &other.counts {
            *self.counts.entry(kind.clone()).or_default() += count;
        }
    }

    pub(super) fn add(&mut self, kind: &str) {
        *self.counts.entry(kind.to_owned()).or_default() += 1;
    }

    /// Counts a file by its extension.
    pub(super) fn add_file(&mut self, path: &Path) {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let is_plain = |extension: &&str| {
            let plain = extension.chars().all(char::is_alphanumeric);
            plain && !extension.is_empty() && extension.len() <= LONGEST_EXTENSION
        };
        match extension.filter(is_plain) {
            Some(extension) => self.add(&format!(".{}", extension.to_lowercase())),
            None => self.add("other"),
        }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.len();
        write!(f, "{total} {}: ", if total == 1 { "file" } else { "files" })?;
        let mut kinds: Vec<(&String, &usize)> = self.counts.iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (number, (kind, count)) in kinds.iter().take(SHOWN).enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {kind}")?;
        }
        match kinds.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, ", and {more} more kinds"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(names: &[&str]) -> PassedOver {
        let mut passed = PassedOver::default();
        for name in names {
            passed.add_file(Path::new(name));
        }
        passed
    }

    #[test]
    fn kinds_are_extensions_and_the_most_frequent_comes_first() {
        let passed = counted(&["a.txt", "b.GIF", "c.gif", "README", "v1. The end", "d.t\nt"]);
        assert_eq!(passed.to_string(), "6 files: 3 other, 2 .gif, 1 .txt");
        assert_eq!(counted(&["a.db"]).to_string(), "1 file: 1 .db");
        let mut sum = counted(&["a.txt"]);
        sum.merge(&passed);
        assert_eq!((sum.len(), sum.counts()[".txt"]), (7, 2));
    }

    #[test]
    fn a_message_ends_somewhere() {
        let names: Vec<String> = (0..30).map(|number| format!("a.x{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = counted(&names).to_string();
        assert!(message.ends_with("1 .x15, and 22 more kinds"), "{message}");
    }
}
