//! The `tokenizer.bin` of llama2.c (Karpathy): a SentencePiece BPE vocabulary of scored pieces.
//!
//! Format: an int32 with the length in bytes of the longest piece, then for each piece a float32
//! score, an int32 length and the bytes; little-endian, up to the end of the file. Ids 0, 1, 2 are
//! unknown, beginning and end of text; 3 to 258 are the bytes, written `<0x00>` to `<0xFF>`; the
//! rest are pieces of text.
//!
//! Encoding follows llama2.c's `encode`: a space is prepended to the text, each character is looked
//! up or, if it is not a piece, replaced by its bytes; then the adjacent pair whose concatenation
//! has the highest score is merged (the leftmost on ties) until no merge is left.

use super::TokenPiece;
use super::merge_chain::{Chain, Merge};
use crate::error::DataError;
use crate::files;
use serde_json::{Value, json};
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;
use std::path::Path;

/// Beginning-of-text token.
pub(super) const BEGINNING: u32 = 1;
/// Id of byte 0, the first of 256.
const BYTES: u32 = 3;
/// Minimum score of a merge in llama2.c.
const MIN_SCORE: f32 = -1e10;

/// A vocabulary of pieces with scores, and the ids of the pieces.
pub(super) struct Llama2c {
    pieces: Vec<String>,
    scores: Vec<f32>,
    ids: HashMap<String, u32>,
}

impl Llama2c {
    /// Value of `"type"` in our JSON.
    pub(super) const TYPE: &str = "llama2.c";

