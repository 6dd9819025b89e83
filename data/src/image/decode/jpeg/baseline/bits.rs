//! The bits of a scan.

use std::ops::Range;

/// Zeros behind the bytes of an interval, so that eight can always be read.
const ROOM: usize = 8;
/// The first of eight restart markers, which take turns.
const FIRST_RESTART: u8 = 0xD0;
/// Bytes that are looked at together.
const CHUNK: usize = 32;

/// The bytes of a scan without those that only mark: a 0 behind each 0xFF, and restart markers.
#[derive(Debug)]
pub(super) struct Bytes {
    bytes: Vec<u8>,
    /// Where the bytes between two restart markers begin and end.
    intervals: Vec<Range<usize>>,
}

impl Bytes {
    /// Of a scan, up to what is neither an escaped 0xFF nor the restart marker whose turn it is.
    #[inline(always)]
    pub(super) fn new(scan: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(scan.len() + ROOM);
        let mut intervals = Vec::new();
        let (mut start, mut at) = (0, 0);
        loop {
            at = copy(scan, at, &mut bytes);
            match scan.get(at + 1) {
                Some(0) => bytes.push(0xFF),
                next => {
                    intervals.push(start..bytes.len());
                    bytes.extend_from_slice(&[0; ROOM]);
                    start = bytes.len();
                    let restart = FIRST_RESTART + ((intervals.len() - 1) % 8) as u8;
                    if next != Some(&restart) {
                        return Self { bytes, intervals };
                    }
                }
            }
            at += 2;
        }
    }

    /// The bits of interval `number`, if there is one.
    pub(super) fn interval(&self, number: usize) -> Option<Bits<'_>> {
        let Range { start, end } = *self.intervals.get(number)?;
        Some(Bits {
            bytes: &self.bytes[start..end + ROOM],
            at: 0,
            buffer: 0,
            count: 0,
        })
    }
}

/// Appends the bytes from `at` on to the next 0xFF, or to the end, and returns where that is.
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

/// Reads bits from the highest of each byte to the lowest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bits<'a> {
    /// Of an interval.
    bytes: &'a [u8],
    /// The next byte to take.
    at: usize,
    /// The next bits, from the highest on. Those beyond `count` are no longer 0, but what they will be.
    buffer: u64,
    /// How many bits have been made available and not been taken.
    count: u32,
}

impl Bits<'_> {
    /// Makes at least 56 bits available: two codes and their values. Beyond the end they are 0.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        let rest = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.first_chunk());
        // No branch depends on how many bits there are, since that cannot be foretold.
        let next = u64::from_be_bytes(rest.copied().unwrap_or_default());
        self.buffer |= next >> self.count;
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// The next `COUNT` bits as a number.
    #[inline(always)]
    pub(super) fn peek<const COUNT: u32>(&self) -> usize {
        (self.buffer >> (64 - COUNT)) as usize
    }

    /// The number that the `size` bits (at least one) behind the next `skip` stand for: those that begin with 1
    /// themselves, the others their value less `2^size - 1`.
    #[inline(always)]
    pub(super) fn value(&self, skip: u32, size: u32) -> i32 {
        let bits = self.buffer << skip;
        let value = (bits >> (64 - size)) as i32;
        let is_negative = !(bits as i64 >> 63) as i32;
        value - (is_negative & ((1 << size) - 1))
    }

    /// Takes `count` bits away.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.count -= count;
    }

    /// Whether more bits were taken than there were.
    pub(super) fn overrun(&self) -> bool {
        8 * (self.bytes.len() - ROOM) + (self.count as usize) < 8 * self.at
    }
}
