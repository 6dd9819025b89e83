//! Splits a sequence into its time steps.

use burn::tensor::Tensor;

/// `[time, batch, width]` to `time` tensors `[batch, width]`.
///
/// The gradient of a slice is a tensor as large as the whole, nearly all zeros. Slicing every step
/// out of the sequence would take time quadratic in its length; recursive halving takes
/// `time * log2(time)`.
pub(super) fn unstack(sequence: Tensor<3>) -> Vec<Tensor<2>> {
    let mut steps = Vec::with_capacity(sequence.dims()[0]);
    halve(sequence, &mut steps);
    steps
}

fn halve(sequence: Tensor<3>, steps: &mut Vec<Tensor<2>>) {
    match sequence.dims()[0] {
        0 => {}
        1 => steps.push(sequence.squeeze_dim(0)),
        time => {
            let half = time / 2;
            halve(sequence.clone().narrow(0, 0, half), steps);
            halve(sequence.narrow(0, half, time - half), steps);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Int};

    #[test]
    fn steps_come_in_order_and_gradients_go_back_to_their_place() {
        for time in [1, 2, 5, 8] {
            let device = Device::flex().autodiff();
            let count = i64::try_from(time * 6).unwrap();
            let sequence = Tensor::<1, Int>::arange(0..count, &device).float();
            let sequence = sequence.reshape([time, 2, 3]).require_grad();
            let steps = unstack(sequence.clone());
            assert_eq!(steps.len(), time);
            let mut loss = Tensor::<1>::zeros([1], &device);
            for (t, step) in steps.into_iter().enumerate() {
                let first = step.clone().slice([0..1, 0..1]).into_scalar::<f32>();
                assert_eq!(first, (t * 6) as f32);
                loss = loss + (step * (t + 1) as f64).sum();
            }
            let gradient = sequence.grad(&loss.backward()).unwrap();
            let expected: Vec<f32> = (0..time * 6).map(|i| (i / 6 + 1) as f32).collect();
            assert_eq!(gradient.try_into_vec_as::<f32>().unwrap(), expected);
        }
    }
}
