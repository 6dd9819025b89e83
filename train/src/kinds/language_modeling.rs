//! Language modelling: the next token.

mod bundle;
pub mod data;
mod model;
mod predictor;
mod pretrained;
mod recipe;
mod task;
mod token_source;
mod train;

pub use bundle::LanguageBundle;
pub use model::{LanguageModel, LanguageModelConfig, LanguageModelInfo};
pub use predictor::Predictor;
pub use recipe::{LanguageDataRecipe, LanguageDataSource, TextUnit};
pub use task::LanguageModelingTask;
pub use token_source::{TokenItem, TokenSource};
pub use train::train;
