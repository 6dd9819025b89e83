//! Language modelling: corpora as token ids, and how models read them.
//!
//! * [`Corpus`]: the splits of a data set as [`Tokens`], from [`plain`] text, [`penn_treebank`] files, the bracketed
//!   [`treebank`] or [`TokenShards`];
//! * [`Streams`]: contiguous streams whose hidden state is carried from batch to batch (recurrent models);
//! * [`Windows`]: random windows (attention models);
//! * [`NgramStats`]: perplexities of n-gram models, exact functions of a corpus.

mod batch;
mod corpus;
mod example;
mod ngram;
pub mod penn_treebank;
pub mod plain;
mod segment_lengths;
mod streams;
mod text_splits;
mod token_shards;
mod tokens;
mod tree;
pub mod treebank;
mod windows;

pub use batch::LmBatch;
pub use corpus::Corpus;
pub use example::LmExample;
pub use ngram::{NgramScore, NgramStats};
pub use streams::Streams;
pub use token_shards::{TokenShardWriter, TokenShards, WrittenTokens};
pub use tokens::Tokens;
pub use windows::Windows;
