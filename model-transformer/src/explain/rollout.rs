//! Attention maps, of one layer and through all layers.

use burn::tensor::Tensor;

use super::ExplainError;

const NO_LAYERS: ExplainError = ExplainError::OutOfRange {
    what: "layer",
    index: 0,
    count: 0,
};

/// Attention map `[batch, queries, keys]` of one `layer` and one `head`, or the mean over all
/// layers or heads if `None`. The keys of a query sum to 1. `attentions` has `[batch, heads,
/// queries, keys]` per layer, as returned by
/// [`TextEncoder::attentions`](crate::TextEncoder::attentions).
///
/// # Errors
/// If the layer or the head is out of range.
pub fn attention_of(
    attentions: &[Tensor<4>],
    layer: Option<usize>,
    head: Option<usize>,
) -> Result<Tensor<3>, ExplainError> {
    let chosen = match layer {
        None => attentions,
        Some(layer) => {
            ExplainError::require_within("layer", layer, attentions.len())?;
            &attentions[layer..=layer]
        }
    };
    let mut sum: Option<Tensor<3>> = None;
    for probabilities in chosen {
        let map = of_head(probabilities, head)?;
        sum = Some(match sum {
            Some(sum) => sum + map,
            None => map,
        });
    }
    sum.map(|sum| sum / chosen.len() as f64).ok_or(NO_LAYERS)
}

/// Attention rollout `[batch, outputs, inputs]`: how much of each input token has reached each
/// output position through all layers. The inputs of an output sum to 1.
///
/// In every layer, half of a token stays in place by the residual connection, and half is mixed by
/// attention, averaged over the heads: `A = (W + I) / 2`. The product of all layers' `A` is the
/// rollout (Abnar and Zuidema 2020, <https://arxiv.org/abs/2005.00928>, section 3).
///
/// # Errors
/// If there are no layers.
pub fn attention_rollout(attentions: &[Tensor<4>]) -> Result<Tensor<3>, ExplainError> {
    let mut rollout: Option<Tensor<3>> = None;
    for probabilities in attentions {
        let map = of_head(probabilities, None)?;
        let [_, time, _] = map.dims();
        let residual = Tensor::<2>::eye(time, &map.device()).unsqueeze::<3>();
        let step = (map + residual) / 2.0;
        rollout = Some(match rollout {
            Some(before) => step.matmul(before),
            None => step,
        });
    }
    rollout.ok_or(NO_LAYERS)
}

/// `[batch, heads, time, time]` to `[batch, time, time]`.
fn of_head(probabilities: &Tensor<4>, head: Option<usize>) -> Result<Tensor<3>, ExplainError> {
    let heads = probabilities.dims()[1];
    let probabilities = probabilities.clone();
    Ok(match head {
        None => probabilities.mean_dim(1).squeeze_dim(1),
        Some(head) => {
            ExplainError::require_within("head", head, heads)?;
            probabilities.narrow(1, head, 1).squeeze_dim(1)
        }
    })
}
