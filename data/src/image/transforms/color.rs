//! Brightness, contrast, saturation and sharpness as in Pillow's `ImageEnhance`, and hue as in
//! torchvision, each in Pillow's single or double precision for identical pixels.

use super::point;
use crate::image::{Image, luma};

/// Interpolates or extrapolates from `from` to `to`: Pillow's `Image.blend` of one sample.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    // The cast truncates and saturates at 0 and 255.
    (f32::from(from) + factor * (f32::from(to) - f32::from(from))) as u8
}

pub(super) fn brightness(image: Image, factor: f64) -> Image {
    let factor = factor as f32;
    point::map(image, |sample| blend(0, sample, factor))
}

pub(super) fn contrast(image: Image, factor: f64) -> Image {
    let factor = factor as f32;
    let mean = mean_grey(&image);
    point::map(image, |sample| blend(mean, sample, factor))
}

fn mean_grey(image: &Image) -> u8 {
    let grey = image.grey();
    let sum: u64 = grey.pixels.iter().map(|&sample| u64::from(sample)).sum();
    (sum as f64 / grey.pixels.len().max(1) as f64 + 0.5) as u8
}

pub(super) fn saturation(mut image: Image, factor: f64) -> Image {
    let factor = factor as f32;
    if image.channels == 3 {
        for pixel in image.pixels.chunks_exact_mut(3) {
            let grey = luma(pixel);
            pixel
                .iter_mut()
                .for_each(|sample| *sample = blend(grey, *sample, factor));
        }
    }
    image
}

pub(super) fn sharpness(image: &Image, factor: f64) -> Image {
    let factor = factor as f32;
    let mut result = smooth(image);
    for (smooth, &sample) in result.pixels.iter_mut().zip(&image.pixels) {
        *smooth = blend(*smooth, sample, factor);
    }
    result
}

/// Pillow's `ImageFilter.SMOOTH`: the mean of 3x3 pixels with the centre weighted five times. The
/// border is unchanged.
fn smooth(image: &Image) -> Image {
    const OUTER: f32 = 1.0 / 13.0;
    const INNER: f32 = 5.0 / 13.0;
    let mut smooth = image.clone();
    let (channels, row_len) = (image.channels, image.width * image.channels);
    if image.width < 3 || image.height < 3 {
        return smooth;
    }
    let line = |at: usize, middle: f32| {
        let sample = |at: usize| f32::from(image.pixels[at]);
        sample(at - channels) * OUTER + sample(at) * middle + sample(at + channels) * OUTER
    };
    for y in 1..image.height - 1 {
        for at in y * row_len + channels..(y + 1) * row_len - channels {
            // Summed in Pillow's order, from the row below to the row above.
            let sum = 0.5 + line(at + row_len, OUTER) + line(at, INNER) + line(at - row_len, OUTER);
            smooth.pixels[at] = sum as u8;
        }
    }
    smooth
}

/// Rotates the hue of every pixel; grey images are unchanged.
pub(super) fn hue(mut image: Image, turn: f64) -> Image {
    // Both casts are torchvision's: towards zero, then modulo 256.
    let turn = (turn * 255.0) as i32 as u8;
    if image.channels == 3 {
        for pixel in image.pixels.chunks_exact_mut(3) {
            let [hue, saturation, value] = hsv([pixel[0], pixel[1], pixel[2]]);
            let turned = rgb([hue.wrapping_add(turn), saturation, value]);
            pixel.copy_from_slice(&turned);
        }
    }
    image
}

/// Red, green, blue to hue, saturation, value (Pillow's `rgb2hsv`).
fn hsv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let largest = r.max(g).max(b);
    let smallest = r.min(g).min(b);
    if largest == smallest {
        return [0, 0, largest];
    }
    let span = f32::from(largest - smallest);
    let saturation = span / f32::from(largest);
    let [rc, gc, bc] = [r, g, b].map(|sample| f32::from(largest - sample) / span);
    let sixths = if r == largest {
        bc - gc
    } else if g == largest {
        (2.0 + f64::from(rc) - f64::from(bc)) as f32
    } else {
        (4.0 + f64::from(gc) - f64::from(rc)) as f32
    };
    let hue = ((f64::from(sixths) / 6.0 + 1.0) % 1.0) as f32;
    [
        (f64::from(hue) * 255.0) as u8,
        (f64::from(saturation) * 255.0) as u8,
        largest,
    ]
}

/// Hue, saturation, value to red, green, blue (Pillow's `hsv2rgb`).
fn rgb([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    if saturation == 0 {
        return [value; 3];
    }
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let rest = (sixths - sixths.floor()) as f32;
    let saturation = (f64::from(saturation) / 255.0) as f32;
    let darkened = |by: f64| (f64::from(value) * (1.0 - by)).round() as u8;
    let p = darkened(f64::from(saturation));
    let q = darkened(f64::from(saturation * rest));
    let t = darkened(f64::from(saturation) * (1.0 - f64::from(rest)));
    match sixths as u8 % 6 {
        0 => [value, t, p],
        1 => [q, value, p],
        2 => [p, value, t],
        3 => [p, q, value],
        4 => [t, p, value],
        _ => [value, p, q],
    }
}
