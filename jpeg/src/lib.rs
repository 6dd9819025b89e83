//! A JPEG decoder for training: it decodes only the region that is asked for, to the pixels of
//! libjpeg-turbo.
//!
//! A random crop covers less than half of a photograph, so most of the work of a whole-image
//! decoder is thrown away. [`Decoder`] reads the header first; the caller checks the size, chooses
//! a [`Rect`], and pays for that region alone: Huffman codes have to be read up to its last row,
//! but the inverse cosine transform, the upsampling and the colour conversion run inside the region
//! only.
//!
//! * Baseline and extended sequential files with 8-bit grey or YCbCr samples, which is nearly every
//!   photograph, give the pixels of libjpeg-turbo (hence of Pillow and torchvision) bit for bit.
//! * Other files (progressive, CMYK, YCCK, RGB) and damaged ones go to `zune-jpeg`, which decodes
//!   the whole image. Its rounding and chroma upsampling differ slightly from libjpeg's.
//! * Truncated files are errors, never half-grey pictures.
//!
//! ```
//! use tinderbox_jpeg::{Decoder, Rect};
//!
//! # use image::{ImageBuffer, ImageFormat, Rgb};
//! # let photograph = ImageBuffer::from_fn(64, 48, |x, y| Rgb([x as u8, y as u8, 90u8]));
//! # let mut file = std::io::Cursor::new(Vec::new());
//! # photograph.write_to(&mut file, ImageFormat::Jpeg)?;
//! # let bytes = file.into_inner();
//! let decoder = Decoder::new(&bytes)?;
//! assert_eq!((decoder.width(), decoder.height()), (64, 48));
//! let pixels = decoder.decode_region(Rect { top: 8, left: 16, height: 24, width: 32 })?;
//! assert_eq!(pixels.samples.len(), 24 * 32 * pixels.channels);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod baseline;
mod bits;
mod colour;
mod general;
mod header;
mod huffman;
mod idct;
mod plane;
mod scan;
mod segments;
mod upsample;

use baseline::Baseline;

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rect {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
}

/// Decoded pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `[height, width, channels]`.
    pub samples: Vec<u8>,
}

/// A file that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JpegError {
    /// The file ends before its end marker.
    #[error("is a truncated JPEG file: it has no end marker")]
    Truncated,
    /// The file violates the standard, or ends within a segment.
    #[error("is a damaged or truncated JPEG file: {0}")]
    Damaged(String),
    /// The header has no frame.
    #[error("is a JPEG file without a size")]
    NoSize,
    /// The number of samples does not fit the header.
    #[error("is a JPEG file of an unknown kind: {found} samples instead of {expected}")]
    UnknownKind {
        /// Number of samples decoded.
        found: usize,
        /// Number of samples by the header.
        expected: usize,
    },
}

/// A file whose header has been read.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    size: (usize, usize),
    /// `None` for files that are decoded by `zune-jpeg`.
    baseline: Option<Baseline<'a>>,
}

impl<'a> Decoder<'a> {
    /// Reads the header. Allocates no pixels, so that the size can be checked first.
    ///
    /// # Errors
    /// If the header is damaged or the file is truncated.
    pub fn new(bytes: &'a [u8]) -> Result<Self, JpegError> {
        let baseline = Baseline::read(bytes);
        let size = match &baseline {
            Some(file) => file.size(),
            None => general::size(bytes)?,
        };
        Ok(Self {
            bytes,
            size,
            baseline,
        })
    }

    /// Width in pixels; 0 only if the header says so.
    pub fn width(&self) -> usize {
        self.size.0
    }

    /// Height in pixels; 0 only if the header says so.
    pub fn height(&self) -> usize {
        self.size.1
    }

    /// Decodes the whole image.
    ///
    /// # Errors
    /// If the file is damaged or truncated, or has no pixels.
    pub fn decode(&self) -> Result<Pixels, JpegError> {
        if self.size.0 == 0 || self.size.1 == 0 {
            return Err(JpegError::NoSize);
        }
        self.decode_region(Rect {
            top: 0,
            left: 0,
            height: self.size.1,
            width: self.size.0,
        })
    }

    /// Decodes `region`: the pixels that [`decode`](Self::decode) and a crop would give. Damage
    /// below the region may go unnoticed.
    ///
    /// # Errors
    /// If the file is damaged or truncated.
    ///
    /// # Panics
    /// If the region is empty or not within the image.
    pub fn decode_region(&self, region: Rect) -> Result<Pixels, JpegError> {
        let (width, height) = self.size;
        let is_within = region.left + region.width <= width && region.top + region.height <= height;
        assert!(
            is_within && region.width > 0 && region.height > 0,
            "{region:?} of an image of {width}x{height}"
        );
        let pixels = self.baseline.as_ref().and_then(|file| file.decode(region));
        match pixels {
            Some(pixels) => Ok(pixels),
            // Not a baseline file, or a damaged one, for which this decoder has the error message.
            None => general::decode(self.bytes).map(|image| image.crop(region)),
        }
    }
}

impl Pixels {
    /// The pixels of a region within the image.
    fn crop(self, region: Rect) -> Self {
        if (region.width, region.height) == (self.width, self.height) {
            return self;
        }
        let (stride, left) = (self.width * self.channels, region.left * self.channels);
        let rows = self.samples.chunks_exact(stride).skip(region.top);
        let rows = rows.take(region.height);
        let samples = rows.flat_map(|row| &row[left..][..region.width * self.channels]);
        Self {
            width: region.width,
            height: region.height,
            channels: self.channels,
            samples: samples.copied().collect(),
        }
    }
}
