//! Text as numbers: tokenizers, corpora for language models, and labelled texts for encoders.
//!
//! * [`Tokenizer`]: text to token ids and back, by word, by character or by a Hugging Face tokenizer file;
//! * [`language`]: corpora and the windows and streams that language models are trained on;
//! * [`encoder`]: input rows and batches of BERT-like models, by Hugging Face's task names;
//! * [`chat`]: the chat templates of a model folder;
//! * [`generated`]: embedded corpora that are made up from a seed.

pub mod chat;
mod chunks;
pub mod encoder;
pub mod generated;
mod json_entries;
pub mod language;
mod lines;
mod parallel;
mod split_files;
pub mod tokenizer;

pub use chunks::{TextChunk, TextChunks};
pub use tokenizer::Tokenizer;
