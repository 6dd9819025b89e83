//! An encoder's configuration and tokenizer, fitted to data.

use std::path::Path;

use data::text::{Algorithm, SequenceEncoder, Tokenizer, sentiment};
use model_transformer::{Head, TextEncoderConfig};

use crate::TrainError;
use crate::encoder::{EncoderModel, check_tokens};
use crate::recipe::{Recipe, SequenceDataRecipe, SequenceDataSource};

impl EncoderModel {
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
) -> Result<EncoderModel, TrainError> {
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
        let pad = SequenceEncoder::new(tokenizer.clone(), config.max_length())?.pad_id();
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
    Ok(EncoderModel {
        config,
        tokenizer,
        labels,
    })
}

fn tokenizer<'a>(
    recipe: &Recipe,
    data: &SequenceDataRecipe,
    texts: impl Iterator<Item = &'a str> + Send,
) -> Result<Tokenizer, TrainError> {
    let folder = recipe.model.weights.as_ref().map(Path::new);
    Ok(match (&data.tokenizer, folder, data.source) {
        (Some(path), _, _) => Tokenizer::open(path)?,
        (None, Some(folder), _) if folder.is_dir() => Tokenizer::open(folder)?,
        (None, _, SequenceDataSource::Sentiment) => sentiment::tokenizer()?,
        (None, _, _) => {
            let texts = texts.map(|text| Ok(text.to_string()));
            Tokenizer::train(Algorithm::WordPieceUncased, data.vocab_size, texts)?
        }
    })
}

/// What makes the model's input of texts.
pub(super) fn sequences(
    data: &SequenceDataRecipe,
    encoder: &EncoderModel,
) -> Result<SequenceEncoder, TrainError> {
    Ok(SequenceEncoder::new(
        encoder.tokenizer.clone(),
        data.max_length,
    )?)
}
