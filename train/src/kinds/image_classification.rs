//! Image classification.

mod bundle;
pub mod data;
pub mod pretrained;
mod recipe;
mod task;
mod train;

pub use bundle::ImageBundle;
pub use recipe::{ImageDataRecipe, ImageDataSource};
pub use task::{ImageClassificationTask, ranked, read_logits};
pub use train::train;
