//! Streaming decoding, one id at a time.

use super::Kind;
use super::hugging_face::{HuggingFace, byte_of_character};
use super::llama2c::Llama2c;
use super::vocabulary::Vocabulary;
use std::collections::HashMap;

/// Maximum tokens held back while the text ends in U+FFFD. A character has at most four bytes, so
/// more tokens cannot be the beginning of one.
const MAX_PENDING: usize = 8;

/// Text that grows token by token. The concatenated output, [`finish`](Self::finish) included,
/// equals [`Tokenizer::decode`](super::Tokenizer::decode) of all ids; no output ends within a
/// character. (One exception: a Hugging Face tokenizer with tokens such as `<0x41>` decodes a whole
/// run of them to U+FFFD if one is invalid, and those before it may already have been shown.)
///
/// To continue a prompt, push the prompt's tokens first, so that the stream knows whether a space
/// follows.
pub struct DecodeStream<'a>(Mode<'a>);

enum Mode<'a> {
    Words {
        words: &'a Vocabulary,
        /// True if the next word begins a line.
        line_start: bool,
    },
    Characters(&'a Vocabulary),
    /// Byte-level BPE: tokens are bytes written as printable characters.
    ByteLevel {
        tokenizer: &'a HuggingFace,
        bytes: HashMap<char, u8>,
        text: Utf8,
    },
    Llama2c {
        tokenizer: &'a Llama2c,
        previous: Option<u32>,
        text: Utf8,
    },
    Window(Window<'a>),
}

impl<'a> DecodeStream<'a> {
    pub(super) fn new(kind: &'a Kind) -> Self {
        Self(match kind {
            Kind::Words(words) => Mode::Words {
                words,
                line_start: true,
            },
            Kind::Characters(characters) => Mode::Characters(characters),
            Kind::HuggingFace(tokenizer) if tokenizer.is_byte_level() => Mode::ByteLevel {
                tokenizer,
                bytes: byte_of_character(),
                text: Utf8::default(),
            },
            Kind::HuggingFace(tokenizer) => Mode::Window(Window::new(tokenizer)),
            Kind::Llama2c(tokenizer) => Mode::Llama2c {
                tokenizer,
                previous: None,
                text: Utf8::default(),
            },
        })
    }

    /// Pushes `id` and returns the text that it adds; `None` while a character is incomplete.
    pub fn push(&mut self, id: u32) -> Option<String> {
        let text = match &mut self.0 {
            Mode::Words { words, line_start } => word(words, line_start, id),
            Mode::Characters(characters) => characters.token(id)?.to_owned(),
            Mode::ByteLevel {
                tokenizer,
                bytes,
                text,
            } => text.push(&byte_level(&tokenizer.token(id)?, bytes)),
            Mode::Llama2c {
                tokenizer,
                previous,
                text,
            } => {
                let piece = tokenizer.bytes(*previous, id);
                *previous = Some(id);
                text.push(&piece)
            }
            Mode::Window(window) => window.push(id),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Returns the rest: an incomplete character, as U+FFFD.
    pub fn finish(self) -> Option<String> {
        let text = match self.0 {
            Mode::Words { .. } | Mode::Characters(_) => return None,
            Mode::ByteLevel { text, .. } | Mode::Llama2c { text, .. } => text.finish(),
            Mode::Window(window) => window.finish(),
        };
        (!text.is_empty()).then_some(text)
    }
}

/// A word with a preceding space, except at the beginning of a line; a newline for the end of a
/// line.
fn word(words: &Vocabulary, line_start: &mut bool, id: u32) -> String {
    let Some(word) = words.token(id) else {
        return String::new();
    };
    let first = std::mem::replace(line_start, words.end() == Some(id));
    match (*line_start, first) {
        (true, _) => "\n".to_owned(),
        (false, true) => word.to_owned(),
        (false, false) => format!(" {word}"),
    }
}

/// Bytes of a byte-level token. An added token stands for itself.
fn byte_level(token: &str, bytes: &HashMap<char, u8>) -> Vec<u8> {
    let plain = token
        .chars()
        .map(|character| bytes.get(&character).copied());
    let plain: Option<Vec<u8>> = plain.collect();
    plain.unwrap_or_else(|| token.as_bytes().to_vec())
}

/// Bytes to text as by `String::from_utf8_lossy`, as soon as a character is complete.
#[derive(Default)]
struct Utf8(Vec<u8>);

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        // The bytes of an error without a length may still become a character.
        let whole = match std::str::from_utf8(&self.0) {
            Ok(_) => self.0.len(),
            Err(_) => self.whole(),
        };
        let rest = self.0.split_off(whole);
        let bytes = std::mem::replace(&mut self.0, rest);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Length without an incomplete character at the end.
    fn whole(&self) -> usize {
        let last = self.0.utf8_chunks().last();
        let unfinished = last.map_or(&[][..], |chunk| chunk.invalid());
        let waits = std::str::from_utf8(unfinished).is_err_and(|error| error.error_len().is_none());
        if waits {
            self.0.len() - unfinished.len()
        } else {
            self.0.len()
        }
    }

    fn finish(self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// For decoders that look at a token's neighbours: the last tokens are decoded again with each new
/// one, and the difference is the output.
struct Window<'a> {
    tokenizer: &'a HuggingFace,
    /// Tokens of the last output, then the pending ones.
    ids: Vec<u32>,
    /// Number of tokens already output.
    given: usize,
}

impl<'a> Window<'a> {
    fn new(tokenizer: &'a HuggingFace) -> Self {
        Self {
            tokenizer,
            ids: Vec::new(),
            given: 0,
        }
    }

    fn push(&mut self, id: u32) -> String {
        if self.tokenizer.token(id).is_none() {
            return String::new();
        }
        self.ids.push(id);
        let text = self.new_text();
        let unfinished = text.ends_with('\u{fffd}') && self.ids.len() - self.given < MAX_PENDING;
        if text.is_empty() || unfinished {
            return String::new();
        }
        self.ids.drain(..self.given);
        self.given = self.ids.len();
        text
    }

    fn new_text(&self) -> String {
        let (given, _) = self.ids.split_at(self.given);
        let old = self.tokenizer.decode(given);
        let all = self.tokenizer.decode(&self.ids);
        match all.strip_prefix(&old) {
            Some(new) => new.to_owned(),
            // Earlier output now decodes differently: bytes that turn out to be invalid. It cannot
            // be taken back.
            None => all.chars().skip(old.chars().count()).collect(),
        }
    }

    fn finish(self) -> String {
        self.new_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_in_parts_are_the_bytes_at_once(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..12),
            text in "\\PC{0,6}",
        ) {
            let mut bytes = parts;
            bytes.extend(text.bytes().map(|byte| vec![byte]));
            let mut utf8 = Utf8::default();
            let mut joined: String = bytes.iter().map(|part| utf8.push(part)).collect();
            joined += &utf8.finish();
            let whole = bytes.concat();
            prop_assert_eq!(joined, String::from_utf8_lossy(&whole));
        }
    }
}
