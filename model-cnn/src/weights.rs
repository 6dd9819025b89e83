//! Loading and saving weights with PyTorch's names and layout, and a table of published weights.

pub mod known;

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_dict,
    load_with, parameter_names, save, to_bytes,
};
