//! Ids to text one at a time.

use super::Kind;
use super::hugging_face::{HuggingFace, byte_of_character};
use super::llama2c::Llama2c;
use super::vocabulary::Vocabulary;
use std::collections::HashMap;

/// So many tokens may be waited for that end in U+FFFD. A character has at most four bytes, so more are no beginning of
/// one.
const MOST_WAITING: usize = 8;

/// Text that grows token by token. The pieces and [`finish`](Self::finish) joined are what
/// [`Tokenizer::decode`](super::Tokenizer::decode) gives for all ids at once; no piece ends within a character. (One
/// exception: a Hugging Face tokenizer with tokens such as `<0x41>` decodes a run of them to U+FFFD only, if one is
/// wrong, and those before it may have been shown by then.)
///
/// A stream that is to continue a prompt is given the prompt's tokens first, so that it knows whether a space follows.
pub struct DecodeStream<'a>(Way<'a>);

enum Way<'a> {
    Words {
        words: &'a Vocabulary,
        /// Whether the next word begins a line.
        fresh: bool,
    },
    Characters(&'a Vocabulary),
    /// Byte-level BPE: what is written in a token is its bytes in disguise.
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
            Kind::Words(words) => Way::Words { words, fresh: true },
            Kind::Characters(characters) => Way::Characters(characters),
            Kind::HuggingFace(tokenizer) if tokenizer.is_byte_level() => Way::ByteLevel {
                tokenizer,
                bytes: byte_of_character(),
                text: Utf8::default(),
            },
            Kind::HuggingFace(tokenizer) => Way::Window(Window::new(tokenizer)),
            Kind::Llama2c(tokenizer) => Way::Llama2c {
                tokenizer,
                previous: None,
                text: Utf8::default(),
            },
        })
    }

    /// The text that `id` adds; none while it is the beginning of a character.
    pub fn push(&mut self, id: u32) -> Option<String> {
        let text = match &mut self.0 {
            Way::Words { words, fresh } => word(words, fresh, id),
            Way::Characters(characters) => characters.token(id)?.to_owned(),
            Way::ByteLevel {
                tokenizer,
                bytes,
                text,
            } => text.push(&disguised(&tokenizer.token(id)?, bytes)),
            Way::Llama2c {
                tokenizer,
                previous,
                text,
            } => {
                let piece = tokenizer.bytes(*previous, id);
                *previous = Some(id);
                text.push(&piece)
            }
            Way::Window(window) => window.push(id),
        };
        (!text.is_empty()).then_some(text)
    }

    /// What is left: the beginning of a character that never came, as U+FFFD.
    pub fn finish(self) -> Option<String> {
        let text = match self.0 {
            Way::Words { .. } | Way::Characters(_) => return None,
            Way::ByteLevel { text, .. } | Way::Llama2c { text, .. } => text.finish(),
            Way::Window(window) => window.finish(),
        };
        (!text.is_empty()).then_some(text)
    }
}

/// A word with the space before it, where it does not begin a line; a newline for the end of one.
fn word(words: &Vocabulary, fresh: &mut bool, id: u32) -> String {
    let Some(word) = words.token(id) else {
        return String::new();
    };
    let first = std::mem::replace(fresh, words.end() == Some(id));
    match (*fresh, first) {
        (true, _) => "\n".to_owned(),
        (false, true) => word.to_owned(),
        (false, false) => format!(" {word}"),
    }
}

/// The bytes of a byte-level token. An added token is no disguise and stands for itself.
fn disguised(token: &str, bytes: &HashMap<char, u8>) -> Vec<u8> {
    let plain = token
        .chars()
        .map(|character| bytes.get(&character).copied());
    let plain: Option<Vec<u8>> = plain.collect();
    plain.unwrap_or_else(|| token.as_bytes().to_vec())
}

/// Bytes to text as `String::from_utf8_lossy` does, as soon as a character is whole.
#[derive(Default)]
struct Utf8(Vec<u8>);

impl Utf8 {
    fn push(&mut self, bytes: &[u8]) -> String {
        self.0.extend_from_slice(bytes);
        // What an error without a length begins with may still become a character.
        let whole = match std::str::from_utf8(&self.0) {
            Ok(_) => self.0.len(),
            Err(_) => self.whole(),
        };
        let rest = self.0.split_off(whole);
        let bytes = std::mem::replace(&mut self.0, rest);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The length without an unfinished character at the end.
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

/// For decoders that look at a token's neighbours: the last tokens are decoded again with each new one, and what is new
/// in the text is given.
struct Window<'a> {
    tokenizer: &'a HuggingFace,
    /// The tokens of the last piece that was given, then those that wait.
    ids: Vec<u32>,
    /// How many have been given.
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
        let unfinished = text.ends_with('\u{fffd}') && self.ids.len() - self.given < MOST_WAITING;
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
            // What has been shown reads otherwise now: bytes that turn out to be no character. It cannot be taken back.
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
