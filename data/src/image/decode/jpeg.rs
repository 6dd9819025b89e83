//! JPEG files, with the decoder that the image crate wraps: through that crate it cannot be told to refuse truncated
//! files. CMYK and YCCK become RGB with Pillow's arithmetic; four components are always taken for inverted, with or
//! without Adobe's segment, as Pillow does.

use super::check_size;
use crate::image::Image;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP14: u8 = 0xEE;
const APP15: u8 = 0xEF;
const COMMENT: u8 = 0xFE;

pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
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
    let mut at = 2;
    while let Some(&[marker, kind, high, low]) = bytes.get(at..at + 4) {
        // A marker is 0xFF and a byte that is neither 0xFF (which fills) nor 0 (which escapes).
        if marker != 0xFF || kind == 0xFF || kind == 0 {
            at += 1;
            continue;
        }
        if kind == START_OF_SCAN {
            // The decoder checks for the end of its input at the beginning of each row of blocks, so not in the last
            // one. In the scans themselves 0xFF is always escaped, and thumbnails, which have an end of their own, lie
            // in segments before them.
            let scans = &bytes[at..];
            if !scans
                .windows(2)
                .rev()
                .any(|pair| pair == [0xFF, END_OF_IMAGE])
            {
                break;
            }
            kept.extend_from_slice(scans);
            return Ok(kept);
        }
        let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
        let Some(segment) = bytes.get(at..end) else {
            break;
        };
        if is_essential(kind, segment) {
            kept.extend_from_slice(segment);
        }
        at = end;
    }
    Err("is a truncated JPEG file: it has no end marker".to_owned())
}

fn is_essential(kind: u8, segment: &[u8]) -> bool {
    match kind {
        // May say that this is a frame of a film, which goes without Huffman tables.
        APP0 => true,
        // May say what the components are: RGB (or CMYK), YCbCr, YCCK. libjpeg passes over other numbers.
        APP14 => segment.get(4..9) == Some(b"Adobe") && segment.get(15).is_some_and(|&t| t <= 2),
        APP0..=APP15 | COMMENT => false,
        _ => true,
    }
}
