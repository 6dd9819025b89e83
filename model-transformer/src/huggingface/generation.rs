//! Settings of generation that stand beside a model.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{CONFIG, HuggingFaceError, read_json};

pub(super) const FILE: &str = "generation_config.json";
/// Number of tokens that Hugging Face's `generate` samples from if nothing else is said.
const USUAL_TOP_K: usize = 50;

/// Settings that change a text and are not followed, with the values that turn them off.
const REFUSED: [(&str, &[Off]); 16] = [
    ("num_beams", &[Off::Number(1.0)]),
    ("num_beam_groups", &[Off::Number(1.0)]),
    ("penalty_alpha", &[Off::Number(0.0)]),
    ("no_repeat_ngram_size", &[Off::Number(0.0)]),
    ("min_length", &[Off::Number(0.0)]),
    ("min_new_tokens", &[Off::Number(0.0)]),
    ("bad_words_ids", &[Off::Empty]),
    ("forced_bos_token_id", &[]),
    ("suppress_tokens", &[Off::Empty]),
    ("begin_suppress_tokens", &[Off::Empty]),
    ("sequence_bias", &[Off::Empty]),
    ("exponential_decay_length_penalty", &[]),
    ("guidance_scale", &[Off::Number(1.0)]),
    ("force_words_ids", &[Off::Empty]),
    ("watermarking_config", &[]),
    ("stop_strings", &[Off::Empty]),
];
/// The same for settings of sampling, which greedy decoding does not read.
const REFUSED_IN_SAMPLING: [(&str, &[Off]); 4] = [
    ("typical_p", &[Off::Number(1.0)]),
    ("epsilon_cutoff", &[Off::Number(0.0)]),
    ("eta_cutoff", &[Off::Number(0.0)]),
    ("top_h", &[]),
];

/// A value that turns a setting off, besides null.
enum Off {
    Number(f64),
    /// An empty list or object.
    Empty,
}

/// Settings with which Hugging Face's `generate` continues a text, unless it is called with others.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GenerationDefaults {
    /// The file that they are from: `generation_config.json` or, without it, `config.json`.
    pub path: PathBuf,
    /// Tokens that end a text, of which there may be several or none.
    pub ends: Vec<u32>,
    /// Samples, rather than takes the most probable token; `None` if the file does not say.
    pub do_sample: Option<bool>,
    /// Divisor of the logits.
    pub temperature: Option<f64>,
    /// Number of most probable tokens to sample from; 0 stands for all.
    pub top_k: Option<usize>,
    /// Probability of the most probable tokens to sample from.
    pub top_p: Option<f64>,
    /// Probability of a token to sample, as a fraction of the largest.
    pub min_p: Option<f64>,
    /// Penalty of tokens that have occurred.
    pub repetition_penalty: Option<f64>,
    /// Settings that are not followed, such as "`num_beams` is 4".
    refused: Vec<String>,
    refused_in_sampling: Vec<String>,
}

/// Tokens with which a text begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextTokens {
    /// Token that begins a text.
    pub begin: Option<u32>,
    /// Tokens that end a text.
    pub ends: Vec<u32>,
}

impl TextTokens {
    /// Sets the token that begins a text.
    #[must_use]
    pub fn with_begin(mut self, begin: Option<u32>) -> Self {
        self.begin = begin;
        self
    }

    /// Sets the tokens that end a text.
    #[must_use]
    pub fn with_ends(mut self, ends: Vec<u32>) -> Self {
        self.ends = ends;
        self
    }

    pub(super) fn to_json(&self) -> Map<String, Value> {
        let ends = match self.ends.as_slice() {
            [] => Value::Null,
            [end] => json!(end),
            ends => json!(ends),
        };
        Map::from_iter([
            ("bos_token_id".to_string(), json!(self.begin)),
            ("eos_token_id".to_string(), ends),
        ])
    }
}

