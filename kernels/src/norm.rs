//! Normalisation: numbers shifted and scaled by their own statistics.

mod batch_norm;
mod layer_norm;

pub use batch_norm::{BatchNormOutput, Fused, batch_norm, batch_norm_train};
pub use layer_norm::{layer_norm, rms_norm};
