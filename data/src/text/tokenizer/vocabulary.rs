//! Closed vocabularies of words and characters.

use super::TokenPiece;
use crate::error::DataError;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

/// Token for words outside the vocabulary.
pub(super) const UNKNOWN: &str = "<unk>";
/// Token for the end of a line.
pub(super) const END: &str = "<eos>";

/// Tokens by id and ids by token.
#[derive(Clone)]
pub(super) struct Vocabulary {
    tokens: Vec<String>,
    ids: HashMap<String, u32>,
    unknown: Option<u32>,
    end: Option<u32>,
}

/// A token that is not in a closed vocabulary, and its position (both counted from 1, the column in
/// characters).
pub(super) struct NotInVocabulary {
    pub(super) token: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Vocabulary {
    /// Creates a vocabulary with ids in the order of the list.
    ///
    /// # Errors
    /// If the list is empty or has a token twice.
    pub(super) fn new(tokens: Vec<String>) -> Result<Self, DataError> {
        if tokens.is_empty() {
            return Err(DataError::config("vocabulary", "has no tokens"));
        }
        let mut ids = HashMap::with_capacity(tokens.len());
        for (id, token) in (0u32..).zip(&tokens) {
            if ids.insert(token.clone(), id).is_some() {
                return Err(DataError::config(
                    "vocabulary",
                    format!("has {token:?} twice"),
                ));
            }
        }
        Ok(Self {
            unknown: ids.get(UNKNOWN).copied(),
            end: ids.get(END).copied(),
            tokens,
            ids,
        })
    }

    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.ids.get(token).copied()
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize).map(String::as_str)
    }

    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }

    /// Encodes whitespace-separated words; each newline is `<eos>` if the vocabulary has it.
    pub(super) fn encode_words(&self, text: &str) -> Result<Vec<u32>, NotInVocabulary> {
        let mut ids = Vec::with_capacity(text.len() / 5);
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                ids.extend(self.end);
            }
            for word in line.split_whitespace() {
                let id = self.id(word).or(self.unknown);
                ids.push(id.ok_or_else(|| {
                    let offset = offset(line, word);
                    NotInVocabulary {
                        token: word.to_owned(),
                        line: number + 1,
                        column: line.get(..offset).map_or(0, |left| left.chars().count()) + 1,
                    }
                })?);
            }
        }
        Ok(ids)
    }

    /// Encodes characters (Unicode scalar values), newlines included.
    pub(super) fn encode_characters(&self, text: &str) -> Result<Vec<u32>, NotInVocabulary> {
        let mut ids = Vec::with_capacity(text.len());
        let mut buffer = [0; 4];
        let (mut line, mut column) = (1, 1);
        for character in text.chars() {
            let token = character.encode_utf8(&mut buffer);
            let id = self.id(token).or(self.unknown);
            ids.push(id.ok_or_else(|| NotInVocabulary {
                token: token.to_owned(),
                line,
                column,
            })?);
            column += 1;
            if character == '\n' {
                (line, column) = (line + 1, 1);
            }
        }
        Ok(ids)
    }

    /// As [`encode_words`](Self::encode_words), with positions; a newline is a word.
    pub(super) fn word_pieces(&self, text: &str) -> Result<Vec<TokenPiece>, NotInVocabulary> {
        let ids = self.encode_words(text)?;
        let newline = |byte: usize| self.end.map(|_| byte..byte + 1);
        let places = text.split_inclusive('\n').flat_map(|line| {
            let start = offset(text, line);
            let words = line.split_whitespace().map(move |word| {
                let start = offset(text, word);
                start..start + word.len()
            });
            let end = line
                .ends_with('\n')
                .then(|| newline(start + line.len() - 1))
                .flatten();
            words.chain(end)
        });
        Ok(number(text, &ids, places))
    }

    /// As [`encode_characters`](Self::encode_characters), with positions; each character is a word.
    pub(super) fn character_pieces(&self, text: &str) -> Result<Vec<TokenPiece>, NotInVocabulary> {
        let ids = self.encode_characters(text)?;
        let places = text
            .char_indices()
            .map(|(at, character)| at..at + character.len_utf8());
        Ok(number(text, &ids, places))
    }

    /// Message for a missing token. `first` is the number of the text's first line.
    pub(super) fn explain(&self, missing: &NotInVocabulary, first: usize) -> String {
        format!(
            "line {}, column {}: {:?} is not in the vocabulary of {} tokens, which has no {UNKNOWN}",
            missing.line + first - 1,
            missing.column,
            missing.token,
            self.len()
        )
    }
}

/// Byte offset of the slice `part` in `whole`: the difference of their addresses.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Pairs ids with their positions, each a word.
fn number(text: &str, ids: &[u32], places: impl Iterator<Item = Range<usize>>) -> Vec<TokenPiece> {
    (0..)
        .zip(ids.iter().zip(places))
        .map(|(word, (&id, place))| TokenPiece::new(text, id, place, word))
        .collect()
}

/// Word counts, from which a vocabulary is made.
#[derive(Default)]
pub(super) struct WordCounts {
    words: HashMap<String, u64>,
    lines: u64,
}

impl WordCounts {
    pub(super) fn add(&mut self, text: &str) {
        self.lines += text.bytes().filter(|&byte| byte == b'\n').count() as u64;
        for word in text.split_whitespace() {
            // Most words are already counted and must not cost an allocation.
            match self.words.get_mut(word) {
                Some(count) => *count += 1,
                None => {
                    self.words.insert(word.to_owned(), 1);
                }
            }
        }
    }

    /// The words by descending frequency, then by code point, the order of TensorFlow's Penn
    /// Treebank reader. `<eos>` is always included, counted by lines.
    ///
    /// With a `limit`, the vocabulary has at most that many entries: `<eos>`, `<unk>` and the most
    /// frequent words; the count of `<unk>` is the sum over the words that it replaces.
    pub(super) fn vocabulary(mut self, limit: Option<usize>) -> Result<Vec<String>, DataError> {
        let ends = self.words.remove(END).unwrap_or(0) + self.lines;
        let mut unknown = self.words.remove(UNKNOWN);
        let mut words: Vec<(String, u64)> = self.words.into_iter().collect();
        let order = |words: &mut Vec<(String, u64)>| {
            words.sort_unstable_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        };
        if let Some(limit) = limit {
            let kept = limit.checked_sub(2).filter(|&kept| kept > 0);
            let kept = kept.ok_or_else(|| {
                DataError::config(
                    "vocabulary size",
                    format!("{limit} leaves no room for words beside {END} and {UNKNOWN}"),
                )
            })?;
            order(&mut words);
            let rare = words.drain(kept.min(words.len())..).map(|(_, count)| count);
            unknown = Some(unknown.unwrap_or(0) + rare.sum::<u64>());
        }
        words.push((END.to_owned(), ends));
        words.extend(unknown.map(|count| (UNKNOWN.to_owned(), count)));
        order(&mut words);
        Ok(words.into_iter().map(|(word, _)| word).collect())
    }
}

/// Distinct characters by code point, as nanoGPT numbers them.
#[derive(Default)]
pub(super) struct CharacterSet(BTreeSet<char>);

impl CharacterSet {
    pub(super) fn add(&mut self, text: &str) {
        // Collecting into a hash set first saves most look-ups in the tree.
        let new: HashSet<char> = text.chars().collect();
        self.0.extend(new);
    }

    pub(super) fn vocabulary(self) -> Vec<String> {
        self.0.into_iter().map(String::from).collect()
    }
}
