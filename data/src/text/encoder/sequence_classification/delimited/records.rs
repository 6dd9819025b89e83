//! Records of a CSV file with their line numbers.

use crate::error::DataError;
use crate::text::lines::{LineReader, MAX_ENTRY};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Records of a CSV file, read one at a time, of up to 64 MiB.
pub(super) struct Records {
    reader: csv::Reader<LineFeed>,
    record: csv::StringRecord,
    path: PathBuf,
}

impl Records {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let feed = LineFeed {
            lines: LineReader::open(path, MAX_ENTRY)?,
            line: String::new(),
            taken: 0,
            record: String::new(),
            is_at_end: false,
        };
        Ok(Self {
            reader: csv::ReaderBuilder::new()
                .flexible(true)
                .has_headers(false)
                .from_reader(feed),
            record: csv::StringRecord::new(),
            path: path.to_path_buf(),
        })
    }

    /// The next record and the number of its first line.
    ///
    /// # Errors
    /// If the file cannot be read or is not UTF-8, or a record is too long or its quote is not closed
    /// (with the line).
    pub(super) fn read(&mut self) -> Result<Option<(usize, &csv::StringRecord)>, DataError> {
        self.reader.get_mut().record.clear();
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let feed = self.reader.get_ref();
                let last = feed.lines.number();
                if feed.is_at_end && ends_in_quotes(&feed.record) {
                    let record = feed.record.trim_start_matches(['\r', '\n']);
                    let line = (last + 1).saturating_sub(record.lines().count());
                    let reason = format!("line {line}: a quote is not closed");
                    return Err(DataError::file(&self.path, reason));
                }
                let inner = self.record.as_slice().matches('\n').count();
                Ok(Some((last.saturating_sub(inner), &self.record)))
            }
            Err(error) => Err(self.reason(error)),
        }
    }

    /// The error of the lines, or that of the crate.
    fn reason(&self, error: csv::Error) -> DataError {
        let reason = error.to_string();
        match error.into_kind() {
            csv::ErrorKind::Io(error) => match error.downcast::<DataError>() {
                Ok(error) => error,
                Err(error) => DataError::io("read", &self.path)(error),
            },
            _ => DataError::file(&self.path, reason),
        }
    }
}

/// Feeds the CSV reader one line at a time, so that its place in the file is known.
struct LineFeed {
    lines: LineReader,
    /// The line that is read, of which `taken` bytes are.
    line: String,
    taken: usize,
    /// The lines since the last record.
    record: String,
    is_at_end: bool,
}

impl Read for LineFeed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.line.len() {
            self.line = self.lines.read_raw().map_err(io::Error::other)?;
            self.taken = 0;
            self.is_at_end = self.line.is_empty();
            self.record.push_str(&self.line);
        }
        if self.record.len() > MAX_ENTRY {
            let reason = "a record is longer than 64 MiB: is a quote not closed?";
            return Err(io::Error::other(self.lines.wrong(reason)));
        }
        let rest = self.line.as_bytes().get(self.taken..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.taken += count;
        Ok(count)
    }
}

/// True if the end of a record is within quotes, which only the beginning of a field opens.
fn ends_in_quotes(record: &str) -> bool {
    let (mut is_quoted, mut is_start) = (false, true);
    for byte in record.bytes() {
        match (byte, is_quoted) {
            // Of a doubled quote, the second one opens again.
            (b'"', true) => {
                is_quoted = false;
                is_start = true;
                continue;
            }
            (b'"', false) if is_start => is_quoted = true,
            _ => {}
        }
        is_start = !is_quoted && matches!(byte, b',' | b'\n' | b'\r');
    }
    is_quoted
}
