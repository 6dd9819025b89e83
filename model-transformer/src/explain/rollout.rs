//! What attention looks at, in one place and through all layers.

use burn::tensor::Tensor;

use super::ExplainError;

const NO_LAYERS: ExplainError = ExplainError::OutOfRange {
    what: "layer",
    index: 0,
    count: 0,
};

/// How much each token looks at each: `[batch, time, time]`, rows look and sum to 1. Of `attentions`
/// `[batch, heads, time, time]` a layer, as [`TextEncoder::attentions`](crate::TextEncoder::attentions) gives them, that of
/// one `layer` and one `head`; where one of them is not given, the mean over all.
///
/// # Errors
/// If there is no such layer or head.
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

/// How much of what each token began with has reached each through all layers: `[batch, time, time]`, rows are where it
/// arrived and sum to 1.
///
/// In every layer half of a token stays where it was, by the residual connection, and half is gathered by attention, in the
/// mean over the heads: `A = (W + I) / 2`. The product of all layers' `A` is the rollout (Abnar and Zuidema 2020,
/// <https://arxiv.org/abs/2005.00928>, section 3).
///
/// # Errors
/// If there are no layers.
pub fn attention_rollout(attentions: &[Tensor<4>]) -> Result<Tensor<3>, ExplainError> {
    let mut rollout: Option<Tensor<3>> = None;
    for probabilities in attentions {
        let map = of_head(probabilities, None)?;
        let [_, time, _] = map.dims();
        let stays = Tensor::<2>::eye(time, &map.device()).unsqueeze::<3>();
        let step = (map + stays) / 2.0;
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
