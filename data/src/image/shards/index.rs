//! Index of the images in shards, read from the tar headers once and cached beside the shards.

use super::prefix;
use super::scan::{MOST_CLASSES, Scanned, scan};
use crate::Split;
use crate::error::DataError;
use crate::files;
use crate::image::PassedOver;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

/// Incremented with every change of the cache file's format, or of the rules for images.
const VERSION: u32 = 2;
/// Coarsest resolution of file times. A shard modified this shortly before it was read may change
/// again without a new modification time.
const STEP: Duration = Duration::from_secs(2);

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
    passed_over: PassedOver,
}

/// Scans each of `shards`, in their order, or takes what is known of it.
pub(super) fn load(
    root: &Path,
    split: Split,
    shards: &[String],
) -> Result<Vec<Scanned>, DataError> {
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
            passed_over: PassedOver::default(),
        }));
    }
    let scanned = in_parallel(&unknown, |(_, path)| scan(path));
    for ((number, _), scanned) in unknown.iter().zip(scanned) {
        let scanned = scanned?;
        current[*number].samples = scanned.samples;
        current[*number].passed_over = scanned.passed_over;
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
    let scanned = current.into_iter().map(|shard| Scanned {
        samples: shard.samples,
        passed_over: shard.passed_over,
    });
    Ok(scanned.collect())
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
