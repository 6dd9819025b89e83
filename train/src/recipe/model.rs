//! Options of a model, put over its defaults.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::names::{Unknown, nearest};
use super::sections::{LoraRecipe, ModelRecipe};

impl ModelRecipe {
    /// The problem of a `name` that is not one of `names`.
    pub fn unknown<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let unknown = Unknown {
            what: "model.name: unknown model for these data",
            given: &self.name,
            nearest: nearest(&self.name, names),
        };
        vec![unknown.to_string()]
    }

    /// `defaults` overridden by the options of this section.
    ///
    /// # Errors
    /// A sentence per problem: an unknown option, a value of the wrong type.
    pub fn with_options<C: Serialize + DeserializeOwned>(
        &self,
        defaults: &C,
    ) -> Result<C, Vec<String>> {
        /// Tags of the enums of models, which are no options.
        const TAGS: [&str; 2] = ["kind", "family"];
        let defaults = serde_json::to_value(defaults).map_err(|e| vec![e.to_string()])?;
        let Value::Object(mut config) = defaults else {
            return Err(vec![format!("model {}: no options", self.name)]);
        };
        let mut problems = Vec::new();
        for (key, value) in &self.options {
            if TAGS.contains(&key.as_str()) || !config.contains_key(key) {
                let options = config.keys().map(String::as_str);
                let options = options.filter(|option| !TAGS.contains(option));
                let own = own_keys();
                let known = options.chain(own.iter().map(String::as_str));
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

/// Keys that a `[model]` section has besides the options of the model.
fn own_keys() -> Vec<String> {
    // Every field is named, so that a new one cannot be forgotten here; those without a value would
    // not be written.
    let every_field = ModelRecipe {
        name: String::new(),
        weights: Some(String::new()),
        weights_key: Some(String::new()),
        strict: true,
        freeze_backbone: false,
        freeze_layers: Some(0),
        lora: Some(LoraRecipe::default()),
        options: toml::Table::new(),
    };
    match serde_json::to_value(every_field) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}
