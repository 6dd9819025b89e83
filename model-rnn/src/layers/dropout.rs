//! Dropout for sequences.
//!
//! As in Burn, dropout is active on an autodiff device only, and not after
//! [`freeze`](burn::module::Module::freeze).

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Int, Tensor};
use tinderbox_kernels::embedding::embedding;
use tinderbox_kernels::nn;

use crate::ConfigError;

/// Burn's dropout, with an error where Burn panics.
pub(super) fn dropout(prob: f64) -> Result<Dropout, ConfigError> {
    ConfigError::require_dropout("dropout", prob)?;
    Ok(DropoutConfig::new(prob).init())
}

/// Dropout of the features of a sequence.
///
/// Unlocked, every time step has its own mask (Srivastava et al. 2014; used between layers and not
/// in the recurrence by Zaremba et al. 2014, <https://arxiv.org/abs/1409.2329>). Locked, one mask
/// holds for all time steps (Gal and Ghahramani 2016, <https://arxiv.org/abs/1512.05287>,
/// "variational dropout").
#[derive(Module, Debug)]
pub struct SequenceDropout {
    dropout: Dropout,
    locked: bool,
}

impl SequenceDropout {
    /// Drops features with probability `prob` and scales the others by `1 / (1 - prob)`.
    ///
    /// # Errors
    /// If `prob` is not at least 0 and less than 1.
    pub fn new(prob: f64, locked: bool) -> Result<Self, ConfigError> {
        let dropout = dropout(prob)?;
        Ok(Self { dropout, locked })
    }

    /// `[time, batch, width]` to the same shape.
    pub fn forward(&self, sequence: Tensor<3>) -> Tensor<3> {
        if !self.locked || !acts(&self.dropout, &sequence) {
            return nn::dropout(&self.dropout, sequence);
        }
        let [_, batch, width] = sequence.dims();
        let mask = Tensor::ones([1, batch, width], &sequence.device());
        sequence * nn::dropout(&self.dropout, mask)
    }
}

/// True if dropout would change the tensor; otherwise no mask needs to be made.
fn acts<const D: usize>(dropout: &Dropout, tensor: &Tensor<D>) -> bool {
    dropout.prob > 0.0 && tensor.device().is_autodiff() && dropout.training.is_enabled()
}

/// Embedding dropout: the vector of a dropped token is 0 everywhere in the batch, and the others
/// are scaled up (Gal and Ghahramani 2016; Merity et al. 2018, <https://arxiv.org/abs/1708.02182>).
#[derive(Module, Debug)]
pub struct WordDropout {
    dropout: Dropout,
}

impl WordDropout {
    /// Drops tokens of the vocabulary with probability `prob` and scales the others by
    /// `1 / (1 - prob)`.
    ///
    /// # Errors
    /// If `prob` is not at least 0 and less than 1.
    pub fn new(prob: f64) -> Result<Self, ConfigError> {
        let dropout = dropout(prob)?;
        Ok(Self { dropout })
    }

    /// Looks up `words` `[time, batch]` in `weight` `[vocabulary, width]`; returns
    /// `[time, batch, width]`.
    pub fn lookup(&self, weight: Tensor<2>, words: Tensor<2, Int>) -> Tensor<3> {
        if !acts(&self.dropout, &weight) {
            return embedding(weight, words);
        }
        // Masking after the lookup costs a product per token instead of one per weight.
        let mask = Tensor::ones([weight.dims()[0], 1], &weight.device());
        let mask = nn::dropout(&self.dropout, mask);
        embedding(weight, words.clone()) * embedding(mask, words)
    }
}
