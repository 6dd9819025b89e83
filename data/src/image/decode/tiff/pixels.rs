//! Samples to grey or red, green and blue.

use super::layout::Layout;
use super::tags::{Order, Tag, Tags};
use super::{damaged, unsupported};
use crate::image::Image;
use crate::image::decode::palette::{Palette, unpack};

/// Codes of the photometric interpretation.
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const CMYK: u64 = 5;
const YCBCR: u64 = 6;

/// Codes of extra samples.
const UNSPECIFIED: u64 = 0;
const ASSOCIATED_ALPHA: u64 = 1;

/// Codes of sample formats.
const UNSIGNED: u64 = 1;
const SIGNED: u64 = 2;
const FLOAT: u64 = 3;

/// The kind of an image's pixels.
pub(super) struct Kind {
    pub(super) photometric: u64,
    pub(super) samples: usize,
    pub(super) bits: usize,
    format: u64,
    extra: Vec<u64>,
}

impl Kind {
    /// Refuses what Pillow refuses, and what is rare.
    pub(super) fn of(tags: &Tags<'_>) -> Result<Self, String> {
        let samples = tags.number(Tag::SamplesPerPixel, 1)? as usize;
        let all_bits = tags.numbers(Tag::BitsPerSample).unwrap_or_else(|| vec![1]);
        let bits = all_bits.first().copied().unwrap_or(1);
        if all_bits.iter().any(|&other| other != bits) {
            return Err(unsupported(format_args!("of {all_bits:?} bits per sample")));
        }
        let formats = tags.numbers(Tag::SampleFormat).unwrap_or_default();
        let kind = Self {
            photometric: tags.number(Tag::Photometric, WHITE_IS_ZERO)?,
            samples,
            bits: bits.min(64) as usize,
            format: formats.first().copied().unwrap_or(UNSIGNED),
            extra: tags.numbers(Tag::ExtraSamples).unwrap_or_default(),
        };
        let compression = tags.number(Tag::Compression, 1)?;
        let is_reversed = tags.number(Tag::FillOrder, 1)? == 2 && bits > 8;
        // Pillow gets the bytes of these in the wrong order.
        let is_swapped = bits == 32 && compression != 1 && tags.order == Order::Big;
        if !is_reversed && !is_swapped && kind.is_read(tags.order, compression == 7) {
            return Ok(kind);
        }
        let Self {
            photometric,
            bits,
            format,
            extra,
            ..
        } = kind;
        Err(unsupported(format_args!(
            "of {samples} samples of {bits} bits (photometric interpretation {photometric}, sample format {format}, extra samples {extra:?})"
        )))
    }

    fn is_read(&self, order: Order, is_jpeg: bool) -> bool {
        let is_unsigned = self.format == UNSIGNED;
        let colours = match self.photometric {
            WHITE_IS_ZERO | BLACK_IS_ZERO | PALETTE => 1,
            RGB | YCBCR => 3,
            CMYK => 4,
            _ => return false,
        };
        let extra = &self.extra[..];
        // An RGBA file may not say that it has alpha.
        let is_unsaid = self.photometric == RGB && self.samples == 4 && extra.is_empty();
        if self.samples != colours + extra.len() && !is_unsaid || extra.len() > 3 {
            return false;
        }
        let has_others = extra.iter().skip(1).any(|&kind| kind != UNSPECIFIED);
        match (self.photometric, self.bits) {
            _ if has_others => false,
            (WHITE_IS_ZERO | BLACK_IS_ZERO, 1 | 2 | 4) => is_unsigned && extra.is_empty(),
            (WHITE_IS_ZERO, 8) => is_unsigned && extra.is_empty(),
            (BLACK_IS_ZERO, 8) => {
                matches!(self.format, UNSIGNED | SIGNED) && matches!(extra, [] | [UNSPECIFIED | 2])
            }
            (WHITE_IS_ZERO, 16) => is_unsigned && extra.is_empty() && order == Order::Little,
            (BLACK_IS_ZERO, 16) => matches!(self.format, UNSIGNED | SIGNED) && extra.is_empty(),
            (BLACK_IS_ZERO, 32) => {
                let is_read = is_unsigned && order == Order::Little;
                extra.is_empty() && (is_read || matches!(self.format, SIGNED | FLOAT))
            }
            (PALETTE, 1 | 2 | 4) => is_unsigned && extra.is_empty(),
            (PALETTE, 8) => is_unsigned && matches!(extra, [] | [UNSPECIFIED | 2]),
            (RGB, 8) => is_unsigned && matches!(extra, [] | [0..=2, ..] | [999]),
            (RGB, 16) => is_unsigned && matches!(extra, [] | [0 | 2]),
            (CMYK, 8) => is_unsigned && extra.iter().all(|&kind| kind == UNSPECIFIED),
            (CMYK, 16) => is_unsigned && extra.is_empty(),
            (YCBCR, 8) => is_jpeg && extra.is_empty(),
            _ => false,
        }
    }

