//! Palettes.

/// Colours of a palette: red, green, blue.
#[derive(Clone, Debug)]
pub(super) struct Palette([[u8; 3]; 256]);

impl Palette {
    /// A palette of the given colours. Indices beyond them are greys, as in Pillow.
    pub(super) fn new(colours: impl IntoIterator<Item = [u8; 3]>) -> Self {
        let mut palette = std::array::from_fn(|index| [index as u8; 3]);
        for (place, colour) in palette.iter_mut().zip(colours) {
            *place = colour;
        }
        Self(palette)
    }

    /// The interleaved samples of indexed pixels.
    pub(super) fn colours(&self, indices: &[u8]) -> Vec<u8> {
        let colour = |&index: &u8| self.0[usize::from(index)];
        indices.iter().flat_map(colour).collect()
    }
}

/// The samples of packed rows, `bits` (1, 2, 4 or 8) each, most significant first. Each row begins
/// with a byte.
pub(super) fn unpack(rows: &[u8], stride: usize, width: usize, bits: usize) -> Vec<u8> {
    let per_byte = 8 / bits;
    let mask = (0xFFu16 >> (8 - bits)) as u8;
    let sample = |row: &[u8], x: usize| {
        let shift = 8 - bits * (x % per_byte + 1);
        row[x / per_byte] >> shift & mask
    };
    let rows = rows.chunks_exact(stride.max(1));
    rows.flat_map(|row| (0..width).map(move |x| sample(row, x)))
        .collect()
}
