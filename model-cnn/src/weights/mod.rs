//! Weights in and out, in PyTorch's names and layout, and the public files that are known.

pub mod known;

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_with,
    parameter_names, save, to_bytes,
};
