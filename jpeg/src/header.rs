//! The header: frame, tables and the start of the scan.

use crate::huffman::Huffman;
use crate::segments::{START_OF_SCAN, segments};

const BASELINE: u8 = 0xC0;
const EXTENDED: u8 = 0xC1;
const HUFFMAN_TABLES: u8 = 0xC4;
const QUANTIZATION_TABLES: u8 = 0xDB;
const RESTART_INTERVAL: u8 = 0xDD;
const APP14: u8 = 0xEE;
/// Adobe's colour transform code for YCbCr.
const ADOBE_YCBCR: u8 = 1;
/// The largest code that is defined; libjpeg ignores others.
const ADOBE_MAX: u8 = 2;

/// Y, Cb or Cr.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Component {
    id: u8,
    /// Sampling factors: blocks in a minimum coded unit, across and down.
    pub(crate) across: usize,
    pub(crate) down: usize,
    /// Indices of its tables.
    pub(crate) quantization: usize,
    pub(crate) dc: usize,
    pub(crate) ac: usize,
}

/// Everything needed to decode the scan.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// One (grey) or three (YCbCr).
    pub(crate) components: Vec<Component>,
    /// In zigzag order.
    pub(crate) quantization: [Option<[i32; 64]>; 4],
    pub(crate) dc: [Option<Huffman>; 4],
    pub(crate) ac: [Option<Huffman>; 4],
    /// Restart interval in minimum coded units; 0 for none.
    pub(crate) restart: usize,
    /// Entropy-coded data.
    pub(crate) scan: &'a [u8],
}

impl<'a> Header<'a> {
    /// `None` unless the file is one sequential scan of 8-bit grey or YCbCr.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut header = Self {
            width: 0,
            height: 0,
            components: Vec::new(),
            quantization: [None; 4],
            dc: Default::default(),
            ac: Default::default(),
            restart: 0,
            scan: &[],
        };
        for segment in segments(bytes) {
            let content = segment.content();
            match segment.kind {
                BASELINE | EXTENDED => header.frame(content)?,
                // Other frames: progressive, lossless, arithmetic coding.
                0xC2..=0xC3 | 0xC5..=0xCF => return None,
                HUFFMAN_TABLES => header.huffman_tables(content)?,
                QUANTIZATION_TABLES => header.quantization_tables(content)?,
                RESTART_INTERVAL => {
                    header.restart = usize::from(u16::from_be_bytes(first(content)?));
                }
                APP14 if !is_ycbcr(content) => return None,
                START_OF_SCAN if segment.has_end() => {
                    header.start_of_scan(content)?;
                    return Some(header);
                }
                _ => {}
            }
        }
        None
    }

    /// Number of minimum coded units, across and down.
    pub(crate) fn units(&self) -> (usize, usize) {
        let luma = &self.components[0];
        let units = |pixels: usize, blocks: usize| pixels.div_ceil(8 * blocks);
        (
            units(self.width, luma.across),
            units(self.height, luma.down),
        )
    }

    fn frame(&mut self, content: &[u8]) -> Option<()> {
        let [precision, h1, h0, w1, w0, count] = first(content)?;
        let known = precision == 8 && [1, 3].contains(&count) && self.components.is_empty();
        if !known || content.len() != 6 + 3 * usize::from(count) {
            return None;
        }
        self.height = usize::from(u16::from_be_bytes([h1, h0]));
        self.width = usize::from(u16::from_be_bytes([w1, w0]));
        for component in content[6..].chunks_exact(3) {
            self.components.push(Component {
                id: component[0],
                across: usize::from(component[1] >> 4),
                down: usize::from(component[1] & 15),
                quantization: usize::from(component[2]),
                ..Component::default()
            });
        }
        if let [only] = &mut self.components[..] {
            // A scan of one component has one block per unit, whatever its factors.
            (only.across, only.down) = (1, 1);
        }
        (self.width > 0 && self.height > 0 && self.is_supported()).then_some(())
    }

    /// True for grey, and for YCbCr with chroma at full or half resolution in each direction.
    fn is_supported(&self) -> bool {
        let ids: Vec<u8> = self
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        let factors = |c: &Component| (c.across, c.down);
        let luma = factors(&self.components[0]);
        let chroma = self.components[1..].iter().all(|c| factors(c) == (1, 1));
        ids != *b"RGB" && chroma && [1, 2].contains(&luma.0) && [1, 2].contains(&luma.1)
    }

    fn huffman_tables(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let lengths: [u8; 16] = first(rest)?;
            let count: usize = lengths.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(16..16 + count)?;
            let tables = match place >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(place & 15))? = Some(Huffman::new(&lengths, symbols)?);
            content = &rest[16 + count..];
        }
        Some(())
    }

    fn quantization_tables(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let wide = match place >> 4 {
                0 => false,
                1 => true,
                _ => return None,
            };
            let len = if wide { 128 } else { 64 };
            let values = rest.get(..len)?;
            let value = |k: usize| {
                if wide {
                    i32::from(u16::from_be_bytes([values[2 * k], values[2 * k + 1]]))
                } else {
                    i32::from(values[k])
                }
            };
            let table = self.quantization.get_mut(usize::from(place & 15))?;
            *table = Some(std::array::from_fn(value));
            content = &rest[len..];
        }
        Some(())
    }

    fn start_of_scan(&mut self, content: &'a [u8]) -> Option<()> {
        let count = self.components.len();
        let (&scanned, rest) = content.split_first()?;
        let tables = rest.get(..2 * count)?;
        let after = rest.get(2 * count..)?;
        // Sequential: all coefficients of all components in one scan, in full precision.
        if count == 0 || usize::from(scanned) != count || first(after)? != [0u8, 63, 0] {
            return None;
        }
        for (component, table) in self.components.iter_mut().zip(tables.chunks_exact(2)) {
            if table[0] != component.id {
                return None;
            }
            component.dc = usize::from(table[1] >> 4);
            component.ac = usize::from(table[1] & 15);
        }
        self.scan = &after[3..];
        Some(())
    }
}

/// The first bytes of `content`.
fn first<const N: usize>(content: &[u8]) -> Option<[u8; N]> {
    content.first_chunk().copied()
}

/// True unless Adobe's segment says that three components are not YCbCr.
fn is_ycbcr(content: &[u8]) -> bool {
    let is_adobe = content.starts_with(b"Adobe");
    let transform = content.get(11).filter(|_| is_adobe);
    transform.is_none_or(|&number| number == ADOBE_YCBCR || number > ADOBE_MAX)
}
