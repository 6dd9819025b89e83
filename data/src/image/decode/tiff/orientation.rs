//! Orientation, which Pillow applies to TIFF files, and not to others.

use crate::image::Image;

/// Turns an image by the code of its orientation tag; unknown codes change nothing.
pub(super) fn turn(image: Image, orientation: u64) -> Image {
    let Image {
        width,
        height,
        channels,
        ..
    } = image;
    let (right, bottom) = (width - 1, height - 1);
    // The stored pixel at a place of the turned image.
    let stored: Box<dyn Fn(usize, usize) -> (usize, usize)> = match orientation {
        2 => Box::new(|x, y| (right - x, y)),
        3 => Box::new(|x, y| (right - x, bottom - y)),
        4 => Box::new(|x, y| (x, bottom - y)),
        5 => Box::new(|x, y| (y, x)),
        6 => Box::new(|x, y| (y, bottom - x)),
        7 => Box::new(|x, y| (right - y, bottom - x)),
        8 => Box::new(|x, y| (right - y, x)),
        _ => return image,
    };
    let (turned_width, turned_height) = if orientation >= 5 {
        (height, width)
    } else {
        (width, height)
    };
    let mut pixels = Vec::with_capacity(image.pixels.len());
    for y in 0..turned_height {
        for x in 0..turned_width {
            let (x, y) = stored(x, y);
            pixels.extend_from_slice(&image.pixels[(y * width + x) * channels..][..channels]);
        }
    }
    Image {
        width: turned_width,
        height: turned_height,
        channels,
        pixels,
    }
}
