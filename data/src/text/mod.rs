//! Text as numbers: corpora, tokenizers, and the two ways in which a language model is fed.
//!
//! * [`Tokenizer`]: text to token ids and back, by word, by character or by a Hugging Face tokenizer file;
//! * [`Corpus`]: the splits of a data set as [`Tokens`], from [`penn_treebank`], the bracketed [`treebank`], [`plain`]
//!   text, [`grammar`] or [`TokenShards`];
//! * [`Streams`]: contiguous streams whose hidden state is carried from batch to batch (recurrent models);
//! * [`Windows`]: random windows (attention models);
//! * [`NgramStats`]: perplexities by counting, exact functions of a corpus.

mod batch;
mod corpus;
pub mod grammar;
mod ngram;
pub mod penn_treebank;
mod pieces;
pub mod plain;
mod segments;
mod sequence;
mod splits;
mod streams;
mod token_shards;
mod tokenizer;
mod tokens;
pub mod treebank;
mod windows;

pub use batch::TokenBatch;
pub use corpus::Corpus;
pub use ngram::{NgramScore, NgramStats};
pub use pieces::{Piece, Pieces};
pub use sequence::Sequence;
pub use streams::Streams;
pub use token_shards::{Split, TokenShardWriter, TokenShards, WrittenTokens};
pub use tokenizer::{Algorithm, DecodeStream, Tokenizer};
pub use tokens::Tokens;
pub use windows::Windows;
