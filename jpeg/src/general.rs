//! All files that are not baseline, decoded whole by `zune-jpeg`.
//!
//! CMYK and YCCK become RGB with Pillow's arithmetic; four components are always taken as inverted,
//! with or without Adobe's segment, as Pillow does.

use crate::segments::{START_OF_SCAN, Segment, segments};
use crate::{JpegError, Pixels};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const APP0: u8 = 0xE0;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;
const COMMENT: u8 = 0xFE;

/// Width and height in pixels.
pub(crate) fn size(bytes: &[u8]) -> Result<(usize, usize), JpegError> {
    let essential = essential(bytes)?;
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&essential[..]), options());
    decoder.decode_headers().map_err(damaged)?;
    decoder.dimensions().ok_or(JpegError::NoSize)
}

/// Decodes the whole image.
pub(crate) fn decode(bytes: &[u8]) -> Result<Pixels, JpegError> {
    let essential = essential(bytes)?;
    let options = options();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&essential[..]), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or(JpegError::NoSize)?;
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (target, channels) = if is_grey {
        (ColorSpace::Luma, 1)
    } else {
        (ColorSpace::RGB, 3)
    };
    decoder.set_options(options.jpeg_set_out_colorspace(target));
    let samples = decoder.decode().map_err(damaged)?;
    let expected = width * height * channels;
    if samples.len() != expected {
        return Err(JpegError::UnknownKind {
            found: samples.len(),
            expected,
        });
    }
    Ok(Pixels {
        width,
        height,
        channels,
        samples,
    })
}

/// Strict, so that truncated files are refused; the caller checks the size.
fn options() -> DecoderOptions {
    DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: DecodeErrors) -> JpegError {
    JpegError::Damaged(format!("{error:?}"))
}

/// The file without everything that does not affect its pixels: EXIF, colour profiles, comments,
/// and stray bytes between segments. Cameras and editors write many of these wrongly, and the
/// decoder would trip over them.
fn essential(bytes: &[u8]) -> Result<Vec<u8>, JpegError> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(bytes.get(..2).unwrap_or(bytes));
    for segment in segments(bytes) {
        if is_essential(&segment) {
            kept.extend_from_slice(segment.whole);
        }
        // The decoder checks for the end of its input at the start of each row of blocks, so not in
        // the last row. Within scans 0xFF is always escaped, and thumbnails, which have an end
        // marker of their own, lie in segments before the scan.
        if segment.kind == START_OF_SCAN && segment.has_end() {
            return Ok(kept);
        }
    }
    Err(JpegError::Truncated)
}

fn is_essential(segment: &Segment<'_>) -> bool {
    let content = segment.content();
    match segment.kind {
        // May mark a Motion JPEG frame, which has no Huffman tables of its own.
        APP0 => true,
        // May name the colour space: RGB (or CMYK), YCbCr, YCCK. libjpeg ignores other numbers.
        APP14 => content.starts_with(b"Adobe") && content.get(11).is_some_and(|&t| t <= 2),
        APP0..=APP15 | COMMENT => false,
        _ => true,
    }
}
