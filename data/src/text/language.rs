//! Language modelling: corpora as token ids, and how models read them.
//!
//! * [`Corpus`]: the splits of a data set as [`Tokens`], from [`plain`] text, [`penn_treebank`]
//!   files, the bracketed [`treebank`] or [`TokenShards`];
//! * [`Streams`]: contiguous streams for recurrent models, whose hidden state is carried from batch
//!   to batch;
//! * [`Windows`]: independent windows for attention models;
//! * [`NgramStats`]: perplexities of n-gram models, exact functions of a corpus.
//!
//! ```
//! use tinderbox_data::loader::Source;
//! use tinderbox_data::text::generated::grammar;
//! use tinderbox_data::text::language::Windows;
//!
//! let corpus = grammar::corpus(42, 1000, 100)?;
//! let windows = Windows::evaluation(corpus.validation, 16, None, None)?;
//! let batch = windows.collate(0, 0, vec![windows.item(0, 0)?, windows.item(0, 1)?]);
//! assert_eq!(batch.shape, [2, 16]);
//! assert_eq!(batch.targets[..15], batch.inputs[1..16]);
//! # Ok::<(), tinderbox_data::DataError>(())
//! ```

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
