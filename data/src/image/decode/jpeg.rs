//! JPEG files: the usual ones by [`baseline`], which decodes as much as is asked for, all others whole.
//!
//! The general decoder is the one that the image crate wraps: through that crate it cannot be told to refuse truncated
//! files. CMYK and YCCK become RGB with Pillow's arithmetic; four components are always taken for inverted, with or
//! without Adobe's segment, as Pillow does.

mod baseline;
mod segments;

use super::{check_size, cut};
use crate::image::Image;
use crate::image::transforms::Rect;
use baseline::Baseline;
use segments::{START_OF_SCAN, Segment, segments};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const APP0: u8 = 0xE0;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;
const COMMENT: u8 = 0xFE;

/// The part that `choose` names, given the image's width and height.
pub(super) fn decode(
    bytes: &[u8],
    choose: impl FnOnce(usize, usize) -> Rect,
) -> Result<Image, String> {
    let Some(file) = Baseline::read(bytes) else {
        let image = general(bytes)?;
        let part = choose(image.width, image.height);
        return Ok(cut(image, part));
    };
    let (width, height) = file.size();
    check_size(width as u64, height as u64)?;
    let part = choose(width, height);
    match file.decode(part) {
        Some(image) => Ok(image),
        // Damaged, which the general decoder tells of.
        None => general(bytes).map(|image| cut(image, part)),
    }
}

fn general(bytes: &[u8]) -> Result<Image, String> {
    let essential = essential(bytes)?;
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&essential[..]), options);
    let damaged = |error| format!("is a damaged or truncated JPEG file: {error:?}");
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder
        .dimensions()
        .ok_or("is a JPEG file without a size")?;
    check_size(width as u64, height as u64)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (target, channels) = if grey {
        (ColorSpace::Luma, 1)
    } else {
        (ColorSpace::RGB, 3)
    };
    decoder.set_options(options.jpeg_set_out_colorspace(target));
    let pixels = decoder.decode().map_err(damaged)?;
    let expected = width * height * channels;
    if pixels.len() != expected {
        return Err(format!(
            "is a JPEG file of an unknown kind: {} samples instead of {expected}",
            pixels.len()
        ));
    }
    Ok(Image {
        width,
        height,
        channels,
        pixels,
    })
}

/// The file without all that says nothing about its pixels: EXIF, colour profiles, comments, and bytes between segments
/// that belong to none. Cameras and editors write much of that wrongly; what is not there cannot break the decoder.
fn essential(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(&bytes[..2]);
    for segment in segments(bytes) {
        if is_essential(&segment) {
            kept.extend_from_slice(segment.whole);
        }
        // The decoder checks for the end of its input at the beginning of each row of blocks, so not in the last one.
        // In the scans themselves 0xFF is always escaped, and thumbnails, which have an end of their own, lie in
        // segments before them.
        if segment.kind == START_OF_SCAN && segment.has_end() {
            return Ok(kept);
        }
    }
    Err("is a truncated JPEG file: it has no end marker".to_owned())
}

fn is_essential(segment: &Segment<'_>) -> bool {
    let content = segment.content();
    match segment.kind {
        // May say that this is a frame of a film, which goes without Huffman tables.
        APP0 => true,
        // May say what the components are: RGB (or CMYK), YCbCr, YCCK. libjpeg passes over other numbers.
        APP14 => content.starts_with(b"Adobe") && content.get(11).is_some_and(|&t| t <= 2),
        APP0..=APP15 | COMMENT => false,
        _ => true,
    }
}
