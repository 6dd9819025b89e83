//! Text as numbers: corpora and labelled texts, tokenizers, and the ways in which models are fed.
//!
//! * [`Tokenizer`]: text to token ids and back, by word, by character or by a Hugging Face tokenizer file;
//! * [`Corpus`]: the splits of a data set as [`Tokens`], from [`penn_treebank`], the bracketed [`treebank`], [`plain`]
//!   text, [`grammar`] or [`TokenShards`];
//! * [`Streams`]: contiguous streams whose hidden state is carried from batch to batch (recurrent models);
//! * [`Windows`]: random windows (attention models);
//! * [`squad`]: questions and the passages of texts that answer them, with the official metrics;
//! * [`SequenceEncoder`] and [`SequenceBatch`]: texts and pairs of texts as encoder models read them;
//! * [`SequenceSource`], [`TaggedSource`], [`MaskedSource`]: batches of [`labelled`] texts (or generated ones, [`sentiment`]), of
//!   [`tagged`] words and of hidden words;
//! * [`NgramStats`]: perplexities by counting, exact functions of a corpus.

mod batch;
mod buckets;
mod corpus;
pub mod grammar;
pub mod labelled;
mod masked;
mod ngram;
mod parallel;
pub mod penn_treebank;
mod pieces;
pub mod plain;
mod segments;
pub mod sentiment;
mod sequence;
mod sequence_batch;
mod sequence_encoder;
mod sequences;
mod split_files;
mod splits;
pub mod squad;
mod streams;
pub mod tagged;
mod token_shards;
mod tokenizer;
mod tokens;
pub mod treebank;
mod windows;

pub use batch::TokenBatch;
pub use corpus::Corpus;
pub use masked::{MaskOptions, MaskedBatch, MaskedSource, TextLines};
pub use ngram::{NgramScore, NgramStats};
pub use pieces::{Piece, Pieces};
pub use sequence::Sequence;
pub use sequence_batch::SequenceBatch;
pub use sequence_encoder::{Encoded, EncodedPiece, SequenceEncoder};
pub use sequences::{LabelledBatch, SequenceSource, Truncated};
pub use streams::Streams;
pub use tagged::{TaggedBatch, TaggedSource};
pub use token_shards::{TokenShardWriter, TokenShards, WrittenTokens};
pub use tokenizer::{Algorithm, DecodeStream, TokenPiece, Tokenizer};
pub use tokens::Tokens;
pub use windows::Windows;
