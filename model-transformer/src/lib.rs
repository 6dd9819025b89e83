//! Attention models for [Burn](https://burn.dev), with Hugging Face's names and weights in both directions.
//!
//! There is no trainer in this crate, no tokenizer, no command line, and no choice of backend: the backend is in the
//! [`Device`](burn::tensor::Device) that you pass.
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use tinderbox_model_transformer::GptConfig;
//!
//! let device = Device::flex();
//! let model = GptConfig::small(2, 2, 32, 64).init(&device)?;
//! let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device);
//! assert_eq!(model.forward(tokens).dims(), [1, 3, 256]);
//! # Ok::<(), tinderbox_model_transformer::ConfigError>(())
//! ```
//!
//! One module per family; [`registry`] lists every named model, [`CausalLm`] is any that continues a text and
//! [`TextEncoder`] any that reads one, chosen by name, [`Cache`] makes generation cost one row a token, [`huggingface`] opens
//! and writes folders as `from_pretrained` does, [`llama2c`] reads llama2.c's checkpoints, and [`attention`] and [`layers`]
//! are what all of it is built of.

pub mod attention;
pub mod bert;
mod cache;
mod causal_lm;
pub mod distilbert;
pub mod encoder;
pub mod explain;
pub mod gpt;
pub mod huggingface;
pub mod layers;
pub mod llama;
pub mod llama2c;
pub mod registry;
pub mod roberta;
pub mod sentence;
mod text_encoder;
pub mod weights;

pub use bert::{Bert, BertConfig};
pub use cache::Cache;
pub use causal_lm::{CausalLm, CausalLmConfig};
pub use distilbert::{DistilBert, DistilBertConfig};
pub use encoder::{EncoderInput, Head};
pub use gpt::{Gpt, GptConfig};
pub use llama::{Llama, LlamaConfig};
pub use roberta::{Roberta, RobertaConfig};
pub use sentence::SentenceEncoder;
pub use text_encoder::{TextEncoder, TextEncoderConfig};
pub use tinderbox_model::{ConfigError, num_parameters};
