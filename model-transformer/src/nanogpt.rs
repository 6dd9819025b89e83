//! nanoGPT's checkpoints, <https://github.com/karpathy/nanoGPT>: a `ckpt.pt` with the weights under
//! `model` and the sizes under `model_args`.
//!
//! The names are GPT-2's, the matrices those of PyTorch's linear layers. The network is GPT-2 with
//! exact GELU, optionally without biases, and often with a vocabulary padded to a multiple of 64.

use std::path::Path;

use burn::tensor::Device;

use crate::huggingface::{self, HuggingFaceError};
use crate::layers::Activation;
use crate::weights::{Setting, StateDict};
use crate::{CausalLm, CausalLmConfig, GptConfig};

/// Key of the sizes in a checkpoint.
const SIZES: &str = "model_args";

/// Opens the checkpoint at `path` on `device`.
///
/// # Errors
/// [`HuggingFaceError::Unsupported`] if it is a weights file of another program;
/// [`HuggingFaceError::Config`] for invalid sizes; [`HuggingFaceError::Weights`] if it cannot be
/// read.
pub fn open(path: &Path, device: &Device) -> Result<(CausalLm, CausalLmConfig), HuggingFaceError> {
    let dict = StateDict::read(path)?;
    let config = config(&dict).map_err(|reason| HuggingFaceError::Unsupported {
        path: path.to_path_buf(),
        reason,
    })?;
    let config = CausalLmConfig::Gpt(config);
    let model = config
        .init(device)
        .map_err(|source| HuggingFaceError::Config {
            path: path.to_path_buf(),
            source,
        })?;
    let model = huggingface::load_dict(model, dict, path)?;
    Ok((model, config))
}

/// True if the file at `path` is one of PyTorch or safetensors, by its first bytes.
pub fn is_weights_file(start: &[u8]) -> bool {
    let is_safetensors = start.get(8) == Some(&b'{');
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"\x80\x02") || is_safetensors
}

fn config(dict: &StateDict) -> Result<GptConfig, String> {
    let size = |name: &str| match dict.setting(&format!("{SIZES}.{name}")) {
        Some(Setting::Int(size)) => {
            usize::try_from(*size).map_err(|_| format!("`{SIZES}.{name}` is {size}"))
        }
        _ => Err(format!(
            "weights without the sizes of the network: it has no `{SIZES}.{name}`, as nanoGPT's checkpoints do; for \
             Hugging Face's models, give the folder with config.json"
        )),
    };
    let bias = match dict.setting(&format!("{SIZES}.bias")) {
        Some(Setting::Bool(bias)) => *bias,
        // Before it was an option, there always was one.
        _ => true,
    };
    let (layers, heads, width) = (size("n_layer")?, size("n_head")?, size("n_embd")?);
    Ok(GptConfig::small(layers, heads, width, size("block_size")?)
        .with_vocab_size(size("vocab_size")?)
        .with_activation_function(Activation::Gelu)
        .with_bias(bias))
}
