//! Text encoders: sequence classification, token classification, question answering, masked language modelling.

mod bundle;
pub mod data;
mod fit;
mod masked_lm;
mod model;
mod outputs;
mod pretrained;
mod question_answering;
mod recipe;
pub mod score;
mod sequence_classification;
mod token_classification;
mod train;

pub use bundle::EncoderBundle;
pub use masked_lm::MaskedLmTask;
pub use model::{LoadedEncoder, check_tokens, input};
pub use question_answering::{Answering, QuestionAnsweringTask, SpanSource, span_logits};
pub use recipe::{EncoderDataRecipe, EncoderDataSource};
pub use sequence_classification::SequenceClassificationTask;
pub use token_classification::TokenClassificationTask;
pub use train::train;
