//! Index of the images in shards, read from the tar headers once and cached beside the shards.

use super::prefix;
use crate::Split;
use crate::error::DataError;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};
use tar::{Archive, Entry};

/// Incremented with every change of the cache file's format, or of the rules for images.
const VERSION: u32 = 1;
/// Coarsest resolution of file times. A shard modified this shortly before it was read may change
/// again without a new modification time.
const STEP: Duration = Duration::from_secs(2);
/// Limit of the number of classes, above any data set's, so that a bad number does not create names
/// for all classes below it.
const MOST_CLASSES: usize = 1_000_000;
/// Maximum length of a .cls file, with spaces and a line break.
const LONGEST_LABEL: u64 = 64;
const BLOCK: u64 = 512;

/// An image in a shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Name of the image in the tar file.
    pub(super) name: Box<str>,
    /// Offset of the image in the tar file.
    pub(super) offset: u64,
    /// Length in bytes.
    pub(super) length: u64,
    pub(super) label: usize,
}

#[derive(Serialize, Deserialize)]
struct Kept<S> {
    version: u32,
    shards: Vec<S>,
}

/// The samples of a shard, with the stamp that validates them.
#[derive(Serialize, Deserialize)]
struct KeptShard {
    file: String,
    bytes: u64,
    modified: SystemTime,
    samples: Vec<Sample>,
}

/// Loads the samples of each of `shards`, in their order.
pub(super) fn load(
    root: &Path,
    split: Split,
    shards: &[String],
) -> Result<Vec<Vec<Sample>>, DataError> {
    let place = root.join(format!("{}.index.json", prefix(split)));
    let mut kept = read_kept(&place);
    let started = SystemTime::now();
    let mut current = Vec::with_capacity(shards.len());
    let mut unknown = Vec::new();
    for file in shards {
        let path = root.join(file);
        let stamp = fs::metadata(&path).and_then(|found| Ok((found.len(), found.modified()?)));
        let (bytes, modified) = stamp.map_err(DataError::io("read", &path))?;
        let known = kept
            .remove(file)
            .filter(|kept| (kept.bytes, kept.modified) == (bytes, modified));
        if known.is_none() {
            unknown.push((current.len(), path));
        }
        current.push(known.unwrap_or_else(|| KeptShard {
            file: file.clone(),
            bytes,
            modified,
            samples: Vec::new(),
        }));
    }
    let scanned = in_parallel(&unknown, |(_, path)| scan(path));
    for ((number, _), samples) in unknown.iter().zip(scanned) {
        current[*number].samples = samples?;
    }
    let settled = |shard: &&KeptShard| {
        let age = started.duration_since(shard.modified);
        age.is_ok_and(|age| age > STEP)
    };
    let settled: Vec<&KeptShard> = current.iter().filter(settled).collect();
    if !unknown.is_empty() && !settled.is_empty() {
        // A failure is ignored: the headers are then read again next time.
        let _ = write_kept(&place, settled);
    }
    Ok(current.into_iter().map(|shard| shard.samples).collect())
}

/// Reads the cache, by shard. An unreadable or invalid one counts as absent.
fn read_kept(place: &Path) -> HashMap<String, KeptShard> {
    let kept = fs::read(place)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Kept<KeptShard>>(&bytes).ok())
        .filter(|kept| kept.version == VERSION && kept.shards.iter().all(KeptShard::is_possible));
    let shards = kept.map_or(Vec::new(), |kept| kept.shards);
    let by_file = |shard: KeptShard| (shard.file.clone(), shard);
    shards.into_iter().map(by_file).collect()
}

impl KeptShard {
    fn is_possible(&self) -> bool {
        self.samples.iter().all(|sample| {
            let end = sample.offset.checked_add(sample.length);
            end.is_some_and(|end| end <= self.bytes) && sample.label < MOST_CLASSES
        })
    }
}

fn write_kept(place: &Path, shards: Vec<&KeptShard>) -> Result<(), DataError> {
    let write = || DataError::io("write", place);
    let mut file = files::begin(place)?;
    let mut writer = BufWriter::new(&mut file);
    let kept = Kept {
        version: VERSION,
        shards,
    };
    serde_json::to_writer(&mut writer, &kept)
        .map_err(std::io::Error::from)
        .and_then(|()| writer.flush())
        .map_err(write())?;
    drop(writer);
    files::finish(file, place)
}

