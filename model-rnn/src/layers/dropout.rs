//! Dropout for sequences.
//!
//! As Burn's, all of these act only on tensors of an autodiff device, and not after
//! [`freeze`](burn::module::Module::freeze).

use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Int, Tensor};
use tinderbox_kernels::embedding::embedding;
use tinderbox_kernels::nn;

use crate::ConfigError;

/// Burn's dropout, which panics at what is an error here.
pub(super) fn dropout(prob: f64) -> Result<Dropout, ConfigError> {
    ConfigError::require_dropout("dropout", prob)?;
    Ok(DropoutConfig::new(prob).init())
}

/// Dropout of the units of a sequence.
///
/// Not locked, every unit is dropped at every time step on its own (Srivastava et al. 2014; between layers and not in the
/// recurrence, as Zaremba et al. 2014, <https://arxiv.org/abs/1409.2329>, use it). Locked, a unit that is dropped is dropped
/// for the whole sequence (Gal and Ghahramani 2016, <https://arxiv.org/abs/1512.05287>, where it is called variational).
#[derive(Module, Debug)]
pub struct SequenceDropout {
    dropout: Dropout,
    locked: bool,
}

impl SequenceDropout {
    /// Every unit is dropped with probability `prob`, and scaled by `1 / (1 - prob)` if it is not.
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

/// Whether dropout would change a tensor. This saves making masks of ones.
fn acts<const D: usize>(dropout: &Dropout, tensor: &Tensor<D>) -> bool {
    dropout.prob > 0.0 && tensor.device().is_autodiff() && dropout.training.is_enabled()
}

/// Dropout of whole words: a word of the vocabulary that is dropped is zero wherever it occurs in the batch, and the others
/// are scaled up (Gal and Ghahramani 2016; Merity et al. 2017, <https://arxiv.org/abs/1708.02182>, call it embedding
/// dropout).
#[derive(Module, Debug)]
pub struct WordDropout {
    dropout: Dropout,
}

impl WordDropout {
    /// Every word is dropped with probability `prob`, and scaled by `1 / (1 - prob)` if it is not.
    ///
    /// # Errors
    /// If `prob` is not at least 0 and less than 1.
    pub fn new(prob: f64) -> Result<Self, ConfigError> {
        let dropout = dropout(prob)?;
        Ok(Self { dropout })
    }

    /// Looks up `words` `[time, batch]` in `weight` `[vocabulary, width]`, which gives `[time, batch, width]`.
    pub fn lookup(&self, weight: Tensor<2>, words: Tensor<2, Int>) -> Tensor<3> {
        if !acts(&self.dropout, &weight) {
            return embedding(weight, words);
        }
        // The mask is looked up as the words are: a few thousand products instead of one for every weight.
        let mask = Tensor::ones([weight.dims()[0], 1], &weight.device());
        let mask = nn::dropout(&self.dropout, mask);
        embedding(weight, words.clone()) * embedding(mask, words)
    }
}
