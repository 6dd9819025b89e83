//! PBM, PGM and PPM, with Pillow's scaling of samples.

use super::size;
use crate::image::Image;

/// Digits of a number at most, as in Pillow.
const MAX_DIGITS: usize = 10;

/// The magic number's kind of file.
#[derive(Clone, Copy)]
struct Kind {
    /// Bits, without a maximum value.
    is_bitmap: bool,
    channels: usize,
    is_text: bool,
}

/// Decodes the image.
pub(super) fn decode(bytes: &[u8]) -> Result<Image, String> {
    let kind = |is_bitmap, channels, is_text| Kind {
        is_bitmap,
        channels,
        is_text,
    };
    let kind = match bytes.get(1) {
        Some(b'1') => kind(true, 1, true),
        Some(b'2') => kind(false, 1, true),
        Some(b'3') => kind(false, 3, true),
        Some(b'4') => kind(true, 1, false),
        Some(b'5') => kind(false, 1, false),
        Some(b'6') => kind(false, 3, false),
        _ => return Err("is a PAM file, which is not read; convert it".to_owned()),
    };
    let mut text = Text { bytes, at: 2 };
    let (width, height) = (text.number()?, text.number()?);
    let (width, height) = size::checked(width, height, 6)?;
    let max = if kind.is_bitmap { 1 } else { text.number()? };
    if !(1..=65_535).contains(&max) {
        return Err(format!("is a PNM file whose largest value is {max}"));
    }
    let pixels = match (kind.is_bitmap, kind.is_text) {
        (true, true) => text.bits(width * height)?,
        (true, false) => packed_bits(text.rest(), width, height)?,
        (false, true) => text.samples(width * height * kind.channels, max, kind.channels)?,
        (false, false) => binary_samples(
            text.rest(),
            width * height * kind.channels,
            max,
            kind.channels,
        )?,
    };
    Ok(Image {
        width,
        height,
        channels: kind.channels,
        pixels,
    })
}

/// A sample of `max` as 8 bits. Pillow scales grey of more than 8 bits to 16, and then makes
/// everything above 255 white.
fn scaled(value: u64, max: u64, channels: usize) -> u8 {
    let full = if channels == 1 && max > 255 {
        65_535
    } else {
        255
    };
    // Python's division and its rounding of halves to even.
    let scaled = (value as f64 / max as f64 * full as f64).round_ties_even();
    scaled.min(255.0) as u8
}

fn truncated() -> String {
    "is a truncated PNM file".to_owned()
}

fn packed_bits(bytes: &[u8], width: usize, height: usize) -> Result<Vec<u8>, String> {
    let stride = width.div_ceil(8);
    let rows = bytes.get(..stride * height).ok_or_else(truncated)?;
    let bits = super::palette::unpack(rows, stride, width, 1);
    Ok(bits.into_iter().map(|bit| 255 * (1 - bit)).collect())
}

fn binary_samples(
    bytes: &[u8],
    count: usize,
    max: u64,
    channels: usize,
) -> Result<Vec<u8>, String> {
    if max < 256 {
        let table: [u8; 256] = std::array::from_fn(|value| scaled(value as u64, max, channels));
        let samples = bytes.get(..count).ok_or_else(truncated)?;
        return Ok(samples
            .iter()
            .map(|&value| table[usize::from(value)])
            .collect());
    }
    let samples = bytes.get(..2 * count).ok_or_else(truncated)?;
    let samples = samples.as_chunks::<2>().0.iter();
    Ok(samples
        .map(|&value| scaled(u64::from(u16::from_be_bytes(value)), max, channels))
        .collect())
}

/// A reader of numbers in text.
struct Text<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Text<'a> {
    /// The bytes after the single one that ends the header.
    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// The next byte that is neither blank nor in a comment.
    fn significant(&mut self) -> Option<u8> {
        loop {
            match self.next()? {
                b'#' => self.comment(),
                byte if is_blank(byte) => {}
                byte => return Some(byte),
            }
        }
    }

    fn comment(&mut self) {
        while self
            .next()
            .is_some_and(|byte| byte != b'\n' && byte != b'\r')
        {}
    }

    /// The next number, and the blank after it.
    fn number(&mut self) -> Result<u64, String> {
        let mut digits = String::new();
        let mut next = self.significant();
        while let Some(byte) = next.filter(|&byte| !is_blank(byte)) {
            if byte == b'#' {
                self.comment();
            } else {
                digits.push(byte.into());
            }
            if digits.len() > MAX_DIGITS {
                break;
            }
            next = self.next();
        }
        if digits.is_empty() {
            return Err(truncated());
        }
        let number = digits.parse().ok().filter(|_| digits.len() <= MAX_DIGITS);
        number.ok_or_else(|| format!("is a damaged PNM file: {digits:?} is no number"))
    }

    fn bits(&mut self, count: usize) -> Result<Vec<u8>, String> {
        let mut pixels = Vec::new();
        while pixels.len() < count {
            match self.significant().ok_or_else(truncated)? {
                b'0' => pixels.push(255),
                b'1' => pixels.push(0),
                other => {
                    let found = char::from(other);
                    return Err(format!("is a damaged PNM file: {found:?} is no bit"));
                }
            }
        }
        Ok(pixels)
    }

    fn samples(&mut self, count: usize, max: u64, channels: usize) -> Result<Vec<u8>, String> {
        let mut pixels = Vec::new();
        while pixels.len() < count {
            let value = self.number()?;
            if value > max {
                let reason = format!("{value} is above its largest value {max}");
                return Err(format!("is a damaged PNM file: {reason}"));
            }
            pixels.push(scaled(value, max, channels));
        }
        Ok(pixels)
    }
}

fn is_blank(byte: u8) -> bool {
    b" \t\n\x0B\x0C\r".contains(&byte)
}
