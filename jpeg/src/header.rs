//! The header: everything up to the entropy-coded data of the first scan.

use crate::JpegError;
use crate::colour::Colour;
use crate::frame::{Coding, Component, Frame, is_frame};
use crate::segments::{
    APP0, APP14, ARITHMETIC_CONDITIONING, END_OF_IMAGE, START_OF_IMAGE, START_OF_SCAN, Segment,
    Segments, has_end,
};
use crate::tables::Tables;

/// The largest number of blocks in a minimum coded unit (T.81, B.2.3).
const MAX_BLOCKS: usize = 10;
/// Bytes of the segments that name the colour space; shorter ones are ignored, as by libjpeg.
const JFIF_LEN: usize = 14;
const ADOBE_LEN: usize = 12;

/// Everything needed to decode the first scan, and the bytes from there on.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) frame: Frame,
    pub(crate) colour: Colour,
    pub(crate) tables: Tables,
    pub(crate) scan: Scan,
    /// The entropy-coded data of the first scan, and the rest of the file.
    pub(crate) data: &'a [u8],
}

/// The header of a scan (T.81, B.2.3).
#[derive(Clone, Debug)]
pub(crate) struct Scan {
    pub(crate) components: Vec<Scanned>,
    /// Zigzag indices of the first and the last coefficient.
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// The lowest bit of the coefficients that earlier scans had, 0 if none had any.
    pub(crate) high: u32,
    /// The lowest bit of the coefficients in this scan.
    pub(crate) low: u32,
}

/// A component in a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanned {
    /// Index of the component in the frame.
    pub(crate) index: usize,
    /// Indices of its Huffman tables.
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

impl<'a> Header<'a> {
    /// Reads the segments up to the first scan.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, JpegError> {
        let mut tables = Tables::default();
        let mut frame = None;
        let (mut is_jfif, mut adobe) = (false, None);
        let mut segments = Segments::new(bytes);
        while let Some(segment) = segments.next() {
            let content = segment.content;
            match segment.kind {
                START_OF_SCAN => {
                    let frame: Frame =
                        frame.ok_or_else(|| JpegError::damaged("a scan comes before its frame"))?;
                    let data = segments.rest();
                    if !has_end(data) {
                        return Err(JpegError::Truncated);
                    }
                    let scan = Scan::read(content, &frame)?;
                    if frame.coding == Coding::Sequential {
                        tables.complete();
                    }
                    return Ok(Self {
                        colour: Colour::of(&frame, is_jfif, adobe),
                        frame,
                        tables,
                        scan,
                        data,
                    });
                }
                START_OF_IMAGE => return Err(JpegError::damaged("another file begins within it")),
                END_OF_IMAGE => return Err(JpegError::damaged("it ends before its first scan")),
                ARITHMETIC_CONDITIONING => {}
                kind if is_frame(kind) => {
                    if frame.is_some() {
                        return Err(JpegError::damaged("it has two frames"));
                    }
                    frame = Some(Frame::read(kind, content)?);
                }
                APP0 => is_jfif |= content.len() >= JFIF_LEN && content.starts_with(b"JFIF\0"),
                APP14 if content.len() >= ADOBE_LEN && content.starts_with(b"Adobe") => {
                    adobe = Some(content[ADOBE_LEN - 1]);
                }
                _ => tables.read(&segment)?,
            }
        }
        Err(JpegError::Truncated)
    }

    /// Checks that the file is long enough for its size: every block has at least one bit.
    pub(crate) fn check_length(&self) -> Result<(), JpegError> {
        let Frame { width, height, .. } = self.frame;
        let blocks = self.frame.components.iter().map(|component| {
            let (across, down) = self.frame.blocks(component);
            across * down
        });
        if blocks.sum::<usize>() / 8 <= self.data.len() {
            return Ok(());
        }
        let len = self.data.len();
        let reason = format!("{width}x{height} pixels cannot be in the {len} bytes of its scans");
        Err(JpegError::damaged(reason))
    }

    /// True if the first scan has everything.
    pub(crate) fn is_single_scan(&self) -> bool {
        let all = self.scan.components.len() == self.frame.components.len();
        self.frame.coding == Coding::Sequential && all
    }
}

