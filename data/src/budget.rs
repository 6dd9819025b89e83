//! A reader with a budget, for archives.
//!
//! The tar crate reads names and other extensions of an entry whole, however long the archive says
//! they are. Between two seeks, which skip the files themselves, it reads little else.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that a tar archive may hold between the files that are looked for.
pub(crate) const BETWEEN_FILES: u64 = 1 << 20;

/// Reads at most `budget` bytes, and as many again after each seek.
pub(crate) struct Budget<R> {
    inner: R,
    budget: u64,
    left: u64,
}

impl<R> Budget<R> {
    pub(crate) fn new(inner: R, budget: u64) -> Self {
        Self {
            inner,
            budget,
            left: budget,
        }
    }
}

impl<R: Read> Read for Budget<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if wanted == 0 && !buffer.is_empty() {
            let reason = format!(
                "a part of it that is read whole has more than {} bytes",
                self.budget
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        let read = self.inner.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Budget<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.left = self.budget;
        self.inner.seek(to)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use tar::{Archive, Builder, EntryType, Header};

    /// An archive of a file whose long name is padded to `length` bytes.
    fn archive(length: usize) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::GNULongName);
        header.set_size(length as u64);
        builder
            .append_data(
                &mut header,
                "././@LongLink",
                io::repeat(b'a').take(length as u64),
            )
            .unwrap();
        let mut header = Header::new_gnu();
        header.set_size(3);
        builder
            .append_data(&mut header, "b.cls", &b"0\n\n"[..])
            .unwrap();
        builder.into_inner().unwrap()
    }

    fn names(bytes: Vec<u8>) -> io::Result<usize> {
        let mut archive = Archive::new(Budget::new(Cursor::new(bytes), 4096));
        let entries: io::Result<Vec<_>> = archive.entries_with_seek()?.collect();
        entries.map(|entries| entries.len())
    }

    #[test]
    fn a_name_beyond_the_budget_is_refused_before_it_is_read() {
        assert_eq!(names(archive(300)).unwrap(), 1);
        let error = names(archive(1 << 16)).unwrap_err().to_string();
        assert!(error.contains("more than 4096 bytes"), "{error}");
    }

    #[test]
    fn the_budget_is_for_each_file() {
        let mut builder = Builder::new(Vec::new());
        for number in 0..100 {
            let mut header = Header::new_gnu();
            header.set_size(0);
            builder
                .append_data(&mut header, format!("{number}.txt"), &b""[..])
                .unwrap();
        }
        assert_eq!(names(builder.into_inner().unwrap()).unwrap(), 100);
    }
}
