//! GIF: the first frame, on the canvas that Pillow puts it on.

use super::palette::Palette;
use super::size;
use crate::image::Image;
use gif::{ColorOutput, DecodeOptions, MemoryLimit};
use std::num::NonZeroU64;

/// Decodes the first frame. Pillow ignores that a colour is transparent, and fills the part of the
/// canvas outside of the frame with it, or with colour 0.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(
        NonZeroU64::new(super::MAX_PIXELS).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options.read_info(bytes).map_err(damaged)?;
    let (screen_width, screen_height) = (u64::from(decoder.width()), u64::from(decoder.height()));
    size::check(screen_width, screen_height, 4)?;
    let frame = decoder.read_next_frame().map_err(damaged)?;
    let frame = frame.ok_or_else(|| damaged("it has no frame"))?.clone();
    let width = screen_width.max(u64::from(frame.left) + u64::from(frame.width));
    let height = screen_height.max(u64::from(frame.top) + u64::from(frame.height));
    let (width, height) = size::checked(width, height, 4)?;
    let mut indices = vec![frame.transparent.unwrap_or(0); width * height];
    let across = usize::from(frame.width);
    let rows = indices.chunks_exact_mut(width).skip(usize::from(frame.top));
    for (row, source) in rows.zip(frame.buffer.chunks_exact(across.max(1))) {
        row[usize::from(frame.left)..][..across].copy_from_slice(source);
    }
    let of_file = decoder.global_palette().filter(|palette| !is_grey(palette));
    // Pillow takes a frame's palette of greys in order for none at all.
    let of_frame = frame.palette.as_deref().filter(|palette| !is_grey(palette));
    let palette = of_frame.or(of_file);
    let image = |channels, pixels| Image {
        width,
        height,
        channels,
        pixels,
    };
    let Some(palette) = palette else {
        return Ok(image(1, indices));
    };
    let palette = Palette::new(palette.as_chunks().0.iter().copied());
    Ok(image(3, palette.colours(&indices)))
}

/// True if every colour is the grey of its index.
fn is_grey(palette: &[u8]) -> bool {
    let mut colours = palette.as_chunks::<3>().0.iter().enumerate();
    colours.all(|(index, colour)| *colour == [index as u8; 3])
}

fn damaged(reason: impl std::fmt::Display) -> String {
    format!("is a damaged or truncated GIF file: {reason}")
}
