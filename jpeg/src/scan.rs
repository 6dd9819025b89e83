//! Decoding of a file with a single scan: bits to coefficients to the samples of a region.
//!
//! The Huffman codes before the last row of a region must all be read, since none marks where the
//! next begins. The costly steps after that run inside the region alone, and nothing is read below
//! it.

use crate::JpegError;
use crate::bits::{Bits, Bytes};
use crate::frame::Component;
use crate::header::Header;
use crate::huffman::Huffman;
use crate::idct::{self, Coefficients, LANES};
use crate::plane::Plane;
use multiversion::multiversion;

/// Positions of the coefficients of a scan in their block.
pub(crate) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];
/// A run of this many zeros without a value (ZRL) does not end the block.
const LONGEST_RUN: usize = 15;

/// A component with its tables and its plane.
struct Channel<'a> {
    component: Component,
    quantization: &'a [i32; 64],
    dc: &'a Huffman,
    ac: &'a Huffman,
    /// DC coefficient of the previous block, to which the next is coded as a difference.
    last_dc: i32,
    plane: &'a mut Plane,
}

/// Blocks that wait for the inverse cosine transform, which takes [`LANES`] at once.
struct Queue {
    coefficients: Coefficients,
    /// For each block, the index of its channel and the offset of its samples in the plane.
    targets: [(usize, usize); LANES],
    len: usize,
}

/// Decodes the blocks that are in `planes`, one plane per component; of the others, only the
/// Huffman codes. Stops after the last of them.
///
/// # Errors
/// If the scan is damaged before that.
pub(crate) fn decode(header: &Header<'_>, planes: &mut [Plane]) -> Result<(), JpegError> {
    let tables = &header.tables;
    let mut channels = Vec::with_capacity(planes.len());
    for (scanned, plane) in header.scan.components.iter().zip(planes) {
        let component = header.frame.components[scanned.index];
        channels.push(Channel {
            component,
            quantization: tables.quantizer(component.quantization)?,
            dc: tables.dc(scanned.dc)?,
            ac: tables.ac(scanned.ac)?,
            last_dc: 0,
            plane,
        });
    }
    units(header, &mut channels).ok_or_else(damaged)
}

/// The error for codes that do not exist or are missing.
pub(crate) fn damaged() -> JpegError {
    JpegError::damaged("a scan has an invalid code or ends too early")
}

/// Decodes the minimum coded units.
#[multiversion(targets = "simd")]
fn units(header: &Header<'_>, channels: &mut [Channel<'_>]) -> Option<()> {
    let (across, _) = header.frame.units();
    let restart = header.tables.restart;
    let last = |end: fn(&Channel<'_>) -> usize| channels.iter().map(end).max().unwrap_or(0);
    let rows = last(|c| c.plane.blocks.bottom().div_ceil(c.component.down));
    let columns = last(|c| c.plane.blocks.right().div_ceil(c.component.across));
    let bytes = Bytes::new(header.data);
    let mut bits = bytes.interval(0)?;
    let mut queue = Queue::default();
    for number in 0..(rows * across).saturating_sub(across - columns) {
        // Never true without restarts: no positive number is a multiple of 0.
        if number > 0 && number.is_multiple_of(restart) {
            bits = bytes.interval(number / restart)?;
            channels.iter_mut().for_each(|channel| channel.last_dc = 0);
        }
        let position = (number / across, number % across);
        unit(&mut bits, channels, &mut queue, position)?;
        if bits.overrun() {
            return None;
        }
    }
    queue.flush(channels);
    Some(())
}

/// Decodes the blocks of one unit.
#[inline(always)]
fn unit(
    bits: &mut Bits<'_>,
    channels: &mut [Channel<'_>],
    queue: &mut Queue,
    (row, column): (usize, usize),
) -> Option<()> {
    for number in 0..channels.len() {
        let Component { across, down, .. } = channels[number].component;
        for block in 0..across * down {
            let x = column * across + block % across;
            let y = row * down + block / across;
            let channel = &mut channels[number];
            match channel.plane.offset(x, y) {
                Some(start) => decode_block(bits, channel, number, start, queue)?,
                None => skip_block(bits, channel)?,
            }
            if queue.len == LANES {
                queue.flush(channels);
            }
        }
    }
    Some(())
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            coefficients: [[0; LANES]; 64],
            targets: [(0, 0); LANES],
            len: 0,
        }
    }
}

impl Queue {
    /// Writes the samples of the waiting blocks.
    #[inline(always)]
    fn flush(&mut self, channels: &mut [Channel<'_>]) {
        let samples = idct::blocks(&self.coefficients);
        for (&(number, start), block) in self.targets[..self.len].iter().zip(&samples) {
            channels[number].plane.write(start, block);
        }
        *self = Self::default();
    }
}

/// Decodes a block whose samples begin at `start` in the channel's plane, and queues it unless it
/// is flat.
#[inline(always)]
fn decode_block(
    bits: &mut Bits<'_>,
    channel: &mut Channel<'_>,
    number: usize,
    start: usize,
    queue: &mut Queue,
) -> Option<()> {
    let lane = queue.len % LANES;
    let dc = dc(bits, channel.dc, &mut channel.last_dc)?.wrapping_mul(channel.quantization[0]);
    let quantization = channel.quantization;
    let mut is_flat = true;
    ac(bits, channel.ac, |k, value| {
        let position = usize::from(ZIGZAG[k]);
        queue.coefficients[position][lane] = value.wrapping_mul(quantization[k]);
        is_flat = false;
    })?;
    if is_flat {
        let stride = channel.plane.stride;
        let rows = channel.plane.samples[start..].chunks_mut(stride);
        rows.take(8).for_each(|row| row[..8].fill(idct::flat(dc)));
    } else {
        queue.coefficients[0][lane] = dc;
        queue.targets[lane] = (number, start);
        queue.len += 1;
    }
    Some(())
}

/// Reads the codes of a block outside of the region.
#[inline(always)]
fn skip_block(bits: &mut Bits<'_>, channel: &mut Channel<'_>) -> Option<()> {
    dc(bits, channel.dc, &mut channel.last_dc)?;
    ac(bits, channel.ac, |_, _| {})
}

/// Decodes the DC coefficient of a block, given that of the previous block.
#[inline(always)]
pub(crate) fn dc(bits: &mut Bits<'_>, table: &Huffman, last: &mut i32) -> Option<i32> {
    bits.refill();
    let code = table.next(bits);
    if code.is_none() {
        return None;
    }
    if code.size() > 0 {
        *last = last.wrapping_add(bits.value(code.length(), code.size()));
    }
    bits.skip(code.total());
    Some(*last)
}

/// Decodes the AC coefficients of a block and calls `each` with the zigzag index and value of those
/// that are not 0.
#[inline(always)]
pub(crate) fn ac(
    bits: &mut Bits<'_>,
    table: &Huffman,
    mut each: impl FnMut(usize, i32),
) -> Option<()> {
    let mut k = 1;
    while k < 64 {
        bits.refill();
        // The buffered bits are enough for two codes.
        for _ in 0..2 {
            let code = table.next(bits);
            if code.is_none() {
                return None;
            }
            k += code.run();
            if code.size() > 0 {
                if k > 63 {
                    return None;
                }
                each(k, bits.value(code.length(), code.size()));
            } else if code.run() != LONGEST_RUN {
                bits.skip(code.total());
                return Some(());
            }
            bits.skip(code.total());
            k += 1;
            if k > 63 {
                break;
            }
        }
    }
    Some(())
}
