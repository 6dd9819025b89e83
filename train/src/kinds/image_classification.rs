//! Image classification.

mod bundle;
mod class_weights;
pub mod data;
mod evaluate;
mod open;
mod predict;
pub mod pretrained;
mod recipe;
mod task;
mod train;

pub use bundle::ImageBundle;
pub use class_weights::{ClassWeightRule, ClassWeights};
pub use evaluate::{ImageClassScore, ImageEvaluation};
pub use open::{LoadedImageClassifier, OpenOptions, open};
pub use predict::{ImageExplainMethod, ImageExplanation, LayerName, PreparedImage};
pub use recipe::{ImageDataRecipe, ImageDataSource, ImageRecipe, model_config};
pub use task::ImageClassificationTask;
pub use train::ImageClassification;