    /// The image of rows of samples.
    pub(super) fn image(
        &self,
        layout: &Layout,
        rows: &[u8],
        tags: &Tags<'_>,
    ) -> Result<Image, String> {
        let (channels, pixels) = match self.photometric {
            PALETTE => (
                3,
                self.palette(tags)?
                    .colours(&self.first_samples(layout, rows)),
            ),
            RGB => (3, self.colours(rows, tags.order)),
            CMYK => (3, self.inks(rows, tags.order)),
            _ => (1, self.greys(layout, rows, tags.order)),
        };
        Ok(Image {
            width: layout.width,
            height: layout.height,
            channels,
            pixels,
        })
    }

    /// The first sample of each pixel, of up to 8 bits.
    fn first_samples(&self, layout: &Layout, rows: &[u8]) -> Vec<u8> {
        if self.bits < 8 {
            return unpack(rows, layout.stride(), layout.width, self.bits);
        }
        rows.iter().step_by(self.samples).copied().collect()
    }

    fn palette(&self, tags: &Tags<'_>) -> Result<Palette, String> {
        let map = tags.numbers(Tag::ColorMap).unwrap_or_default();
        let count = 1 << self.bits;
        if map.len() < 3 * count {
            return Err(damaged(format!("its palette has {} numbers", map.len())));
        }
        // All reds, then all greens, then all blues.
        let third = map.len() / 3;
        let colour = |index: usize| [0, 1, 2].map(|c| (map[c * third + index] >> 8) as u8);
        Ok(Palette::new((0..count).map(colour)))
    }

    /// Greys. Of more than 8 bits, everything below 0 is black and everything above 255 white, as in
    /// Pillow.
    fn greys(&self, layout: &Layout, rows: &[u8], order: Order) -> Vec<u8> {
        let is_inverted = self.photometric == WHITE_IS_ZERO;
        if self.bits <= 8 {
            let most = ((1u16 << self.bits) - 1) as u8;
            let flip = if is_inverted { 255 } else { 0 };
            let samples = self.first_samples(layout, rows).into_iter();
            return samples
                .map(|sample| (sample * (255 / most)) ^ flip)
                .collect();
        }
        let bytes = self.bits / 8;
        let samples = rows.chunks_exact(bytes).map(|sample| order.number(sample));
        let clamped = |value: i64| value.clamp(0, 255) as u8;
        match (self.bits, self.format) {
            (16, SIGNED) => samples
                .map(|s| clamped(i64::from(s as u16 as i16)))
                .collect(),
            (16, _) => samples.map(|s| clamped(s as i64)).collect(),
            (_, FLOAT) => samples.map(|s| f32::from_bits(s as u32) as u8).collect(),
            _ => samples
                .map(|s| clamped(i64::from(s as u32 as i32)))
                .collect(),
        }
    }

    /// The first samples of each pixel in 8 bits: the upper half of 16.
    fn upper<const COUNT: usize>(
        &self,
        rows: &[u8],
        order: Order,
    ) -> impl Iterator<Item = [u8; COUNT]> {
        let bytes = self.bits / 8;
        let upper = if order == Order::Big { 0 } else { bytes - 1 };
        rows.chunks_exact(bytes * self.samples)
            .map(move |pixel| std::array::from_fn(|c| pixel[c * bytes + upper]))
    }

    /// Red, green and blue. Alpha is dropped; colours that were multiplied by it are divided.
    fn colours(&self, rows: &[u8], order: Order) -> Vec<u8> {
        if self.extra.first() == Some(&ASSOCIATED_ALPHA) {
            let divided = |[r, g, b, alpha]: [u8; 4]| {
                [r, g, b].map(|colour| match alpha {
                    0 | 255 => colour,
                    _ => (255 * u32::from(colour) / u32::from(alpha)).min(255) as u8,
                })
            };
            return self.upper::<4>(rows, order).flat_map(divided).collect();
        }
        self.upper::<3>(rows, order).flatten().collect()
    }

    /// Cyan, magenta, yellow and black to red, green and blue, in Pillow's arithmetic.
    fn inks(&self, rows: &[u8], order: Order) -> Vec<u8> {
        let colour = |[cyan, magenta, yellow, black]: [u8; 4]| {
            let light = 255 - black;
            [cyan, magenta, yellow].map(|ink| {
                let product = u32::from(ink) * u32::from(light) + 128;
                light.saturating_sub((((product >> 8) + product) >> 8) as u8)
            })
        };
        self.upper::<4>(rows, order).flat_map(colour).collect()
    }
}