/// Reads the settings of generation in a model folder: `generation_config.json` or, without it,
/// `config.json`. As in Hugging Face's code the first replaces the second: if it names no end of
/// text, there is none, whatever `config.json` says.
///
/// # Errors
/// The file cannot be read, or an entry has a value of the wrong type.
pub fn read_generation_defaults(folder: &Path) -> Result<GenerationDefaults, HuggingFaceError> {
    let own = folder.join(FILE);
    let path = if own.is_file() {
        own
    } else {
        folder.join(CONFIG)
    };
    let wrong = |reason: String| HuggingFaceError::Json {
        path: path.clone(),
        reason,
    };
    let Value::Object(json) = read_json(&path)? else {
        return Err(wrong("it is not an object".into()));
    };
    let number = |key: &str| optional(&json, key, "a number", Value::as_f64).map_err(wrong);
    let whole = |key: &str| optional(&json, key, "a whole number", Value::as_u64).map_err(wrong);
    let do_sample = optional(&json, "do_sample", "true or false", Value::as_bool).map_err(wrong)?;
    let mut top_k = whole("top_k")?.map(|k| usize::try_from(k).unwrap_or(usize::MAX));
    if do_sample == Some(true) {
        top_k = top_k.or(Some(USUAL_TOP_K));
    }
    Ok(GenerationDefaults {
        ends: ends(&json).map_err(wrong)?,
        do_sample,
        temperature: number("temperature")?,
        top_k,
        top_p: number("top_p")?,
        min_p: number("min_p")?,
        repetition_penalty: number("repetition_penalty")?,
        refused: set(&json, &REFUSED),
        refused_in_sampling: set(&json, &REFUSED_IN_SAMPLING),
        path,
    })
}

impl GenerationDefaults {
    /// Refuses settings that change a text and are not followed.
    ///
    /// # Errors
    /// [`HuggingFaceError::Unsupported`] names them.
    pub fn check(&self, is_greedy: bool) -> Result<(), HuggingFaceError> {
        let in_sampling = self.refused_in_sampling.iter().filter(|_| !is_greedy);
        let refused: Vec<&str> = self
            .refused
            .iter()
            .chain(in_sampling)
            .map(String::as_str)
            .collect();
        if refused.is_empty() {
            return Ok(());
        }
        Err(HuggingFaceError::Unsupported {
            path: self.path.clone(),
            reason: format!(
                "{}, which changes the text and is not supported; remove it from the file to generate without",
                refused.join(", ")
            ),
        })
    }
}

/// The value of a key, unless it is absent or null.
fn optional<'a, T>(
    json: &'a Map<String, Value>,
    key: &str,
    kind: &str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, String> {
    match json.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => read(value)
            .map(Some)
            .ok_or_else(|| format!("`{key}` is {value}, not {kind}")),
    }
}

/// `eos_token_id`: a number or a list. A negative number ends nothing.
fn ends(json: &Map<String, Value>) -> Result<Vec<u32>, String> {
    let key = "eos_token_id";
    let one = std::slice::from_ref;
    let ids = match json.get(key) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(ids)) => ids.as_slice(),
        Some(id) => one(id),
    };
    let mut ends = Vec::new();
    for id in ids {
        let id = id.as_i64().ok_or_else(|| {
            format!(
                "`{key}` is {}, not a number or a list of numbers",
                json!(ids)
            )
        })?;
        ends.extend(u32::try_from(id).ok());
    }
    Ok(ends)
}

/// The settings of a table that are turned on.
fn set(json: &Map<String, Value>, settings: &[(&str, &[Off])]) -> Vec<String> {
    let is_off = |value: &Value, off: &Off| match off {
        Off::Number(number) => value.as_f64() == Some(*number),
        Off::Empty => match value {
            Value::Array(list) => list.is_empty(),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        },
    };
    let mut set = Vec::new();
    for (key, off) in settings {
        match json.get(*key) {
            None | Some(Value::Null) => {}
            Some(value) if off.iter().any(|off| is_off(value, off)) => {}
            Some(value) => set.push(format!("`{key}` is {value}")),
        }
    }
    set
}
