//! Tar archives of images, or of archives of images, read in place. The official
//! `ILSVRC2012_img_train.tar` has 1,000 archives `nXXXXXXXX.tar` in 138 GB.

use super::index::{Group, Span};
use crate::budget::{BETWEEN_FILES, Budget};
use crate::error::DataError;
use crate::files::read_at;
use crate::image::decode;
use crate::image::folder::listing;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Component, Path};
use tar::Archive;

/// Block size of tar; a block of zeros marks the end of an archive.
const BLOCK: u64 = 512;

/// Lists the images in the archive at `path`, in its order: those of an inner archive `NAME.tar` as
/// group `NAME`, those beside such archives as a group without a name.
pub(super) fn list(path: &Path) -> Result<Vec<Group>, DataError> {
    let file = File::open(path).map_err(DataError::io("read", path))?;
    let damaged = |error: io::Error| {
        let reason =
            format!("is not a tar archive, or truncated ({error}); copy or download it again");
        DataError::file(path, reason)
    };
    let length = file.metadata().map_err(damaged)?.len();
    let mut groups = Vec::new();
    let mut beside = Vec::new();
    let whole = Contents::read(&file, Span(0, length)).map_err(damaged)?;
    // Without the end mark, entries after the last whole file would be missed silently.
    if whole.end + BLOCK > length {
        return Err(damaged(io::Error::other("its end is missing")));
    }
    for (name, span) in whole.files {
        match name.strip_suffix(".tar") {
            None => beside.push((name, span)),
            Some(class) => {
                let within = Contents::read(&file, span).map_err(damaged)?;
                let group = group(class, within.files);
                if group.spans.is_empty() {
                    return Err(DataError::file(path, format!("{name} in it has no image")));
                }
                groups.push(group);
            }
        }
    }
    let beside = group("", beside);
    if !beside.spans.is_empty() {
        groups.insert(0, beside);
    }
    if groups.is_empty() {
        return Err(DataError::file(path, "has no image in it"));
    }
    groups.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(groups)
}

/// A group of the images among `files`.
fn group(path: &str, files: Vec<(String, Span)>) -> Group {
    let mut images = files;
    images.retain(|(name, _)| decode::has_readable_extension(Path::new(name)));
    images.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let (names, spans): (Vec<String>, Vec<Span>) = images.into_iter().unzip();
    Group {
        path: path.to_owned(),
        names: names.into_iter().collect(),
        spans,
    }
}

/// The entries of an archive.
struct Contents {
    /// File names without folders, and their spans in the file on disk.
    files: Vec<(String, Span)>,
    /// End of the last entry, relative to the start of the archive.
    end: u64,
}

impl Contents {
    /// Reads the entries of the archive in `within`.
    fn read(file: &File, within: Span) -> io::Result<Self> {
        let mut archive = Archive::new(Budget::new(Section::new(file, within), BETWEEN_FILES));
        let mut contents = Self {
            files: Vec::new(),
            end: 0,
        };
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let path = entry.path()?;
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                return Err(io::Error::other("a name in it is not valid UTF-8"));
            };
            let (start, length) = (entry.raw_file_position(), entry.size());
            let end = start.checked_add(length).filter(|end| *end <= within.1);
            let end = end.ok_or_else(|| io::Error::other(format!("it ends within {name}")))?;
            contents.end = end.next_multiple_of(BLOCK);
            let mut folders = path.components();
            let is_hidden = folders.any(|part| match part {
                Component::Normal(part) => listing::is_hidden(&part.to_string_lossy()),
                _ => false,
            });
            if entry.header().entry_type().is_file() && !is_hidden {
                let place = Span(within.0 + start, length);
                contents.files.push((name.to_owned(), place));
            }
        }
        Ok(contents)
    }
}

/// Reads the bytes of `span`. Thread-safe.
pub(super) fn read(file: &File, span: Span) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = Section::new(file, span).read_to_end(&mut bytes)?;
    if read as u64 == span.1 {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// A reader of part of a file, with its own position.
struct Section<'a> {
    file: &'a File,
    span: Span,
    at: u64,
}

impl<'a> Section<'a> {
    fn new(file: &'a File, span: Span) -> Self {
        Self { file, span, at: 0 }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.span.1.saturating_sub(self.at);
        let wanted = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let read = read_at(self.file, &mut buffer[..wanted], self.span.0 + self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Section<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.span.1.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
