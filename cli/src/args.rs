//! Arguments that several verbs share.

pub mod device;
pub mod recipe;
pub(crate) mod text;
pub(crate) mod weights;

pub use device::DeviceArgs;
pub use recipe::RecipeArgs;
pub(crate) use recipe::quoted;
pub(crate) use text::TextArgs;
pub(crate) use weights::{CheckpointArgs, WeightsFileArgs};
