//! An encoder's configuration and tokenizer, fitted to data.

use std::path::Path;

use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::generated::sentiment;
use tinderbox_data::text::tokenizer::Algorithm;
use tinderbox_model_transformer::{Head, TextEncoderConfig};

use super::{EncoderBundle, check_tokens};
use super::{EncoderDataRecipe, EncoderDataSource};
use crate::TrainError;
use crate::recipe::Recipe;

impl EncoderBundle {
    /// The model, if the data have the labels that it was made for.
    pub(super) fn with_same_labels(self, labels: &[String]) -> Result<Self, TrainError> {
        if self.labels == labels {
            return Ok(self);
        }
        Err(TrainError::Mismatch(format!(
            "the data have the labels {} and the run was made for {}: they are not the same data",
            labels.join(", "),
            self.labels.join(", ")
        )))
    }
}

/// The model's configuration and tokenizer: as published where the recipe begins with published weights, else as many
/// tokens as the `texts` call for.
pub(super) fn fit<'a>(
    recipe: &Recipe,
    head: Head,
    labels: Vec<String>,
    texts: impl Iterator<Item = &'a str> + Send,
) -> Result<EncoderBundle, TrainError> {
    let data = recipe.sequences()?;
    let tokenizer = tokenizer(recipe, data, texts)?;
    let mut model = recipe.model.clone();
    if model.weights.is_none() {
        let size = i64::try_from(tokenizer.vocab_size()).unwrap_or(i64::MAX);
        let size = toml::Value::Integer(size);
        model.options.entry("vocab_size").or_insert(size);
    }
    let config: TextEncoderConfig = model
        .text_encoder()
        .map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    let mut config = config.with_head(head, labels.len());
    if model.weights.is_none() {
        let pad = InputBuilder::new(tokenizer.clone(), config.max_length())?.pad_id();
        config = config.with_pad_token_id(pad as usize);
    }
    config.validate()?;
    check_tokens(&tokenizer, &config)?;
    if data.max_length > config.max_length() {
        return Err(TrainError::Mismatch(format!(
            "data.max_length is {} and the model sees {} tokens at once; shorten it",
            data.max_length,
            config.max_length()
        )));
    }
    Ok(EncoderBundle {
        config,
        tokenizer,
        labels,
        can_be_impossible: false,
    })
}

fn tokenizer<'a>(
    recipe: &Recipe,
    data: &EncoderDataRecipe,
    texts: impl Iterator<Item = &'a str> + Send,
) -> Result<Tokenizer, TrainError> {
    if let Some(known) = known_tokenizer(recipe)? {
        return Ok(known);
    }
    let texts = texts.map(|text| Ok(text.to_string()));
    let tokenizer = Tokenizer::train(Algorithm::WordPieceUncased, data.vocab_size, texts);
    Ok(tokenizer?)
}

/// The tokenizer of a recipe, unless one is to be made from the training texts: that of `data.tokenizer`, else that of the
/// folder of the weights, else that of the generated sentences.
///
/// # Errors
/// It cannot be read; or the recipe begins with weights and does not say what their tokens are.
pub fn known_tokenizer(recipe: &Recipe) -> Result<Option<Tokenizer>, TrainError> {
    let data = recipe.sequences()?;
    let weights = recipe.model.weights.as_ref().map(Path::new);
    Ok(match (&data.tokenizer, weights) {
        (Some(path), _) => Some(Tokenizer::open(path)?),
        (None, Some(folder)) if folder.is_dir() => Some(Tokenizer::open(folder)?),
        (None, Some(path)) => {
            return Err(TrainError::Mismatch(format!(
                "model.weights: {} is no folder with a tokenizer in it; name one with data.tokenizer",
                path.display()
            )));
        }
        (None, None) if data.source == EncoderDataSource::Sentiment => {
            Some(sentiment::tokenizer()?)
        }
        (None, None) => None,
    })
}

/// What makes the model's input of texts.
pub(super) fn sequences(
    data: &EncoderDataRecipe,
    encoder: &EncoderBundle,
) -> Result<InputBuilder, TrainError> {
    Ok(InputBuilder::new(
        encoder.tokenizer.clone(),
        data.max_length,
    )?)
}
