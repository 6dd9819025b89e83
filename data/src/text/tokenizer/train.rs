//! Training a tokenizer. The result does not depend on the order of the texts.

use super::Tokenizer;
use super::open::{BERT_SPECIAL, END_OF_TEXT, bert_tokenizer, bpe_tokenizer, hugging_face};
use super::vocabulary::{CharacterSet, WordCounts};
use crate::error::DataError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer, Trainer,
};

/// Kind of tokenizer to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Byte-level BPE like GPT-2's: lossless for every text. Id 0 is `<|endoftext|>`.
    Bpe,
    /// WordPiece like BERT uncased: lower case, accents stripped. Ids 0 to 4 are BERT's special
    /// tokens.
    WordPieceUncased,
    /// WordPiece like BERT cased: case and accents kept.
    WordPieceCased,
    /// The most frequent words, `<eos>` and `<unk>`.
    Words,
    /// Every character that occurs.
    Characters,
}

/// Minimum frequency of a pair to become a token, as in Hugging Face's scripts.
const MIN_FREQUENCY: u64 = 2;
/// Characters of a word (bytes for BPE) beyond which it is trained on in parts. The time of a merge
/// grows with the length of the words that it changes, and text without spaces is one word.
const MAX_WORD: usize = 256;
/// Path of a trained tokenizer in messages.
const TRAINED: &str = "trained tokenizer";

impl Tokenizer {
    /// Trains a tokenizer of at most `vocab_size` tokens on `texts`, which are read one at a time.
    /// No token spans two texts: cut long ones between words, as
    /// [`TextChunks`](crate::text::TextChunks) does. Of a word of more than 256 characters, such as
    /// a text without spaces, tokens are found within parts of that length.
    ///
    /// # Errors
    /// If a text is an error, there are no texts, or `vocab_size` is too small for the characters
    /// that occur.
    pub fn train<T>(algorithm: Algorithm, vocab_size: usize, texts: T) -> Result<Self, DataError>
    where
        T: Iterator<Item = Result<String, DataError>> + Send,
    {
        if algorithm == Algorithm::Bpe {
            enough(vocab_size, 256 + 1, "bytes and special tokens")?;
        }
        let mut failure = None;
        let mut some = false;
        let texts = texts
            .map_while(|text| text.map_err(|error| failure = Some(error)).ok())
            .inspect(|text| some |= !text.trim().is_empty());
        let made = match algorithm {
            Algorithm::Bpe => bpe(vocab_size, texts),
            Algorithm::WordPieceUncased => word_piece(vocab_size, true, texts),
            Algorithm::WordPieceCased => word_piece(vocab_size, false, texts),
            Algorithm::Words => words(vocab_size, texts),
            Algorithm::Characters => characters(vocab_size, texts),
        };
        if let Some(error) = failure {
            return Err(error);
        }
        if !some {
            return Err(DataError::config(
                "text",
                "there is nothing to train a tokenizer on",
            ));
        }
        made
    }
}

fn words(vocab_size: usize, texts: impl Iterator<Item = String>) -> Result<Tokenizer, DataError> {
    let mut counts = WordCounts::default();
    texts.for_each(|text| counts.add(&text));
    Tokenizer::from_words(counts.vocabulary(Some(vocab_size))?)
}

fn characters(
    vocab_size: usize,
    texts: impl Iterator<Item = String>,
) -> Result<Tokenizer, DataError> {
    let mut set = CharacterSet::default();
    texts.for_each(|text| set.add(&text));
    let list = set.vocabulary();
    enough(vocab_size, list.len(), "different characters")?;
    Tokenizer::from_characters(list)
}

fn enough(vocab_size: usize, needed: usize, what: &str) -> Result<(), DataError> {
    if vocab_size < needed {
        let reason = format!("{vocab_size} is less than the {needed} {what}");
        return Err(DataError::config("vocabulary size", reason));
    }
    Ok(())
}

fn bpe(
    vocab_size: usize,
    texts: impl Iterator<Item = String> + Send,
) -> Result<Tokenizer, DataError> {
    let splitter = ByteLevel::new(false, true, true);
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(MIN_FREQUENCY)
        .show_progress(false)
        .special_tokens(vec![AddedToken::from(END_OF_TEXT, true)])
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    trainer
        .feed(texts, |text| split(&splitter, text.into()))
        .map_err(failed)?;
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(failed)?;
    hugging_face(bpe_tokenizer(model), &[END_OF_TEXT], Path::new(TRAINED)).map(Tokenizer::from)
}

/// The trainer numbers letters within words (`##a`) in the order in which it meets them, which
/// differs from run to run. They are therefore passed to it as special tokens, in code point order.
fn word_piece(
    vocab_size: usize,
    lower_case: bool,
    texts: impl Iterator<Item = String> + Send,
) -> Result<Tokenizer, DataError> {
    let normalizer = BertNormalizer::new(true, true, None, lower_case);
    let letters = Mutex::new((BTreeSet::new(), BTreeSet::new()));
    let mut trainer = WordPieceTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(MIN_FREQUENCY)
        .show_progress(false)
        .build();
    trainer
        .feed(texts, |text| {
            let mut text = NormalizedString::from(text);
            normalizer.normalize(&mut text)?;
            let words = split(&BertPreTokenizer, text.into())?;
            let mut letters = letters.lock().unwrap_or_else(PoisonError::into_inner);
            for word in &words {
                letters.0.extend(word.chars());
                letters.1.extend(word.chars().skip(1));
            }
            Ok(words)
        })
        .map_err(failed)?;
    let (all, within) = letters.into_inner().unwrap_or_else(PoisonError::into_inner);
    let special = BERT_SPECIAL.map(str::to_owned).into_iter();
    let tokens: Vec<AddedToken> = special
        .chain(all.iter().map(char::to_string))
        .chain(within.iter().map(|letter| format!("##{letter}")))
        .map(|token| AddedToken::from(token, true))
        .collect();
    enough(
        vocab_size,
        tokens.len(),
        "characters, at the beginning of words and within, and special tokens",
    )?;
    trainer.set_special_tokens(tokens);
    let mut model = WordPiece::default();
    trainer.train(&mut model).map_err(failed)?;
    let path = Path::new(TRAINED);
    let tokenizer = bert_tokenizer(model, normalizer, path)?;
    hugging_face(tokenizer, &BERT_SPECIAL, path).map(Tokenizer::from)
}

/// Splits a text into words, which no token spans, and long ones into parts.
fn split(
    splitter: &impl PreTokenizer,
    mut text: PreTokenizedString,
) -> tokenizers::Result<Vec<String>> {
    splitter.pre_tokenize(&mut text)?;
    let words = text.get_splits(OffsetReferential::Original, OffsetType::None);
    Ok(words
        .into_iter()
        .flat_map(|(word, _, _)| parts(word))
        .map(str::to_owned)
        .collect())
}

/// Parts of at most [`MAX_WORD`] characters.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let end = rest
            .char_indices()
            .nth(MAX_WORD)
            .map_or(rest.len(), |(end, _)| end);
        let (part, left) = rest.split_at(end);
        rest = left;
        (!part.is_empty()).then_some(part)
    })
}

// The crate's error is a box.
#[allow(clippy::needless_pass_by_value)]
fn failed(error: tokenizers::Error) -> DataError {
    DataError::config(TRAINED, error.to_string())
}
