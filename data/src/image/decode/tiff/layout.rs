//! Strips and tiles: decompressed and put together to rows of samples.

use super::tags::{Order, Tag, Tags, part};
use super::{damaged, unsupported};
use crate::image::Image;
use crate::image::decode::size;
use flate2::read::ZlibDecoder;
use std::borrow::Cow;
use std::io::Read;
use tinderbox_jpeg::Decoder;
use weezl::BitOrder;

/// Codes of the compressions.
const NONE: u64 = 1;
const LZW: u64 = 5;
const JPEG: u64 = 7;
const DEFLATE: [u64; 2] = [8, 32_946];
const PACK_BITS: u64 = 32_773;

/// The horizontal predictor: differences between neighbours.
const HORIZONTAL: u64 = 2;
/// Photometric code of YCbCr.
const YCBCR: u64 = 6;

/// Bytes by which a tile may be larger than the image.
const MAX_TILE: usize = 1 << 24;

/// The arrangement of an image's samples in the file.
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) compression: u64,
    /// Samples of a pixel, and bits of a sample.
    samples: usize,
    bits: usize,
    /// Every sample of a pixel is in a plane of its own.
    is_planar: bool,
    /// The bits of a byte are stored in reverse.
    is_reversed: bool,
    has_differences: bool,
    /// Size of a tile or a strip in pixels.
    tile: (usize, usize),
    is_tiled: bool,
    offsets: Vec<u64>,
    counts: Option<Vec<u64>>,
}

impl Layout {
    pub(super) fn of(tags: &Tags<'_>, samples: usize, bits: usize) -> Result<Self, String> {
        let bytes = (samples * bits).div_ceil(8) as u64;
        let (width, height) = (tags.required(Tag::Width)?, tags.required(Tag::Height)?);
        let (width, height) = size::checked(width, height, bytes + 3)?;
        let side = |tag, default: usize| {
            let side = tags.number(tag, default as u64)?;
            usize::try_from(side).map_err(damaged)
        };
        let is_tiled = tags.numbers(Tag::TileOffsets).is_some();
        let tile = if is_tiled {
            (side(Tag::TileWidth, 0)?, side(Tag::TileLength, 0)?)
        } else {
            (width, side(Tag::RowsPerStrip, height)?.min(height))
        };
        let (offsets, counts) = if is_tiled {
            (Tag::TileOffsets, Tag::TileByteCounts)
        } else {
            (Tag::StripOffsets, Tag::StripByteCounts)
        };
        let layout = Self {
            width,
            height,
            compression: tags.number(Tag::Compression, NONE)?,
            samples,
            bits,
            is_planar: samples > 1 && tags.number(Tag::PlanarConfiguration, 1)? == 2,
            is_reversed: tags.number(Tag::FillOrder, 1)? == 2,
            has_differences: match tags.number(Tag::Predictor, 1)? {
                1 => false,
                HORIZONTAL => true,
                other => return Err(unsupported(format_args!("with predictor {other}"))),
            },
            tile,
            is_tiled,
            offsets: tags
                .numbers(offsets)
                .ok_or_else(|| damaged("it has no strips or tiles"))?,
            counts: tags.numbers(counts),
        };
        layout.check()
    }

    fn check(self) -> Result<Self, String> {
        let (across, down) = self.tile;
        // A tile may be larger than the image, but not by much.
        let len = across
            .saturating_mul(down)
            .saturating_mul(self.samples * self.bits / 8 + 1);
        let is_size = (1..=MAX_TILE + self.stride() * self.height).contains(&len);
        if !is_size || self.is_tiled && !across.is_multiple_of(8) {
            return Err(damaged(format!("its tiles have {across}x{down} pixels")));
        }
        let (columns, rows) = self.tiles();
        let expected = columns * rows * self.planes();
        let found = self.offsets.len();
        if found < expected {
            return Err(damaged(format!(
                "it has {found} strips or tiles instead of {expected}"
            )));
        }
        if self.is_planar && !self.bits.is_multiple_of(8) {
            return Err(unsupported(format_args!(
                "with planes of {} bits",
                self.bits
            )));
        }
        if self.has_differences && ![8, 16, 32].contains(&self.bits) {
            return Err(unsupported(format_args!(
                "with differences of {} bits",
                self.bits
            )));
        }
        Ok(self)
    }

    pub(super) fn is_jpeg(&self) -> bool {
        self.compression == JPEG
    }

    /// Number of tiles, across and down.
    fn tiles(&self) -> (usize, usize) {
        (
            self.width.div_ceil(self.tile.0),
            self.height.div_ceil(self.tile.1),
        )
    }

