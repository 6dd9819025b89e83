//! Transformers for [Burn](https://burn.dev), with Hugging Face's names and weights in both
//! directions: GPT-2, GPT-3 and Llama write text; BERT, DistilBERT, RoBERTa and MPNet read it.
//!
//! The crate has no trainer, no tokenizer, no command line, and chooses no backend: that is in the
//! [`Device`](burn::tensor::Device) that you pass.
//!
//! # Generating text
//!
//! With the `tokenizers` crate, from a Hugging Face model folder:
//!
//! ```no_run
//! # use std::path::Path;
//! # use burn::tensor::Device;
//! # use tinderbox_model_transformer::{Sampler, Sampling, huggingface};
//! # use tokenizers::Tokenizer;
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let folder = Path::new("path/to/gpt2");
//! let model = huggingface::open(folder, &Device::flex())?;
//! let tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))?;
//! let prompt = tokenizer.encode("Once upon a time", false)?;
//! for next in model.generate(prompt.get_ids(), Sampler::new(Sampling::default(), 42)?).take(50) {
//!     print!("{}", tokenizer.decode(&[next?.token], false)?);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`CausalLm::generate`] keeps a KV cache ([`Cache`]) and drops the older half of the context when
//! it is full; see [`Predictor`]. A model of your own size starts from a configuration:
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use tinderbox_model_transformer::GptConfig;
//!
//! let device = Device::flex();
//! let config = GptConfig::small(2, 2, 32, 64).with_tie_word_embeddings(false);
//! let model = config.init(&device)?;
//! let tokens = Tensor::<2, Int>::from_ints([[1, 2, 3]], &device);
//! assert_eq!(model.forward(tokens).dims(), [1, 3, 256]); // [batch, time, vocab_size]
//! # Ok::<(), tinderbox_model_transformer::ConfigError>(())
//! ```
//!
//! # Reading text
//!
//! ```
//! use burn::tensor::{Device, Int, Tensor};
//! use tinderbox_model_transformer::{BertConfig, EncoderInput, Head, TextEncoder};
//!
//! let device = Device::flex();
//! let config = BertConfig::nano()
//!     .with_head(Head::SequenceClassification)
//!     .with_num_labels(3);
//! let model = TextEncoder::from(config.init(&device)?);
//! let input = EncoderInput::new(Tensor::<2, Int>::from_ints([[101, 7, 8, 102]], &device));
//! let logits = model.forward_sequence_classification(&input)?;
//! assert_eq!(logits.dims(), [1, 3]); // [batch, num_labels]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The pieces
//!
//! - One module per family: [`gpt`], [`llama`], [`bert`], [`distilbert`], [`roberta`], [`mpnet`].
//!   Each has the figure, the paper, a configuration with Hugging Face's option names, and the network.
//! - [`CausalLm`] and [`TextEncoder`] are any model of either kind, chosen at run time;
//!   [`registry`] lists the published sizes.
//! - [`huggingface`] opens and writes model folders as `from_pretrained` and `save_pretrained` do,
//!   [`llama2c`] and [`nanogpt`] read checkpoints of those programs, [`weights`] single files.
//! - [`sentence`] turns texts into vectors, [`explain`] attributes a prediction to tokens.
//! - [`attention`], [`layers`] and [`encoder`] are the building blocks.

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
pub mod mpnet;
pub mod nanogpt;
mod predictor;
pub mod registry;
pub mod roberta;
pub mod sentence;
mod text_encoder;

pub use bert::{Bert, BertConfig};
pub use cache::Cache;
pub use causal_lm::{CausalLm, CausalLmConfig};
pub use distilbert::{DistilBert, DistilBertConfig};
pub use encoder::{EncoderInput, Head, MissingHead, ProblemType};
pub use gpt::{Gpt, GptConfig};
pub use llama::{Llama, LlamaConfig};
pub use mpnet::{MpNet, MpNetConfig};
pub use predictor::Predictor;
pub use roberta::{Roberta, RobertaConfig};
pub use sentence::SentenceEncoder;
pub use text_encoder::{TextEncoder, TextEncoderConfig};
pub use tinderbox_generate::{Choice, Generation, NextToken, PredictError, Sampler, Sampling};
pub use tinderbox_model::{ConfigError, num_parameters};
pub use tinderbox_weights as weights;

/// Compiles the examples in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
