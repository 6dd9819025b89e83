//! Colour conversion: planes to interleaved red, green and blue.

use crate::Rect;
use crate::frame::Frame;
use crate::plane::Plane;
use crate::upsample::Upsampler;
use multiversion::multiversion;

/// Cb and Cr of grey.
const NEUTRAL: i16 = 128;

/// Adobe's codes for colour spaces.
const ADOBE_UNTRANSFORMED: u8 = 0;

/// The colour space of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

impl Colour {
    /// The colour space, by the rules of libjpeg: `adobe` is the code in Adobe's segment.
    pub(crate) fn of(frame: &Frame, is_jfif: bool, adobe: Option<u8>) -> Self {
        let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
        match (ids.len(), adobe) {
            (1, _) => Self::Grey,
            (4, None | Some(ADOBE_UNTRANSFORMED)) => Self::Cmyk,
            (4, Some(_)) => Self::Ycck,
            _ if is_jfif => Self::YCbCr,
            (_, Some(ADOBE_UNTRANSFORMED)) => Self::Rgb,
            (_, None) if ids == *b"RGB" => Self::Rgb,
            _ => Self::YCbCr,
        }
    }

    /// Number of channels of the pixels.
    pub(crate) fn channels(self) -> usize {
        if self == Self::Grey { 1 } else { 3 }
    }
}

/// The pixels of a region: `[height, width, channels]`.
pub(crate) fn pixels(colour: Colour, planes: &[Plane], region: Rect) -> Vec<u8> {
    match planes {
        [first, second, third] => rgb(colour, [first, second, third], region),
        [first, second, third, black] => {
            let mut pixels = rgb(colour, [first, second, third], region);
            let inks = colour == Colour::Cmyk;
            blacken(&mut pixels, black, region, inks);
            pixels
        }
        _ => grey(&planes[0], region),
    }
}

fn grey(plane: &Plane, region: Rect) -> Vec<u8> {
    let rows = region.top..region.top + region.height;
    rows.flat_map(|y| plane.row(y, region.left, region.width))
        .copied()
        .collect()
}

/// Converts three planes. Those that are not YCbCr stay as they are.
#[multiversion(targets = "simd")]
fn rgb(colour: Colour, [luma, blue, red]: [&Plane; 3], region: Rect) -> Vec<u8> {
    let is_transformed = matches!(colour, Colour::YCbCr | Colour::Ycck);
    let Rect { left, width, .. } = region;
    let [mut lumas, mut blues, mut reds] = [const { Upsampler::new() }; 3];
    let mut colours = [const { Vec::new() }; 3];
    colours
        .iter_mut()
        .for_each(|colour| colour.resize(width, 0));
    let mut row = vec![0; 3 * width];
    let mut pixels = Vec::with_capacity(region.height * 3 * width);
    for y in region.top..region.top + region.height {
        let luma = lumas.row(luma, y, left, width);
        let blue = blues.row(blue, y, left, width);
        let red = reds.row(red, y, left, width);
        if is_transformed {
            convert(luma, blue, red, &mut colours);
            let [reds, greens, blues] = &colours;
            interleave([reds, greens, blues], &mut row);
        } else {
            interleave([luma, blue, red], &mut row);
        }
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
fn interleave([reds, greens, blues]: [&[u8]; 3], row: &mut [u8]) {
    let (pixels, _) = row.as_chunks_mut::<3>();
    let len = pixels.len();
    let (reds, greens, blues) = (&reds[..len], &greens[..len], &blues[..len]);
    for (i, pixel) in pixels.iter_mut().enumerate() {
        *pixel = [reds[i], greens[i], blues[i]];
    }
}

/// Turns colours and the plane of black into red, green and blue, in Pillow's arithmetic. Pillow
/// takes the four as inverted, with or without Adobe's segment: 255 is no ink. libjpeg inverts
/// transformed colours once more.
fn blacken(pixels: &mut [u8], black: &Plane, region: Rect, inks: bool) {
    let Rect { left, width, .. } = region;
    let mut blacks = Upsampler::new();
    let rows = pixels.chunks_exact_mut(3 * width);
    for (y, row) in (region.top..).zip(rows) {
        let black = blacks.row(black, y, left, width);
        for (pixel, &light) in row.chunks_exact_mut(3).zip(black) {
            for colour in pixel {
                let ink = if inks { 255 - *colour } else { *colour };
                *colour = light.saturating_sub(share(ink, light));
            }
        }
    }
}

/// `a * b / 255`, rounded.
fn share(a: u8, b: u8) -> u8 {
    let product = u32::from(a) * u32::from(b) + 128;
    (((product >> 8) + product) >> 8) as u8
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
