//! Scan of a shard: its tar headers and classes.

use super::fields::{Fields, Place};
use super::index::Sample;
use crate::budget::{BETWEEN_FILES, Budget};
use crate::error::DataError;
use crate::image::PassedOver;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tar::{Archive, Entry};

/// Limit of the number of classes, above any data set's, so that a bad number does not create names
/// for all classes below it.
pub(super) const MOST_CLASSES: usize = 1_000_000;
const BLOCK: u64 = 512;

/// The images of a shard, in its order, and its other members.
pub(super) struct Scanned {
    pub(super) samples: Vec<Sample>,
    pub(super) passed_over: PassedOver,
}

/// Reads the samples of the shard at `path`. As in WebDataset, the members of a sample share their
/// name up to the first dot after the folder, its key: `a/b.jpg`, `a/b.cls`, `a/b.json` or
/// `a/b.image.jpg`, `a/b.label.cls`.
pub(super) fn scan(path: &Path) -> Result<Scanned, DataError> {
    let read = || DataError::io("read", path);
    let file = File::open(path).map_err(read())?;
    let bytes = file.metadata().map_err(read())?.len();
    let mut samples = Samples::default();
    let mut last = String::new();
    // End of the last member, before the blocks of zeros.
    let mut end = 0;
    let mut archive = Archive::new(Budget::new(&file, BETWEEN_FILES));
    let damaged = |last: &str, error: std::io::Error| {
        let after = match last {
            "" => "at its beginning".to_owned(),
            last => format!("after {last}"),
        };
        let reason = format!("is not a tar file, or damaged, {after}: {error}; copy it again");
        DataError::file(path, reason)
    };
    let entries = archive
        .entries_with_seek()
        .map_err(|error| damaged("", error))?;
    for entry in entries {
        let entry = entry.map_err(|error| damaged(&last, error))?;
        let name = member_name(&entry).map_err(|reason| DataError::file(path, reason))?;
        end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        if end > bytes {
            return Err(DataError::file(
                path,
                format!("ends within {name}; copy it again"),
            ));
        }
        if entry.header().entry_type().is_file() {
            let place = Place {
                offset: entry.raw_file_position(),
                length: entry.size(),
            };
            samples.add(&name, place);
        }
        last = name;
    }
    // Without the end mark, members after the last whole one would be missed silently.
    if end + BLOCK > bytes {
        return Err(DataError::file(
            path,
            "has no end mark, so it is truncated; copy it again",
        ));
    }
    samples
        .finish(&file)
        .map_err(|reason| DataError::file(path, reason))
}

fn member_name(entry: &Entry<'_, impl Read>) -> Result<String, String> {
    let name = entry.path_bytes();
    match str::from_utf8(&name) {
        Ok(name) if !name.contains(char::is_control) => Ok(name.to_owned()),
        _ => Err(format!(
            "has a member whose name is not plain UTF-8: {}",
            name.escape_ascii()
        )),
    }
}

/// The samples of a shard, in the order of their first members.
#[derive(Default)]
struct Samples {
    found: Vec<(String, Fields)>,
    by_key: HashMap<String, usize>,
}

impl Samples {
    /// Records a member. As in WebDataset, names without an extension, hidden ones and metadata
    /// (`__name__`) belong to no sample.
    fn add(&mut self, name: &str, place: Place) {
        let folder = name.rfind('/').map_or(0, |slash| slash + 1);
        let first = name.split('/').next().unwrap_or_default();
        let is_metadata = first.len() > 4 && first.starts_with("__") && first.ends_with("__");
        let Some(dot) = name[folder..].find('.').filter(|&dot| dot > 0) else {
            return;
        };
        if is_metadata {
            return;
        }
        let (key, field) = (&name[..folder + dot], &name[folder + dot + 1..]);
        let number = *self.by_key.entry(key.to_owned()).or_insert_with(|| {
            self.found.push((key.to_owned(), Fields::default()));
            self.found.len() - 1
        });
        self.found[number].1.add(field, name, place);
    }

    /// The image and the class of every sample.
    ///
    /// # Errors
    /// If the first sample that is not complete and unambiguous has only one of them, or several.
    fn finish(self, shard: &File) -> Result<Scanned, String> {
        let mut scanned = Scanned {
            samples: Vec::with_capacity(self.found.len()),
            passed_over: PassedOver::default(),
        };
        for (key, fields) in self.found {
            match fields.sample(&key, shard)? {
                Some(sample) => scanned.samples.push(sample),
                None => fields.pass_over(&mut scanned.passed_over),
            }
        }
        scanned.samples.sort_unstable_by_key(|sample| sample.offset);
        Ok(scanned)
    }
}
