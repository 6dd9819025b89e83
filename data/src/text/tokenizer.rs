//! Tokenizers: text to token ids and back.
//!
//! Four kinds share one interface:
//!
//! * **words**: whitespace-separated words of a closed vocabulary; each newline is `<eos>`. For the
//!   Penn Treebank language models, whose text is already tokenized;
//! * **characters**: Unicode scalar values of a closed vocabulary, newlines included;
//! * **Hugging Face**: everything that the `tokenizers` crate reads (`tokenizer.json`), including
//!   GPT-2's byte-level BPE and BERT's WordPiece;
//! * **llama2.c**: the `tokenizer.bin` of llama2.c's checkpoints.
//!
//! [`Tokenizer::open`] lists the supported files, [`Tokenizer::train`] trains new tokenizers. Words
//! and characters are also saved as ordinary `tokenizer.json`, so that Python can open them; they
//! are encoded by a few lines of code here, which is fifty times as fast.

mod check;
mod folder;
mod frame;
mod guard;
mod hugging_face;
mod json;
mod llama2c;
mod lower_case;
mod merge_chain;
mod open;
mod piece;
mod settings;
mod stream;
mod train;
mod vocabulary;

pub(crate) use frame::{Frames, Part};
pub(super) use open::BERT_SPECIAL;
pub use piece::TokenPiece;
pub use settings::{Side, TokenizerSettings};
pub use stream::DecodeStream;
pub use train::Algorithm;

use super::chat::Conversation;
use super::chunks::TextChunks;
use crate::error::DataError;
use hugging_face::HuggingFace;
use llama2c::Llama2c;
use sha2::{Digest, Sha256};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use vocabulary::{CharacterSet, Vocabulary, WordCounts};

/// A tokenizer: text to token ids and back. Clones share the vocabulary.
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

