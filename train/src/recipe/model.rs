//! From a `[model]` section to a model's configuration.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tinderbox_model_cnn::ImageClassifierConfig;
use tinderbox_model_transformer::{TextEncoderConfig, huggingface, registry};

use super::ModelRecipe;
use super::read::{Unknown, nearest};
use crate::kinds::language_modeling::{LanguageModelConfig, LanguageModelInfo};

/// The network of a folder, whatever it is.
pub(super) const PRETRAINED: &str = "pretrained";

impl ModelRecipe {
    /// The image classifier: its defaults with this section's options put over them.
    ///
    /// # Errors
    /// A sentence a problem: an unknown name, an unknown option, a value of the wrong type.
    pub fn image_classifier(&self) -> Result<ImageClassifierConfig, Vec<String>> {
        let models = tinderbox_model_cnn::registry::MODELS;
        let Some(info) = models.iter().find(|info| info.name == self.name) else {
            return Err(self.unknown(models.iter().map(|info| info.name)));
        };
        self.with_options(&(info.config)())
    }

    /// The language model, likewise.
    ///
    /// # Errors
    /// As [`image_classifier`](Self::image_classifier).
    pub fn language_model(&self) -> Result<LanguageModelConfig, Vec<String>> {
        let models = LanguageModelInfo::all();
        match models.iter().find(|info| info.name == self.name) {
            Some(info) => self.with_options(&info.config),
            None => Err(self.unknown(models.iter().map(|info| info.name))),
        }
    }

    /// The encoder, likewise; `pretrained` is the one in the folder `weights`, which is read.
    ///
    /// # Errors
    /// As [`image_classifier`](Self::image_classifier).
    pub fn text_encoder(&self) -> Result<TextEncoderConfig, Vec<String>> {
        if self.name == PRETRAINED {
            let Some(folder) = &self.weights else {
                let problem = "model.weights must be a folder of Hugging Face's for model.name = \"pretrained\"";
                return Err(vec![problem.into()]);
            };
            let (config, _) = huggingface::read_encoder_config(Path::new(folder))
                .map_err(|e| vec![format!("model.weights: {e}")])?;
            return self.with_options(&config);
        }
        let encoders = registry::ENCODERS;
        match encoders.iter().find(|info| info.name == self.name) {
            Some(info) => self.with_options(&(info.config)()),
            None => {
                let names = encoders.iter().map(|info| info.name);
                Err(self.unknown(names.chain([PRETRAINED])))
            }
        }
    }

    fn unknown<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let unknown = Unknown {
            what: "model.name: unknown model for these data",
            given: &self.name,
            nearest: nearest(&self.name, names),
        };
        vec![unknown.to_string()]
    }

    fn with_options<C: Serialize + DeserializeOwned>(
        &self,
        defaults: &C,
    ) -> Result<C, Vec<String>> {
        /// What tells the kind of a model and is no option of it.
        const TAGS: [&str; 2] = ["kind", "family"];
        /// What every model has besides its options.
        const OWN: [&str; 5] = [
            "weights",
            "strict",
            "freeze_backbone",
            "freeze_layers",
            "lora",
        ];
        let defaults = serde_json::to_value(defaults).map_err(|e| vec![e.to_string()])?;
        let Value::Object(mut config) = defaults else {
            return Err(vec![format!("model {}: no options", self.name)]);
        };
        let mut problems = Vec::new();
        for (key, value) in &self.options {
            if TAGS.contains(&key.as_str()) || !config.contains_key(key) {
                let options = config.keys().map(String::as_str);
                let options = options.filter(|option| !TAGS.contains(option));
                let known = options.chain(OWN);
                let unknown = Unknown {
                    what: "unknown key",
                    given: &format!("model.{key}"),
                    nearest: nearest(key, known).map(|k| format!("model.{k}")),
                };
                problems.push(unknown.to_string());
                continue;
            }
            match serde_json::to_value(value) {
                Ok(value) => drop(config.insert(key.clone(), value)),
                Err(error) => problems.push(format!("model.{key}: {error}")),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        serde_json::from_value(Value::Object(config)).map_err(|e| vec![format!("model: {e}")])
    }
}
