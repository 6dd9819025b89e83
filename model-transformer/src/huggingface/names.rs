//! Tensor names of causal language models in files on the hub.

use crate::CausalLm;
use crate::weights::{StateDict, WeightsError};

const HEAD: &str = "lm_head.weight";

/// Renames the tensors of `dict` to the names of `model`.
pub(super) fn normalise(dict: StateDict, model: &CausalLm) -> Result<StateDict, WeightsError> {
    let (prefix, embeddings, is_tied) = match model {
        CausalLm::Gpt(gpt) => ("transformer.", "transformer.wte.weight", gpt.is_tied()),
        CausalLm::Llama(llama) => ("model.", "model.embed_tokens.weight", llama.is_tied()),
    };
    // Files of the base model, such as OpenAI's GPT-2, have no prefix.
    let has_prefix = dict.names().any(|name| name.starts_with(prefix));
    let dict = dict.rename(|name| match name {
        _ if is_constant(name) => None,
        HEAD => Some(name.into()),
        _ if has_prefix => Some(name.into()),
        _ => Some(format!("{prefix}{name}")),
    })?;
    // Some files store a tied matrix twice. Copies that differ belong to an untied model: the
    // second one is kept and will not fit.
    if is_tied && is_same(&dict, HEAD, embeddings) {
        return dict.rename(|name| (name != HEAD).then(|| name.into()));
    }
    Ok(dict)
}

/// Masks and RoPE frequencies, which older versions stored.
fn is_constant(name: &str) -> bool {
    let constants = [".attn.bias", ".attn.masked_bias", "rotary_emb.inv_freq"];
    constants.iter().any(|constant| name.ends_with(constant))
}

/// True if both tensors are in the file and equal.
pub(super) fn is_same(dict: &StateDict, one: &str, other: &str) -> bool {
    match (dict.floats(one), dict.floats(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}
