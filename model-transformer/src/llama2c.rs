//! Checkpoints of llama2.c, <https://github.com/karpathy/llama2.c>, in the first of its formats: `stories15M.bin` and the
//! like.
//!
//! Seven little-endian int32 and then float32 tensors, nothing between. Of each kind the tensors of all layers follow one
//! another:
//!
//! ```text
//! dim  hidden_dim  n_layers  n_heads  n_kv_heads  vocab_size (negative: the head is not tied)  max_seq_len
//! tok_embeddings  rms_att  wq  wk  wv  wo  rms_ffn  w1  w2  w3  rms_final  freq_cis_real  freq_cis_imag  [head]
//! ```
//!
//! The two tables of rotations are not read; they follow from the sizes. Queries and keys have their rows in Meta's order,
//! where neighbours are rotated together; they are put into Hugging Face's, where the halves of a head are.

use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::weights::{LoadOptions, StateDict, WeightsError, load_dict};
use crate::{ConfigError, LanguageModel, LlamaConfig};

/// Seven int32.
const HEADER: usize = 7 * size_of::<i32>();
/// How the later formats begin.
const LATER_FORMATS: &[u8] = b"24ka";

/// A checkpoint that could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Llama2cError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no such checkpoint, or is damaged.
    #[error("{}: not a llama2.c checkpoint: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The weights are not finite.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// The model at `path`, on `device`.
///
/// # Errors
/// See [`Llama2cError`]. Nothing is allocated for a header whose sizes do not give the length of the file.
pub fn open(path: &Path, device: &Device) -> Result<LanguageModel, Llama2cError> {
    let bytes = std::fs::read(path).map_err(|source| Llama2cError::Io {
        path: path.to_path_buf(),
        source,
    })?;
    let wrong = |reason: String| Llama2cError::Format {
        path: path.to_path_buf(),
        reason,
    };
    let config = config(&bytes).map_err(wrong)?;
    let model = config.init(device).map_err(|e| wrong(e.to_string()))?;
    let dict = tensors(&bytes, &config)?;
    drop(bytes);
    let (model, _) = load_dict(model, dict, &LoadOptions::default(), path)?;
    Ok(LanguageModel::Llama(model))
}

/// The configuration in the header, if it goes with the length of the file.
fn config(bytes: &[u8]) -> Result<LlamaConfig, String> {
    if bytes.starts_with(LATER_FORMATS) {
        return Err("it is in a later format; export it with version 0".into());
    }
    let config = header(bytes)?;
    let wrong_option = |e: ConfigError| format!("its header makes no sense: {e}");
    config.validate().map_err(wrong_option)?;
    let expected = HEADER as u128 + 4 * num_floats(&config);
    if bytes.len() as u128 != expected {
        let length = bytes.len();
        return Err(format!(
            "its header asks for {expected} bytes, and it has {length}"
        ));
    }
    Ok(config)
}

fn header(bytes: &[u8]) -> Result<LlamaConfig, String> {
    let header = bytes.get(..HEADER).ok_or("it ends within its header")?;
    let (words, _) = header.as_chunks::<4>();
    let number = |index: usize| words.get(index).map_or(0, |word| i32::from_le_bytes(*word));
    let size = |index: usize| usize::try_from(number(index)).unwrap_or(0);
    Ok(LlamaConfig {
        hidden_size: size(0),
        intermediate_size: size(1),
        num_hidden_layers: size(2),
        num_attention_heads: size(3),
        num_key_value_heads: Some(size(4)),
        vocab_size: number(5).unsigned_abs() as usize,
        max_position_embeddings: size(6),
        tie_word_embeddings: number(5) > 0,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        ..LlamaConfig::default()
    })
}

/// Number of float32 after the header: the parameters and the two tables.
fn num_floats(config: &LlamaConfig) -> u128 {
    let tables = config.max_position_embeddings as u128 * config.head_width() as u128;
    config.num_parameters() as u128 + tables
}

/// The tensors under Hugging Face's names.
fn tensors(bytes: &[u8], config: &LlamaConfig) -> Result<StateDict, WeightsError> {
    let (dim, hidden) = (config.hidden_size, config.intermediate_size);
    let kv_dim = config.kv_heads() * config.head_width();
    let table = [config.vocab_size, dim];
    let mut file = Floats {
        rest: bytes.get(HEADER..).unwrap_or_default(),
        layers: config.num_hidden_layers,
        head_dim: config.head_width(),
        tensors: Vec::new(),
    };
    file.single("model.embed_tokens", &table);
    file.layers("input_layernorm", &[dim]);
    file.rotary_layers("self_attn.q_proj", [dim, dim]);
    file.rotary_layers("self_attn.k_proj", [kv_dim, dim]);
    file.layers("self_attn.v_proj", &[kv_dim, dim]);
    file.layers("self_attn.o_proj", &[dim, dim]);
    file.layers("post_attention_layernorm", &[dim]);
    file.layers("mlp.gate_proj", &[hidden, dim]);
    file.layers("mlp.down_proj", &[dim, hidden]);
    file.layers("mlp.up_proj", &[hidden, dim]);
    file.single("model.norm", &[dim]);
    file.take(config.max_position_embeddings * config.head_width());
    if !config.tie_word_embeddings {
        file.single("lm_head", &table);
    }
    StateDict::from_floats(file.tensors)
}

/// What is still to be read of a file, and what was.
struct Floats<'a> {
    rest: &'a [u8],
    layers: usize,
    head_dim: usize,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Floats<'_> {
    /// The next floats; fewer if the file ends, which its length excludes.
    fn take(&mut self, count: usize) -> Vec<f32> {
        let middle = self.rest.len().min(count * size_of::<f32>());
        let (taken, rest) = self.rest.split_at(middle);
        self.rest = rest;
        let (words, _) = taken.as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }

    fn single(&mut self, name: &str, shape: &[usize]) {
        let values = self.take(shape.iter().product());
        let name = format!("{name}.weight");
        self.tensors.push((name, shape.to_vec(), values));
    }

    fn layers(&mut self, name: &str, shape: &[usize]) {
        for layer in 0..self.layers {
            self.single(&format!("model.layers.{layer}.{name}"), shape);
        }
    }

    /// A matrix of queries or keys.
    fn rotary_layers(&mut self, name: &str, [rows, columns]: [usize; 2]) {
        for layer in 0..self.layers {
            let values = self.take(rows * columns);
            let values = halves_apart(&values, columns, self.head_dim);
            let name = format!("model.layers.{layer}.{name}.weight");
            self.tensors.push((name, vec![rows, columns], values));
        }
    }
}

/// In each head, rows 0, 2, 4, ... before rows 1, 3, 5, ...
fn halves_apart(values: &[f32], columns: usize, head_dim: usize) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(values.len());
    for head in values.chunks(head_dim * columns) {
        let rows = || head.chunks(columns);
        ordered.extend(rows().step_by(2).flatten());
        ordered.extend(rows().skip(1).step_by(2).flatten());
    }
    ordered
}
