//! Decoding of one block of a scan into its coefficients (T.81, G.1.2).

use crate::JpegError;
use crate::bits::Bits;
use crate::coefficients::Block;
use crate::frame::Coding;
use crate::header::{Scan, Scanned};
use crate::huffman::Huffman;
use crate::scan;
use crate::tables::Tables;

/// A run of this many zeros without a value (ZRL) does not end the band.
const LONGEST_RUN: usize = 15;

/// A band of coefficients: zigzag indices of the first and the last.
#[derive(Clone, Copy)]
pub(crate) struct Band {
    first: usize,
    last: usize,
}

/// The part of each block that is in a scan; `low` is the lowest bit.
#[derive(Clone, Copy)]
pub(crate) enum Pass {
    /// Everything.
    Sequential,
    /// The DC coefficient without its lower bits.
    FirstDc { low: u32 },
    /// The next bit of the DC coefficient.
    NextDc { low: u32 },
    /// AC coefficients without their lower bits.
    FirstAc { band: Band, low: u32 },
    /// The next bit of AC coefficients.
    NextAc { band: Band, low: u32 },
}

impl Pass {
    pub(crate) fn new(coding: Coding, scan: &Scan) -> Self {
        let &Scan {
            first,
            last,
            high,
            low,
            ..
        } = scan;
        let band = Band { first, last };
        match (coding, first, high) {
            (Coding::Sequential, ..) => Self::Sequential,
            (_, 0, 0) => Self::FirstDc { low },
            (_, 0, _) => Self::NextDc { low },
            (_, _, 0) => Self::FirstAc { band, low },
            _ => Self::NextAc { band, low },
        }
    }
}

/// A component of a scan, with the state that goes from block to block.
pub(crate) struct Channel<'a> {
    /// Index of the component in the frame.
    pub(crate) index: usize,
    dc: Option<&'a Huffman>,
    ac: Option<&'a Huffman>,
    /// DC coefficient of the previous block, to which the next is coded as a difference.
    last_dc: i32,
    /// Number of further blocks without new values.
    ended: u32,
}

impl<'a> Channel<'a> {
    pub(crate) fn new(pass: Pass, scanned: Scanned, tables: &'a Tables) -> Result<Self, JpegError> {
        let (dc, ac) = match pass {
            Pass::Sequential => (Some(tables.dc(scanned.dc)?), Some(tables.ac(scanned.ac)?)),
            Pass::FirstDc { .. } => (Some(tables.dc(scanned.dc)?), None),
            Pass::NextDc { .. } => (None, None),
            Pass::FirstAc { .. } | Pass::NextAc { .. } => (None, Some(tables.ac(scanned.ac)?)),
        };
        Ok(Self {
            index: scanned.index,
            dc,
            ac,
            last_dc: 0,
            ended: 0,
        })
    }

    /// Begins a restart interval.
    pub(crate) fn restart(&mut self) {
        self.last_dc = 0;
        self.ended = 0;
    }

    /// Reads the next block. `None` if it has an invalid code.
    #[inline(always)]
    pub(crate) fn read(
        &mut self,
        pass: Pass,
        bits: &mut Bits<'_>,
        block: &mut Block,
    ) -> Option<()> {
        match pass {
            Pass::Sequential => {
                block[0] = scan::dc(bits, self.dc?, &mut self.last_dc)? as i16;
                scan::ac(bits, self.ac?, |k, value| block[k] = value as i16)
            }
            Pass::FirstDc { low } => {
                block[0] = (scan::dc(bits, self.dc?, &mut self.last_dc)? << low) as i16;
                Some(())
            }
            Pass::NextDc { low } => {
                bits.refill();
                block[0] |= (bits.take(1) << low) as i16;
                Some(())
            }
            Pass::FirstAc { band, low } => self.first_ac(band, low, bits, block),
            Pass::NextAc { band, low } => self.next_ac(band, low, bits, block),
        }
    }

    fn first_ac(
        &mut self,
        band: Band,
        low: u32,
        bits: &mut Bits<'_>,
        block: &mut Block,
    ) -> Option<()> {
        if self.ended > 0 {
            self.ended -= 1;
            return Some(());
        }
        let table = self.ac?;
        let mut k = band.first;
        while k <= band.last {
            bits.refill();
            let code = table.next(bits);
            if code.is_none() {
                return None;
            }
            k += code.run();
            if code.size() > 0 {
                let value = bits.value(code.length(), code.size());
                *block.get_mut(k)? = (value << low) as i16;
                bits.skip(code.total());
            } else {
                bits.skip(code.total());
                if code.run() < LONGEST_RUN {
                    self.ended = end_of_bands(code.run(), bits) - 1;
                    break;
                }
            }
            k += 1;
        }
        Some(())
    }

    fn next_ac(
        &mut self,
        band: Band,
        low: u32,
        bits: &mut Bits<'_>,
        block: &mut Block,
    ) -> Option<()> {
        let table = self.ac?;
        let bit = 1i16 << low;
        let mut k = band.first;
        while self.ended == 0 && k <= band.last {
            bits.refill();
            let code = table.next(bits);
            if code.is_none() {
                return None;
            }
            bits.skip(code.length());
            let mut value = 0;
            if code.size() > 0 {
                value = if bits.take(1) > 0 { bit } else { -bit };
            } else if code.run() < LONGEST_RUN {
                self.ended = end_of_bands(code.run(), bits);
                break;
            }
            // Coefficients that are not zero take a bit each and do not count.
            let mut zeros = code.run();
            while k <= band.last {
                let coefficient = &mut block[k];
                if *coefficient != 0 {
                    refine(coefficient, bit, bits);
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if value != 0 {
                *block[..=band.last].get_mut(k)? = value;
            }
            k += 1;
        }
        if self.ended > 0 {
            self.ended -= 1;
            for coefficient in block.get_mut(k..=band.last).unwrap_or_default() {
                if *coefficient != 0 {
                    refine(coefficient, bit, bits);
                }
            }
        }
        Some(())
    }
}

/// Number of blocks, with the present one, that an end-of-band code covers.
fn end_of_bands(size: usize, bits: &mut Bits<'_>) -> u32 {
    let size = size as u32;
    (1 << size) + bits.take(size) as u32
}

/// Reads the next bit of a coefficient that is not zero.
#[inline(always)]
fn refine(coefficient: &mut i16, bit: i16, bits: &mut Bits<'_>) {
    bits.refill();
    if bits.take(1) > 0 && *coefficient & bit == 0 {
        let step = if *coefficient >= 0 { bit } else { -bit };
        *coefficient = coefficient.wrapping_add(step);
    }
}
