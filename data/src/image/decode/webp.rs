//! WebP: lossy, lossless, with alpha (which is dropped), and the first frame of animations.

use super::size;
use crate::image::Image;
use image_webp::WebPDecoder;
use std::io::Cursor;

/// Length of "RIFF", a size and "WEBP".
const FILE_HEADER: usize = 12;
/// Length of a chunk's type and size.
const CHUNK_HEADER: usize = 8;
/// Position of the frame's chunks in the chunk of a frame of an animation.
const FRAME_HEADER: usize = 16;
/// The flag of an animation.
const IS_ANIMATED: u8 = 2;

/// A chunk: its type and its content.
type Chunk<'a> = (&'a [u8], &'a [u8]);

/// Decodes the image. The pixels around the first frame of an animation are black, as in Pillow.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let chunks = bytes.get(FILE_HEADER..).unwrap_or_default();
    let first = chunk(chunks).ok_or_else(truncated)?;
    match first {
        (b"VP8X", header) if header.first().is_some_and(|flags| flags & IS_ANIMATED != 0) => {
            let frame = find(chunks, &[b"ANMF"]).ok_or_else(truncated)?.1;
            let canvas = (u24(header, 4)? + 1, u24(header, 7)? + 1);
            let place = (2 * u24(frame, 0)?, 2 * u24(frame, 3)?);
            let frame = frame.get(FRAME_HEADER..).ok_or_else(truncated)?;
            on_canvas(&still(frame)?, canvas, place)
        }
        _ => still(chunks),
    }
}

/// The colours of an image without animation.
fn still(chunks: &[u8]) -> Result<Image, String> {
    let (kind, content) = find(chunks, &[b"VP8 ", b"VP8L"]).ok_or_else(truncated)?;
    // A file of the colours alone: alpha has a chunk of its own, or is part of the lossless pixels.
    let padding = content.len() % 2;
    let length = |count: usize| (count as u32).to_le_bytes();
    let mut file = Vec::with_capacity(FILE_HEADER + CHUNK_HEADER + content.len() + padding);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&length(4 + CHUNK_HEADER + content.len() + padding));
    file.extend_from_slice(b"WEBP");
    file.extend_from_slice(kind);
    file.extend_from_slice(&length(content.len()));
    file.extend_from_slice(content);
    file.resize(file.len() + padding, 0);
    let mut decoder = WebPDecoder::new(Cursor::new(&file)).map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = size::checked(width.into(), height.into(), 5)?;
    let has_alpha = decoder.has_alpha();
    let mut pixels = vec![0; width * height * if has_alpha { 4 } else { 3 }];
    decoder.read_image(&mut pixels).map_err(damaged)?;
    if has_alpha {
        let colours = pixels.as_chunks::<4>().0.iter();
        pixels = colours.flat_map(|&[r, g, b, _]| [r, g, b]).collect();
    }
    Ok(Image {
        width,
        height,
        channels: 3,
        pixels,
    })
}

/// Puts a frame on a black canvas.
fn on_canvas(frame: &Image, canvas: (u64, u64), place: (u64, u64)) -> Result<Image, String> {
    let (width, height) = size::checked(canvas.0, canvas.1, 5)?;
    let (left, top) = (place.0 as usize, place.1 as usize);
    if left + frame.width > width || top + frame.height > height {
        return Err(damaged("its first frame is not within the canvas"));
    }
    let mut pixels = vec![0; width * height * 3];
    let rows = pixels.chunks_exact_mut(width * 3).skip(top);
    for (row, source) in rows.zip(frame.pixels.chunks_exact(frame.width * 3)) {
        row[left * 3..][..frame.width * 3].copy_from_slice(source);
    }
    Ok(Image {
        width,
        height,
        channels: 3,
        pixels,
    })
}

/// The first chunk of `bytes`, if it is complete.
fn chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    let (kind, rest) = bytes.split_at_checked(4)?;
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    Some((kind, rest.get(4..)?.get(..length)?))
}

/// The first chunk of one of these types.
fn find<'a>(mut bytes: &'a [u8], kinds: &[&[u8; 4]]) -> Option<Chunk<'a>> {
    loop {
        let (kind, content) = chunk(bytes)?;
        if kinds.iter().any(|&known| known == kind) {
            return Some((kind, content));
        }
        let length = CHUNK_HEADER + content.len().next_multiple_of(2);
        bytes = bytes.get(length..)?;
    }
}

fn u24(bytes: &[u8], at: usize) -> Result<u64, String> {
    let Some(&[low, middle, high]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) else {
        return Err(truncated());
    };
    Ok(u64::from(u32::from_le_bytes([low, middle, high, 0])))
}

fn truncated() -> String {
    "is a truncated WebP file".to_owned()
}

fn damaged(reason: impl std::fmt::Display) -> String {
    format!("is a damaged or truncated WebP file: {reason}")
}