    fn new(pieces: Vec<String>, scores: Vec<f32>, path: &Path) -> Result<Self, DataError> {
        let least = BYTES as usize + 256;
        if pieces.len() < least || pieces.len() != scores.len() {
            let reason = format!(
                "has {} pieces and {} scores; at least {least} of both are needed: 3 special ones and 256 bytes",
                pieces.len(),
                scores.len()
            );
            return Err(DataError::file(path, reason));
        }
        if let Some(id) = scores.iter().position(|score| !score.is_finite()) {
            let reason = format!("the score of piece {id} is {}", scores[id]);
            return Err(DataError::file(path, reason));
        }
        let mut ids = HashMap::with_capacity(pieces.len());
        for (id, piece) in (0u32..).zip(&pieces) {
            ids.entry(piece.clone()).or_insert(id);
        }
        Ok(Self {
            pieces,
            scores,
            ids,
        })
    }

    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let bytes =
            files::read_limited(path, files::MAX_TOKENIZER).map_err(DataError::io("read", path))?;
        let cut_off = |id: usize| {
            DataError::record(
                path,
                id,
                "the file ends in the middle of this piece, or it is not a llama2.c tokenizer",
            )
        };
        let mut rest = bytes.as_slice();
        take(&mut rest).ok_or_else(|| cut_off(0))?;
        let (mut pieces, mut scores) = (Vec::new(), Vec::new());
        while !rest.is_empty() {
            let id = pieces.len();
            let score = take(&mut rest).ok_or_else(|| cut_off(id))?;
            let length = take(&mut rest).ok_or_else(|| cut_off(id))?;
            let length = usize::try_from(i32::from_le_bytes(length)).map_err(|_| cut_off(id))?;
            let (piece, left) = rest.split_at_checked(length).ok_or_else(|| cut_off(id))?;
            let piece = std::str::from_utf8(piece)
                .map_err(|_| DataError::record(path, id, "the piece is not UTF-8"))?;
            pieces.push(piece.to_owned());
            scores.push(f32::from_le_bytes(score));
            rest = left;
        }
        Self::new(pieces, scores, path)
    }

    pub(super) fn from_json(value: &Value, path: &Path) -> Result<Self, DataError> {
        let list = |key: &str| {
            value.get(key).and_then(Value::as_array).ok_or_else(|| {
                DataError::file(
                    path,
                    format!("a llama2.c tokenizer without the list {key:?}"),
                )
            })
        };
        let wrong = |key| DataError::file(path, format!("{key} has an entry of the wrong type"));
        let pieces = list("pieces")?
            .iter()
            .map(|piece| piece.as_str().map(str::to_owned));
        let scores = list("scores")?
            .iter()
            .map(|score| score.as_f64().map(|score| score as f32));
        Self::new(
            pieces
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("pieces"))?,
            scores
                .collect::<Option<_>>()
                .ok_or_else(|| wrong("scores"))?,
            path,
        )
    }

    /// Keys are in alphabetical order, which is the order whatever features serde_json is built
    /// with.
    pub(super) fn json(&self) -> String {
        json!({"pieces": self.pieces, "scores": self.scores, "type": Self::TYPE}).to_string()
    }

    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn token(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(String::as_str)
    }

    pub(super) fn id(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let ids = self.symbols(text).into_iter().map(|(id, _)| id);
        self.merge(&ids.collect::<Vec<_>>()).ids()
    }

    /// As [`encode`](Self::encode), with positions. A word begins at a token that begins with a
    /// space.
    pub(super) fn pieces(&self, text: &str) -> Vec<TokenPiece> {
        let symbols = self.symbols(text);
        let (ids, ranges): (Vec<u32>, Vec<Range<usize>>) = symbols.into_iter().unzip();
        let mut pieces: Vec<TokenPiece> = Vec::new();
        for (id, places) in self.merge(&ids).tokens() {
            let covered = ranges.get(places).unwrap_or_default();
            let start = covered.first().map_or(0, |range| range.start);
            let end = covered.last().map_or(start, |range| range.end);
            let begins = self.token(id).is_some_and(|token| token.starts_with(' '));
            let word = match pieces.last() {
                Some(last) => last.word + u32::from(begins),
                None => 0,
            };
            pieces.push(TokenPiece::new(text, id, start..end, word));
        }
        pieces
    }

    /// Initial symbols: the prepended space and the characters as pieces, or as bytes if there is
    /// no such piece; with their positions.
    fn symbols(&self, text: &str) -> Vec<(u32, Range<usize>)> {
        if text.is_empty() {
            return Vec::new();
        }
        let mut symbols = Vec::with_capacity(text.len() + 1);
        let mut buffer = [0; 4];
        let characters = text
            .char_indices()
            .map(|(at, character)| (character, at..at + character.len_utf8()));
        for (character, range) in std::iter::once((' ', 0..0)).chain(characters) {
            let piece: &str = character.encode_utf8(&mut buffer);
            match self.id(piece) {
                Some(id) => symbols.push((id, range)),
                None => symbols.extend(
                    piece
                        .bytes()
                        .map(|byte| (BYTES + u32::from(byte), range.clone())),
                ),
            }
        }
        symbols
    }

    /// Merges pairs, best first. llama2.c scans all pairs for each merge; a heap of pairs gives the
    /// same result in the time of a sort.
    fn merge(&self, ids: &[u32]) -> Chain {
        let mut chain = Chain::new(ids);
        let mut heap = BinaryHeap::new();
        for left in 0..ids.len() {
            heap.extend(self.candidate(&chain, left));
        }
        while let Some(merge) = heap.pop() {
            if !chain.is_current(&merge) {
                continue;
            }
            let left = chain.join(merge.left, merge.id);
            heap.extend(left.and_then(|left| self.candidate(&chain, left)));
            heap.extend(self.candidate(&chain, merge.left));
        }
        chain
    }

    /// The merge of the piece at `left` with its right neighbour, if there is one.
    fn candidate(&self, chain: &Chain, left: usize) -> Option<Merge> {
        let pair = chain.pair(left)?;
        let [a, b] = pair.map(|id| self.token(id).unwrap_or_default());
        let id = self.id(&[a, b].concat())?;
        let score = *self.scores.get(id as usize)?;
        (score > MIN_SCORE).then_some(Merge {
            score,
            left,
            pair,
            id,
        })
    }

    /// Bytes of `id` after `previous`. The space that encoding prepended is dropped again.
    pub(super) fn bytes(&self, previous: Option<u32>, id: u32) -> Vec<u8> {
        let Some(piece) = self.token(id) else {
            return Vec::new();
        };
        if id == BEGINNING {
            return Vec::new();
        }
        if let Some(byte) = byte_piece(piece) {
            return vec![byte];
        }
        let first = previous.is_none_or(|previous| previous == BEGINNING);
        let piece = match piece.strip_prefix(' ') {
            Some(rest) if first => rest,
            _ => piece,
        };
        piece.as_bytes().to_vec()
    }
}

