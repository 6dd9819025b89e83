//! The segments at the start of a JPEG file.

/// Marker of a scan, which is followed by entropy-coded data.
pub(crate) const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

/// One segment of a file.
#[derive(Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// The second byte of its marker.
    pub(crate) kind: u8,
    /// The bytes from its marker to its end; for the first scan, to the end of the file.
    pub(crate) whole: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The bytes after the marker and the length.
    pub(crate) fn content(&self) -> &'a [u8] {
        self.whole.get(4..).unwrap_or_default()
    }

    /// True if the file's end marker is in here, as it is in the scans of a complete file.
    pub(crate) fn has_end(&self) -> bool {
        let mut pairs = self.whole.windows(2).rev();
        pairs.any(|pair| pair == [0xFF, END_OF_IMAGE])
    }
}

/// The segments of `bytes` up to and including its first scan; without one, the file is truncated.
/// Stray bytes between segments are skipped.
pub(crate) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while let Some(&[marker, kind, high, low]) = bytes.get(at..at + 4) {
            // A marker is 0xFF and a byte that is neither 0xFF (a fill byte) nor 0 (an escape).
            if marker != 0xFF || kind == 0xFF || kind == 0 {
                at += 1;
                continue;
            }
            let start = at;
            at += 2 + usize::from(u16::from_be_bytes([high, low]));
            let end = if kind == START_OF_SCAN {
                at = bytes.len();
                at
            } else {
                at
            };
            return bytes.get(start..end).map(|whole| Segment { kind, whole });
        }
        None
    })
}
