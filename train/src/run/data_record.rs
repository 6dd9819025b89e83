//! `data.json`: what a run was trained on, so that it is not resumed with other data unnoticed.

use serde::{Deserialize, Serialize};
use tinderbox_data::Fingerprint;
use tinderbox_data::loader::Source;

use crate::TrainError;
use crate::task::Task;
use crate::trainer::Loaders;

/// Incremented when fingerprints are computed in another way; those of another version are not
/// compared.
const VERSION: u32 = 1;

/// The data of a run: numbers and digests, a few lines for any amount of data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    version: u32,
    training: SplitRecord,
    validation: SplitRecord,
}

/// A split of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitRecord {
    /// Number of items in an epoch.
    count: usize,
    /// Plural noun for an item.
    items: String,
    /// The source's fingerprint.
    sha256: String,
}

impl DataRecord {
    /// Describes the data of `loaders`.
    ///
    /// # Errors
    /// The data cannot be read.
    pub fn of<T: Task>(task: &T, loaders: &Loaders<T::Source>) -> Result<Self, TrainError> {
        let split = |source: &T::Source| -> Result<SplitRecord, TrainError> {
            let mut fingerprint = Fingerprint::default();
            source.identify(&mut fingerprint)?;
            Ok(SplitRecord {
                count: task.size(source),
                items: task.items().into(),
                sha256: fingerprint.finish(),
            })
        };
        Ok(Self {
            version: VERSION,
            training: split(loaders.train.source())?,
            validation: split(loaders.validation.source())?,
        })
    }

    /// Changes from this record to `now`, in a sentence: "the data have changed: 16 training images
    /// instead of 12". `None` without any.
    pub fn changes(&self, now: &Self) -> Option<String> {
        let comparable = self.version == now.version;
        let splits = [
            ("training", &self.training, &now.training),
            ("validation", &self.validation, &now.validation),
        ];
        let changes: Vec<String> = splits
            .into_iter()
            .filter_map(|(name, before, now)| before.change(now, name, comparable))
            .collect();
        (!changes.is_empty()).then(|| format!("the data have changed: {}", changes.join("; ")))
    }
}

impl SplitRecord {
    fn change(&self, now: &Self, split: &str, comparable: bool) -> Option<String> {
        let (count, items) = (now.count, &now.items);
        if count != self.count {
            return Some(format!("{count} {split} {items} instead of {}", self.count));
        }
        (comparable && now.sha256 != self.sha256)
            .then(|| format!("{count} {split} {items} as before, but not the same ones"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(count: usize, sha256: &str) -> DataRecord {
        let split = |count| SplitRecord {
            count,
            items: "images".into(),
            sha256: sha256.into(),
        };
        DataRecord {
            version: VERSION,
            training: split(count),
            validation: split(4),
        }
    }

    #[test]
    fn changes_are_told_by_split() {
        let before = record(12, "a");
        assert_eq!(before.changes(&before), None);
        let told = |now: &DataRecord| before.changes(now).unwrap();
        let mut now = before.clone();
        now.training = record(16, "b").training;
        assert_eq!(
            told(&now),
            "the data have changed: 16 training images instead of 12"
        );
        assert_eq!(
            told(&record(12, "b")),
            "the data have changed: 12 training images as before, but not the same ones; 4 validation images as \
             before, but not the same ones"
        );
    }

    #[test]
    fn fingerprints_of_another_version_are_not_compared() {
        let mut before = record(12, "a");
        before.version = VERSION + 1;
        assert_eq!(before.changes(&record(12, "b")), None);
        assert!(before.changes(&record(13, "b")).is_some());
    }
}
