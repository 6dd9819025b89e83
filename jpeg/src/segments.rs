//! The segments of a JPEG file.

pub(crate) const START_OF_IMAGE: u8 = 0xD8;
pub(crate) const END_OF_IMAGE: u8 = 0xD9;
/// Marker of a scan, which is followed by entropy-coded data.
pub(crate) const START_OF_SCAN: u8 = 0xDA;
pub(crate) const HUFFMAN_TABLES: u8 = 0xC4;
pub(crate) const ARITHMETIC_CONDITIONING: u8 = 0xCC;
pub(crate) const QUANTIZATION_TABLES: u8 = 0xDB;
pub(crate) const RESTART_INTERVAL: u8 = 0xDD;
pub(crate) const APP0: u8 = 0xE0;
pub(crate) const APP14: u8 = 0xEE;

/// One segment of a file.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// The second byte of its marker.
    pub(crate) kind: u8,
    /// The bytes after the marker and the length.
    pub(crate) content: &'a [u8],
}

/// Reads segments one after the other. Stray bytes between them are skipped.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// The segments of a file, without its first marker.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// The segments at the start of `bytes`.
    pub(crate) fn after(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The bytes after the last segment.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Leaves out the next `count` bytes.
    pub(crate) fn advance(&mut self, count: usize) {
        self.at += count;
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    /// `None` at the end of the bytes, also within a segment.
    fn next(&mut self) -> Option<Segment<'a>> {
        while let Some(&[marker, kind]) = self.bytes.get(self.at..self.at + 2) {
            // A marker is 0xFF and a byte that is neither 0xFF (a fill byte) nor 0 (an escape).
            if marker != 0xFF || kind == 0xFF || kind == 0 {
                self.at += 1;
                continue;
            }
            self.at += 2;
            match kind {
                // Restart markers and TEM, which have no content.
                0x01 | 0xD0..=0xD7 => {}
                START_OF_IMAGE | END_OF_IMAGE => return Some(Segment { kind, content: &[] }),
                _ => {
                    let length: [u8; 2] = *self.bytes.get(self.at..)?.first_chunk()?;
                    let end = self.at + usize::from(u16::from_be_bytes(length)).max(2);
                    let content = self.bytes.get(self.at + 2..end)?;
                    self.at = end;
                    return Some(Segment { kind, content });
                }
            }
        }
        None
    }
}

/// True if there is an end marker in `scans`, as in a complete file. Within scans 0xFF is always
/// escaped, and thumbnails, which have an end marker of their own, lie in segments before them.
pub(crate) fn has_end(scans: &[u8]) -> bool {
    let mut pairs = scans.windows(2).rev();
    pairs.any(|pair| pair == [0xFF, END_OF_IMAGE])
}
