//! Quantisation and Huffman tables, and the restart interval. They may change between scans.

use crate::JpegError;
use crate::huffman::Huffman;
use crate::segments::{HUFFMAN_TABLES, QUANTIZATION_TABLES, RESTART_INTERVAL, Segment};

/// The tables in force at a scan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// In zigzag order.
    pub(crate) quantization: [Option<[i32; 64]>; 4],
    pub(crate) dc: [Option<Huffman>; 4],
    pub(crate) ac: [Option<Huffman>; 4],
    /// Restart interval in minimum coded units; 0 for none.
    pub(crate) restart: usize,
}

impl Tables {
    /// Reads a segment with tables; other segments change nothing.
    pub(crate) fn read(&mut self, segment: &Segment<'_>) -> Result<(), JpegError> {
        let content = segment.content;
        let (read, what) = match segment.kind {
            HUFFMAN_TABLES => (self.huffman(content), "a Huffman table"),
            QUANTIZATION_TABLES => (self.quantization(content), "a quantisation table"),
            RESTART_INTERVAL => (self.restart(content), "the restart interval"),
            _ => return Ok(()),
        };
        read.ok_or_else(|| JpegError::damaged(format!("{what} is invalid or cut short")))
    }

    /// The quantisation table `index`.
    pub(crate) fn quantizer(&self, index: usize) -> Result<&[i32; 64], JpegError> {
        let table = self.quantization.get(index).and_then(Option::as_ref);
        table.ok_or_else(|| JpegError::damaged(format!("it has no quantisation table {index}")))
    }

    /// The Huffman table `index` of DC coefficients.
    pub(crate) fn dc(&self, index: usize) -> Result<&Huffman, JpegError> {
        let table = self.dc.get(index).and_then(Option::as_ref);
        table.ok_or_else(|| JpegError::damaged(format!("it has no Huffman table {index} for DC")))
    }

    /// The Huffman table `index` of AC coefficients.
    pub(crate) fn ac(&self, index: usize) -> Result<&Huffman, JpegError> {
        let table = self.ac.get(index).and_then(Option::as_ref);
        table.ok_or_else(|| JpegError::damaged(format!("it has no Huffman table {index} for AC")))
    }

    /// Fills in the tables of the standard where there are none: frames of Motion JPEG leave them
    /// out.
    pub(crate) fn complete(&mut self) {
        for index in 0..2 {
            if self.dc[index].is_none() {
                self.dc[index] = Huffman::standard_dc(index);
            }
            if self.ac[index].is_none() {
                self.ac[index] = Huffman::standard_ac(index);
            }
        }
    }

    fn huffman(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((&place, rest)) = content.split_first() {
            let lengths: &[u8; 16] = rest.first_chunk()?;
            let count: usize = lengths.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(16..16 + count)?;
            let tables = match place >> 4 {
                0 => &mut self.dc,
                1 => &mut self.ac,
                _ => return None,
            };
            *tables.get_mut(usize::from(place & 15))? = Some(Huffman::new(lengths, symbols)?);
            content = &rest[16 + count..];
        }
        Some(())
    }

    fn quantization(&mut self, mut content: &[u8]) -> Option<()> {
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

    fn restart(&mut self, content: &[u8]) -> Option<()> {
        self.restart = usize::from(u16::from_be_bytes(*content.first_chunk()?));
        Some(())
    }
}
