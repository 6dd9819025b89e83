//! Data for encoder models (BERT, RoBERTa, DistilBERT): inputs, batches, and one module per Hugging
//! Face task.
//!
//! * [`InputBuilder`]: one or two texts between special tokens, as an [`Encoding`];
//! * [`EncoderBatch`]: encodings padded to the longest row;
//! * [`sequence_classification`]: one class per text or pair of texts;
//! * [`token_classification`]: one tag per word;
//! * [`question_answering`]: extractive question answering, SQuAD's format and metrics;
//! * [`masked_lm`]: masked language modelling on plain text.
//!
//! ```
//! use tinderbox_data::text::encoder::{EncoderBatch, InputBuilder};
//! use tinderbox_data::text::generated::sentiment;
//!
//! let builder = InputBuilder::new(sentiment::tokenizer()?, 32)?;
//! let rows = [
//!     builder.encode("we loved the soup", None)?,
//!     builder.encode("i enjoyed it", Some("it was good"))?,
//! ];
//! let batch = EncoderBatch::new(&[&rows[0], &rows[1]], builder.pad_id());
//! assert_eq!(batch.shape, [2, 9]);
//! assert_eq!(batch.unpadded_tokens(), 6 + 9);
//! # Ok::<(), tinderbox_data::DataError>(())
//! ```

mod batch;
mod column_name;
mod encoded_rows;
mod input;
mod labels;
pub mod masked_lm;
mod order;
pub mod question_answering;
pub mod sequence_classification;
pub mod token_classification;

pub use batch::EncoderBatch;
pub use encoded_rows::Truncated;
pub use input::{Encoding, InputBuilder, TokenOrigin, WordRow};
