//! Colour conversion: planes of Y, Cb and Cr to interleaved red, green and blue.

use crate::Rect;
use crate::plane::Plane;
use crate::upsample::Upsampler;
use multiversion::multiversion;

/// Cb and Cr of grey.
const NEUTRAL: i16 = 128;

/// The pixels of a region: `[height, width, channels]`, with one channel for one plane.
pub(crate) fn pixels(planes: &[Plane], region: Rect) -> Vec<u8> {
    match planes {
        [luma, blue, red] => rgb(luma, blue, red, region),
        _ => grey(&planes[0], region),
    }
}

fn grey(plane: &Plane, region: Rect) -> Vec<u8> {
    let rows = region.top..region.top + region.height;
    rows.flat_map(|y| plane.row(y, region.left, region.width))
        .copied()
        .collect()
}

#[multiversion(targets = "simd")]
fn rgb(luma: &Plane, blue: &Plane, red: &Plane, region: Rect) -> Vec<u8> {
    let Rect { left, width, .. } = region;
    let (mut blues, mut reds) = (Upsampler::default(), Upsampler::default());
    let mut colours = [const { Vec::new() }; 3];
    colours
        .iter_mut()
        .for_each(|colour| colour.resize(width, 0));
    let mut row = vec![0; 3 * width];
    let mut pixels = Vec::with_capacity(region.height * 3 * width);
    for y in region.top..region.top + region.height {
        let luma = luma.row(y, left, width);
        let blue = blues.row(blue, y, left, width);
        let red = reds.row(red, y, left, width);
        convert(luma, blue, red, &mut colours);
        interleave(&colours, &mut row);
        pixels.extend_from_slice(&row);
    }
    pixels
}

/// ITU-R 601 in libjpeg's 16-bit fixed-point arithmetic, computed in 16-bit integers where possible
/// and written to planar rows, so that it vectorises well.
#[inline(always)]
fn convert(luma: &[u8], blue: &[u8], red: &[u8], [reds, greens, blues]: &mut [Vec<u8>; 3]) {
    let len = luma.len();
    let (blue, red) = (&blue[..len], &red[..len]);
    let (reds, greens, blues) = (&mut reds[..len], &mut greens[..len], &mut blues[..len]);
    for i in 0..len {
        let y = i16::from(luma[i]);
        let (cb, cr) = (i16::from(blue[i]) - NEUTRAL, i16::from(red[i]) - NEUTRAL);
        // 1.40200 = 1 + 26345 / 2^16, and 1.77200 = 2 - 14942 / 2^16.
        reds[i] = sample(y + cr + times(26345, cr));
        blues[i] = sample(y + 2 * cb + times(-14942, cb));
        // -0.34414 = -22554 / 2^16, and -0.71414 = -1 + 18734 / 2^16.
        let (cb, wide) = (i32::from(cb), i32::from(cr));
        let green = (-22554 * cb + 18734 * wide + (1 << 15)) >> 16;
        greens[i] = sample(y - cr + green as i16);
    }
}

#[inline(always)]
fn interleave([reds, greens, blues]: &[Vec<u8>; 3], row: &mut [u8]) {
    let (pixels, _) = row.as_chunks_mut::<3>();
    let len = pixels.len();
    let (reds, greens, blues) = (&reds[..len], &greens[..len], &blues[..len]);
    for (i, pixel) in pixels.iter_mut().enumerate() {
        *pixel = [reds[i], greens[i], blues[i]];
    }
}

/// `factor * colour / 2^16`, rounded.
#[inline(always)]
fn times(factor: i16, colour: i16) -> i16 {
    let twice = (i32::from(factor) * i32::from(2 * colour)) >> 16;
    (twice as i16 + 1) >> 1
}

#[inline(always)]
fn sample(value: i16) -> u8 {
    value.clamp(0, 255) as u8
}