    fn planes(&self) -> usize {
        if self.is_planar { self.samples } else { 1 }
    }

    /// Bytes of a row of `width` pixels of a plane.
    fn row(&self, width: usize) -> usize {
        (width * self.samples / self.planes() * self.bits).div_ceil(8)
    }

    /// Bytes of a row of the image, with all samples of a pixel side by side.
    pub(super) fn stride(&self) -> usize {
        (self.width * self.samples * self.bits).div_ceil(8)
    }

    /// The samples as they are stored: rows of pixels, each from a byte on.
    pub(super) fn samples(&self, tags: &Tags<'_>) -> Result<Vec<u8>, String> {
        let (columns, rows) = self.tiles();
        let mut image = vec![0; self.stride() * self.height];
        for plane in 0..self.planes() {
            for index in 0..columns * rows {
                let (left, top) = (index % columns * self.tile.0, index / columns * self.tile.1);
                let down = if self.is_tiled {
                    self.tile.1
                } else {
                    self.tile.1.min(self.height - top)
                };
                let number = plane * columns * rows + index;
                let tile = self.tile_samples(tags, number, down)?;
                self.place(&tile, &mut image, plane, (left, top));
            }
        }
        Ok(image)
    }

    /// Copies a tile to its place.
    fn place(&self, tile: &[u8], image: &mut [u8], plane: usize, (left, top): (usize, usize)) {
        let stride = self.row(self.tile.0);
        let used = self.row(self.tile.0.min(self.width - left));
        let start = self.row(left) * self.planes();
        let rows = image.chunks_exact_mut(self.stride()).skip(top);
        for (row, tile) in rows.zip(tile.chunks_exact(stride)) {
            let tile = &tile[..used];
            if self.planes() == 1 {
                row[start..start + used].copy_from_slice(tile);
                continue;
            }
            let bytes = self.bits / 8;
            let pixels = row[start..].chunks_exact_mut(bytes * self.samples);
            for (pixel, sample) in pixels.zip(tile.chunks_exact(bytes)) {
                pixel[plane * bytes..][..bytes].copy_from_slice(sample);
            }
        }
    }

    /// The stored bytes of a tile; at most `len` if it does not say how many it has.
    fn stored<'a>(&self, tags: &Tags<'a>, number: usize, len: usize) -> Result<&'a [u8], String> {
        let counts = self.counts.as_ref();
        let count = counts.and_then(|counts| counts.get(number)).copied();
        let at = self.offsets[number];
        let rest = (tags.bytes.len() as u64).saturating_sub(at);
        let count = match count {
            Some(count) => count.min(rest),
            None => rest.min(len as u64),
        };
        part(tags.bytes, at, count)
    }

    /// The decompressed samples of a tile with `down` rows.
    fn tile_samples(&self, tags: &Tags<'_>, number: usize, down: usize) -> Result<Vec<u8>, String> {
        let stride = self.row(self.tile.0);
        let len = stride * down;
        let stored = self.stored(tags, number, len)?;
        let stored = if self.is_reversed {
            Cow::from(
                stored
                    .iter()
                    .map(|byte| byte.reverse_bits())
                    .collect::<Vec<_>>(),
            )
        } else {
            Cow::from(stored)
        };
        let mut samples = self.decompressed(&stored, len)?;
        if samples.len() < len {
            let found = samples.len();
            return Err(damaged(format!(
                "strip or tile {number} has {found} bytes instead of {len}"
            )));
        }
        samples.truncate(len);
        if self.has_differences {
            let step = self.samples / self.planes();
            for row in samples.chunks_exact_mut(stride) {
                sum(row, step, self.bits, tags.order);
            }
        }
        Ok(samples)
    }

    /// Up to `len` bytes.
    fn decompressed(&self, stored: &[u8], len: usize) -> Result<Vec<u8>, String> {
        let mut samples = Vec::new();
        match self.compression {
            NONE => samples.extend_from_slice(&stored[..len.min(stored.len())]),
            PACK_BITS => unpack_bits(stored, len, &mut samples),
            LZW => {
                let decoder = weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
                samples = unpack_lzw(decoder, stored, len)?;
            }
            code if DEFLATE.contains(&code) => {
                let mut reader = ZlibDecoder::new(stored).take(len as u64);
                reader.read_to_end(&mut samples).map_err(damaged)?;
            }
            code => return Err(unsupported(format_args!("with compression {code}"))),
        }
        Ok(samples)
    }

    /// Decodes strips or tiles that are JPEG files.
    pub(super) fn jpeg(&self, tags: &Tags<'_>, photometric: u64) -> Result<Image, String> {
        if self.bits != 8 || ![1, 3].contains(&self.samples) || self.is_planar {
            return Err(unsupported(format_args!(
                "of {} samples with JPEG compression",
                self.samples
            )));
        }
        let tables = tags.raw(Tag::JpegTables).unwrap_or_default();
        let (columns, rows) = self.tiles();
        let mut pixels = vec![0; self.stride() * self.height];
        for number in 0..columns * rows {
            let (left, top) = (
                number % columns * self.tile.0,
                number / columns * self.tile.1,
            );
            let (width, height) = (
                self.tile.0.min(self.width - left),
                self.tile.1.min(self.height - top),
            );
            let stored = self.stored(tags, number, usize::MAX)?;
            let file = with_tables(stored, tables, photometric == YCBCR);
            let decoder = Decoder::new(&file).map_err(damaged)?;
            if decoder.width() < width || decoder.height() < height {
                return Err(damaged("a strip or tile is smaller than the image"));
            }
            if decoder.width() > self.tile.0 || decoder.height() > self.tile.1 {
                return Err(damaged("a strip or tile is larger than it should be"));
            }
            let tile = decoder.decode().map_err(damaged)?;
            if tile.channels != self.samples {
                return Err(damaged("a strip or tile has another number of colours"));
            }
            let used = width * self.samples;
            let rows = pixels
                .chunks_exact_mut(self.stride())
                .skip(top)
                .take(height);
            for (row, tile) in rows.zip(tile.samples.chunks_exact(tile.width * tile.channels)) {
                row[left * self.samples..][..used].copy_from_slice(&tile[..used]);
            }
        }
        Ok(Image {
            width: self.width,
            height: self.height,
            channels: self.samples,
            pixels,
        })
    }
}

