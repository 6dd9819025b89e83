//! Trained text encoders, ready for use.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{EncoderBatch, InputBuilder};
use tinderbox_model_transformer::huggingface::{self, OpenedEncoder};
use tinderbox_model_transformer::{EncoderInput, TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::recipe::EncoderDataRecipe;
use crate::TrainError;
use crate::params::adaptation;
use crate::run::{Bundle, RunDir, Which};

/// A trained encoder with its tokenizer.
#[derive(Clone, Debug)]
pub struct LoadedEncoder {
    /// Configuration of the model.
    pub config: TextEncoderConfig,
    /// Network.
    pub model: TextEncoder,
    /// Builder of its input from texts.
    pub sequences: InputBuilder,
    /// Names of its classes or tags, in the order of the logits; empty without any.
    pub labels: Vec<String>,
    /// Question answering: true if it is known to be trained on questions without an answer.
    pub can_be_impossible: bool,
    /// Origin of the weights, such as "step 1880".
    pub origin: String,
}

impl LoadedEncoder {
    /// Opens the encoder of a run. LoRA factors are merged into the matrices that they adapt.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    pub fn of_run(
        run: &RunDir,
        which: Which,
        live: bool,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let recipe = run.recipe_as::<EncoderDataRecipe>()?;
        let data = &recipe.data;
        let EncoderBundle {
            config,
            tokenizer,
            labels,
            can_be_impossible,
        } = EncoderBundle::read(run)?;
        let weights = run.weights(which, live)?;
        let mut model = config.init(device)?;
        if let Some(lora) = &recipe.model.lora {
            model = adaptation::attach(model, lora, recipe.seed, device)?;
        }
        let origin = weights.origin();
        let model = weights.load_into(model)?.materialize();
        let length = data.max_length.min(config.max_length());
        Ok(Self {
            model,
            sequences: InputBuilder::new(tokenizer, length)?,
            config,
            labels,
            can_be_impossible,
            origin,
        })
    }

    /// Opens the encoder in a Hugging Face model folder.
    ///
    /// # Errors
    /// A file is missing or damaged, or tokenizer and model do not belong together.
    pub fn of_folder(folder: &Path, device: &Device) -> Result<Self, TrainError> {
        let OpenedEncoder {
            config,
            model,
            labels,
        } = huggingface::open_encoder(folder, device)?;
        let tokenizer = Tokenizer::open(folder)?;
        check_tokens(&tokenizer, &config)?;
        Ok(Self {
            sequences: InputBuilder::new(tokenizer, config.max_length())?,
            config,
            model,
            labels,
            can_be_impossible: false,
            origin: folder.display().to_string(),
        })
    }

    /// Name of a class: its label or, without one, its index.
    pub fn label(&self, class: usize) -> String {
        match self.labels.get(class) {
            Some(label) => label.clone(),
            None => class.to_string(),
        }
    }
}

/// Checks that the model has an embedding for every token.
///
/// # Errors
/// It has fewer.
pub fn check_tokens(tokenizer: &Tokenizer, config: &TextEncoderConfig) -> Result<(), TrainError> {
    let (tokens, known) = (tokenizer.vocab_size(), config.vocab_size());
    if tokens <= known {
        return Ok(());
    }
    Err(TrainError::Mismatch(format!(
        "the tokenizer has {tokens} tokens, but the model has a vocabulary of {known}: they do not belong together"
    )))
}

/// Converts a batch to the input of an encoder of this configuration.
pub fn input(batch: &EncoderBatch, config: &TextEncoderConfig, device: &Device) -> EncoderInput {
    let is_padded = batch.attention_mask.iter().any(|kept| !kept);
    EncoderInput {
        tokens: batch.tokens(device),
        token_type_ids: (config.type_vocab_size() > 1).then(|| batch.token_type_ids(device)),
        // Attention is faster without a mask.
        attention_mask: is_padded.then(|| batch.attention_mask(device)),
    }
}
