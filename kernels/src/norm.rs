//! Normalisation: batch norm, layer norm and RMS norm.

mod batch_norm;
mod layer_norm;

pub use batch_norm::{BatchNormOutput, Epilogue, batch_norm, batch_norm_train};
pub use layer_norm::{layer_norm, rms_norm};
