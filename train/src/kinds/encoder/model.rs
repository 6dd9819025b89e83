//! Encoders of text with what they need besides their weights.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::{EncoderBatch, InputBuilder};
use tinderbox_model_transformer::huggingface::{self, OpenedEncoder};
use tinderbox_model_transformer::{EncoderInput, TextEncoder, TextEncoderConfig};

use super::EncoderBundle;
use crate::TrainError;
use crate::params::adaptation;
use crate::run::{Bundle, RunDir, Which};

/// An encoder, ready for use.
#[derive(Clone, Debug)]
pub struct LoadedEncoder {
    /// The model's configuration.
    pub config: TextEncoderConfig,
    /// The network.
    pub model: TextEncoder,
    /// What makes its input of a text.
    pub sequences: InputBuilder,
    /// What its classes or tags are called, in the order of the logits; empty for a model without them.
    pub labels: Vec<String>,
    /// Of a model that answers questions: whether it is known to have learnt that some have no answer.
    pub can_be_impossible: bool,
    /// Where the weights are from, as in "step 1880".
    pub origin: String,
}

impl LoadedEncoder {
    /// The encoder of a run. Low-rank additions are added to what they adapt.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    pub fn of_run(
        run: &RunDir,
        which: Which,
        live: bool,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let recipe = run.recipe(&[])?;
        let data = recipe.sequences()?;
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

    /// The encoder in a folder of Hugging Face's.
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

    /// What a class is called: its label or, without one, its index.
    pub fn label(&self, class: usize) -> String {
        match self.labels.get(class) {
            Some(label) => label.clone(),
            None => class.to_string(),
        }
    }
}

/// Whether the model has a row for every token.
///
/// # Errors
/// It has not.
pub fn check_tokens(tokenizer: &Tokenizer, config: &TextEncoderConfig) -> Result<(), TrainError> {
    let (tokens, known) = (tokenizer.vocab_size(), config.vocab_size());
    if tokens <= known {
        return Ok(());
    }
    Err(TrainError::Mismatch(format!(
        "the tokenizer has {tokens} tokens and the model knows {known}: they do not belong together"
    )))
}

/// A batch as an encoder of this configuration takes it.
pub fn input(batch: &EncoderBatch, config: &TextEncoderConfig, device: &Device) -> EncoderInput {
    let is_padded = batch.attention_mask.iter().any(|kept| !kept);
    EncoderInput {
        tokens: batch.tokens(device),
        token_type_ids: (config.type_vocab_size() > 1).then(|| batch.token_type_ids(device)),
        // Without a mask attention is faster.
        attention_mask: is_padded.then(|| batch.attention_mask(device)),
    }
}
