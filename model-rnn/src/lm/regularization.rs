//! AWD-LSTM's two penalties on activations, to be added to the loss: activation regularisation (AR)
//! and temporal activation regularisation (TAR).
//!
//! Merity et al. 2017, <https://arxiv.org/abs/1708.01009>; on Penn Treebank, AWD-LSTM uses
//! `alpha = 2` and `beta = 1`.

use burn::tensor::Tensor;

/// Outputs of the last recurrent layer, `[batch, time, hidden]` each.
#[derive(Clone, Debug)]
pub struct Activations {
    /// After dropout, as the decoder gets them.
    pub dropped: Tensor<3>,
    /// Before dropout.
    pub raw: Tensor<3>,
}

/// AR: `alpha * mean(h^2)` of the outputs after dropout, `[1]`. Penalises large activations.
pub fn activation(activations: &Activations, alpha: f64) -> Tensor<1> {
    activations.dropped.clone().square().mean() * alpha
}

/// TAR: `beta * mean((h_t - h_(t-1))^2)` of the outputs before dropout, `[1]`. Penalises fast
/// changes of the hidden state. 0 for a single time step.
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