/// Omits the vocabulary, which would fill pages.
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
    /// Creates a word tokenizer with the ids given by the order of `list`. If `<eos>` is in the
    /// list, it stands for the end of each line; if `<unk>` is, it stands for every unknown word.
    ///
    /// # Errors
    /// If the list is empty, has a word twice, or one that is empty or contains whitespace.
    pub fn from_words(list: Vec<String>) -> Result<Self, DataError> {
        for word in &list {
            if word.is_empty() || word.contains(char::is_whitespace) {
                let reason = format!("{word:?} is not a word: words contain no whitespace");
                return Err(DataError::config("vocabulary", reason));
            }
        }
        Ok(Kind::Words(Vocabulary::new(list)?).into())
    }

    /// Creates a character tokenizer with the ids given by the order of `list`, which may include
    /// `<unk>`.
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

    /// Creates a tokenizer like BERT's uncased WordPiece with the ids given by the order of `list`.
    /// Continuation pieces begin with `##`. Those of BERT's special tokens that are in the list are
    /// special.
    ///
    /// # Errors
    /// If `[UNK]` is not in the list.
    pub fn from_word_pieces(list: Vec<String>) -> Result<Self, DataError> {
        open::word_pieces(list).map(Self::from)
    }

    /// Creates a word tokenizer of the words of `texts` and `<eos>`, by descending frequency, then
    /// by code point (the order of TensorFlow's Penn Treebank reader). With a `limit`, the
    /// vocabulary is `<eos>`, `<unk>` and the most frequent words, `limit` entries in all; without,
    /// it is closed, unless `<unk>` is a word of the texts.
    ///
    /// # Errors
    /// If the limit is below 3.
    pub fn words(texts: &[&str], limit: Option<usize>) -> Result<Self, DataError> {
        let mut counts = WordCounts::default();
        texts.iter().for_each(|text| counts.add(text));
        Self::from_words(counts.vocabulary(limit)?)
    }

    /// Creates a character tokenizer of the characters of `texts` by code point, with nanoGPT's
    /// ids.
    ///
    /// # Errors
    /// If there are no characters.
    pub fn characters(texts: &[&str]) -> Result<Self, DataError> {
        let mut set = CharacterSet::default();
        texts.iter().for_each(|text| set.add(text));
        Self::from_characters(set.vocabulary())
    }

    /// Encodes `text`. No special tokens are added around it, whatever the tokenizer's file asks
    /// for, since a language model's text continues. Special tokens that occur in the text
    /// (`<|endoftext|>`) become their ids.
    ///
    /// # Errors
    /// If a word or character is missing from a closed vocabulary without `<unk>` (with line and
    /// column).
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, DataError> {
        self.try_encode(text, 1)
            .map_err(|reason| DataError::config("text", reason))
    }

    /// Encodes a prompt of a language model, with the special tokens that the tokenizer's
    /// `post_processor` puts around a text, as `tokenizer(prompt)` in transformers. llama2.c begins
    /// with its own.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<u32>, DataError> {
        let ids = self.encode(text)?;
        if let Kind::Llama2c(_) = &*self.0 {
            return Ok([&[llama2c::BEGINNING], ids.as_slice()].concat());
        }
        let framed = self.frames().single.iter().flat_map(|part| match part {
            Part::Special { id, .. } => std::slice::from_ref(id),
            Part::Text { .. } => &ids,
        });
        Ok(framed.copied().collect())
    }

    /// The prompt for an answer to a conversation, by the chat template of the tokenizer's folder.
    /// It is encoded by [`encode`](Self::encode): the template writes special tokens itself.
    ///
    /// # Errors
    /// As [`ChatTemplates::render`](crate::text::chat::ChatTemplates::render).
    pub fn chat_prompt(&self, conversation: &Conversation) -> Result<String, DataError> {
        let settings = self.settings();
        settings
            .chat_templates
            .render(conversation, &settings.special)
    }

    /// As [`encode`](Self::encode), with the position of each token in the text.
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

    /// [`encode`](Self::encode) for a part of the file at `path` that begins at line `first`, from
    /// 1.
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

    /// Encodes a text file of any length in chunks, which are passed to `take` in order. If
    /// chunking could change the result (for a tokenizer that adds a space before a text, or an
    /// unknown one), there is a single chunk, and the file must fit in memory. A word tokenizer
    /// ends the last line like the others. Returns the number of characters.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), with the line; if the file cannot be read or is not UTF-8; or
    /// as `take`.
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

    /// True if a text may be cut after a line and encoded in chunks, as by [`TextChunks`].
    fn works_by_lines(&self) -> bool {
        match &*self.0 {
            Kind::Words(_) | Kind::Characters(_) => true,
            Kind::HuggingFace(tokenizer) => tokenizer.works_by_lines(),
            Kind::Llama2c(_) => false,
        }
    }

    /// Decodes `ids`: words are joined by spaces, with `<eos>` as a newline; other tokenizers use
    /// their own rules. Bytes that are not UTF-8 become U+FFFD. Unknown ids are skipped.
    pub fn decode(&self, ids: &[u32]) -> String {
        if let Kind::HuggingFace(tokenizer) = &*self.0 {
            return tokenizer.decode(ids);
        }
        let mut stream = self.decode_stream();
        let mut text: String = ids.iter().filter_map(|&id| stream.push(id)).collect();
        text.extend(stream.finish());
        text
    }

    /// Creates a decoder for one token at a time, for text that is shown while it is generated.
    pub fn decode_stream(&self) -> DecodeStream<'_> {
        DecodeStream::new(&self.0)
    }

    /// Settings of the folder that it comes from; the defaults for a single file.
    pub fn settings(&self) -> &TokenizerSettings {
        static DEFAULT: LazyLock<TokenizerSettings> = LazyLock::new(TokenizerSettings::default);
        match &*self.0 {
            Kind::HuggingFace(tokenizer) => tokenizer.settings(),
            _ => &DEFAULT,
        }
    }

    /// Special tokens that it puts around texts.
    pub(crate) fn frames(&self) -> &Frames {
        static NONE: LazyLock<Frames> = LazyLock::new(Frames::none);
        match &*self.0 {
            Kind::HuggingFace(tokenizer) => tokenizer.frames(),
            _ => &NONE,
        }
    }

    /// Largest token type of an input.
    pub fn max_token_type(&self) -> u32 {
        let types = self.frames().pair.iter().map(|part| part.type_id());
        let largest = types.max().unwrap_or_default();
        if self.settings().token_type_ids {
            largest
        } else {
            0
        }
    }

    /// Vocabulary size, one more than the largest id: the number of embedding rows needed.
    pub fn vocab_size(&self) -> usize {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => vocabulary.len(),
            Kind::HuggingFace(tokenizer) => tokenizer.vocab_size(),
            Kind::Llama2c(tokenizer) => tokenizer.len(),
        }
    }

    /// Checks that all `ids` are below `rows`, the number of embeddings of a model. A tokenizer may
    /// have more tokens, as long as none of them occurs.
    ///
    /// # Errors
    /// If one is not, with the token.
    pub fn check_rows(&self, ids: &[u32], rows: usize) -> Result<(), DataError> {
        let Some(id) = ids.iter().copied().find(|&id| id as usize >= rows) else {
            return Ok(());
        };
        let token = self.token(id).unwrap_or_default();
        let reason = format!(
            "the token {token:?} has the id {id}, and the model has embeddings for {rows} tokens only"
        );
        Err(DataError::config("text", reason))
    }

    /// True if `id` ends a text. The `<eos>` of words only ends a line.
    pub fn ends_text(&self, id: u32) -> bool {
        !matches!(&*self.0, Kind::Words(_)) && self.end_of_text() == Some(id)
    }

    /// True for a character tokenizer.
    pub fn is_by_character(&self) -> bool {
        matches!(&*self.0, Kind::Characters(_))
    }

    /// True if a word is marked by the space before it, which the tokenizer does not add by itself:
    /// byte-level without `add_prefix_space`.
    pub(super) fn marks_words_by_space(&self) -> bool {
        matches!(&*self.0, Kind::HuggingFace(tokenizer) if tokenizer.marks_words_by_space())
    }

    /// True if tokens that continue a word begin with a mark of their own, as BERT's `##`.
    pub(super) fn marks_continuations(&self) -> bool {
        matches!(&*self.0, Kind::HuggingFace(tokenizer) if tokenizer.marks_continuations())
    }

    /// Token with this id, as in the vocabulary (GPT-2's writes a space as `Ġ`).
    pub fn token(&self, id: u32) -> Option<String> {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => {
                vocabulary.token(id).map(str::to_owned)
            }
            Kind::HuggingFace(tokenizer) => tokenizer.token(id),
            Kind::Llama2c(tokenizer) => tokenizer.token(id).map(str::to_owned),
        }
    }

    /// Id of a token, as in the vocabulary.
    pub fn id(&self, token: &str) -> Option<u32> {
        match &*self.0 {
            Kind::Words(vocabulary) | Kind::Characters(vocabulary) => vocabulary.id(token),
            Kind::HuggingFace(tokenizer) => tokenizer.id(token),
            Kind::Llama2c(tokenizer) => tokenizer.id(token),
        }
    }

    /// End-of-text token: `<eos>` for words; for Hugging Face the `eos_token` of its folder or, for
    /// a file without settings, the first that exists of `<|endoftext|>`, `<|end_of_text|>`,
    /// `</s>`, `<eos>` and `[SEP]`; for llama2.c the separator of texts, which is the beginning of
    /// the next one (id 1). Characters have none.
    pub fn end_of_text(&self) -> Option<u32> {
        match &*self.0 {
            Kind::Words(vocabulary) => vocabulary.end(),
            Kind::Characters(_) => None,
            Kind::HuggingFace(_) => self.named_or("eos_token", &hugging_face::END),
            Kind::Llama2c(_) => Some(llama2c::BEGINNING),
        }
    }

    /// Beginning-of-text token: id 1 for llama2.c; for Hugging Face the `bos_token` of its folder
    /// or, for a file without settings, `<s>` or `<|begin_of_text|>`. A text without a prompt
    /// begins with it; before a prompt stands what [`encode_prompt`](Self::encode_prompt) puts
    /// there.
    pub fn beginning_of_text(&self) -> Option<u32> {
        match &*self.0 {
            Kind::Words(_) | Kind::Characters(_) => None,
            Kind::HuggingFace(_) => self.named_or("bos_token", &hugging_face::BEGINNING),
            Kind::Llama2c(_) => Some(llama2c::BEGINNING),
        }
    }

    /// Id of the special token of this name or, without settings, of the first of `usual`.
    fn named_or(&self, name: &str, usual: &[&str]) -> Option<u32> {
        let settings = self.settings();
        if settings.special.is_empty() {
            return usual.iter().find_map(|token| self.id(token));
        }
        self.id(settings.special(name)?)
    }

    /// Serialises the tokenizer as a Hugging Face `tokenizer.json`, always the same bytes for the
    /// same tokenizer. llama2.c's, whose vocabulary may contain a piece twice, has a JSON format of
    /// our own (`"type": "llama2.c"`, `"pieces"`, `"scores"`).
    pub fn to_json(&self) -> String {
        match &*self.0 {
            Kind::Words(vocabulary) => json::words(vocabulary),
            Kind::Characters(vocabulary) => json::characters(vocabulary),
            Kind::HuggingFace(tokenizer) => tokenizer.json().to_owned(),
            Kind::Llama2c(tokenizer) => tokenizer.json(),
        }
    }

    /// `tokenizer_config.json`, to be written beside [`to_json`](Self::to_json): the settings of the
    /// folder that the tokenizer comes from. `None` if it has none.
    pub fn config_json(&self) -> Option<serde_json::Map<String, serde_json::Value>> {
        let settings = self.settings();
        (*settings != TokenizerSettings::default()).then(|| settings.to_json())
    }

    /// Parses a tokenizer written by [`to_json`](Self::to_json) or by Python's `tokenizers`; `path`
    /// is for messages. Its truncation, padding and BPE dropout are ignored: they are for batches
    /// of sentences, not for a corpus.
    ///
    /// # Errors
    /// If it is not a tokenizer.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, DataError> {
        json::read(text, path).map(Self::from)
    }

    /// SHA-256 of [`to_json`](Self::to_json) in hexadecimal; identifies the tokenizer of a corpus
    /// or model.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.to_json().as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Opens a tokenizer: a file, or the first of these that a folder has. A folder with
    /// `tokenizer_config.json`, `special_tokens_map.json`, `added_tokens.json` or `config.json` is
    /// opened as `AutoTokenizer` of transformers 5.23 opens it, and so is its `tokenizer.json`,
    /// `vocab.txt`, `vocab.json` or `merges.txt` by itself.
    ///
    /// | file | format |
    /// |---|---|
    /// | `tokenizer.json` (or any other `.json`) | Hugging Face, or our own |
    /// | `*vocab.json` beside `*merges.txt` | GPT-2's byte-level BPE, or RoBERTa's if it has its special tokens |
    /// | `*encoder.json` beside `*vocab.bpe` | the same, by OpenAI's file names |
    /// | `vocab.txt` (or any other `.txt`) | WordPiece, BERT uncased unless `tokenizer_config.json` says otherwise |
    /// | `tokenizer.bin` (or any other `.bin`) | llama2.c |
    ///
    /// # Errors
    /// If none of them exists, a file is not of the format that its name implies, or the folder's
    /// tokenizer is of a class that is not supported.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        open::open(path).map(Self::from)
    }
}
