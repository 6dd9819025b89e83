//! Inputs of a text encoder.

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::EncoderBatch;
#[cfg(doc)]
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_model_transformer::{EncoderInput, TextEncoderConfig};

use crate::TrainError;

/// Checks that tokenizer and model belong together. A tokenizer may have more tokens than the model
/// has embeddings, as long as none of them occurs (see [`InputBuilder::with_rows`]).
///
/// # Errors
/// The tokens around texts have no embedding, or a token type has none.
pub fn check_tokens(tokenizer: &Tokenizer, config: &TextEncoderConfig) -> Result<(), TrainError> {
    let around = tokenizer.encode_prompt("")?;
    let wrong = |reason: String| {
        TrainError::Mismatch(format!(
            "tokenizer and model do not belong together: {reason}"
        ))
    };
    tokenizer
        .check_rows(&around, config.vocab_size())
        .map_err(|error| wrong(error.to_string()))?;
    let (largest, types) = (
        tokenizer.max_token_type() as usize,
        config.type_vocab_size(),
    );
    if types > 1 && largest >= types {
        return Err(wrong(format!(
            "the token type {largest} is beyond the model's {types}"
        )));
    }
    Ok(())
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
