//! Lines of text files, one at a time.

use crate::error::DataError;
use crate::lfs;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Maximum size in bytes of a line, of a record of a table, or of an entry of a JSON file. Nothing
/// that people write is as long; a longer one is a file of another kind, or an unclosed quote.
pub(super) const MAX_ENTRY: usize = 64 << 20;

const BUFFER: usize = 1 << 16;
/// UTF-8's byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Opens a text file behind its byte order mark, if it has one, and returns the mark's size too.
///
/// # Errors
/// If it cannot be read, or is UTF-16.
pub(super) fn open_text(path: &Path) -> Result<(BufReader<File>, u64), DataError> {
    let read = |error: io::Error| DataError::io("read", path)(error);
    let file = File::open(path).map_err(read)?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let start = reader.fill_buf().map_err(read)?;
    if lfs::is_pointer(start) {
        return Err(DataError::file(path, lfs::POINTER));
    }
    if let Some(name) = utf_16(start) {
        let reason = format!("is {name}; convert the file to UTF-8");
        return Err(DataError::file(path, reason));
    }
    let mark = if start.starts_with(MARK) {
        MARK.len()
    } else {
        0
    };
    reader.consume(mark);
    Ok((reader, mark as u64))
}

/// Name of UTF-16's variant that a file begins in: by its byte order mark, or by the zero bytes of
/// its ASCII characters.
fn utf_16(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, ..] => Some("UTF-16 (little-endian, by its byte order mark)"),
        [0xfe, 0xff, ..] => Some("UTF-16 (big-endian, by its byte order mark)"),
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => Some("UTF-16 (little-endian)"),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => Some("UTF-16 (big-endian)"),
        _ => None,
    }
}

/// A text file, read line by line. A byte order mark is left out.
pub(super) struct LineReader {
    reader: BufReader<File>,
    path: PathBuf,
    /// Number of the last line read, counted from 1.
    number: usize,
    /// Offset of the first byte not read yet.
    offset: u64,
    max_line: usize,
}

impl LineReader {
    /// Opens a file of lines of at most `max_line` bytes.
    ///
    /// # Errors
    /// As [`open_text`].
    pub(super) fn open(path: &Path, max_line: usize) -> Result<Self, DataError> {
        let (reader, offset) = open_text(path)?;
        Ok(Self {
            reader,
            path: path.to_path_buf(),
            number: 0,
            offset,
            max_line,
        })
    }

    /// Reads the next line with its end, as in the file; empty at the end of the file.
    ///
    /// # Errors
    /// If the file cannot be read, or the line is too long or not UTF-8 (with line and byte).
    pub(super) fn read_raw(&mut self) -> Result<String, DataError> {
        let mut bytes = Vec::new();
        let limit = (self.max_line as u64).saturating_add(1);
        let mut limited = self.reader.by_ref().take(limit);
        let read = limited
            .read_until(b'\n', &mut bytes)
            .map_err(DataError::io("read", &self.path))?;
        self.number += usize::from(!bytes.is_empty());
        if bytes.len() > self.max_line {
            return Err(self.wrong(&format!("is longer than {} MiB", self.max_line >> 20)));
        }
        let start = self.offset;
        self.offset += read as u64;
        String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let reason = format!(
                "line {}, byte {} of the file: 0x{byte:02X} is not UTF-8; convert the file to UTF-8",
                self.number,
                start + at as u64
            );
            DataError::file(&self.path, reason)
        })
    }

    /// As [`read_raw`](Self::read_raw), with Windows line ends as newlines.
    pub(super) fn read(&mut self) -> Result<String, DataError> {
        let mut line = self.read_raw()?;
        if line.ends_with("\r\n") {
            line.replace_range(line.len() - 2.., "\n");
        }
        Ok(line)
    }

    /// Number of the last line read, counted from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// An error about the last line read.
    pub(super) fn wrong(&self, reason: &str) -> DataError {
        DataError::file(&self.path, format!("line {}: {reason}", self.number))
    }
}
