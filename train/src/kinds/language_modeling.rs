//! Language modelling: the next token.

mod bundle;
pub mod data;
mod evaluate;
mod fit;
mod generate;
mod model;
mod open;
mod predictor;
mod pretrained;
mod recipe;
mod sampling;
mod stop;
mod task;
mod token_source;
mod train;

pub use bundle::LanguageBundle;
pub use evaluate::{LONGEST_WINDOW, LanguageEvaluation};
pub use generate::{FinishReason, GenerateOptions, Generated, GeneratedToken};
pub use model::{LanguageModel, LanguageModelConfig, LanguageModelInfo};
pub use open::{LoadedLanguageModel, OpenOptions, open};
pub use predictor::Predictor;
pub use recipe::{LanguageDataRecipe, LanguageDataSource, LanguageRecipe, TextUnit, model_config};
pub use sampling::SamplingOptions;
pub use task::LanguageModelingTask;
pub use token_source::{TokenItem, TokenSource};
pub use train::LanguageModeling;
