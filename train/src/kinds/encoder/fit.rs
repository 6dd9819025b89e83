//! Configuration and tokenizer of an encoder, fitted to data.

use std::path::Path;

use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::generated::sentiment;
use tinderbox_data::text::tokenizer::Algorithm;
use tinderbox_model_transformer::{Head, TextEncoderConfig, huggingface};

use super::bundle::EncoderBundle;
use super::inputs::check_tokens;
use super::labels::LabelOrder;
use super::recipe::{EncoderDataRecipe, EncoderDataSource, EncoderRecipe, model_config};
use crate::TrainError;

/// Row of a published head for each label; `None` for a new one.
type HeadRows = Vec<Option<usize>>;

/// The data's labels in the order of the logits: that of a published head of the same kind in
/// `model.weights`, as far as the names are the same. Also the head's rows for them, if it has any.
pub(super) fn label_order(
    recipe: &EncoderRecipe,
    head: Head,
    labels: Vec<String>,
) -> Result<(LabelOrder, Option<HeadRows>), TrainError> {
    let weights = recipe.model.weights.as_ref().map(Path::new);
    if let Some(folder) = weights.filter(|path| path.is_dir()) {
        let (config, published) = huggingface::read_encoder_config(folder)?;
        if config.head() == head {
            let order = LabelOrder::of(&published, &labels);
            let rows = order.rows.clone();
            return Ok((order, Some(rows)));
        }
    }
    Ok((LabelOrder::unchanged(labels), None))
}

/// Checks that the tokenizer that a resumed run's recipe names is still the one that was recorded.
/// It need not be there any more.
pub(super) fn check_named_tokenizer(
    recipe: &EncoderRecipe,
    recorded: &EncoderBundle,
) -> Result<(), TrainError> {
    let Some(path) = recipe
        .data
        .tokenizer
        .as_deref()
        .filter(|path| path.exists())
    else {
        return Ok(());
    };
    let (found, expected) = (Tokenizer::open(path)?, &recorded.tokenizer);
    if found.hash() == expected.hash() {
        return Ok(());
    }
    Err(TrainError::Mismatch(format!(
        "data.tokenizer: {} has other tokens than the run was trained with ({} and {})",
        path.display(),
        found.vocab_size(),
        expected.vocab_size()
    )))
}

/// Configuration and tokenizer of the model: those of the pretrained weights, else with the
/// vocabulary of the `texts`.
pub(super) fn fit<'a>(
    recipe: &EncoderRecipe,
    head: Head,
    labels: Vec<String>,
    texts: impl Iterator<Item = &'a str> + Send,
) -> Result<EncoderBundle, TrainError> {
    let data = &recipe.data;
    let tokenizer = tokenizer(recipe, data, texts)?;
    let mut model = recipe.model.clone();
    if model.weights.is_none() {
        let size = i64::try_from(tokenizer.vocab_size()).unwrap_or(i64::MAX);
        let size = toml::Value::Integer(size);
        model.options.entry("vocab_size").or_insert(size);
    }
    let config: TextEncoderConfig =
        model_config(&model).map_err(|problems| TrainError::Mismatch(problems.join("; ")))?;
    let mut config = config.with_head(head, labels.len());
    if model.weights.is_none() {
        let pad = InputBuilder::new(tokenizer.clone(), config.max_length())?.pad_id();
        config = config.with_pad_token_id(pad as usize);
    }
    config.validate()?;
    check_tokens(&tokenizer, &config)?;
    if data.max_length > config.max_length() {
        return Err(TrainError::Mismatch(format!(
            "data.max_length is {}, but the model takes {} tokens at most; shorten it",
            data.max_length,
            config.max_length()
        )));
    }
    let length = max_length(data, &tokenizer);
    if data.source == EncoderDataSource::Squad && data.stride >= length {
        return Err(TrainError::Mismatch(format!(
            "data.stride is {}, but the tokenizer's model_max_length is {length}; shorten data.stride",
            data.stride
        )));
    }
    Ok(EncoderBundle {
        config,
        tokenizer,
        labels,
        can_be_impossible: false,
        word_cut: None,
    })
}

fn tokenizer<'a>(
    recipe: &EncoderRecipe,
    data: &EncoderDataRecipe,
    texts: impl Iterator<Item = &'a str> + Send,
) -> Result<Tokenizer, TrainError> {
    if let Some(given) = given_tokenizer(recipe)? {
        return Ok(given);
    }
    let texts = texts.map(|text| Ok(text.to_string()));
    let tokenizer = Tokenizer::train(Algorithm::WordPieceUncased, data.vocab_size, texts);
    Ok(tokenizer?)
}

/// Tokenizer of a recipe: that of `data.tokenizer`, else of the weights' folder, else of the
/// generated sentences. `None` if one is to be trained on the training texts.
///
/// # Errors
/// It cannot be read, or is not known: the recipe names a weights file without a tokenizer.
pub fn given_tokenizer(recipe: &EncoderRecipe) -> Result<Option<Tokenizer>, TrainError> {
    let data = &recipe.data;
    let weights = recipe.model.weights.as_ref().map(Path::new);
    Ok(match (&data.tokenizer, weights) {
        (Some(path), _) => Some(Tokenizer::open(path)?),
        (None, Some(folder)) if folder.is_dir() => Some(Tokenizer::open(folder)?),
        (None, Some(path)) => {
            return Err(TrainError::Mismatch(format!(
                "model.weights: {} is not a folder with a tokenizer; name one with data.tokenizer",
                path.display()
            )));
        }
        (None, None) if data.source == EncoderDataSource::Sentiment => {
            Some(sentiment::tokenizer()?)
        }
        (None, None) => None,
    })
}

/// Maximum number of tokens of an input: the recipe's, or less if the tokenizer has a smaller one.
pub(super) fn max_length(data: &EncoderDataRecipe, tokenizer: &Tokenizer) -> usize {
    let limit = tokenizer.settings().max_length;
    limit.map_or(data.max_length, |limit| limit.min(data.max_length))
}

/// Note that the tokenizer's maximum length counts in place of the recipe's.
pub(super) fn length_note(data: &EncoderDataRecipe, tokenizer: &Tokenizer) -> Option<String> {
    let length = max_length(data, tokenizer);
    (length < data.max_length).then(|| {
        format!(
            "data.max_length is {}, but the tokenizer's model_max_length is {length}: texts are cut after {length} tokens",
            data.max_length
        )
    })
}

/// Builder of the model's input from texts.
pub(super) fn sequences(
    data: &EncoderDataRecipe,
    encoder: &EncoderBundle,
) -> Result<InputBuilder, TrainError> {
    let builder = InputBuilder::new(
        encoder.tokenizer.clone(),
        max_length(data, &encoder.tokenizer),
    )?;
    Ok(builder.with_rows(encoder.config.vocab_size()))
}
