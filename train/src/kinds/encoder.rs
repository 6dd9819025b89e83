//! Text encoders: sequence classification, token classification, question answering, masked
//! language modelling.

mod bundle;
pub mod data;
mod fit;
pub mod masked_lm;
mod model;
mod outputs;
mod pretrained;
pub mod question_answering;
mod recipe;
pub mod score;
pub mod sequence_classification;
pub mod token_classification;
mod train;

pub use bundle::EncoderBundle;
pub use fit::given_tokenizer;
pub use masked_lm::MaskedLmTask;
pub use model::{LoadedEncoder, check_tokens, input};
pub use question_answering::{Answering, QaSource, QuestionAnsweringTask, span_logits};
pub use recipe::{EncoderDataRecipe, EncoderDataSource, EncoderRecipe, model_config};
pub use sequence_classification::SequenceClassificationTask;
pub use token_classification::TokenClassificationTask;
pub use train::Encoder;
