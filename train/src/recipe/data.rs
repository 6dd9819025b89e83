//! Where the data come from. What else a `[data]` section can say depends on its `source`.

use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::kinds::encoder::{EncoderDataRecipe, EncoderDataSource};
use crate::kinds::image_classification::ImageDataRecipe;
use crate::kinds::language_modeling::{LanguageDataRecipe, LanguageDataSource};

/// The data. Their `source` decides what kind of work a run is: images are classified, text is predicted token by token, or
/// understood as a whole.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum DataRecipe {
    /// Images with a class each.
    Image(ImageDataRecipe),
    /// Text to learn a language model from.
    Text(LanguageDataRecipe),
    /// Text for an encoder to understand.
    Sequence(EncoderDataRecipe),
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self::Image(ImageDataRecipe::default())
    }
}

impl DataRecipe {
    /// The defaults of the kind that `source` belongs to. A name that is unknown passes for an image source, whose list
    /// of names is then told.
    pub(super) fn defaults_of(source: Option<&str>) -> Self {
        fn knows<'de, S: Deserialize<'de>>(name: &str) -> bool {
            S::deserialize(toml::Value::String(name.into())).is_ok()
        }
        match source {
            Some(name) if knows::<LanguageDataSource>(name) => {
                Self::Text(LanguageDataRecipe::default())
            }
            Some(name) if knows::<EncoderDataSource>(name) => {
                Self::Sequence(EncoderDataRecipe::default())
            }
            _ => Self::Image(ImageDataRecipe::default()),
        }
    }

    /// The folder or file that the data lie in.
    pub fn path_mut(&mut self) -> &mut Option<PathBuf> {
        match self {
            Self::Image(data) => &mut data.path,
            Self::Text(data) => &mut data.path,
            Self::Sequence(data) => &mut data.path,
        }
    }

    /// The images, if it is images.
    pub fn image(&self) -> Option<&ImageDataRecipe> {
        match self {
            Self::Image(data) => Some(data),
            Self::Text(_) | Self::Sequence(_) => None,
        }
    }

    /// The text, if it is text.
    pub fn text(&self) -> Option<&LanguageDataRecipe> {
        match self {
            Self::Text(data) => Some(data),
            Self::Image(_) | Self::Sequence(_) => None,
        }
    }

    /// The texts to understand, if it is those.
    pub fn sequence(&self) -> Option<&EncoderDataRecipe> {
        match self {
            Self::Sequence(data) => Some(data),
            Self::Image(_) | Self::Text(_) => None,
        }
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Image(_) => "images",
            Self::Text(_) => "text to continue",
            Self::Sequence(_) => "text to understand",
        }
    }
}

impl<'de> Deserialize<'de> for DataRecipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = toml::Table::deserialize(deserializer)?;
        let source = table.get("source").and_then(toml::Value::as_str);
        let kind = Self::defaults_of(source);
        let value = toml::Value::Table(table);
        // Begins with a dot, so that whoever tells it can put the section's name before it.
        let told = |error: serde_path_to_error::Error<toml::de::Error>| {
            let message = error.inner().message().replace('\n', " ");
            D::Error::custom(format!(".{}: {}", error.path(), message.trim()))
        };
        match kind {
            Self::Image(_) => serde_path_to_error::deserialize(value).map(Self::Image),
            Self::Text(_) => serde_path_to_error::deserialize(value).map(Self::Text),
            Self::Sequence(_) => serde_path_to_error::deserialize(value).map(Self::Sequence),
        }
        .map_err(told)
    }
}
