//! A JPEG decoder for training: it decodes only the region that is asked for, to the pixels of
//! libjpeg-turbo.
//!
//! A random crop covers less than half of a photograph, so most of the work of a whole-image
//! decoder is thrown away. [`Decoder`] reads the header first; the caller checks the size, chooses
//! a [`Rect`], and pays for that region alone: Huffman codes have to be read up to its last row,
//! but the inverse cosine transform, the upsampling and the colour conversion run inside the region
//! only.
//!
//! * Pixels equal libjpeg-turbo's (hence Pillow's and torchvision's) bit for bit: baseline, extended
//!   sequential and progressive files of 8-bit samples, in any number of scans, with any sampling
//!   factors that libjpeg reads, grey, YCbCr, RGB, CMYK or YCCK.
//! * Files of several scans, progressive ones among them, are read whole: the region saves only the
//!   steps after that.
//! * Arithmetic and lossless coding, other sample sizes and progressive files whose last scans are
//!   missing are errors that say so. Truncated files are errors, never half-grey pictures.
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

mod bits;
mod coefficients;
mod colour;
mod error;
mod frame;
mod header;
mod huffman;
mod idct;
mod plane;
mod progressive;
mod scan;
mod segments;
mod standard;
mod tables;
mod upsample;

use coefficients::Coefficients;
pub use error::JpegError;
use header::Header;
use plane::Plane;

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

/// A file whose header has been read.
#[derive(Debug)]
pub struct Decoder<'a>(Header<'a>);

impl<'a> Decoder<'a> {
    /// Reads the header. Allocates no pixels, so that the size can be checked first.
    ///
    /// # Errors
    /// If the header is damaged, the file is truncated, or it is of a kind that is not read.
    pub fn new(bytes: &'a [u8]) -> Result<Self, JpegError> {
        Header::read(bytes).map(Self)
    }

    /// Width in pixels; 0 only if the header says so.
    pub fn width(&self) -> usize {
        self.0.frame.width
    }

    /// Height in pixels; 0 only if the header says so.
    pub fn height(&self) -> usize {
        self.0.frame.height
    }

    /// Decodes the whole image.
    ///
    /// # Errors
    /// If the file is damaged or truncated, or has no pixels.
    pub fn decode(&self) -> Result<Pixels, JpegError> {
        if self.width() == 0 || self.height() == 0 {
            return Err(JpegError::NoSize);
        }
        self.decode_region(Rect {
            top: 0,
            left: 0,
            height: self.height(),
            width: self.width(),
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
        let (width, height) = (self.width(), self.height());
        let is_within = region.left + region.width <= width && region.top + region.height <= height;
        assert!(
            is_within && region.width > 0 && region.height > 0,
            "{region:?} of an image of {width}x{height}"
        );
        let header = &self.0;
        header.check_length()?;
        let frame = &header.frame;
        let planes = if header.is_single_scan() {
            let components = frame.components.iter();
            let planes = components.map(|component| Plane::new(component, frame, region));
            let mut planes: Vec<Plane> = planes.collect();
            scan::decode(header, &mut planes)?;
            planes
        } else {
            Coefficients::read(header)?.planes(frame, region)
        };
        Ok(Pixels {
            width: region.width,
            height: region.height,
            channels: header.colour.channels(),
            samples: colour::pixels(header.colour, &planes, region),
        })
    }
}
