//! Bit reader of a scan.

use std::ops::Range;

/// Zero bytes after an interval, so that eight can always be read.
const PADDING: usize = 8;
/// The first of the eight restart markers, which are used in turn.
const FIRST_RESTART: u8 = 0xD0;
/// Bytes searched at a time.
const CHUNK: usize = 32;

/// The bytes of a scan without the stuffed 0 after each 0xFF and without restart markers.
#[derive(Debug)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    /// The ranges of `bytes` between restart markers.
    intervals: Vec<Range<usize>>,
    /// Number of bytes of the file.
    pub(crate) len: usize,
}

impl Bytes {
    /// Reads a scan up to the first marker that is not the next restart marker.
    #[inline(always)]
    pub(crate) fn new(scan: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(scan.len() + PADDING);
        let mut intervals = Vec::new();
        let (mut start, mut at) = (0, 0);
        loop {
            at = copy(scan, at, &mut bytes);
            match scan.get(at + 1) {
                Some(0) => bytes.push(0xFF),
                // A fill byte.
                Some(0xFF) => {
                    at += 1;
                    continue;
                }
                next => {
                    intervals.push(start..bytes.len());
                    bytes.extend_from_slice(&[0; PADDING]);
                    start = bytes.len();
                    let restart = FIRST_RESTART + ((intervals.len() - 1) % 8) as u8;
                    if next != Some(&restart) {
                        return Self {
                            bytes,
                            intervals,
                            len: at,
                        };
                    }
                }
            }
            at += 2;
        }
    }

    /// Reader of restart interval `number`, if there is one.
    pub(crate) fn interval(&self, number: usize) -> Option<Bits<'_>> {
        let Range { start, end } = *self.intervals.get(number)?;
        Some(Bits {
            bytes: &self.bytes[start..end + PADDING],
            at: 0,
            buffer: 0,
            count: 0,
        })
    }
}

/// Appends the bytes from `at` up to the next 0xFF, or to the end, and returns that position.
#[inline(always)]
fn copy(scan: &[u8], mut at: usize, bytes: &mut Vec<u8>) -> usize {
    let is_plain = |chunk: &[u8; CHUNK]| {
        chunk
            .iter()
            .fold(0, |found, &byte| found | u8::from(byte == 0xFF))
            == 0
    };
    while let Some(chunk) = scan[at..]
        .first_chunk::<CHUNK>()
        .filter(|chunk| is_plain(chunk))
    {
        bytes.extend_from_slice(chunk);
        at += CHUNK;
    }
    let rest = scan[at..].iter().take_while(|&&byte| byte != 0xFF);
    let before = bytes.len();
    bytes.extend(rest);
    at + bytes.len() - before
}

/// Reads the bits of an interval, most significant first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    /// The interval and its padding.
    bytes: &'a [u8],
    /// Position of the next byte to buffer.
    at: usize,
    /// The next bits, most significant first. Bits beyond `count` already have their final values.
    buffer: u64,
    /// Number of buffered bits.
    count: u32,
}

impl Bits<'_> {
    /// Buffers at least 56 bits, enough for two codes and their values; zeros beyond the end.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let rest = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        // Branch-free in the number of buffered bits, which is unpredictable.
        let next = u64::from_be_bytes(rest.copied().unwrap_or_default());
        self.buffer |= next >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// The next `COUNT` bits as a number.
    #[inline(always)]
    pub(crate) fn peek<const COUNT: u32>(&self) -> usize {
        (self.buffer >> (64 - COUNT)) as usize
    }

    /// The signed value in the `size` bits (at least one) after the next `skip`: the bits
    /// themselves if they begin with 1, otherwise the bits minus `2^size - 1` (T.81, F.2.2.1,
    /// EXTEND).
    #[inline(always)]
    pub(crate) fn value(&self, skip: u32, size: u32) -> i32 {
        let bits = self.buffer << skip;
        let value = (bits >> (64 - size)) as i32;
        let is_negative = !(bits as i64 >> 63) as i32;
        value - (is_negative & ((1 << size) - 1))
    }

    /// Consumes the next `count` bits (fewer than 32, and buffered) and returns them as a number.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> i32 {
        let bits = (self.buffer >> 32) as u32;
        self.skip(count);
        // Shifting by all 32 bits gives 0.
        bits.checked_shr(32 - count).unwrap_or(0) as i32
    }

    /// Consumes `count` bits.
    #[inline(always)]
    pub(crate) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// True if more bits were consumed than the interval has.
    pub(crate) fn overrun(&self) -> bool {
        8 * (self.bytes.len() - PADDING) + (self.count as usize) < 8 * self.at
    }
}