impl Scan {
    /// Reads the content of a segment.
    pub(crate) fn read(content: &[u8], frame: &Frame) -> Result<Self, JpegError> {
        let cut = || JpegError::damaged("a scan header is cut short");
        let (&count, rest) = content.split_first().ok_or_else(cut)?;
        let count = usize::from(count);
        let (selectors, rest) = rest.split_at_checked(2 * count).ok_or_else(cut)?;
        let &[first, last, bits] = rest.first_chunk().ok_or_else(cut)?;
        let mut components: Vec<Scanned> = Vec::with_capacity(count);
        for selector in selectors.chunks_exact(2) {
            // In the order of the frame.
            let start = components.last().map_or(0, |scanned| scanned.index + 1);
            let mut candidates = frame.components.iter().enumerate().skip(start);
            let found = candidates.find(|(_, component)| component.id == selector[0]);
            let (index, _) = found.ok_or_else(|| {
                JpegError::damaged(format!("a scan has an unknown component {}", selector[0]))
            })?;
            components.push(Scanned {
                index,
                dc: usize::from(selector[1] >> 4),
                ac: usize::from(selector[1] & 15),
            });
        }
        let scan = Self {
            components,
            first: usize::from(first),
            last: usize::from(last),
            high: u32::from(bits >> 4),
            low: u32::from(bits & 15),
        };
        scan.check_blocks(frame)?;
        match frame.coding {
            // libjpeg ignores the other numbers of sequential scans.
            Coding::Sequential => Ok(scan),
            Coding::Progressive => scan.check_progression(),
        }
    }

    fn check_blocks(&self, frame: &Frame) -> Result<(), JpegError> {
        let blocks = |scanned: &Scanned| {
            let Component { across, down, .. } = frame.components[scanned.index];
            across * down
        };
        let count: usize = self.components.iter().map(blocks).sum();
        if self.components.is_empty() {
            return Err(JpegError::damaged("a scan has no components"));
        }
        if self.components.len() > 1 && count > MAX_BLOCKS {
            let reason = format!("a scan has {count} blocks per unit; {MAX_BLOCKS} are allowed");
            return Err(JpegError::damaged(reason));
        }
        Ok(())
    }

    /// T.81, G.1.1.1.
    fn check_progression(self) -> Result<Self, JpegError> {
        let is_band = if self.first == 0 {
            self.last == 0
        } else {
            (self.first..64).contains(&self.last) && self.components.len() == 1
        };
        let is_step = self.high == 0 || self.high == self.low + 1;
        if is_band && is_step && self.low <= 13 {
            return Ok(self);
        }
        let reason = format!(
            "a progressive scan of {} components has coefficients {} to {}, bits {} to {}",
            self.components.len(),
            self.first,
            self.last,
            self.high,
            self.low
        );
        Err(JpegError::damaged(reason))
    }
}

/// The next scan after the entropy-coded data, and its tables; `None` at the end of the image.
pub(crate) fn next_scan(
    segments: &mut Segments<'_>,
    tables: &mut Tables,
    frame: &Frame,
) -> Result<Option<Scan>, JpegError> {
    for segment in segments {
        let Segment { kind, content } = segment;
        match kind {
            END_OF_IMAGE => return Ok(None),
            START_OF_SCAN => return Scan::read(content, frame).map(Some),
            START_OF_IMAGE => return Err(JpegError::damaged("another file begins within it")),
            kind if is_frame(kind) => return Err(JpegError::damaged("it has two frames")),
            _ => tables.read(&segment)?,
        }
    }
    Err(JpegError::Truncated)
}