/// Applies `work` to every item, on one thread per processor.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = items.len().div_ceil(threads).max(1);
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(part)
            .map(|items| scope.spawn(move || items.iter().map(work).collect::<Vec<R>>()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| match thread.join() {
                Ok(results) => results,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}

/// The members of a sample found so far.
#[derive(Default)]
struct Parts {
    /// Name, offset and length.
    image: Option<(Box<str>, u64, u64)>,
    label: Option<usize>,
}

/// Reads the samples of the shard at `path`, in its order. As in WebDataset, the members of a
/// sample share their name up to the first dot after the folder: `a/b.jpg`, `a/b.cls`, `a/b.json`.
/// The image (.jpg, .jpeg, .png, case-insensitive) and the class (.cls) are used.
fn scan(path: &Path) -> Result<Vec<Sample>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let bytes = file.metadata().map_err(DataError::io("read", path))?.len();
    let mut samples: HashMap<String, Parts> = HashMap::new();
    let mut last = String::new();
    // End of the last member, before the blocks of zeros.
    let mut end = 0;
    let mut archive = Archive::new(file);
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
        let mut entry = entry.map_err(|error| damaged(&last, error))?;
        let name = member_name(&entry).map_err(|reason| DataError::file(path, reason))?;
        end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
        if end > bytes {
            return Err(DataError::file(
                path,
                format!("ends within {name}; copy it again"),
            ));
        }
        if entry.header().entry_type().is_file() {
            add(&mut samples, &name, &mut entry)
                .map_err(|reason| DataError::file(path, format!("{name} {reason}")))?;
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
    finish(samples).map_err(|reason| DataError::file(path, reason))
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

/// Records an image or a class; ignores other members.
fn add(
    samples: &mut HashMap<String, Parts>,
    name: &str,
    entry: &mut Entry<'_, impl Read>,
) -> Result<(), String> {
    let folder = name.rfind('/').map_or(0, |slash| slash + 1);
    let Some(dot) = name[folder..].find('.').filter(|&dot| dot > 0) else {
        return Ok(());
    };
    let (key, extension) = (&name[..folder + dot], &name[folder + dot + 1..]);
    let again = match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" | "png" => {
            let place = (name.into(), entry.raw_file_position(), entry.size());
            let parts = samples.entry(key.to_owned()).or_default();
            parts.image.replace(place).is_some()
        }
        "cls" => {
            let label = label(entry)?;
            let parts = samples.entry(key.to_owned()).or_default();
            parts.label.replace(label).is_some()
        }
        _ => false,
    };
    if again {
        return Err(format!("is the second image or class of the sample {key}"));
    }
    Ok(())
}

fn label(entry: &mut Entry<'_, impl Read>) -> Result<usize, String> {
    let mut text = Vec::new();
    let limited = &mut entry.take(LONGEST_LABEL);
    limited
        .read_to_end(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let text = String::from_utf8_lossy(&text);
    let label = text
        .trim()
        .parse()
        .ok()
        .filter(|&label| label < MOST_CLASSES);
    label.ok_or_else(|| format!("says {:?}, which is not the number of a class", text.trim()))
}

/// The samples in the order of their images. A sample with only an image or only a class is an
/// error; one with neither is ignored.
fn finish(parts: HashMap<String, Parts>) -> Result<Vec<Sample>, String> {
    let mut samples = Vec::with_capacity(parts.len());
    for (key, parts) in parts {
        match (parts.image, parts.label) {
            (Some((name, offset, length)), Some(label)) => samples.push(Sample {
                name,
                offset,
                length,
                label,
            }),
            (Some((name, ..)), None) => {
                return Err(format!("{name} has no class: {key}.cls is missing"));
            }
            (None, _) => {
                return Err(format!(
                    "{key}.cls has no image: {key}.jpg or {key}.png is missing"
                ));
            }
        }
    }
    samples.sort_unstable_by_key(|sample| sample.offset);
    Ok(samples)
}
