//! Text to token ids and back.
//!
//! Four kinds, told apart by what they are made of and the same to everyone who uses them:
//!
//! * **words**: what whitespace separates, from a closed list; each newline is `<eos>`. The tokenizer of the Penn Treebank
//!   language models, whose text is already cut into words;
//! * **characters**: every Unicode scalar value of a closed list, newlines among them;
//! * **Hugging Face**: everything that the crate `tokenizers` reads (`tokenizer.json`), GPT-2's byte-level BPE and BERT's
//!   WordPiece among them;
//! * **llama2.c**: the `tokenizer.bin` that belongs to llama2.c's checkpoints.
//!
//! [`Tokenizer::open`] says which files are understood, [`Tokenizer::train`] makes new ones. Words and characters are
//! written as ordinary `tokenizer.json` too, so that Python opens them; they are encoded by a few lines here because
//! those are fifty times as fast.

mod hugging_face;
mod json;
mod llama2c;
mod merge_chain;
mod open;
mod piece;
mod stream;
mod train;
mod vocabulary;

pub(super) use open::BERT_SPECIAL;
pub use piece::TokenPiece;
pub use stream::DecodeStream;
pub use train::Algorithm;

use super::chunks::TextChunks;
use crate::error::DataError;
use hugging_face::HuggingFace;
use llama2c::Llama2c;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use vocabulary::{CharacterSet, Vocabulary, WordCounts};

/// Text to token ids and back. A clone shares the vocabulary.
#[derive(Clone)]
pub struct Tokenizer(Arc<Kind>);

enum Kind {
    Words(Vocabulary),
    Characters(Vocabulary),
    HuggingFace(Box<HuggingFace>),
    Llama2c(Llama2c),
}

impl From<Kind> for Tokenizer {
    fn from(kind: Kind) -> Self {
        Self(Arc::new(kind))
    }
}

/// Without the vocabulary, which would fill pages.
impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &*self.0 {
            Kind::Words(_) => "words",
            Kind::Characters(_) => "characters",
            Kind::HuggingFace(_) => "Hugging Face",
            Kind::Llama2c(_) => "llama2.c",
        };
        write!(f, "Tokenizer({kind}, {} tokens)", self.vocab_size())
    }
}

impl Tokenizer {
    /// Words with the ids of their places in `list`. If `<eos>` is in it, it stands for the end of each line; if `<unk>`
    /// is in it, it stands for every word that is not.
    ///
    /// # Errors
    /// If the list is empty, has a word twice, or one that is empty or contains whitespace.
    pub fn from_words(list: Vec<String>) -> Result<Self, DataError> {
        for word in &list {
            if word.is_empty() || word.contains(char::is_whitespace) {
                let reason = format!("{word:?} is not a word: words are what whitespace separates");
                return Err(DataError::config("vocabulary", reason));
            }
        }
        Ok(Kind::Words(Vocabulary::new(list)?).into())
    }

    /// Characters with the ids of their places in `list`, which may have `<unk>` besides.
    ///
    /// # Errors
    /// If the list is empty, has a character twice, or an entry that is not one character.
    pub fn from_characters(list: Vec<String>) -> Result<Self, DataError> {
        for token in &list {
            if token.chars().count() != 1 && token != vocabulary::UNKNOWN {
                let reason = format!("{token:?} is not one character");
                return Err(DataError::config("vocabulary", reason));
            }
        }
        Ok(Kind::Characters(Vocabulary::new(list)?).into())
    }

    /// BERT's uncased WordPiece with the ids of the places in `list`, in which pieces within words begin with `##`. BERT's
    /// special tokens that are in it are special.
    ///
    /// # Errors
    /// If `[UNK]` is not in the list.
    pub fn from_word_pieces(list: Vec<String>) -> Result<Self, DataError> {
        open::word_pieces(list).map(Self::from)
    }

    /// The words of `texts` and `<eos>`, by falling frequency, equally frequent ones by code point (the order of
    /// TensorFlow's Penn Treebank reader). With a `limit` only so many entries: `<eos>`, `<unk>` and the most frequent
    /// words; without one the vocabulary is closed, unless `<unk>` is a word of the texts.
    ///
    /// # Errors
    /// If the limit is below 3.
    pub fn words(texts: &[&str], limit: Option<usize>) -> Result<Self, DataError> {
        let mut counts = WordCounts::default();
        texts.iter().for_each(|text| counts.add(text));
        Self::from_words(counts.vocabulary(limit)?)
    }

