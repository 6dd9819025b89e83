//! Text of any length in parts that fit in memory, cut where no tokenizer that
//! [works by lines](super::Tokenizer) notices.
//!
//! A part ends with a newline that has a character before it and one after it which are no whitespace. Both sides
//! of such a newline are encoded as they would be together: no word reaches across, and the newline is no part of a longer
//! run of whitespace, which GPT-2's pattern treats as one.

use crate::error::DataError;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Parts are at least this long (in bytes) before a place to cut them is looked for.
const LEAST: usize = 1 << 16;

/// The first part of `text` and what is left.
pub(super) fn cut(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut from = LEAST;
    while let Some(newline) = bytes
        .get(from..)
        .and_then(|rest| rest.iter().position(|&byte| byte == b'\n'))
    {
        let end = from + newline + 1;
        let (part, left) = text.split_at(end);
        if !left.is_empty() && may_cut(part, left) {
            return (part, left);
        }
        from = end;
    }
    (text, "")
}

fn may_cut(before: &str, after: &str) -> bool {
    let inked = |character: Option<char>| character.is_some_and(|c| !c.is_whitespace());
    let line = before.strip_suffix('\n').unwrap_or("");
    inked(line.chars().next_back()) && inked(after.chars().next())
}

/// A part of a file.
pub struct Piece {
    /// What it says.
    pub text: String,
    /// The number of its first line, counted from 1.
    pub line: usize,
}

/// A text file in parts, read as they are asked for; a line must fit in memory. Windows line ends become newlines and a
/// byte order mark is left out, so that a text is the same text on every system.
pub struct Pieces {
    reader: BufReader<File>,
    path: PathBuf,
    /// What has been read and not yet given: the line after the last piece.
    next: String,
    /// The number of that line.
    line: usize,
    /// Bytes of the file before that line's successor.
    offset: u64,
}

impl Pieces {
    /// Opens the file.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io("read", path))?;
        Ok(Self {
            reader: BufReader::with_capacity(LEAST, file),
            path: path.to_path_buf(),
            next: String::new(),
            line: 0,
            offset: 0,
        })
    }

    /// The next line with its newline; empty at the end.
    fn read_line(&mut self) -> Result<String, DataError> {
        let mut bytes = Vec::new();
        let read = self
            .reader
            .read_until(b'\n', &mut bytes)
            .map_err(DataError::io("read", &self.path))?;
        let start = self.offset;
        self.offset += read as u64;
        self.line += 1;
        let mut line = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let reason = format!(
                "line {}, byte {} of the file: 0x{byte:02X} is not UTF-8; convert the file to UTF-8",
                self.line,
                start + at as u64
            );
            DataError::file(&self.path, reason)
        })?;
        if line.ends_with("\r\n") {
            line.replace_range(line.len() - 2.., "\n");
        }
        if start == 0 && line.starts_with('\u{feff}') {
            line.remove(0);
        }
        Ok(line)
    }

    fn piece(&mut self) -> Result<Option<Piece>, DataError> {
        if self.next.is_empty() {
            self.next = self.read_line()?;
        }
        let mut piece = Piece {
            text: std::mem::take(&mut self.next),
            line: self.line,
        };
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            if piece.text.len() >= LEAST && may_cut(&piece.text, &line) {
                self.next = line;
                break;
            }
            piece.text.push_str(&line);
        }
        Ok((!piece.text.is_empty()).then_some(piece))
    }
}

impl Iterator for Pieces {
    type Item = Result<Piece, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.piece().transpose()
    }
}

/// All of a text file, as [`Pieces`] reads it.
pub(super) fn read_text(path: &Path) -> Result<String, DataError> {
    let mut text = String::new();
    for piece in Pieces::open(path)? {
        text.push_str(&piece?.text);
    }
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::text::Tokenizer;
    use proptest::prelude::*;

    fn tokenizers() -> Vec<Tokenizer> {
        let folder = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/tokenizers"
        ));
        let names = [
            "gpt2",
            "bert",
            "bert-cased",
            "words.json",
            "characters.json",
        ];
        names
            .map(|name| Tokenizer::open(&folder.join(name)).unwrap())
            .into()
    }

    proptest! {
        #[test]
        fn no_tokenizer_notices_a_cut(
            text in "[a-c'. \\n\\r\\t\u{a0}\u{85}\u{2028}\u{301}é漢1]{0,40}",
            special in prop::sample::select(vec!["", "<|endoftext|>", "[SEP]", "\n<eos>\n"]),
        ) {
            let text = format!("{text}{special}{text}");
            let ends = text.match_indices('\n').map(|(at, _)| text.split_at(at + 1));
            for (before, after) in ends.filter(|(before, after)| may_cut(before, after)) {
                for tokenizer in tokenizers() {
                    let mut ids = tokenizer.encode(before).unwrap();
                    ids.extend(tokenizer.encode(after).unwrap());
                    prop_assert_eq!(ids, tokenizer.encode(&text).unwrap(), "{:?} {:?}", before, after);
                }
            }
        }
    }

    #[test]
    fn a_text_is_cut_after_a_lone_newline() {
        let long = "word ".repeat(LEAST / 5 + 1);
        let text = format!("{long}\nx \ny\n\nz\n w\nend\nmore");
        let (part, left) = cut(&text);
        assert_eq!(part.strip_prefix(&long), Some("\nx \ny\n\nz\n w\n"));
        assert_eq!(left, "end\nmore");
        assert_eq!(cut(left), (left, ""));
        assert_eq!(cut(""), ("", ""));
    }
}