/// Parses `<0x41>` as the byte 0x41.
fn byte_piece(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

fn take(bytes: &mut &[u8]) -> Option<[u8; 4]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three special pieces, the bytes, and some pieces of text with repeated scores.
    fn small() -> Llama2c {
        let mut pieces = vec!["<unk>".to_owned(), "\n<s>\n".into(), "\n</s>\n".into()];
        pieces.extend((0..=255u8).map(|byte| format!("<0x{byte:02X}>")));
        let mut scores = vec![0.0; pieces.len()];
        let texts = [
            (" ", 0.0),
            ("a", 0.0),
            ("b", 0.0),
            ("é", 0.0),
            ("aa", -1.0),
            ("ab", -1.0),
            (" a", -2.0),
            ("ba", -1.5),
            ("aab", -3.0),
            ("aaaa", -2.5),
            (" ab", -4.0),
            ("éa", -1.0),
            ("bab", -1e11),
        ];
        for (text, score) in texts {
            pieces.push(text.to_owned());
            scores.push(score);
        }
        Llama2c::new(pieces, scores, Path::new("tokenizer.bin")).unwrap()
    }

    /// The algorithm of llama2.c itself: scan all pairs, merge the best, repeat.
    fn naive(tokenizer: &Llama2c, mut ids: Vec<u32>) -> Vec<u32> {
        loop {
            let mut best = (MIN_SCORE, None);
            for left in 0..ids.len().saturating_sub(1) {
                let [a, b] = [ids[left], ids[left + 1]].map(|id| tokenizer.token(id).unwrap());
                if let Some(id) = tokenizer.id(&format!("{a}{b}")) {
                    let score = tokenizer.scores[id as usize];
                    if score > best.0 {
                        best = (score, Some((left, id)));
                    }
                }
            }
            let Some((left, id)) = best.1 else { return ids };
            ids.splice(left..left + 2, [id]);
        }
    }

    proptest! {
        #[test]
        fn the_heap_merges_as_llama2c_does(text in "[ abé]{0,24}") {
            let tokenizer = small();
            let single: Vec<u32> = text.chars().map(|c| tokenizer.id(&c.to_string()).unwrap()).collect();
            prop_assert_eq!(tokenizer.merge(&single).ids(), naive(&tokenizer, single));
        }
    }

    #[test]
    fn characters_without_a_piece_become_bytes() {
        let tokenizer = small();
        let bytes: Vec<u32> = [0xF0, 0x9F, 0x8E, 0x89]
            .map(|byte: u32| BYTES + byte)
            .to_vec();
        let ids = tokenizer.encode("🎉");
        assert_eq!(ids[0], tokenizer.id(" ").unwrap());
        assert_eq!(ids[1..], bytes);
    }

    #[test]
    fn json_round_trips() {
        let tokenizer = small();
        let value = serde_json::from_str(&tokenizer.json()).unwrap();
        let again = Llama2c::from_json(&value, Path::new("t.json")).unwrap();
        assert_eq!(again.pieces, tokenizer.pieces);
        assert_eq!(again.scores, tokenizer.scores);
    }
}
