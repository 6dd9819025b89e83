//! Tokenizers of the `tokenizers` crate, guarded against its pitfalls.

use super::frame::Frames;
use super::settings::TokenizerSettings;
use super::{TokenPiece, check, guard};
use crate::error::DataError;
use crate::text::chunks;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tokenizers::{DecoderWrapper, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

/// End-of-text tokens, most specific first.
pub(super) const END: [&str; 5] = ["<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]"];
/// Beginning-of-text tokens.
pub(super) const BEGINNING: [&str; 2] = ["<|begin_of_text|>", "<s>"];

/// A tokenizer of the `tokenizers` crate, with cached properties.
pub(super) struct HuggingFace {
    tokenizer: Tokenizer,
    settings: TokenizerSettings,
    frames: Frames,
    json: String,
    /// File that it comes from, for messages.
    path: PathBuf,
    vocab_size: usize,
    works_by_lines: bool,
}

/// Parses a `tokenizer.json`, after comparing its tokens, ids and templates with each other.
pub(super) fn parse(value: &Value, path: &Path) -> Result<Tokenizer, DataError> {
    check::tokenizer(value).map_err(|reason| DataError::file(path, reason))?;
    guard::attempt(|| value.to_string().parse::<Tokenizer>())
        .map_err(|reason| DataError::file(path, format!("is not a tokenizer.json: {reason}")))
}

impl HuggingFace {
    /// Wraps a tokenizer that has no settings beside it.
    pub(super) fn new(tokenizer: Tokenizer, path: &Path) -> Result<Self, DataError> {
        Self::with_settings(tokenizer, TokenizerSettings::default(), path)
    }

    /// Wraps a tokenizer, without what makes its output depend on the length of the text or on
    /// chance.
    pub(super) fn with_settings(
        mut tokenizer: Tokenizer,
        settings: TokenizerSettings,
        path: &Path,
    ) -> Result<Self, DataError> {
        let invalid = |reason: String| DataError::file(path, reason);
        guard::attempt(|| tokenizer.with_truncation(None).map(|_| ())).map_err(invalid)?;
        tokenizer.with_padding(None);
        tokenizer.set_encode_special_tokens(settings.split_special_tokens);
        if let ModelWrapper::BPE(bpe) = tokenizer.get_model()
            && bpe.dropout.is_some()
        {
            let mut bpe = bpe.clone();
            bpe.dropout = None;
            tokenizer.with_model(bpe);
        }
        let largest = tokenizer.get_vocab(true).into_values().max();
        Ok(Self {
            frames: Frames::of(&tokenizer).map_err(invalid)?,
            json: guard::attempt(|| tokenizer.to_string(false)).map_err(invalid)?,
            vocab_size: largest.map_or(0, |id| id as usize + 1),
            works_by_lines: works_by_lines(&tokenizer),
            path: path.to_path_buf(),
            settings,
            tokenizer,
        })
    }

    /// Wraps a parsed `tokenizer.json`.
    pub(super) fn read(value: &Value, path: &Path) -> Result<Self, DataError> {
        Self::new(parse(value, path)?, path)
    }

    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut ids = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, left) = self.cut(rest);
            let encoding = guard::attempt(|| self.tokenizer.encode_fast(part, false));
            let encoding = encoding.map_err(|reason| self.explain(&reason))?;
            ids.extend_from_slice(encoding.get_ids());
            rest = left;
        }
        Ok(ids)
    }

    /// As [`encode`](Self::encode), with positions. Words are numbered through all parts.
    pub(super) fn pieces(&self, text: &str) -> Result<Vec<TokenPiece>, String> {
        let mut pieces: Vec<TokenPiece> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (part, left) = self.cut(rest);
            let encoding = guard::attempt(|| self.tokenizer.encode(part, false));
            let encoding = encoding.map_err(|reason| self.explain(&reason))?;
            let before = text.len() - rest.len();
            let first = pieces.last().map_or(0, |piece| piece.word + 1);
            let places = encoding.get_offsets().iter().zip(encoding.get_word_ids());
            for (&id, (&(start, end), &word)) in encoding.get_ids().iter().zip(places) {
                let range = before + start..before + end;
                let word = first + word.unwrap_or_default();
                pieces.push(TokenPiece::new(text, id, range, word));
            }
            rest = left;
        }
        Ok(pieces)
    }

    fn explain(&self, reason: &str) -> String {
        format!("the tokenizer {} fails: {reason}", self.path.display())
    }

    /// Splits `text` into the part to encode at once and the rest.
    fn cut<'a>(&self, text: &'a str) -> (&'a str, &'a str) {
        if self.works_by_lines {
            chunks::cut(text)
        } else {
            (text, "")
        }
    }

    pub(super) fn decode(&self, ids: &[u32]) -> String {
        // Only a malformed decoder fails, and then there is nothing that it could decode.
        guard::attempt(|| self.tokenizer.decode(ids, false)).unwrap_or_default()
    }

    /// True if tokens are UTF-8 bytes written as printable characters; a character may take several
    /// tokens.
    pub(super) fn is_byte_level(&self) -> bool {
        matches!(
            self.tokenizer.get_decoder(),
            Some(DecoderWrapper::ByteLevel(_))
        )
    }

    /// True if the pre-tokenizer is byte-level and adds no space before a text.
    pub(super) fn marks_words_by_space(&self) -> bool {
        fn any(pre_tokenizer: &PreTokenizerWrapper) -> bool {
            match pre_tokenizer {
                PreTokenizerWrapper::ByteLevel(bytes) => !bytes.add_prefix_space,
                PreTokenizerWrapper::Sequence(all) => all.as_ref().iter().any(any),
                _ => false,
            }
        }
        self.tokenizer.get_pre_tokenizer().is_some_and(any)
    }

    /// True if the model has a `continuing_subword_prefix`.
    pub(super) fn marks_continuations(&self) -> bool {
        match self.tokenizer.get_model() {
            ModelWrapper::WordPiece(model) => !model.continuing_subword_prefix.is_empty(),
            ModelWrapper::BPE(model) => model
                .continuing_subword_prefix
                .as_ref()
                .is_some_and(|prefix| !prefix.is_empty()),
            _ => false,
        }
    }

    pub(super) fn settings(&self) -> &TokenizerSettings {
        &self.settings
    }

    /// Special tokens around texts.
    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    pub(super) fn works_by_lines(&self) -> bool {
        self.works_by_lines
    }

    pub(super) fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.tokenizer.id_to_token(id)
    }

    pub(super) fn id(&self, token: &str) -> Option<u32> {
        self.tokenizer.token_to_id(token)
    }

    pub(super) fn json(&self) -> &str {
        &self.json
    }
}

