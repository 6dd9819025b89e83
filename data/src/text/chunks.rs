//! Text files in chunks that fit in memory, cut where a tokenizer that [works line by
//! line](super::Tokenizer::encode_file) is not affected.
//!
//! A chunk ends with a newline between two non-whitespace characters. Both sides of such a newline
//! are tokenized as they would be together: no word spans it, and it is not part of a longer run of
//! whitespace, which GPT-2's pattern treats as one.

use super::lines::{LineReader, MAX_ENTRY};
use crate::error::DataError;
use std::path::Path;

/// Minimum size of a chunk in bytes, before a place to cut is searched for.
const MIN_CHUNK: usize = 1 << 16;

/// Splits `text` into its first chunk and the rest.
pub(super) fn cut(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut from = MIN_CHUNK;
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

/// A chunk of a text file.
pub struct TextChunk {
    /// The text.
    pub text: String,
    /// Number of the chunk's first line in the file, counted from 1.
    pub line: usize,
}

/// A text file in chunks, read lazily. A line must fit in memory. Windows line endings become
/// newlines and a byte order mark is dropped, so that a text is the same on every system.
pub struct TextChunks {
    lines: LineReader,
    /// Lookahead: the line after the last chunk.
    next: String,
}

impl TextChunks {
    /// Opens the file.
    ///
    /// # Errors
    /// If it cannot be opened, or is UTF-16.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        Ok(Self {
            lines: LineReader::open(path, usize::MAX)?,
            next: String::new(),
        })
    }

    fn piece(&mut self) -> Result<Option<TextChunk>, DataError> {
        if self.next.is_empty() {
            self.next = self.lines.read()?;
        }
        let mut piece = TextChunk {
            text: std::mem::take(&mut self.next),
            line: self.lines.number(),
        };
        loop {
            let line = self.lines.read()?;
            if line.is_empty() {
                break;
            }
            if piece.text.len() >= MIN_CHUNK && may_cut(&piece.text, &line) {
                self.next = line;
                break;
            }
            piece.text.push_str(&line);
        }
        Ok((!piece.text.is_empty()).then_some(piece))
    }
}

impl Iterator for TextChunks {
    type Item = Result<TextChunk, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.piece().transpose()
    }
}

/// Reads a text file of at most 64 MiB, normalised as by [`TextChunks`].
///
/// # Errors
/// Those of [`TextChunks`]; the file is longer.
pub(super) fn read_short_text(path: &Path) -> Result<String, DataError> {
    let mut lines = LineReader::open(path, MAX_ENTRY)?;
    let mut text = String::new();
    loop {
        let line = lines.read()?;
        if line.is_empty() {
            return Ok(text);
        }
        text.push_str(&line);
        if text.len() > MAX_ENTRY {
            let reason = format!("is longer than {} MiB", MAX_ENTRY >> 20);
            return Err(DataError::file(path, reason));
        }
    }
}

/// Reads a whole text file, normalised as by [`TextChunks`].
pub(super) fn read_text(path: &Path) -> Result<String, DataError> {
    let mut text = String::new();
    for piece in TextChunks::open(path)? {
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
        let long = "word ".repeat(MIN_CHUNK / 5 + 1);
        let text = format!("{long}\nx \ny\n\nz\n w\nend\nmore");
        let (part, left) = cut(&text);
        assert_eq!(part.strip_prefix(&long), Some("\nx \ny\n\nz\n w\n"));
        assert_eq!(left, "end\nmore");
        assert_eq!(cut(left), (left, ""));
        assert_eq!(cut(""), ("", ""));
    }
}
