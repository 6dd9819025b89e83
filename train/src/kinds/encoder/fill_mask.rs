//! Fill-mask: predictions for the `[MASK]` tokens of a text.

use std::ops::Range;

use burn::tensor::{Int, Tensor};
use serde::Serialize;
use tinderbox_data::text::encoder::{Encoding, InputBuilder};

use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::{ranked, read_logits};

/// Mask tokens of the model families; each is accepted by every model.
const MASKS: [&str; 2] = ["[MASK]", "<mask>"];

/// Predictions for the masks of a text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledMasks {
    /// One for each mask that the model reads, in order.
    pub masks: Vec<FilledMask>,
    /// Number of tokens cut off at the end, beyond what the model reads.
    #[serde(skip)]
    pub truncated: usize,
}

/// Predictions for one mask.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledMask {
    /// Index of the token in the model's input, special tokens included.
    pub position: usize,
    /// Most probable tokens first.
    #[serde(rename = "guesses")]
    pub predictions: Vec<MaskPrediction>,
}

/// A token in place of a mask.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MaskPrediction {
    /// The token's text.
    pub token: String,
    /// The token's id.
    pub id: u32,
    /// Its probability.
    pub probability: f64,
    /// The text with the token in place of this mask.
    pub text: String,
}

impl LoadedEncoder {
    /// Predicts the `top_k` most probable tokens for each `[MASK]` (or `<mask>`) of a text, each
    /// independently of the others. Needs a masked language modelling head.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use tinderbox_train::kinds::encoder;
    ///
    /// let model = encoder::open("path/to/bert-base-uncased", &Device::flex())?;
    /// let filled = model.fill_mask("Paris is the [MASK] of France.", 5)?;
    /// for prediction in &filled.masks[0].predictions {
    ///     println!("{:.3} {}", prediction.probability, prediction.text);
    /// }
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// The model has another head, the text has no mask within the tokens that the model reads, or
    /// the device failed.
    pub fn fill_mask(&self, text: &str, top_k: usize) -> Result<FilledMasks, TrainError> {
        let id = self
            .inputs
            .mask_id()
            .ok_or_else(|| TrainError::Usage("the model's tokenizer has no mask token".into()))?;
        let mask = self.inputs.tokenizer().token(id).unwrap_or_default();
        let masked = MASKS
            .iter()
            .fold(text.to_string(), |text, other| text.replace(other, &mask));
        let row = self.inputs.encode(&masked, None)?;
        let positions: Vec<usize> = (0..row.len())
            .filter(|&at| row.ids.get(at) == Some(&id))
            .collect();
        if positions.is_empty() {
            return Err(TrainError::Usage(no_mask(&masked, &mask, &self.inputs)));
        }
        let logits = self.mask_logits(&row, &positions)?;
        let vocab_size = logits.len() / positions.len();
        let masks = positions.iter().zip(logits.chunks(vocab_size.max(1)));
        let masks = masks.map(|(&position, logits)| FilledMask {
            position,
            predictions: ranked(logits)
                .into_iter()
                .take(top_k)
                .map(|(id, probability)| {
                    self.prediction(id as u32, probability, &masked, (&row, position))
                })
                .collect(),
        });
        Ok(FilledMasks {
            masks: masks.collect(),
            truncated: row.truncated,
        })
    }

    /// Logits at these positions, `[positions, vocab_size]` row by row. The head, the largest
    /// product of a forward pass, is not computed for the other tokens.
    fn mask_logits(&self, row: &Encoding, positions: &[usize]) -> Result<Vec<f32>, TrainError> {
        let features = self.model.forward_features(&self.input_of(row));
        let positions: Vec<i32> = positions.iter().map(|&at| at as i32).collect();
        let positions = Tensor::<1, Int>::from_ints(positions.as_slice(), &self.device);
        let features: Tensor<2> = features.squeeze_dim::<2>(0).select(0, positions);
        read_logits(self.model.masked_lm_head(features)?)
    }

    /// The text with the token `id` in place of the mask at `position`, joined to the token before it
    /// as the tokenizer joins them: a continuation (`##ing`) has no space before it.
    fn prediction(
        &self,
        id: u32,
        probability: f64,
        text: &str,
        (row, position): (&Encoding, usize),
    ) -> MaskPrediction {
        let tokenizer = self.inputs.tokenizer();
        let bytes = bytes(row, position);
        let before = text.get(..bytes.start).unwrap_or_default();
        let after = text.get(bytes.end..).unwrap_or_default();
        // Some masks swallow the space before them.
        let mask = text.get(bytes).unwrap_or_default();
        let (spaced, _) = mask.split_at(mask.len() - mask.trim_start().len());
        let written = tokenizer.decode(&[id]);
        let token = written.trim().to_owned();
        let previous = position
            .checked_sub(1)
            .filter(|&at| row.origins.get(at).is_some_and(Option::is_some));
        let previous = previous.and_then(|at| row.ids.get(at)).copied();
        let joined = previous.and_then(|previous| {
            let both = tokenizer.decode(&[previous, id]);
            both.strip_prefix(&tokenizer.decode(&[previous]))
                .map(str::to_owned)
        });
        let text = match joined {
            Some(new) if !new.starts_with(char::is_whitespace) => {
                format!("{}{new}{after}", before.trim_end())
            }
            _ => format!("{before}{spaced}{token}{after}"),
        };
        MaskPrediction {
            text,
            token,
            id,
            probability,
        }
    }
}

fn no_mask(text: &str, mask: &str, inputs: &InputBuilder) -> String {
    if text.contains(mask) {
        format!(
            "every {mask} is beyond the {} tokens that the model reads; shorten the text",
            inputs.max_length()
        )
    } else {
        format!("there is no {mask} in the text; write {mask} for each token to predict")
    }
}

/// Bytes of the text that a token was made of.
fn bytes(row: &Encoding, position: usize) -> Range<usize> {
    match row.origins.get(position) {
        Some(Some(origin)) => origin.range.clone(),
        _ => 0..0,
    }
}
