//! Sequential reader of bytes.

use super::super::error::Refusal;

/// Bytes of a file and a position in it.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position }
    }

    /// Current position, from the beginning of the file.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], Refusal> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(taken) = rest.get(..length) else {
            return Err(Refusal::format(format!(
                "it ends too early: {length} bytes should follow byte {}, but only {} do",
                self.position,
                rest.len()
            )));
        };
        self.position += length;
        Ok(taken)
    }

    /// An unsigned little-endian number of `size` bytes, at most 8.
    pub(super) fn number(&mut self, size: u64) -> Result<u64, Refusal> {
        let bytes = self.take(size)?.iter().rev();
        Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Bytes prefixed by their length, a number of `size` bytes.
    pub(super) fn counted(&mut self, size: u64) -> Result<&'a [u8], Refusal> {
        let length = self.number(size)?;
        self.take(length)
    }

    /// A line without its newline.
    pub(super) fn line(&mut self) -> Result<&'a str, Refusal> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n');
        let line = self.take(length.map_or(u64::MAX, |length| length as u64))?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| Refusal::format("a line of it is not UTF-8"))
    }
}
