//! Checksums and lengths made right again after damage.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};

use crate::error::FuzzError;

/// Name of the list of checksums of a checkpoint.
const SUMS: &str = "SHA256SUMS";
/// Size of a tar header, and of the blocks of an archive.
const BLOCK: usize = 512;
/// Place of the checksum in a tar header.
const TAR_SUM: std::ops::Range<usize> = 148..156;
/// Limit of unpacked data.
const MAX_UNPACKED: u64 = 1 << 26;

/// Corrects the checksum of the file at `path` in the `SHA256SUMS` beside it, if there is one.
pub(super) fn checksums(path: &Path) -> Result<(), FuzzError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let list = folder.join(SUMS);
    let name = name.to_string_lossy();
    if name == SUMS || !list.is_file() {
        return Ok(());
    }
    let sums = fs::read_to_string(&list).map_err(FuzzError::io(&list))?;
    let bytes = fs::read(path).map_err(FuzzError::io(path))?;
    let sum: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let lines = sums.lines().map(|line| {
        if line.ends_with(name.as_ref()) {
            format!("{sum}  {name}\n")
        } else {
            format!("{line}\n")
        }
    });
    fs::write(&list, lines.collect::<String>()).map_err(FuzzError::io(&list))
}

/// Sets the CRC of every chunk.
pub(super) fn png(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = head
            .first_chunk()
            .map_or(0, |length| u32::from_be_bytes(*length) as usize);
        let Some(chunk) = bytes.get(at + 4..at + 8 + length) else {
            break;
        };
        let mut crc = Crc::new();
        crc.update(chunk);
        let end = at + 8 + length;
        let Some(place) = bytes.get_mut(end..end + 4) else {
            break;
        };
        place.copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    bytes
}

/// Sets the checksum of every block that looks like a header.
pub(super) fn tar(mut bytes: Vec<u8>) -> Vec<u8> {
    for header in bytes.chunks_exact_mut(BLOCK) {
        if header.get(257..262) != Some(b"ustar") {
            continue;
        }
        header[TAR_SUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[TAR_SUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}

/// Changes what a gzip file holds.
pub(super) fn within_gzip(bytes: Vec<u8>, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
    let mut inner = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes.as_slice()).take(MAX_UNPACKED);
    if decoder.read_to_end(&mut inner).is_err() {
        return bytes;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory cannot fail.
    let _ = encoder.write_all(&change(inner));
    encoder.finish().unwrap_or(bytes)
}

/// Sets the CRC of every stored entry of a zip archive, in its header and in the directory.
pub(super) fn zip(mut bytes: Vec<u8>) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| -> Option<usize> {
        let word = bytes.get(at..at + 4)?.first_chunk()?;
        Some(u32::from_le_bytes(*word) as usize)
    };
    let half = |bytes: &[u8], at: usize| -> Option<usize> {
        let half = bytes.get(at..at + 2)?.first_chunk()?;
        Some(usize::from(u16::from_le_bytes(*half)))
    };
    let directory = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"PK\x01\x02"));
    for entry in directory.collect::<Vec<_>>() {
        let data = || {
            let header = word(&bytes, entry + 42)?;
            let start = header + 30 + half(&bytes, header + 26)? + half(&bytes, header + 28)?;
            let data = bytes.get(start..start.checked_add(word(&bytes, entry + 24)?)?)?;
            Some((header, data))
        };
        let Some((header, data)) = data() else {
            continue;
        };
        let mut crc = Crc::new();
        crc.update(data);
        let sum = crc.sum().to_le_bytes();
        for at in [header + 14, entry + 16] {
            if let Some(place) = bytes.get_mut(at..at + 4) {
                place.copy_from_slice(&sum);
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repaired_archive_is_read_again() -> std::io::Result<()> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(3);
        archive.append_data(&mut header, "a.txt", &b"abc"[..])?;
        let mut bytes = archive.into_inner()?;
        bytes[0] = b'b';
        let name = |bytes: &[u8]| -> std::io::Result<String> {
            let mut archive = tar::Archive::new(bytes);
            let entry = archive.entries()?.next();
            let entry = entry.ok_or(std::io::ErrorKind::UnexpectedEof)??;
            Ok(entry.path()?.display().to_string())
        };
        assert!(name(&bytes).is_err());
        assert_eq!(name(&tar(bytes))?, "b.txt");
        Ok(())
    }
}
