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
//!   data.json        numbers and fingerprints of the data, compared when the run resumes
//!   tokenizer_config.json  settings of a published tokenizer
//!   base.safetensors adapters: frozen weights, with their checksum beside
//!   metrics.jsonl    one JSON object per line: training and validation records
//!   curves.svg       the same, plotted
//!   tensorboard/     the same for TensorBoard
//!   checkpoints/     see `checkpoint`
//! ```

mod checkpoint_weights;
mod data_record;
mod directory;

pub use checkpoint_weights::{RunWeights, Which};
pub use data_record::DataRecord;
pub(crate) use directory::parse_json;
pub use directory::{Bundle, DATA, LABELS, MODEL_CONFIG, RunDir, TOKENIZER, TOKENIZER_CONFIG};
