//! Making a tokenizer from text. The same texts give the same tokenizer, whatever order they come in.

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

/// What kind of tokenizer is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Byte-level BPE as GPT-2's: every text can be encoded, and comes back as it was. Id 0 is `<|endoftext|>`.
    Bpe,
    /// WordPiece as BERT's, lower-cased and without accents. Ids 0 to 4 are BERT's special tokens.
    WordPieceUncased,
    /// The same with upper and lower case and accents.
    WordPieceCased,
    /// The most frequent words, `<eos>` and `<unk>`.
    Words,
    /// Every character that occurs.
    Characters,
}

/// A pair must occur this often to become a token; Hugging Face's own scripts say the same.
const LEAST_FREQUENCY: u64 = 2;
/// Where messages say that something is wrong with what was made.
const TRAINED: &str = "trained tokenizer";

impl Tokenizer {
    /// Makes a tokenizer of at most `vocab_size` tokens from `texts`, which are looked at one at a time. No token spans
    /// two of them: cut a long text between words, as [`TextChunks`](crate::text::TextChunks) does.
    ///
    /// # Errors
    /// If a text is an error, if there is no text, or if `vocab_size` is too small for the characters that occur.
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
        .min_frequency(LEAST_FREQUENCY)
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

/// The trainer numbers the letters within words (`##a`) as it meets them, in an order that differs from run to run. They
/// are therefore given to it beforehand as if they were special, in the order of their code points.
fn word_piece(
    vocab_size: usize,
    lower_case: bool,
    texts: impl Iterator<Item = String> + Send,
) -> Result<Tokenizer, DataError> {
    let normalizer = BertNormalizer::new(true, true, None, lower_case);
    let letters = Mutex::new((BTreeSet::new(), BTreeSet::new()));
    let mut trainer = WordPieceTrainer::builder()
        .vocab_size(vocab_size)
        .min_frequency(LEAST_FREQUENCY)
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

/// The words that no token reaches across.
fn split(
    splitter: &impl PreTokenizer,
    mut text: PreTokenizedString,
) -> tokenizers::Result<Vec<String>> {
    splitter.pre_tokenize(&mut text)?;
    let words = text.get_splits(OffsetReferential::Original, OffsetType::None);
    Ok(words
        .into_iter()
        .map(|(word, _, _)| word.to_owned())
        .collect())
}

// The crate's error is a box.
#[allow(clippy::needless_pass_by_value)]
fn failed(error: tokenizers::Error) -> DataError {
    DataError::config(TRAINED, error.to_string())
}
