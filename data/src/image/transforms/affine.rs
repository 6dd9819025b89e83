//! Affine transforms, in Pillow's arithmetic for identical pixels.

use super::{Interpolation, Sampling};
use crate::image::Image;

/// `[a, b, c, d, e, f]`: output pixel (x, y) is input pixel (a x + b y + c, d x + e y + f).
type Matrix = [f64; 6];

/// Output pixel (x, y) is input pixel (x + magnitude y, y).
pub(super) fn shear_x(image: &Image, magnitude: f64, sampling: Sampling) -> Image {
    let angle = angle(magnitude);
    transform(image, [1.0, angle.tan(), 0.0, 0.0, 1.0, 0.0], sampling)
}

/// Output pixel (x, y) is input pixel (x, y + magnitude x).
pub(super) fn shear_y(image: &Image, magnitude: f64, sampling: Sampling) -> Image {
    let angle = angle(magnitude);
    let slope = angle.sin() / angle.cos();
    transform(image, [1.0, 0.0, 0.0, slope, 1.0, 0.0], sampling)
}

/// Angle of a shear, rounded as in torchvision, which passes it in degrees.
fn angle(magnitude: f64) -> f64 {
    magnitude.atan().to_degrees().to_radians()
}

/// Translates to the right and down.
pub(super) fn translate(image: &Image, right: i64, down: i64, sampling: Sampling) -> Image {
    let matrix = [1.0, 0.0, -(right as f64), 0.0, 1.0, -(down as f64)];
    transform(image, matrix, sampling)
}

/// Rotates counter-clockwise about the centre.
pub(super) fn rotate(image: &Image, degrees: f64, sampling: Sampling) -> Image {
    let angle = -degrees.rem_euclid(360.0).to_radians();
    // Pillow rounds to 15 digits, so that right angles are exact.
    let rounded = |value: f64| (value * 1e15).round() / 1e15;
    let (cos, sin) = (rounded(angle.cos()), rounded(angle.sin()));
    let (x, y) = (image.width as f64 / 2.0, image.height as f64 / 2.0);
    let matrix = [
        cos,
        sin,
        (cos * -x + sin * -y) + x,
        -sin,
        cos,
        (-sin * -x + cos * -y) + y,
    ];
    transform(image, matrix, sampling)
}

/// Resizes `image` to `width` x `height` pixels.
pub(super) fn scale_to(image: &Image, width: usize, height: usize) -> Image {
    let across = image.width as f64 / width.max(1) as f64;
    let down = image.height as f64 / height.max(1) as f64;
    let pixels = vec![0; width * height * image.channels];
    let empty = Image {
        width,
        height,
        channels: image.channels,
        pixels,
    };
    axis_aligned(image, empty, [across, 0.0], [down, 0.0])
}

/// Pillow's `Image.transform(image.size, AFFINE, matrix, interpolation, fillcolor=fill)`.
fn transform(image: &Image, matrix: Matrix, sampling: Sampling) -> Image {
    let [a, b, c, d, e, f] = matrix;
    let empty = Image {
        pixels: sampling.filled(image.width, image.height, image.channels),
        ..*image
    };
    if sampling.interpolation != Interpolation::Nearest {
        return interpolated(image, empty, matrix, sampling);
    }
    if b == 0.0 && d == 0.0 {
        return axis_aligned(image, empty, [a, c], [e, f]);
    }
    let channels = image.channels;
    let mut pixels = empty.pixels;
    // 16 fractional bits. 64-bit sums do not overflow, where Pillow has 32 bits and another path
    // for huge images.
    let fixed = |value: f64| (value * 65_536.0 + 0.5).floor() as i64;
    let steps = [a, b, d, e].map(fixed);
    let mut row_start = [fixed(c + a * 0.5 + b * 0.5), fixed(f + d * 0.5 + e * 0.5)];
    for row in pixels.chunks_exact_mut((image.width * channels).max(1)) {
        let [mut x, mut y] = row_start;
        for target in row.chunks_exact_mut(channels) {
            if let Some(source) = pixel(image, x >> 16, y >> 16) {
                target.copy_from_slice(source);
            }
            x += steps[0];
            y += steps[2];
        }
        row_start[0] += steps[1];
        row_start[1] += steps[3];
    }
    Image { pixels, ..*image }
}

/// Draws the transformed image over `target`, with the samples between pixels.
fn interpolated(image: &Image, mut target: Image, matrix: Matrix, sampling: Sampling) -> Image {
    let [a, b, c, d, e, f] = matrix;
    let (width, height) = (image.width as f64, image.height as f64);
    let rows = target
        .pixels
        .chunks_exact_mut((image.width * image.channels).max(1));
    for (row, y) in rows.zip(0u32..) {
        for (pixel, x) in row.chunks_exact_mut(image.channels).zip(0u32..) {
            let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let (x, y) = (a * x + b * y + c, d * x + e * y + f);
            if x < 0.0 || x >= width || y < 0.0 || y >= height {
                continue;
            }
            for (channel, sample) in pixel.iter_mut().enumerate() {
                *sample = sampling.sample(image, channel, x, y);
            }
        }
    }
    target
}

/// The samples of pixel (x, y), if it is within the image.
fn pixel(image: &Image, x: i64, y: i64) -> Option<&[u8]> {
    let x = usize::try_from(x).ok().filter(|&x| x < image.width)?;
    let y = usize::try_from(y).ok().filter(|&y| y < image.height)?;
    let start = (y * image.width + x) * image.channels;
    image.pixels.get(start..start + image.channels)
}

/// Draws the scaled and translated image over `target`: `x` and `y` are `[factor, offset]` from
/// output to input coordinates.
fn axis_aligned(image: &Image, mut target: Image, x: [f64; 2], y: [f64; 2]) -> Image {
    let columns = sources(target.width, image.width, x);
    let rows = sources(target.height, image.height, y);
    let channels = image.channels;
    let targets = target
        .pixels
        .chunks_exact_mut((target.width * channels).max(1));
    for (target, row) in targets.zip(rows) {
        let Some(row) = row else { continue };
        let source = &image.pixels[row * image.width * channels..][..image.width * channels];
        for (pixel, column) in target.chunks_exact_mut(channels).zip(&columns) {
            if let Some(column) = column {
                pixel.copy_from_slice(&source[column * channels..][..channels]);
            }
        }
    }
    target
}

/// The input pixel of each output pixel along one axis of `len` pixels; `None` outside.
fn sources(new_len: usize, len: usize, [factor, offset]: [f64; 2]) -> Vec<Option<usize>> {
    // Pillow accumulates instead of multiplying, which rounds differently.
    let mut position = offset + factor * 0.5;
    let mut sources = Vec::with_capacity(new_len);
    for _ in 0..new_len {
        let inside = position >= 0.0 && (position as usize) < len;
        sources.push(inside.then_some(position as usize));
        position += factor;
    }
    sources
}
