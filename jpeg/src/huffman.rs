//! Huffman decoding by table lookup.

use crate::bits::Bits;

/// Codes up to this length are found in one lookup; longer ones are rare.
const LOOKUP: u32 = 10;
/// Length of the longest code.
const LONGEST: usize = 16;
const LONGEST_BITS: u32 = LONGEST as u32;

/// Largest bit size of a value: of a difference between DC coefficients.
const MAX_SIZE: u8 = 11;

/// A decoded code: run, size and lengths packed into one word, since the lookup is the decoder's
/// critical path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Code(u32);

impl Code {
    fn new(length: usize, symbol: u8) -> Self {
        if symbol & 15 > MAX_SIZE {
            return Self::default();
        }
        let [length, symbol] = [length as u32, u32::from(symbol)];
        let size = symbol & 15;
        Self((length + size) | length << 8 | size << 16 | (symbol >> 4) << 24)
    }

    /// True for bits that are no code.
    #[inline(always)]
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Bits of the code and of its value.
    #[inline(always)]
    pub(crate) fn total(self) -> u32 {
        self.0 & 0xFF
    }

    /// Bits of the code alone.
    #[inline(always)]
    pub(crate) fn length(self) -> u32 {
        self.0 >> 8 & 0xFF
    }

    /// Bits of the value.
    #[inline(always)]
    pub(crate) fn size(self) -> u32 {
        self.0 >> 16 & 0xFF
    }

    /// Number of zero coefficients before the value.
    #[inline(always)]
    pub(crate) fn run(self) -> usize {
        (self.0 >> 24) as usize
    }
}

/// One Huffman table.
#[derive(Clone, Debug)]
pub(crate) struct Huffman {
    /// Indexed by the next [`LOOKUP`] bits.
    table: Box<[Code; 1 << LOOKUP]>,
    /// By code length: the end of its codes, left-aligned in 16 bits; and the offset from a code to
    /// the index of its symbol.
    ends: [u32; LONGEST + 1],
    offsets: [i32; LONGEST + 1],
    symbols: Vec<u8>,
}

impl Huffman {
    /// A table with `lengths[l - 1]` codes of `l` bits for `symbols`, in ascending order. `None` if
    /// a length has more codes than are possible. Symbols of values with more bits than 8-bit
    /// samples need are no codes, since some encoders list every symbol.
    pub(crate) fn new(lengths: &[u8; LONGEST], symbols: &[u8]) -> Option<Self> {
        let mut table = Box::new([Code::default(); 1 << LOOKUP]);
        let (mut ends, mut offsets) = ([0; LONGEST + 1], [0; LONGEST + 1]);
        let (mut code, mut at) = (0u32, 0usize);
        for (length, &count) in (1..).zip(lengths) {
            offsets[length] = at as i32 - code as i32;
            for _ in 0..count {
                if let Some(shift) = LOOKUP.checked_sub(length as u32) {
                    let first = (code << shift) as usize;
                    let places = table.get_mut(first..first + (1 << shift))?;
                    places.fill(Code::new(length, *symbols.get(at)?));
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

    /// The next code, not yet consumed from `bits`.
    #[inline(always)]
    pub(crate) fn next(&self, bits: &Bits<'_>) -> Code {
        let code = self.table[bits.peek::<LOOKUP>()];
        if code.is_none() {
            return self.long(bits.peek::<LONGEST_BITS>());
        }
        code
    }

    /// The code at the start of the next 16 bits, which is longer than [`LOOKUP`] or none.
    #[cold]
    fn long(&self, next: usize) -> Code {
        for length in 1..=LONGEST {
            if (next as u32) < self.ends[length] {
                let code = (next >> (LONGEST - length)) as i32;
                let symbol = self.symbols.get((code + self.offsets[length]) as usize);
                return symbol.map_or(Code::default(), |&symbol| Code::new(length, symbol));
            }
        }
        Code::default()
    }
}