    /// The characters of `texts` by code point, as nanoGPT numbers them.
    ///
    /// # Errors
    /// If there are none.
    pub fn characters(texts: &[&str]) -> Result<Self, DataError> {
        let mut set = CharacterSet::default();
        texts.iter().for_each(|text| set.add(text));
        Self::from_characters(set.vocabulary())
    }

    /// The ids of `text`. Nothing is put before or after it, whatever the tokenizer's file asks for: a language model's
    /// text goes on. Special tokens that are written out in the text (`<|endoftext|>`) become their ids.
    ///
    /// # Errors
    /// If a word or character is not in a closed vocabulary that has no `<unk>`: named with line and column.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        self.try_encode(text, 1)
            .map_err(|reason| DataError::config("text", reason))
    }

    /// What [`encode`](Self::encode) gives, with the place of each token in the text.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn pieces(&self, text: &str) -> Result<Vec<TokenPiece>, DataError> {
        let pieces = match &*self.0 {
            Kind::Words(words) => words
                .word_pieces(text)
                .map_err(|missing| words.explain(&missing, 1)),
            Kind::Characters(characters) => characters
                .character_pieces(text)
                .map_err(|missing| characters.explain(&missing, 1)),
            Kind::HuggingFace(tokenizer) => tokenizer.pieces(text),
            Kind::Llama2c(tokenizer) => Ok(tokenizer.pieces(text)),
        };
        pieces.map_err(|reason| DataError::config("text", reason))
    }

    /// [`encode`](Self::encode) for a part of the file at `path` that begins at line `first`, counted from 1.
    pub(super) fn encode_part(
        &self,
        text: &str,
        path: &Path,
        first: usize,
    ) -> Result<Vec<u32>, DataError> {
        self.try_encode(text, first)
            .map_err(|reason| DataError::file(path, reason))
    }

    fn try_encode(&self, text: &str, first: usize) -> Result<Vec<u32>, String> {
        match &*self.0 {
            Kind::Words(words) => words
                .encode_words(text)
                .map_err(|missing| words.explain(&missing, first)),
            Kind::Characters(characters) => characters
                .encode_characters(text)
                .map_err(|missing| characters.explain(&missing, first)),
            Kind::HuggingFace(tokenizer) => tokenizer.encode(text),
            Kind::Llama2c(tokenizer) => Ok(tokenizer.encode(text)),
        }
    }

    /// Encodes a text file of any length in parts, which `take` is given in order. Where a tokenizer could notice the
    /// cuts (one that puts a space before a text, or that nothing is known about) there is one part, and the file must fit
    /// in memory. By words the last line ends as the others do. Gives the number of characters.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), with the line; if the file cannot be read or is not UTF-8; or as `take`.
    pub fn encode_file(
        &self,
        path: &Path,
        mut take: impl FnMut(&[u32]) -> Result<(), DataError>,
    ) -> Result<u64, DataError> {
        let mut whole = String::new();
        let mut characters = 0;
        let mut ended = true;
        for piece in TextChunks::open(path)? {
            let piece = piece?;
            ended = piece.text.ends_with('\n');
            characters += piece.text.chars().count() as u64;
            if self.works_by_lines() {
                take(&self.encode_part(&piece.text, path, piece.line)?)?;
            } else {
                whole.push_str(&piece.text);
            }
        }
        match &*self.0 {
            Kind::Words(_) if !ended => {
                take(&self.encode("\n")?)?;
                characters += 1;
            }
            _ if !whole.is_empty() => take(&self.encode_part(&whole, path, 1)?)?,
            _ => {}
        }
        Ok(characters)
    }

    /// Whether a text may be cut after a line and encoded in parts, as [`TextChunks`] does.
    fn works_by_lines(&self) -> bool {
        match &*self.0 {
            Kind::Words(_) | Kind::Characters(_) => true,
            Kind::HuggingFace(tokenizer) => tokenizer.works_by_lines(),
            Kind::Llama2c(_) => false,
        }
    }

    /// The text of `ids`: words joined by spaces, `<eos>` as a newline, everything else by the tokenizer's own rules.
    /// Bytes that are not UTF-8 become U+FFFD. Ids that the tokenizer does not have are left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        if let Kind::HuggingFace(tokenizer) = &*self.0 {
            return tokenizer.decode(ids);
        }
        let mut stream = self.decode_stream();
        let mut text: String = ids.iter().filter_map(|&id| stream.push(id)).collect();
        text.extend(stream.finish());
        text
    }

    /// Decoding token by token, for text that is shown while it is generated.
    pub fn decode_stream(&self) -> DecodeStream<'_> {
        DecodeStream::new(&self.0)
    }

    /// One more than the largest id: the rows that an embedding needs.
    pub fn vocab_size(&self) -> usize {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => vocabulary.len(),
            Kind::HuggingFace(tokenizer) => tokenizer.vocab_size(),
            Kind::Llama2c(tokenizer) => tokenizer.len(),
        }
    }

    /// Whether nothing follows after `id`. The `<eos>` of words only ends a line.
    pub fn ends_text(&self, id: u32) -> bool {
        !matches!(&*self.0, Kind::Words(_)) && self.end_of_text() == Some(id)
    }

    /// Whether a token is a character.
    pub fn is_by_character(&self) -> bool {
        matches!(&*self.0, Kind::Characters(_))
    }

    /// The token that has this id, as the vocabulary writes it (GPT-2's has `Ġ` for a space).
    pub fn token(&self, id: u32) -> Option<String> {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => {
                vocabulary.token(id).map(str::to_owned)
            }
            Kind::HuggingFace(tokenizer) => tokenizer.token(id),
            Kind::Llama2c(tokenizer) => tokenizer.token(id).map(str::to_owned),
        }
    }

    /// The id of a token as the vocabulary writes it.
    pub fn id(&self, token: &str) -> Option<u32> {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => vocabulary.id(token),
            Kind::HuggingFace(tokenizer) => tokenizer.id(token),
            Kind::Llama2c(tokenizer) => tokenizer.id(token),
        }
    }

    /// The token after which a text is over: `<eos>` of words, and the first that there is of `<|endoftext|>`,
    /// `<|end_of_text|>`, `</s>`, `<eos>` and `[SEP]`. For llama2.c the one between two texts, which is the beginning of the
    /// next (id 1). Characters have none.
    pub fn end_of_text(&self) -> Option<u32> {
        match &*self.0 {
            Kind::Words(vocabulary) => vocabulary.end(),
            Kind::Characters(_) => None,
            Kind::HuggingFace(tokenizer) => hugging_face::END
                .iter()
                .find_map(|token| tokenizer.id(token)),
            Kind::Llama2c(_) => Some(llama2c::BEGINNING),
        }
    }

    /// The token before the first of a text: id 1 of llama2.c, `<s>` or `<|begin_of_text|>` where a Hugging Face tokenizer
    /// has one of them. [`encode`](Self::encode) does not add it. Models without one were trained on texts with
    /// [`end_of_text`](Self::end_of_text) in between, and take that.
    pub fn beginning_of_text(&self) -> Option<u32> {
        match &*self.0 {
            Kind::Words(_) | Kind::Characters(_) => None,
            Kind::HuggingFace(tokenizer) => hugging_face::BEGINNING
                .iter()
                .find_map(|token| tokenizer.id(token)),
            Kind::Llama2c(_) => Some(llama2c::BEGINNING),
        }
    }

    /// The tokenizer as a Hugging Face `tokenizer.json`, always the same bytes for the same tokenizer. llama2.c's, whose
    /// vocabulary may have a piece twice, is JSON of our own (`"type": "llama2.c"`, `"pieces"`, `"scores"`).
    pub fn to_json(&self) -> String {
        match &*self.0 {
            Kind::Words(vocabulary) => json::words(vocabulary),
            Kind::Characters(vocabulary) => json::characters(vocabulary),
            Kind::HuggingFace(tokenizer) => tokenizer.json().to_owned(),
            Kind::Llama2c(tokenizer) => tokenizer.json(),
        }
    }

    /// The tokenizer that [`to_json`](Self::to_json), or Python's `tokenizers`, wrote; `path` is for messages. Truncation,
    /// padding and BPE dropout that it may ask for are left out: they are for batches of sentences, not for a corpus.
    ///
    /// # Errors
    /// If it is not a tokenizer.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, DataError> {
        json::read(text, path).map(Self::from)
    }

    /// Hexadecimal SHA-256 of [`to_json`](Self::to_json): whether tokens and a model belong together.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_json().as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Reads a tokenizer from a file, or from the first of these files that a folder has:
    ///
    /// | file | what it is |
    /// |---|---|
    /// | `tokenizer.json` (or any other `.json`) | Hugging Face, or ours |
    /// | `*vocab.json` beside `*merges.txt` | GPT-2's byte-level BPE, or RoBERTa's if its special tokens are there |
    /// | `*encoder.json` beside `*vocab.bpe` | the same by its first names |
    /// | `vocab.txt` (or any other `.txt`) | WordPiece, with the settings of BERT uncased unless `tokenizer_config.json` says otherwise |
    /// | `tokenizer.bin` (or any other `.bin`) | llama2.c |
    ///
    /// # Errors
    /// If there is none of them, or one is not what its name says.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        open::open(path).map(Self::from)
    }
}
