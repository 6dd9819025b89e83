//! The three container formats of `torch.save`: zip since PyTorch 1.6, a sequence of pickles and
//! storages before, and tar in the first versions. Tar is refused.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{Cursor, Read};
use std::ops::Range;

use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::super::error::Refusal;
use super::element::width;
use super::input::Input;
use super::pickle;
use super::value::{Node, Pickle, Value};

/// Magic number of the second format, 0x1950a86a20f9469cfc6c in little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Number of bytes to search for it: it is in a pickle, and its offset depends on the protocol.
const MAGIC_WITHIN: usize = 32;
/// The only version of the second format.
const VERSION: i64 = 1001;

/// Byte ranges of the storages by key.
pub(super) type Storages = HashMap<String, Range<usize>>;

/// A file split into its pickle and its storages.
pub(super) struct Container<'a> {
    pub(super) pickle: Pickle<'a>,
    pub(super) storages: Storages,
}

/// Detects the format, and splits the file.
///
/// # Errors
/// The file was not written by `torch.save`, or is damaged.
pub(super) fn open(bytes: &[u8]) -> Result<Container<'_>, Refusal> {
    let head = &bytes[..bytes.len().min(MAGIC_WITHIN)];
    if bytes.starts_with(b"PK\x03\x04") {
        open_zip(bytes)
    } else if head.windows(MAGIC.len()).any(|window| window == MAGIC) {
        open_legacy(bytes)
    } else if bytes.get(257..262) == Some(b"ustar") {
        Err(Refusal::format(
            "it is in the tar format of PyTorch before 0.1.10; load it in PyTorch and save it again",
        ))
    } else if bytes.first() == Some(&0x80) {
        // Reading it detects malicious files.
        pickle::read(&mut Input::new(bytes, 0))?;
        Err(Refusal::format(
            "it is a plain pickle; weights are saved with torch.save",
        ))
    } else {
        Err(Refusal::format(
            "it is neither a safetensors file nor one of torch.save",
        ))
    }
}

/// A zip archive with `NAME/data.pkl` and an entry `NAME/data/KEY` per storage, uncompressed.
fn open_zip(bytes: &[u8]) -> Result<Container<'_>, Refusal> {
    let entries = entries(bytes)?;
    // Other files of that name are nested deeper.
    let names = entries
        .keys()
        .filter_map(|name| name.strip_suffix("data.pkl"));
    let root = names
        .min_by_key(|root| (root.len(), *root))
        .ok_or_else(|| {
            Refusal::format("it is a zip archive without data.pkl, not one of torch.save")
        })?;
    if let Some(order) = entries.get(&format!("{root}byteorder")) {
        let order = &bytes[order.clone()];
        if order != b"little" {
            return Err(big_endian());
        }
    }
    let pickle = &entries[&format!("{root}data.pkl")];
    let pickle = pickle::read(&mut Input::new(&bytes[..pickle.end], pickle.start))?;
    let prefix = format!("{root}data/");
    let storages = entries
        .iter()
        .filter_map(|(name, range)| Some((name.strip_prefix(&prefix)?.to_string(), range.clone())))
        .collect();
    Ok(Container { pickle, storages })
}

/// Byte ranges of the entries of a zip archive. Checksums are verified.
fn entries(bytes: &[u8]) -> Result<HashMap<String, Range<usize>>, Refusal> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| damaged(&e))?;
    let mut entries = HashMap::new();
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| damaged(&e))?;
        let name = entry.name().map_err(|e| damaged(&e))?.to_string();
        if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
            return Err(Refusal::format(format!(
                "its entry {name} is compressed or encrypted, as torch.save never does; unpacked it would have {} bytes",
                entry.size()
            )));
        }
        let range = range(&entry, bytes.len());
        let range = range.ok_or_else(|| damaged(&format!("entry {name} is not whole")))?;
        // Overlapping entries would be read many times.
        total += range.len();
        if total > bytes.len() {
            return Err(damaged(&"its entries overlap"));
        }
        // PyTorch can be configured not to compute checksums; it then writes 0.
        let options = ZipReadOptions::new().ignore_crc32(entry.crc32() == 0);
        drop(entry);
        let entry = archive.by_index_with_options(index, options);
        let mut entry = entry.map_err(|e| damaged(&e))?;
        std::io::copy(&mut entry, &mut std::io::sink())
            .map_err(|e| damaged(&format!("entry {name}: {e}")))?;
        drop(entry);
        entries.insert(name, range);
    }
    Ok(entries)
}

/// Byte range of an uncompressed entry in a file of `length` bytes.
fn range<R: Read>(entry: &ZipFile<'_, R>, length: usize) -> Option<Range<usize>> {
    let start = usize::try_from(entry.data_start()?).ok()?;
    let end = start.checked_add(usize::try_from(entry.size()).ok()?)?;
    (end <= length && entry.compressed_size() == entry.size()).then_some(start..end)
}

fn damaged(reason: &dyn Display) -> Refusal {
    Refusal::format(format!("it is a zip archive that cannot be read: {reason}"))
}

/// Pickles of the magic number, the version, the machine, the saved value and the storage keys;
/// then the storages in the order of these keys, each with its number of elements in eight bytes.
fn open_legacy(bytes: &[u8]) -> Result<Container<'_>, Refusal> {
    let mut input = Input::new(bytes, 0);
    pickle::read(&mut input)?;
    let version = pickle::read(&mut input)?.root;
    if !matches!(version, Value::Int(VERSION)) {
        return Err(Refusal::format(format!(
            "its version should be {VERSION}, but is {version:?}"
        )));
    }
    let machine = pickle::read(&mut input)?;
    if let Some(Value::Bool(false)) = machine.get(machine.root, "little_endian") {
        return Err(big_endian());
    }
    let pickle = pickle::read(&mut input)?;
    let keys = pickle::read(&mut input)?;
    let Some(Node::Sequence(keys)) = keys.node(keys.root) else {
        return Err(Refusal::format("it has no list of storages"));
    };
    let declared: HashMap<&str, _> = pickle.storages.iter().map(|s| (s.key, s)).collect();
    let mut storages = Storages::new();
    for key in keys {
        let storage = match key {
            Value::Text(key) => declared.get(key),
            _ => None,
        };
        let storage = storage
            .ok_or_else(|| Refusal::format(format!("no tensor uses its storage {key:?}")))?;
        let width = width(storage.class).ok_or_else(|| {
            let class = storage.class;
            Refusal::format(format!("the element size of torch.{class} is unknown"))
        })?;
        let length = input.number(8)?;
        if length != storage.length as u64 {
            return Err(Refusal::format(format!(
                "storage {} should have {} elements, but has {length}",
                storage.key, storage.length
            )));
        }
        let start = input.position();
        input.take(length.saturating_mul(width))?;
        storages.insert(storage.key.to_string(), start..input.position());
    }
    Ok(Container { pickle, storages })
}

fn big_endian() -> Refusal {
    Refusal::format(
        "it was written on a big-endian machine; load it in PyTorch on another one and save it again",
    )
}
