//! Damage to one file: bytes, text, numbers, or the structure of its format.
//!
//! Formats with checksums are damaged below them and repaired, because a reader that stops at a
//! checksum tests nothing else.

mod bytes;
mod json;
mod repair;
mod text;

use std::fs;
use std::path::Path;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::FuzzError;

/// Largest number of changes in a run.
const MOST_CHANGES: u32 = 4;

/// Largest damaged file.
const MOST_BYTES: usize = 4 << 20;

/// A format whose structure is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    /// A JSON value per line.
    JsonLines,
    Toml,
    Text,
    Safetensors,
    Png,
    Tar,
    Gzip,
    Zip,
    Other,
}

/// Damages the file `target` in `case`.
pub(crate) fn damage(case: &Path, target: &str, rng: &mut ChaCha8Rng) -> Result<(), FuzzError> {
    let path = case.join(target);
    let bytes = fs::read(&path).map_err(FuzzError::io(&path))?;
    // Now and then the file is missing, empty, or a folder.
    match rng.random_range(0..200) {
        0 => return fs::remove_file(&path).map_err(FuzzError::io(&path)),
        1 => return fs::write(&path, b"").map_err(FuzzError::io(&path)),
        2 => {
            fs::remove_file(&path).map_err(FuzzError::io(&path))?;
            return fs::create_dir(&path).map_err(FuzzError::io(&path));
        }
        _ => {}
    }
    let mut damaged = bytes;
    for _ in 0..changes(rng) {
        damaged = change(format(target, &damaged), damaged, rng);
        damaged.truncate(MOST_BYTES);
    }
    fs::write(&path, &damaged).map_err(FuzzError::io(&path))?;
    if rng.random_range(0..4) > 0 {
        repair::checksums(&path)?;
    }
    Ok(())
}

/// One change mostly, which is the easiest to understand.
fn changes(rng: &mut ChaCha8Rng) -> u32 {
    if rng.random_bool(0.6) {
        return 1;
    }
    rng.random_range(1..=MOST_CHANGES)
}

fn format(name: &str, bytes: &[u8]) -> Format {
    let extension = name.rsplit('.').next().unwrap_or_default();
    match extension {
        "json" => Format::Json,
        "jsonl" => Format::JsonLines,
        "toml" => Format::Toml,
        "safetensors" => Format::Safetensors,
        "png" => Format::Png,
        "tar" => Format::Tar,
        "gz" => Format::Gzip,
        "pt" => Format::Zip,
        _ if std::str::from_utf8(bytes).is_ok() => Format::Text,
        _ => Format::Other,
    }
}

fn change(format: Format, bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    // Blind damage, which also breaks what holds a format together.
    let blind = match format {
        Format::Json | Format::JsonLines | Format::Toml | Format::Text => 0.1,
        _ => 0.35,
    };
    if rng.random_bool(blind) {
        return bytes::change(bytes, rng);
    }
    match format {
        Format::Json => json::change(bytes, rng),
        Format::JsonLines => json::change_line(&bytes, rng),
        Format::Toml => text::change_toml(bytes, rng),
        Format::Text => text::change(bytes, rng),
        Format::Safetensors => safetensors(bytes, rng),
        Format::Png => repair::png(bytes::change(bytes, rng)),
        Format::Tar => repair::tar(bytes::change(bytes, rng)),
        Format::Gzip => repair::within_gzip(bytes, |inner| {
            let is_tar = inner.get(257..262) == Some(b"ustar");
            let inner = bytes::change(inner, rng);
            if is_tar { repair::tar(inner) } else { inner }
        }),
        Format::Zip => repair::zip(bytes::change(bytes, rng)),
        Format::Other => bytes::change(bytes, rng),
    }
}

/// Changes the header, and sets its length.
fn safetensors(mut bytes: Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let length = bytes
        .first_chunk()
        .map_or(0, |length| u64::from_le_bytes(*length));
    let end = usize::try_from(length)
        .unwrap_or(usize::MAX)
        .saturating_add(8);
    let Some(header) = bytes.get(8..end) else {
        return bytes::change(bytes, rng);
    };
    let header = json::change(header.to_vec(), rng);
    let mut changed = (header.len() as u64).to_le_bytes().to_vec();
    changed.extend(header);
    changed.extend(bytes.drain(end..));
    changed
}
