//! Baseline files: one sequential scan of 8-bit grey or YCbCr samples, decoded region by region.
//!
//! The Huffman codes before the last row of a region must all be read, since none marks where the
//! next begins. The costly steps after that run inside the region alone, and nothing is read below
//! it. Samples equal libjpeg-turbo's: the same integer arithmetic in the inverse cosine transform,
//! in the chroma upsampling and in the colour conversion.
//!
//! The standard is ITU-T T.81, whose terms are used here. Other files, and damaged ones, are left
//! to [`general`](crate::general), which has the error messages.

use crate::header::Header;
use crate::plane::Plane;
use crate::{Pixels, Rect, colour, scan};

/// A baseline file whose header has been read.
#[derive(Debug)]
pub(crate) struct Baseline<'a>(Header<'a>);

impl<'a> Baseline<'a> {
    /// `None` if this is not a baseline file.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        Header::read(bytes).map(Self)
    }

    /// Width and height in pixels, both positive.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.0.width, self.0.height)
    }

    /// The pixels of `region`, which must be non-empty and lie within the image. `None` if the file
    /// is damaged above the end of the region.
    pub(crate) fn decode(&self, region: Rect) -> Option<Pixels> {
        let header = &self.0;
        let luma = *header.components.first()?;
        let plane = |&component| Plane::new(component, luma, self.size(), region);
        let mut planes: Vec<Plane> = header.components.iter().map(plane).collect();
        scan::decode(header, &mut planes)?;
        Some(Pixels {
            width: region.width,
            height: region.height,
            channels: planes.len(),
            samples: colour::pixels(&planes, region),
        })
    }
}
