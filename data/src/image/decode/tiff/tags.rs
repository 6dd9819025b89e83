//! The directory of a TIFF file: numbers by tag. Files of more than 4 GB (BigTIFF) have longer
//! numbers.

use super::damaged;

/// The tags that matter for pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Tag {
    Width = 256,
    Height = 257,
    BitsPerSample = 258,
    Compression = 259,
    Photometric = 262,
    FillOrder = 266,
    StripOffsets = 273,
    Orientation = 274,
    SamplesPerPixel = 277,
    RowsPerStrip = 278,
    StripByteCounts = 279,
    PlanarConfiguration = 284,
    Predictor = 317,
    ColorMap = 320,
    TileWidth = 322,
    TileLength = 323,
    TileOffsets = 324,
    TileByteCounts = 325,
    ExtraSamples = 338,
    SampleFormat = 339,
    JpegTables = 347,
}

/// The first directory of a file.
pub(super) struct Tags<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) order: Order,
    entries: Vec<Entry<'a>>,
}

/// Order of the bytes of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

struct Entry<'a> {
    tag: u16,
    /// Bytes of a number.
    size: usize,
    values: &'a [u8],
}

impl Order {
    /// The number in up to eight bytes.
    pub(super) fn number(self, bytes: &[u8]) -> u64 {
        let join = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, join),
            Self::Big => bytes.iter().fold(0, join),
        }
    }

    /// Writes the lower bytes of a number.
    pub(super) fn write(self, number: u64, bytes: &mut [u8]) {
        let len = bytes.len();
        for (place, byte) in bytes.iter_mut().enumerate() {
            let position = if self == Self::Little {
                place
            } else {
                len - 1 - place
            };
            *byte = (number >> (8 * position)) as u8;
        }
    }
}

impl<'a> Tags<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let order = match bytes.first_chunk() {
            Some(b"II") => Order::Little,
            _ => Order::Big,
        };
        let number = |at: u64, size: usize| part(bytes, at, size as u64).map(|b| order.number(b));
        let is_big_tiff = number(2, 2)? == 43;
        // Bytes of an offset, and of the number of entries.
        let (long, count_size) = if is_big_tiff { (8, 8) } else { (4, 2) };
        let directory = number(if is_big_tiff { 8 } else { 4 }, long)?;
        let count = number(directory, count_size)?;
        let entry_size = (4 + 2 * long) as u64;
        let start = directory.saturating_add(count_size as u64);
        let table = part(bytes, start, count.saturating_mul(entry_size))?;
        let mut entries = Vec::with_capacity(table.len() / entry_size as usize);
        for entry in table.chunks_exact(entry_size as usize) {
            let tag = order.number(&entry[..2]) as u16;
            let size = match order.number(&entry[2..4]) {
                1 | 7 => 1,
                3 => 2,
                4 | 13 => 4,
                16 => 8,
                // Texts, fractions and others, of which none matters.
                _ => continue,
            };
            let count = order.number(&entry[4..4 + long]);
            let len = count.saturating_mul(size as u64);
            let place = &entry[4 + long..];
            let values = if len <= long as u64 {
                Some(&place[..len as usize])
            } else {
                part(bytes, order.number(place), len).ok()
            };
            if let Some(values) = values {
                entries.push(Entry { tag, size, values });
            }
        }
        Ok(Self {
            bytes,
            order,
            entries,
        })
    }

    /// The bytes of a tag's values.
    pub(super) fn raw(&self, tag: Tag) -> Option<&'a [u8]> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag as u16);
        entry.map(|entry| entry.values)
    }

    /// The numbers of a tag, if it is there.
    pub(super) fn numbers(&self, tag: Tag) -> Option<Vec<u64>> {
        let entry = self.entries.iter().find(|entry| entry.tag == tag as u16)?;
        let numbers = entry.values.chunks_exact(entry.size);
        Some(numbers.map(|number| self.order.number(number)).collect())
    }

    /// The single number of a tag, or its default.
    pub(super) fn number(&self, tag: Tag, default: u64) -> Result<u64, String> {
        match self.numbers(tag) {
            None => Ok(default),
            Some(numbers) => numbers
                .first()
                .copied()
                .ok_or_else(|| damaged(format!("its tag {tag:?} is empty"))),
        }
    }

    /// The single number of a tag that must be there.
    pub(super) fn required(&self, tag: Tag) -> Result<u64, String> {
        let numbers = self.numbers(tag).unwrap_or_default();
        let number = numbers.first().copied();
        number.ok_or_else(|| damaged(format!("it has no tag {tag:?}")))
    }
}

/// The `len` bytes of a file from `at` on.
pub(super) fn part(bytes: &[u8], at: u64, len: u64) -> Result<&[u8], String> {
    let start = usize::try_from(at).ok();
    let end = usize::try_from(at.saturating_add(len)).ok();
    let part = start
        .zip(end)
        .and_then(|(start, end)| bytes.get(start..end));
    part.ok_or_else(|| damaged(format!("{len} bytes at {at} are beyond its end")))
}
