//! Text encoders: sequence classification, token classification, question answering, masked
//! language modelling.

mod answer;
mod bundle;
mod classify;
mod correlation;
pub mod data;
mod embed;
mod evaluate;
mod explain;
mod fill_mask;
mod fit;
mod forward;
mod inputs;
mod labels;
pub mod masked_lm;
pub mod numbers;
mod open;
mod outputs;
mod pretrained;
mod problem;
pub mod question_answering;
mod recipe;
pub mod score;
pub mod sequence_classification;
mod tag;
pub mod token_classification;
mod train;

pub use answer::Answer;
pub use bundle::EncoderBundle;
pub use classify::{TextClasses, TextInput};
pub use embed::{Embedder, Embeddings};
pub use evaluate::EncoderEvaluation;
pub use explain::{AttentionMap, ExplainInput, ExplainTarget, TextExplainMethod, TextExplanation};
pub use fill_mask::{FilledMask, FilledMasks, MaskPrediction};
pub use fit::given_tokenizer;
pub use inputs::{check_tokens, input};
pub use masked_lm::MaskedLmTask;
pub use numbers::NumbersTask;
pub use open::{LoadedEncoder, OpenOptions, open};
pub use problem::resolved;
pub use question_answering::{Answering, QaSource, QuestionAnsweringTask, span_logits};
pub use recipe::{EncoderDataRecipe, EncoderDataSource, EncoderRecipe, model_config};
pub use sequence_classification::SequenceClassificationTask;
pub use tag::{TaggedText, TaggedWord, TextEntity};
pub use token_classification::TokenClassificationTask;
pub use train::Encoder;
