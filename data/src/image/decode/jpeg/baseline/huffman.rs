//! Huffman codes as tables.

use super::bits::Bits;

/// Codes up to this length are looked up in one step; longer ones are rare.
const LOOKUP: u32 = 10;
/// The longest code.
const LONGEST: usize = 16;
const LONGEST_BITS: u32 = LONGEST as u32;

/// Bits of the largest difference between two means.
const MOST_BITS: u8 = 11;

/// What a code stands for, and how many bits it takes. Four bytes in one number, since this is what the decoder waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Code(u32);

impl Code {
    fn new(length: usize, symbol: u8) -> Self {
        let [length, symbol] = [length as u32, u32::from(symbol)];
        let size = symbol & 15;
        Self((length + size) | length << 8 | size << 16 | (symbol >> 4) << 24)
    }

    /// Whether there is no such code.
    #[inline(always)]
    pub(super) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Bits of the code and of the value behind it.
    #[inline(always)]
    pub(super) fn total(self) -> u32 {
        self.0 & 0xFF
    }

    /// Bits of the code alone.
    #[inline(always)]
    pub(super) fn length(self) -> u32 {
        self.0 >> 8 & 0xFF
    }

    /// Bits of the value.
    #[inline(always)]
    pub(super) fn size(self) -> u32 {
        self.0 >> 16 & 0xFF
    }

    /// Zeros before the value.
    #[inline(always)]
    pub(super) fn run(self) -> usize {
        (self.0 >> 24) as usize
    }
}

/// One Huffman table.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// By the next [`LOOKUP`] bits.
    table: Box<[Code; 1 << LOOKUP]>,
    /// By length: one more than the last code of that length, as the upper bits of 16; and what to add to a code to
    /// find its symbol.
    ends: [u32; LONGEST + 1],
    offsets: [i32; LONGEST + 1],
    symbols: Vec<u8>,
}

impl Huffman {
    /// A table of `lengths[l - 1]` codes of l bits, which stand for `symbols` in ascending order. `None` if there are
    /// more codes of a length than are possible, or values of more bits than 8-bit samples need.
    pub(super) fn new(lengths: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        if symbols.iter().any(|symbol| symbol & 15 > MOST_BITS) {
            return None;
        }
        let mut table = Box::new([Code::default(); 1 << LOOKUP]);
        let (mut ends, mut offsets) = ([0; LONGEST + 1], [0; LONGEST + 1]);
        let (mut code, mut at) = (0u32, 0usize);
        for (length, &count) in (1..).zip(lengths) {
            offsets[length] = at as i32 - code as i32;
            for _ in 0..count {
                if let Some(shift) = LOOKUP.checked_sub(length as u32) {
                    let first = (code << shift) as usize;
                    let places = table.get_mut(first..first + (1 << shift))?;
                    places.fill(Code::new(length, symbols[at]));
                }
                code += 1;
                at += 1;
            }
            if code > 1 << length {
                return None;
            }
            ends[length] = code << (LONGEST - length);
            code <<= 1;
        }
        Some(Self {
            table,
            ends,
            offsets,
            symbols: symbols.to_vec(),
        })
    }

    /// The code that comes next, not yet taken from `bits`.
    #[inline(always)]
    pub(super) fn next(&self, bits: &Bits<'_>) -> Code {
        let code = self.table[bits.peek::<LOOKUP>()];
        if code.is_none() {
            return self.long(bits.peek::<LONGEST_BITS>());
        }
        code
    }

    /// The code that the next 16 bits begin with.
    #[cold]
    fn long(&self, next: usize) -> Code {
        for length in LOOKUP as usize + 1..=LONGEST {
            if (next as u32) < self.ends[length] {
                let code = (next >> (LONGEST - length)) as i32;
                let symbol = self.symbols.get((code + self.offsets[length]) as usize);
                return symbol.map_or(Code::default(), |&symbol| Code::new(length, symbol));
            }
        }
        Code::default()
    }
}
