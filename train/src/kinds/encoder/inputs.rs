//! Inputs of a text encoder.

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::EncoderBatch;
use tinderbox_model_transformer::{EncoderInput, TextEncoderConfig};

use crate::TrainError;

/// Checks that the model has an embedding for every token.
///
/// # Errors
/// The tokenizer has more tokens than the model.
pub fn check_tokens(tokenizer: &Tokenizer, config: &TextEncoderConfig) -> Result<(), TrainError> {
    let (tokens, known) = (tokenizer.vocab_size(), config.vocab_size());
    if tokens <= known {
        return Ok(());
    }
    Err(TrainError::Mismatch(format!(
        "the tokenizer has {tokens} tokens, but the model has a vocabulary of {known}: they do not belong together"
    )))
}

/// Puts a batch on the device, as an encoder of this configuration takes it.
pub fn input(batch: &EncoderBatch, config: &TextEncoderConfig, device: &Device) -> EncoderInput {
    let is_padded = batch.attention_mask.iter().any(|kept| !kept);
    EncoderInput {
        tokens: batch.tokens(device),
        token_type_ids: (config.type_vocab_size() > 1).then(|| batch.token_type_ids(device)),
        // Attention is faster without a mask.
        attention_mask: is_padded.then(|| batch.attention_mask(device)),
    }
}
