//! The three containers that `torch.save` has had: zip since PyTorch 1.6, a row of pickles and storages before, and tar in
//! the first versions. The last is refused.

use std::collections::HashMap;
use std::fmt::Display;
use std::io::{Cursor, Read};
use std::ops::Range;

use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive, ZipReadOptions};

use super::super::error::Refusal;
use super::input::Input;
use super::pickle;
use super::value::{Node, Pickle, Value};

/// The number that a file of the second kind begins with, 0x1950a86a20f9469cfc6c in little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// It is in a pickle of its own, whose protocol decides where exactly it lies.
const MAGIC_WITHIN: usize = 32;
/// The version that goes with it, the only one there has been.
const VERSION: i64 = 1001;

/// Where the storages lie in the file, by their key.
pub(super) type Storages = HashMap<String, Range<usize>>;

/// A file taken apart.
pub(super) struct Container<'a> {
    pub(super) pickle: Pickle<'a>,
    pub(super) storages: Storages,
}

/// Takes the file apart.
///
/// # Errors
/// `torch.save` did not write it, or it is damaged.
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
        // Reading it tells whether it is an attack.
        pickle::read(&mut Input::new(bytes, 0))?;
        Err(Refusal::format(
            "it is a plain pickle; weights are saved with torch.save",
        ))
    } else {
        Err(Refusal::format(
            "it is neither in safetensors format nor in that of torch.save",
        ))
    }
}

/// An archive with `NAME/data.pkl` and one entry `NAME/data/KEY` a storage, none of them compressed.
fn open_zip(bytes: &[u8]) -> Result<Container<'_>, Refusal> {
    let entries = entries(bytes)?;
    // Whatever else lies in an archive lies deeper.
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

/// Where the entries of a zip archive lie. They are checked against their checksums.
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
        let range = place(&entry, bytes.len());
        let range = range.ok_or_else(|| damaged(&format!("entry {name} is not whole")))?;
        // Entries that lie over each other would be read many times.
        total += range.len();
        if total > bytes.len() {
            return Err(damaged(&"its entries overlap"));
        }
        // PyTorch can be told to compute no checksums, and then writes 0.
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

/// Where an entry that is not compressed lies in a file of `length` bytes.
fn place<R: Read>(entry: &ZipFile<'_, R>, length: usize) -> Option<Range<usize>> {
    let start = usize::try_from(entry.data_start()?).ok()?;
    let end = start.checked_add(usize::try_from(entry.size()).ok()?)?;
    (end <= length && entry.compressed_size() == entry.size()).then_some(start..end)
}

fn damaged(reason: &dyn Display) -> Refusal {
    Refusal::format(format!("it is a zip archive that cannot be read: {reason}"))
}

/// Pickles of the magic number, the version, the machine, the saved value and the keys of the storages; then the storages
/// in the order of these keys, each its number of elements in eight bytes and the elements.
fn open_legacy(bytes: &[u8]) -> Result<Container<'_>, Refusal> {
    let mut input = Input::new(bytes, 0);
    pickle::read(&mut input)?;
    let version = pickle::read(&mut input)?.root;
    if !matches!(version, Value::Int(VERSION)) {
        return Err(Refusal::format(format!(
            "its version should be {VERSION} and is {version:?}"
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
            .ok_or_else(|| Refusal::format(format!("no tensor has the storage {key:?} in it")))?;
        let width = width(storage.class).ok_or_else(|| {
            let class = storage.class;
            Refusal::format(format!(
                "the size of an element of torch.{class} is not known"
            ))
        })?;
        let length = input.number(8)?;
        if length != storage.length as u64 {
            return Err(Refusal::format(format!(
                "storage {} should have {} elements and has {length}",
                storage.key, storage.length
            )));
        }
        let start = input.position();
        input.take(length.saturating_mul(width))?;
        storages.insert(storage.key.to_string(), start..input.position());
    }
    Ok(Container { pickle, storages })
}

/// Bytes an element of a storage class has.
fn width(class: &str) -> Option<u64> {
    Some(match class {
        "BoolStorage" | "ByteStorage" | "CharStorage" | "QInt8Storage" | "QUInt8Storage"
        | "UntypedStorage" => 1,
        "HalfStorage" | "BFloat16Storage" | "ShortStorage" => 2,
        "FloatStorage" | "IntStorage" | "QInt32Storage" => 4,
        "DoubleStorage" | "LongStorage" | "ComplexFloatStorage" => 8,
        "ComplexDoubleStorage" => 16,
        _ => return None,
    })
}

fn big_endian() -> Refusal {
    Refusal::format(
        "it was written on a big-endian machine; load it in PyTorch on another one and save it again",
    )
}
