//! The binary version: records of one label byte (CIFAR-100: the coarse and the fine one) and an
//! image.

use super::{CifarSet, PIXELS};

/// Labels and planes of a file.
pub(super) fn batch(bytes: &[u8], set: CifarSet) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (labels, label) = match set {
        CifarSet::Cifar10 => (1, 0),
        CifarSet::Cifar100 => (2, 1),
        CifarSet::Cifar100Coarse => (2, 0),
    };
    let record = labels + PIXELS;
    if bytes.is_empty() || !bytes.len().is_multiple_of(record) {
        return Err(format!(
            "{} bytes are not a whole number of {record}-byte records; copy or download it again",
            bytes.len()
        ));
    }
    let records = || bytes.chunks_exact(record);
    Ok((
        records().map(|record| record[label]).collect(),
        records()
            .flat_map(|record| &record[labels..])
            .copied()
            .collect(),
    ))
}

/// Class names, one a line.
pub(super) fn names(bytes: &[u8]) -> Result<Vec<String>, String> {
    let text = str::from_utf8(bytes).map_err(|_| "is not a text file in UTF-8".to_owned())?;
    let lines = text.lines().map(|line| line.trim().to_owned());
    Ok(lines.filter(|line| !line.is_empty()).collect())
}
