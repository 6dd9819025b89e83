//! Affine maps with nearest neighbours, in Pillow's arithmetic, so that the same pixels come out.

use crate::image::Image;

/// `[a, b, c, d, e, f]`: the pixel whose centre is (x, y) afterwards is taken from (a x + b y + c, d x + e y + f).
type Matrix = [f64; 6];

/// `image` stretched or shrunk to `width` x `height` pixels.
pub(super) fn scale_to(image: &Image, width: usize, height: usize) -> Image {
    let across = image.width as f64 / width.max(1) as f64;
    let down = image.height as f64 / height.max(1) as f64;
    axis_aligned(image, width, height, [across, 0.0], [down, 0.0])
}

/// Scales by a factor and moves by an offset in both directions: `[factor, offset]` from the new coordinate to the old.
fn axis_aligned(image: &Image, width: usize, height: usize, x: [f64; 2], y: [f64; 2]) -> Image {
    let columns = sources(width, image.width, x);
    let rows = sources(height, image.height, y);
    let channels = image.channels;
    let mut pixels = vec![0; width * height * channels];
    let targets = pixels.chunks_exact_mut((width * channels).max(1));
    for (target, row) in targets.zip(rows) {
        let Some(row) = row else { continue };
        let source = &image.pixels[row * image.width * channels..][..image.width * channels];
        for (pixel, column) in target.chunks_exact_mut(channels).zip(&columns) {
            if let Some(column) = column {
                pixel.copy_from_slice(&source[column * channels..][..channels]);
            }
        }
    }
    Image {
        width,
        height,
        channels,
        pixels,
    }
}

/// Which of `len` pixels each new one is taken from; none where it lies outside.
fn sources(new_len: usize, len: usize, [factor, offset]: [f64; 2]) -> Vec<Option<usize>> {
    // Pillow adds up instead of multiplying, which rounds differently.
    let mut position = offset + factor * 0.5;
    let mut sources = Vec::with_capacity(new_len);
    for _ in 0..new_len {
        let inside = position >= 0.0 && (position as usize) < len;
        sources.push(inside.then_some(position as usize));
        position += factor;
    }
    sources
}
