//! The segments that a JPEG file begins with.

/// The marker of a scan: what follows is compressed samples.
pub(super) const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;

/// One segment of a file.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    /// The second byte of its marker.
    pub(super) kind: u8,
    /// From its marker to its end; of the first scan everything to the end of the file.
    pub(super) whole: &'a [u8],
}

impl<'a> Segment<'a> {
    /// What follows the marker and the length.
    pub(super) fn content(&self) -> &'a [u8] {
        self.whole.get(4..).unwrap_or_default()
    }

    /// Whether the file's end marker is in here, which is true of the scans of a file that was not cut off.
    pub(super) fn has_end(&self) -> bool {
        let mut pairs = self.whole.windows(2).rev();
        pairs.any(|pair| pair == [0xFF, END_OF_IMAGE])
    }
}

/// The segments of `bytes` up to its first scan, which is the last one given. Bytes between segments that belong to none
/// are passed over. Without a scan the file has been cut off.
pub(super) fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while let Some(&[marker, kind, high, low]) = bytes.get(at..at + 4) {
            // A marker is 0xFF and a byte that is neither 0xFF (which fills) nor 0 (which escapes).
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
