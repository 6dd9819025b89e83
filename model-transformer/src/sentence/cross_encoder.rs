//! Cross-encoders of sentence-transformers: classifiers of pairs of texts with a setting of their
//! own, the function that makes scores of logits.

use std::path::Path;

use serde_json::{Map, Value};

use super::modules::{MODULES, kinds};
use super::prompts::ConfigFile;
use super::transformer::{Reading, SEQUENCE_CLASSIFICATION};
use super::{invalid, parse};
use crate::huggingface::HuggingFaceError;
use crate::layers::Activation;

const CONFIG: &str = "config.json";
/// Kind of model in the settings of sentence-transformers.
const CROSS_ENCODER: &str = "CrossEncoder";

/// Settings of a cross-encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrossEncoder {
    /// Function from logits to scores, in place of that of transformers.
    pub activation: Activation,
    /// Text to put before the first text of every pair; mostly empty.
    pub prompt: String,
    /// Maximum length in tokens, if it is limited.
    pub max_length: Option<usize>,
    /// Texts are to be put into lower case before they are tokenized.
    pub lower_case: bool,
}

impl CrossEncoder {
    /// Reads the settings in `folder`; `None` if it is not a cross-encoder, or one without settings
    /// of its own. `num_labels` is the number of its logits.
    ///
    /// # Errors
    /// A file is damaged, or asks for something that is not supported.
    pub fn read(folder: &Path, num_labels: usize) -> Result<Option<Self>, HuggingFaceError> {
        let is_listed = folder.join(MODULES).is_file();
        let file = if is_listed {
            ConfigFile::read(folder)?
        } else {
            ConfigFile::default()
        };
        let is_of_release_6 = file.model_type.as_deref() == Some(CROSS_ENCODER);
        let mut function = None;
        if is_of_release_6 {
            check_steps(folder)?;
            function = file
                .activation_fn
                .clone()
                .map(|name| (file.path(folder), name));
        }
        let path = folder.join(CONFIG);
        let config: Map<String, Value> = parse(&path)?;
        let own = config.get("sentence_transformers");
        let of_config = own
            .and_then(|own| own.get("activation_fn"))
            .or_else(|| config.get("sbert_ce_default_activation_function"))
            .filter(|name| !name.is_null());
        if let (None, Some(name)) = (&function, of_config) {
            let Some(name) = name.as_str() else {
                return Err(invalid(&path, "the activation function is not a name"));
            };
            function = Some((path, name.to_string()));
        }
        let activation = match function {
            Some((path, name)) => Activation::from_torch(&name).ok_or_else(|| {
                let reason = format!("the activation function {name} is not supported");
                HuggingFaceError::Unsupported { path, reason }
            })?,
            None if is_of_release_6 && num_labels == 1 => Activation::Sigmoid,
            None if is_of_release_6 => Activation::Linear,
            None => return Ok(None),
        };
        let reading = if is_of_release_6 {
            Reading::of(folder, Some(SEQUENCE_CLASSIFICATION))?
        } else {
            Reading::of(folder, None)?
        };
        Ok(Some(Self {
            activation,
            prompt: file.prompts().standard().to_string(),
            max_length: reading.max_length,
            lower_case: reading.lower_case,
        }))
    }
}

/// A cross-encoder is an encoder with its head alone.
fn check_steps(folder: &Path) -> Result<(), HuggingFaceError> {
    let path = folder.join(MODULES);
    let kinds = kinds(&path)?;
    if kinds == [("Transformer".to_string(), String::new())] {
        return Ok(());
    }
    let kinds: Vec<String> = kinds.into_iter().map(|(kind, _)| kind).collect();
    let reason = format!(
        "the steps {} are not supported; a {CROSS_ENCODER} is a single Transformer",
        kinds.join(", ")
    );
    Err(HuggingFaceError::Unsupported { path, reason })
}