/// A JPEG file of a strip and the tables that all strips share, with Adobe's segment, which names
/// the colour space.
fn with_tables(stored: &[u8], tables: &[u8], is_transformed: bool) -> Vec<u8> {
    const START: [u8; 2] = [0xFF, 0xD8];
    let mut file = START.to_vec();
    file.extend_from_slice(b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0");
    file.push(u8::from(is_transformed));
    let tables = tables.strip_prefix(&START).unwrap_or(tables);
    file.extend_from_slice(tables.strip_suffix(&[0xFF, 0xD9]).unwrap_or(tables));
    file.extend_from_slice(stored.strip_prefix(&START).unwrap_or(stored));
    file
}

/// Runs of bytes (Macintosh's PackBits).
fn unpack_bits(stored: &[u8], len: usize, samples: &mut Vec<u8>) {
    let mut rest = stored;
    while let Some((&code, after)) = rest.split_first().filter(|_| samples.len() < len) {
        rest = after;
        match code as i8 {
            -128 => {}
            count @ 0.. => {
                let (bytes, after) = rest.split_at((count as usize + 1).min(rest.len()));
                samples.extend_from_slice(bytes);
                rest = after;
            }
            count => {
                let Some((&byte, after)) = rest.split_first() else {
                    return;
                };
                samples.extend(std::iter::repeat_n(
                    byte,
                    1 + usize::from(count.unsigned_abs()),
                ));
                rest = after;
            }
        }
    }
}

fn unpack_lzw(
    mut decoder: weezl::decode::Decoder,
    stored: &[u8],
    len: usize,
) -> Result<Vec<u8>, String> {
    let mut samples = vec![0; len];
    let (mut from, mut to) = (0, 0);
    while to < len {
        let result = decoder.decode_bytes(&stored[from..], &mut samples[to..]);
        from += result.consumed_in;
        to += result.consumed_out;
        match result.status.map_err(damaged)? {
            weezl::LzwStatus::Ok if result.consumed_in + result.consumed_out > 0 => {}
            _ => break,
        }
    }
    samples.truncate(to);
    Ok(samples)
}

/// Sums the differences of a row between pixels of `step` samples.
fn sum(row: &mut [u8], step: usize, bits: usize, order: Order) {
    let bytes = bits / 8;
    let step = step * bytes;
    for at in (step..row.len() / bytes * bytes).step_by(bytes) {
        let before = order.number(&row[at - step..][..bytes]);
        let sum = before.wrapping_add(order.number(&row[at..at + bytes]));
        order.write(sum, &mut row[at..at + bytes]);
    }
}
