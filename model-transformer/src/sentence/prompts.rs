//! Prompts: texts that stand before every text.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{invalid, parse};
use crate::huggingface::HuggingFaceError;

/// Settings of a whole sentence encoder.
const CONFIG: &str = "config_sentence_transformers.json";
/// Kind of model that [`SentenceEncoder`](super::SentenceEncoder) is.
const SENTENCE_TRANSFORMER: &str = "SentenceTransformer";
/// Names that exist in every model, without a text by default.
const ALWAYS: [&str; 2] = ["query", "document"];

/// Prompts of a sentence encoder: an instruction such as `query: ` before every text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompts {
    /// Prompts by name.
    pub named: BTreeMap<String, String>,
    /// Name of the prompt that is used unless another is chosen.
    pub default_name: Option<String>,
}

impl Prompts {
    /// The prompt called `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }

    /// The prompt that is used unless another is chosen, which may be empty.
    pub fn standard(&self) -> &str {
        let name = self.default_name.as_deref();
        name.and_then(|name| self.get(name)).unwrap_or_default()
    }
}

/// `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default)]
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
    /// Kind of model.
    pub(super) model_type: Option<String>,
    /// Function from logits to scores, of a cross-encoder.
    pub(super) activation_fn: Option<String>,
    /// Number of features of a vector to keep.
    pub(super) truncate_dim: Option<usize>,
}

impl ConfigFile {
    /// Reads the file of the model in `folder`, which may have none.
    ///
    /// # Errors
    /// The file is damaged, or names a default prompt that it does not have.
    pub(super) fn read(folder: &Path) -> Result<Self, HuggingFaceError> {
        let path = folder.join(CONFIG);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let file: Self = parse(&path)?;
        if file.truncate_dim == Some(0) {
            return Err(invalid(
                &path,
                "`truncate_dim` of 0 leaves nothing of a vector",
            ));
        }
        if let Some(name) = &file.default_prompt_name
            && file.prompts().get(name).is_none()
        {
            let reason = format!("`default_prompt_name` is {name:?}, which `prompts` has not");
            return Err(invalid(&path, &reason));
        }
        Ok(file)
    }

    /// The file's path in `folder`.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(CONFIG)
    }

    /// Fails if the model is of another kind than [`SENTENCE_TRANSFORMER`].
    pub(super) fn check_is_sentence_transformer(
        &self,
        folder: &Path,
    ) -> Result<(), HuggingFaceError> {
        match &self.model_type {
            Some(kind) if kind != SENTENCE_TRANSFORMER => Err(HuggingFaceError::Unsupported {
                path: self.path(folder),
                reason: format!("it is a {kind}, not a {SENTENCE_TRANSFORMER}"),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn prompts(&self) -> Prompts {
        let text = |(name, text): (&String, &Option<String>)| {
            (name.clone(), text.clone().unwrap_or_default())
        };
        let mut named: BTreeMap<String, String> = self.prompts.iter().map(text).collect();
        for name in ALWAYS {
            named.entry(name.into()).or_default();
        }
        Prompts {
            named,
            default_name: self.default_prompt_name.clone(),
        }
    }
}
