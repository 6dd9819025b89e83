//! Checkpoints of llama2.c, <https://github.com/karpathy/llama2.c>, in its first format (version
//! 0), such as `stories15M.bin`.
//!
//! Seven little-endian int32, then float32 tensors without gaps. Each kind of tensor is stored for
//! all layers in turn:
//!
//! ```text
//! dim  hidden_dim  n_layers  n_heads  n_kv_heads  vocab_size (negative: untied head)  max_seq_len
//! tok_embeddings  rms_att  wq  wk  wv  wo  rms_ffn  w1  w2  w3  rms_final
//! freq_cis_real  freq_cis_imag  [head]
//! ```
//!
//! The two RoPE tables are not read; they follow from the sizes. Query and key rows are in Meta's
//! order, which rotates neighbours together, and are permuted to Hugging Face's, which rotates the
//! halves of a head.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::weights::{LoadOptions, StateDict, WeightsError, load_dict};
use crate::{CausalLm, LlamaConfig};

/// Header size in bytes: seven int32.
const HEADER: usize = 7 * size_of::<i32>();
/// Magic number of the later formats.
const LATER_FORMATS: [u8; 4] = *b"24ka";

/// A llama2.c checkpoint that could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Llama2cError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is not a llama2.c checkpoint, or is damaged.
    #[error("{}: not a llama2.c checkpoint: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Problem with the file.
        reason: String,
    },
    /// The weights are not finite.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// Opens the model at `path` on `device`.
///
/// # Errors
/// See [`Llama2cError`]. Nothing is allocated if the sizes in the header do not match the file
/// size.
pub fn open(path: &Path, device: &Device) -> Result<CausalLm, Llama2cError> {
    let config = read_config(path)?;
    let model = config
        .init(device)
        .map_err(|e| wrong(path, e.to_string()))?;
    let bytes = std::fs::read(path).map_err(|e| unreadable(path, e))?;
    let dict = tensors(&bytes, &config)?;
    drop(bytes);
    let (model, _) = load_dict(model, dict, &LoadOptions::default(), path)?;
    Ok(CausalLm::Llama(model))
}

/// Reads the configuration of the model at `path`.
///
/// # Errors
/// As [`open`].
pub fn read_config(path: &Path) -> Result<LlamaConfig, Llama2cError> {
    let mut file = File::open(path).map_err(|e| unreadable(path, e))?;
    let length = file.metadata().map_err(|e| unreadable(path, e))?.len();
    let mut words = [[0; 4]; 7];
    file.read_exact(words.as_flattened_mut())
        .map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof => wrong(path, "it ends within the header"),
            _ => unreadable(path, e),
        })?;
    if words[0] == LATER_FORMATS {
        let reason = "it is in a later format; export it with version 0";
        return Err(wrong(path, reason));
    }
    let config = config(words.map(i32::from_le_bytes));
    let invalid = |e| wrong(path, format!("invalid header: {e}"));
    config.validate().map_err(invalid)?;
    let expected = HEADER as u128 + 4 * num_floats(&config);
    if u128::from(length) != expected {
        let reason = format!("the header implies {expected} bytes, but the file has {length}");
        return Err(wrong(path, reason));
    }
    Ok(config)
}

fn unreadable(path: &Path, source: std::io::Error) -> Llama2cError {
    let path = path.to_path_buf();
    Llama2cError::Io { path, source }
}

fn wrong(path: &Path, reason: impl Into<String>) -> Llama2cError {
    Llama2cError::Format {
        path: path.to_path_buf(),
        reason: reason.into(),
    }
}

fn config(header: [i32; 7]) -> LlamaConfig {
    let [
        dim,
        hidden_dim,
        n_layers,
        n_heads,
        n_kv_heads,
        vocab_size,
        max_seq_len,
    ] = header;
    // Negative sizes become 0, which is invalid.
    let size = |number: i32| usize::try_from(number).unwrap_or(0);
    LlamaConfig {
        hidden_size: size(dim),
        intermediate_size: size(hidden_dim),
        num_hidden_layers: size(n_layers),
        num_attention_heads: size(n_heads),
        num_key_value_heads: Some(size(n_kv_heads)),
        vocab_size: vocab_size.unsigned_abs() as usize,
        max_position_embeddings: size(max_seq_len),
        tie_word_embeddings: vocab_size > 0,
        rms_norm_eps: 1e-5,
        rope_theta: 10_000.0,
        ..LlamaConfig::default()
    }
}

/// Number of float32 after the header: parameters and RoPE tables.
fn num_floats(config: &LlamaConfig) -> u128 {
    let tables = config.max_position_embeddings as u128 * config.head_width() as u128;
    config.num_parameters() as u128 + tables
}

/// Tensors under Hugging Face's names.
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

/// Sequential reader of tensors.
struct Floats<'a> {
    rest: &'a [u8],
    layers: usize,
    head_dim: usize,
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Floats<'_> {
    /// The next floats; fewer at the end of the file, which the size check excludes.
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

    /// Query or key projections of all layers.
    fn rotary_layers(&mut self, name: &str, [rows, columns]: [usize; 2]) {
        for layer in 0..self.layers {
            let values = self.take(rows * columns);
            let values = interleaved_to_halves(&values, columns, self.head_dim);
            let name = format!("model.layers.{layer}.{name}.weight");
            self.tensors.push((name, vec![rows, columns], values));
        }
    }
}

/// Reorders the rows of each head: 0, 2, 4, .. before 1, 3, 5, ..
fn interleaved_to_halves(values: &[f32], columns: usize, head_dim: usize) -> Vec<f32> {
    let mut ordered = Vec::with_capacity(values.len());
    for head in values.chunks(head_dim * columns) {
        let rows = || head.chunks(columns);
        ordered.extend(rows().step_by(2).flatten());
        ordered.extend(rows().skip(1).step_by(2).flatten());
    }
    ordered
}