/// True if a lone newline between two lines that neither end nor begin with whitespace is always a
/// token boundary and nothing looks across it. This holds for GPT-2 and BERT; where it is unknown,
/// a text is encoded as a whole.
fn works_by_lines(tokenizer: &tokenizers::Tokenizer) -> bool {
    let separates = match (tokenizer.get_normalizer(), tokenizer.get_pre_tokenizer()) {
        (None, Some(PreTokenizerWrapper::ByteLevel(bytes))) => {
            bytes.use_regex && !bytes.add_prefix_space
        }
        (
            Some(NormalizerWrapper::BertNormalizer(_)),
            Some(PreTokenizerWrapper::BertPreTokenizer(_)),
        ) => true,
        _ => false,
    };
    // Added tokens are searched for in the whole text, and those that strip include surrounding
    // whitespace.
    let added = tokenizer.get_added_tokens_decoder();
    separates
        && added
            .values()
            .all(|token| !token.lstrip && !token.rstrip && !token.content.contains('\n'))
}

/// Inverse of the byte-level alphabet: character to byte. GPT-2 writes printable bytes as
/// themselves and the others, in order, as the characters from U+0100.
pub(super) fn byte_of_character() -> HashMap<char, u8> {
    let printable = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..=255u8).filter(|byte| !printable(byte));
    let disguised = ('\u{100}'..).zip(others);
    (0..=255u8)
        .filter(printable)
        .map(|byte| (char::from(byte), byte))
        .chain(disguised)
        .collect()
}
