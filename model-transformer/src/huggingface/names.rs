//! Tensor names and layouts of causal language models in files of other programs.

use std::collections::BTreeSet;
use std::path::Path;

use crate::CausalLm;
use crate::weights::{StateDict, WeightsError, parameter_names};

const HEAD: &str = "lm_head.weight";
/// GPT-2's linear layers in a block.
const MATRICES: [&str; 4] = [
    ".attn.c_attn.weight",
    ".attn.c_proj.weight",
    ".mlp.c_fc.weight",
    ".mlp.c_proj.weight",
];

/// Renames the tensors of `dict` to the names of `model`, and gives them its layout.
pub(super) fn normalise(
    dict: StateDict,
    model: &CausalLm,
    path: &Path,
) -> Result<StateDict, WeightsError> {
    let (prefix, embeddings, is_tied) = match model {
        CausalLm::Gpt(gpt) => ("transformer.", "transformer.wte.weight", gpt.is_tied()),
        CausalLm::Llama(llama) => ("model.", "model.embed_tokens.weight", llama.is_tied()),
    };
    let known: BTreeSet<String> = parameter_names(model).into_iter().collect();
    let is_known = |name: &str| {
        name == HEAD || known.contains(name) || known.contains(&format!("{prefix}{name}"))
    };
    let dict = dict.find(known.len(), is_known, path)?;
    // Files of the base model, such as OpenAI's GPT-2, have no prefix.
    let has_prefix = dict.names().any(|name| name.starts_with(prefix));
    let dict = dict.rename(|name| match name {
        _ if is_constant(name) => None,
        HEAD => Some(name.into()),
        _ if has_prefix => Some(name.into()),
        _ => Some(format!("{prefix}{name}")),
    })?;
    let dict = as_conv1d(dict);
    if !is_tied {
        return Ok(dict);
    }
    // A tied matrix may be stored under its first name, its second, or both. Copies that differ
    // belong to an untied model: the second one is kept and will not fit.
    if is_same(&dict, HEAD, embeddings) {
        return dict.rename(|name| (name != HEAD).then(|| name.into()));
    }
    if dict.shape(embeddings).is_none() {
        return dict.rename(|name| Some(if name == HEAD { embeddings } else { name }.into()));
    }
    Ok(dict)
}

/// True if the file has a head of its own and `model` has none.
pub(super) fn has_own_head(dict: &StateDict, model: &CausalLm) -> bool {
    let is_tied = match model {
        CausalLm::Gpt(gpt) => gpt.is_tied(),
        CausalLm::Llama(llama) => llama.is_tied(),
    };
    is_tied && dict.shape(HEAD).is_some()
}

/// GPT-2's matrices as `[in_features, out_features]`, the layout of OpenAI and of Hugging Face's
/// `Conv1D`. nanoGPT has the same names and PyTorch's linear layers, `[out_features,
/// in_features]`. The shape of `c_attn`, which is never square, decides for the whole file: the
/// layout of a square matrix cannot be seen.
fn as_conv1d(dict: StateDict) -> StateDict {
    let is_linear = |name: &str| {
        let sides = dict.shape(name);
        name.ends_with(MATRICES[0])
            && sides.is_some_and(|sides| matches!(sides, [out, inside] if *out == 3 * inside))
    };
    if !dict.names().any(is_linear) {
        return dict;
    }
    dict.transpose(|name| MATRICES.iter().any(|matrix| name.ends_with(matrix)))
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
