//! The run directory: the contract between verbs.
//!
//! ```text
//! runs/<name>/
//!   recipe.toml      resolved recipe, every key written out
//!   model.json       configuration of the model
//!   labels.json      classification: names of classes or tags, in the order of the logits
//!   answers.json     question answering: true if "no answer" is an answer
//!   preprocess.json  images: preprocessing
//!   tokenizer.json   text: tokenizer in Hugging Face's format
//!   base.safetensors adapters: frozen weights, with their checksum beside
//!   metrics.jsonl    one JSON object per line: training and validation records
//!   curves.svg       the same, plotted
//!   tensorboard/     the same for TensorBoard
//!   checkpoints/     see `checkpoint`
//! ```

mod checkpoint_weights;
mod directory;

pub use checkpoint_weights::{RunWeights, Which};
pub use directory::{Bundle, LABELS, MODEL_CONFIG, RunDir, TOKENIZER};
