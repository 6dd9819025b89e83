//! The usual JPEG file (one sequential scan of 8-bit grey or YCbCr), decoded where it is looked at.
//!
//! A training crop sees less than half of a photograph. The Huffman codes before its last row must all be read, since
//! none says where the next begins; but what is costly after that (the inverse cosine transforms, the colours) is done
//! for the crop alone, and nothing is read below it. Samples are those of libjpeg-turbo, which Pillow and torchvision
//! decode with, to the bit: the same whole numbers in the inverse cosine transform, in the upsampling of colour and in
//! its conversion.
//!
//! ITU-T T.81 is the standard; its terms are used here. What is not usual, or damaged, is left to the general decoder,
//! which says what is wrong.

mod bits;
mod colour;
mod header;
mod huffman;
mod idct;
mod plane;
mod scan;
mod upsample;

use crate::image::Image;
use crate::image::transforms::Rect;
use header::Header;
use plane::Plane;

/// A file whose header has been read.
#[derive(Debug)]
pub(super) struct Baseline<'a>(Header<'a>);

impl<'a> Baseline<'a> {
    /// `None` if this is not a usual file.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        Header::read(bytes).map(Self)
    }

    /// Width and height in pixels, neither of them 0.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.0.width, self.0.height)
    }

    /// The pixels of `part`, which must lie within the image and have at least one. `None` if the file is damaged above
    /// the end of that part.
    pub(super) fn decode(&self, part: Rect) -> Option<Image> {
        let header = &self.0;
        let luma = *header.components.first()?;
        let plane = |&component| Plane::new(component, luma, self.size(), part);
        let mut planes: Vec<Plane> = header.components.iter().map(plane).collect();
        scan::decode(header, &mut planes)?;
        Some(Image {
            width: part.width,
            height: part.height,
            channels: planes.len(),
            pixels: colour::pixels(&planes, part),
        })
    }
}
