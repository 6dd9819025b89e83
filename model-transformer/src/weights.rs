//! Weights in and out, in Hugging Face's names and layout.

pub use tinderbox_weights::{
    LoadOptions, Mismatch, StateDict, WeightsError, load, load_backbone, load_bytes, load_dict,
    load_with, parameter_names, save, to_bytes,
};
