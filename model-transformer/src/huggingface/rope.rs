//! RoPE options in `config.json`.

use serde_json::{Map, Value, json};

use super::config::{Refusal, require};

const SCALING: &str = "rope_scaling";
const PARAMETERS: &str = "rope_parameters";
const ORIGINAL: &str = "original_max_position_embeddings";
/// Kinds of scaling, and the options that each reads.
const KINDS: [(&str, &[&str]); 4] = [
    ("linear", &["factor"]),
    ("dynamic", &["factor"]),
    (
        "yarn",
        &[
            "factor",
            ORIGINAL,
            "attention_factor",
            "beta_fast",
            "beta_slow",
            "mscale",
            "mscale_all_dim",
            "truncate",
        ],
    ),
    (
        "llama3",
        &["factor", ORIGINAL, "low_freq_factor", "high_freq_factor"],
    ),
];

/// Replaces the RoPE options of `json` by `rope_theta` and `rope_scaling` of our configuration.
///
/// Transformers 5 writes all of them into `rope_parameters`; before, `rope_theta` stood beside
/// `rope_scaling`. If both are there, `rope_scaling` counts, as in its code.
pub(super) fn read(json: &mut Map<String, Value>) -> Result<(), Refusal> {
    require(json, "partial_rotary_factor", &json!(1.0))?;
    let mut given = |key: &str| match json.remove(key) {
        Some(Value::Object(fields)) if !fields.is_empty() => Ok(Some(fields)),
        None | Some(Value::Null | Value::Object(_)) => Ok(None),
        Some(other) => Err(Refusal::Json(format!("`{key}` is {other}, not an object"))),
    };
    let (scaling, parameters) = (given(SCALING)?, given(PARAMETERS)?);
    let Some(rope) = scaling.or(parameters) else {
        return Ok(());
    };
    require(&rope, "partial_rotary_factor", &json!(1.0))?;
    if let Some(theta) = rope.get("rope_theta").filter(|theta| !theta.is_null()) {
        json.insert("rope_theta".into(), theta.clone());
    }
    if let Some(scaling) = self::scaling(&rope, json)? {
        json.insert(SCALING.into(), Value::Object(scaling));
    }
    Ok(())
}

/// The scaling in `rope`, with the options that `json` has beside it.
fn scaling(
    rope: &Map<String, Value>,
    json: &Map<String, Value>,
) -> Result<Option<Map<String, Value>>, Refusal> {
    let kind = rope.get("rope_type").or_else(|| rope.get("type"));
    let kind = match kind {
        None => return Ok(None),
        Some(Value::String(kind)) if kind == "default" => return Ok(None),
        Some(Value::String(kind)) => kind,
        Some(other) => {
            return Err(Refusal::Json(format!("`rope_type` is {other}, not a name")));
        }
    };
    let Some((_, options)) = KINDS.iter().find(|(name, _)| name == kind) else {
        return Err(Refusal::Unsupported(format!(
            "RoPE of type `{kind}`; supported are default, linear, dynamic, yarn and llama3"
        )));
    };
    let mut fields = Map::new();
    fields.insert("rope_type".into(), kind.as_str().into());
    for option in *options {
        if let Some(value) = rope.get(*option) {
            fields.insert((*option).into(), value.clone());
        }
    }
    if options.contains(&ORIGINAL) {
        // Beside the scaling it has priority; without any it is the context length.
        let beside = json.get(ORIGINAL).filter(|value| !value.is_null());
        let given = beside.or(fields.get(ORIGINAL)).cloned();
        let context = json.get("max_position_embeddings").cloned();
        let default = context.unwrap_or_else(|| json!(super::config::LLAMA_CONTEXT));
        fields.insert(ORIGINAL.into(), given.unwrap_or(default));
    }
    if kind == "yarn" {
        for option in ["beta_fast", "beta_slow"] {
            // Zero and null stand for the default.
            let is_unset = |value: &Value| value.is_null() || value.as_f64() == Some(0.0);
            if fields.get(option).is_some_and(is_unset) {
                fields.remove(option);
            }
        }
    }
    Ok(Some(fields))
}

/// Writes the RoPE options as Transformers 5 does, and for older versions beside them.
pub(super) fn write(fields: &mut Map<String, Value>, theta: f64) {
    let scaling = fields.remove(SCALING).unwrap_or_default();
    let mut rope = match scaling.clone() {
        Value::Object(rope) => rope,
        _ => Map::from_iter([("rope_type".to_string(), json!("default"))]),
    };
    rope.retain(|_, value| !value.is_null());
    rope.insert("rope_theta".into(), theta.into());
    // The older entry has priority where both are read, so it has everything, too.
    let older = scaling.is_object().then(|| rope.clone());
    fields.insert(SCALING.into(), older.map_or(Value::Null, Value::Object));
    fields.insert(PARAMETERS.into(), Value::Object(rope));
}
