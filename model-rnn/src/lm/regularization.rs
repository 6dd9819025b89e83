//! The two penalties on activations that AWD-LSTM adds to the loss.
//!
//! Merity et al. 2017, <https://arxiv.org/abs/1708.01009>; for Penn Treebank both factors are 2 and 1.

use burn::tensor::Tensor;

/// The last recurrent layer's outputs, `[batch, time, hidden]` each.
#[derive(Clone, Debug)]
pub struct Activations {
    /// As the decoder sees them.
    pub dropped: Tensor<3>,
    /// Before dropout.
    pub raw: Tensor<3>,
}

/// `alpha` times the mean square of the outputs after dropout, `[1]`: large activations cost something (AR).
pub fn activation(activations: &Activations, alpha: f64) -> Tensor<1> {
    activations.dropped.clone().square().mean() * alpha
}

/// `beta` times the mean square of what changes in the outputs, before dropout, from one time step to the next, `[1]`: the
/// state should move slowly (TAR). Zero if there is only one time step.
pub fn temporal_activation(activations: &Activations, beta: f64) -> Tensor<1> {
    let raw = &activations.raw;
    let [_, time, _] = raw.dims();
    if time < 2 {
        return Tensor::zeros([1], &raw.device());
    }
    let later = raw.clone().narrow(1, 1, time - 1);
    let earlier = raw.clone().narrow(1, 0, time - 1);
    (later - earlier).square().mean() * beta
}
