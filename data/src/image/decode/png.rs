//! PNG.

use super::size;
use crate::image::Image;
use image::{DynamicImage, ImageFormat, Limits};
use std::io::Cursor;

const SIGNATURE: usize = 8;
/// Length, type and checksum of a chunk.
const FRAME: usize = 12;
/// Bytes for everything but the pixels.
const OVERHEAD: u64 = 64 << 20;
/// The largest ratio that the compression can reach.
const MAX_RATIO: u64 = 1032;

/// Decodes the image. Of an animation, that is the picture for programs without animations, which
/// Pillow gives first.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let (width, height, pixel) = header(bytes)?;
    size::check(width, height, pixel)?;
    let essential = essential(bytes);
    // Every row takes at least a byte, every eight pixels too.
    if (width / 8).max(1) * height / MAX_RATIO > essential.len() as u64 {
        return Err(damaged(format!(
            "{width}x{height} pixels cannot be in its {} bytes",
            essential.len()
        )));
    }
    let mut reader = image::ImageReader::with_format(Cursor::new(&essential), ImageFormat::Png);
    let mut limits = Limits::default();
    limits.max_alloc = Some(width * height * pixel + OVERHEAD);
    reader.limits(limits);
    reader.decode().map(eight_bit).map_err(damaged)
}

fn damaged(reason: impl std::fmt::Display) -> String {
    format!("is a damaged or truncated PNG file: {reason}")
}

/// Width, height, and the bytes of a decoded pixel. Every file begins with: signature (8 bytes),
/// length (4), "IHDR" (4), width (4), height (4), bits of a sample (1), kind of colour (1).
fn header(bytes: &[u8]) -> Result<(u64, u64, u64), String> {
    let Some(&[w3, w2, w1, w0, h3, h2, h1, h0, bits, colour]) =
        bytes.get(16..).and_then(|rest| rest.first_chunk())
    else {
        return Err("is a truncated PNG file: it ends within its header".to_owned());
    };
    let samples = match colour {
        0 => 1,
        4 => 2,
        6 => 4,
        _ => 3,
    };
    let width = u32::from_be_bytes([w3, w2, w1, w0]);
    let height = u32::from_be_bytes([h3, h2, h1, h0]);
    let pixel = if bits > 8 { 2 * samples } else { samples };
    Ok((width.into(), height.into(), pixel))
}

/// The file without the chunks that do not affect its pixels: colour profiles, texts and further
/// frames, which may be huge once decompressed, and transparency, which is dropped.
fn essential(bytes: &[u8]) -> Vec<u8> {
    let (signature, mut rest) = bytes.split_at(SIGNATURE.min(bytes.len()));
    let mut kept = Vec::with_capacity(bytes.len());
    kept.extend_from_slice(signature);
    while let Some(length) = rest.first_chunk() {
        let end = (u32::from_be_bytes(*length) as usize).saturating_add(FRAME);
        // A chunk that is cut short is left to the decoder, which says so.
        let (chunk, after) = rest.split_at(end.min(rest.len()));
        if matches!(chunk.get(4..8), Some(b"IHDR" | b"PLTE" | b"IDAT" | b"IEND")) {
            kept.extend_from_slice(chunk);
        }
        rest = after;
    }
    kept
}

/// Drops alpha. Of 16-bit colours the upper half is kept; of 16-bit grey, values above 255 become
/// white, as in Pillow.
fn eight_bit(decoded: DynamicImage) -> Image {
    let (width, height) = (decoded.width() as usize, decoded.height() as usize);
    let colour = decoded.color();
    let sixteen = colour.bits_per_pixel() / u16::from(colour.channel_count()) == 16;
    let upper = |samples: Vec<u16>| samples.iter().map(|sample| (sample >> 8) as u8).collect();
    let is_grey_alone = colour.channel_count() == 1;
    let (channels, pixels) = match (colour.has_color(), sixteen) {
        (false, false) => (1, decoded.into_luma8().into_raw()),
        (false, true) if is_grey_alone => {
            let samples = decoded.into_luma16().into_raw();
            (
                1,
                samples
                    .iter()
                    .map(|&sample| sample.min(255) as u8)
                    .collect(),
            )
        }
        (false, true) => (1, upper(decoded.into_luma16().into_raw())),
        (true, false) => (3, decoded.into_rgb8().into_raw()),
        (true, true) => (3, upper(decoded.into_rgb16().into_raw())),
    };
    Image {
        width,
        height,
        channels,
        pixels,
    }
}
