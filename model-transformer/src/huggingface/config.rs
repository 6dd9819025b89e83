//! Conversion between `config.json` and the configurations of causal language models.

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{HuggingFaceError, rope};
use crate::{CausalLmConfig, GptConfig, LlamaConfig};

/// Vocabulary size of GPT-2, whose last token is the end-of-text token.
const GPT2_VOCABULARY: usize = 50257;

/// Values of `model_type`.
pub(super) const FAMILIES: [&str; 2] = ["gpt2", "llama"];
/// Context length of a Llama whose configuration has none.
pub(super) const LLAMA_CONTEXT: usize = 2048;

/// An error in a configuration, before the file is known.
pub(super) enum Refusal {
    Json(String),
    Unsupported(String),
}

impl Refusal {
    pub(super) fn of(self, path: PathBuf) -> HuggingFaceError {
        match self {
            Self::Json(reason) => HuggingFaceError::Json { path, reason },
            Self::Unsupported(reason) => HuggingFaceError::Unsupported { path, reason },
        }
    }
}

pub(super) fn from_json(json: Value) -> Result<CausalLmConfig, Refusal> {
    let Value::Object(json) = json else {
        return Err(Refusal::Json("it is not an object".into()));
    };
    match json.get("model_type").and_then(Value::as_str) {
        Some("gpt2") => gpt(&json).map(CausalLmConfig::Gpt),
        Some("llama") => llama(json).map(CausalLmConfig::Llama),
        Some(other) => Err(Refusal::Unsupported(format!(
            "`model_type` is `{other}`; supported are gpt2 and llama"
        ))),
        None => Err(Refusal::Json("it has no `model_type`".into())),
    }
}

fn gpt(json: &Map<String, Value>) -> Result<GptConfig, Refusal> {
    require(json, "scale_attn_weights", &json!(true))?;
    require(json, "scale_attn_by_inverse_layer_idx", &json!(false))?;
    require(json, "add_cross_attention", &json!(false))?;
    known_fields(json, &GptConfig::default())
}

fn llama(mut json: Map<String, Value>) -> Result<LlamaConfig, Refusal> {
    rope::read(&mut json)?;
    // Hugging Face's defaults for absent options.
    let base = LlamaConfig {
        max_position_embeddings: LLAMA_CONTEXT,
        rms_norm_eps: 1e-6,
        ..LlamaConfig::default()
    };
    known_fields(&json, &base)
}

/// Requires an option that these models do not have to be absent or at its usual value.
pub(super) fn require(
    json: &Map<String, Value>,
    option: &str,
    usual: &Value,
) -> Result<(), Refusal> {
    match json.get(option) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if value == usual => Ok(()),
        Some(value) => Err(Refusal::Unsupported(format!(
            "`{option}` is {value}; only {usual} is supported"
        ))),
    }
}

/// `base`, with its fields replaced by those in `json`. Other fields of `json` are ignored.
pub(super) fn known_fields<C: Serialize + DeserializeOwned>(
    json: &Map<String, Value>,
    base: &C,
) -> Result<C, Refusal> {
    let mut fields = object(base);
    for (name, value) in &mut fields {
        if let Some(given) = json.get(name) {
            *value = given.clone();
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|e| Refusal::Json(e.to_string()))
}

pub(super) fn to_json(config: &CausalLmConfig) -> Value {
    let fields = match config {
        CausalLmConfig::Gpt(config) => gpt_json(config),
        CausalLmConfig::Llama(config) => llama_json(config),
    };
    Value::Object(fields)
}

fn gpt_json(config: &GptConfig) -> Map<String, Value> {
    let mut fields = object(config);
    fields.remove("bias");
    // The end-of-text token of another vocabulary is unknown; without null, Hugging Face would
    // assume GPT-2's.
    let end = (config.vocab_size == GPT2_VOCABULARY).then_some(GPT2_VOCABULARY - 1);
    let more = json!({
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "bos_token_id": end,
        "eos_token_id": end,
        "torch_dtype": "float32",
    });
    fields.extend(object(&more));
    fields
}

fn llama_json(config: &LlamaConfig) -> Map<String, Value> {
    let mut fields = object(config);
    rope::write(&mut fields, config.rope_theta);
    let more = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_key_value_heads": config.kv_heads(),
        "head_dim": config.head_width(),
        "bos_token_id": null,
        "eos_token_id": null,
        "torch_dtype": "float32",
    });
    fields.extend(object(&more));
    fields
}

fn to_value<T: Serialize>(value: &T) -> Value {
    // Plain structs of numbers and names always serialise.
    serde_json::to_value(value).unwrap_or_default()
}

pub(super) fn object<T: Serialize>(value: &T) -> Map<String, Value> {
    match to_value(value) {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
