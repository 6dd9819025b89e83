//! Gradients between `backward` and the optimizer: averaged over batches, clipped by their global
//! norm.

use burn::tensor::Tensor;
use tinderbox_kernels::optim::sum_of_squares;

use crate::TrainError;
use crate::params::ByName;

/// Average of gradients over the batches of one optimizer step, weighted by their numbers of items:
/// the gradient of the mean loss over all items, as of one large batch.
#[derive(Default)]
pub struct Accumulator {
    sum: ByName,
    weight: f64,
}

impl Accumulator {
    /// Adds the gradients of a batch's mean loss over `weight` items.
    pub fn add(&mut self, gradients: ByName, weight: f64) {
        // One batch per step, the common case, costs nothing.
        if self.weight == 0.0 {
            self.sum = gradients;
            self.weight = weight;
            return;
        }
        let total = self.weight + weight;
        let (kept, added) = (self.weight / total, weight / total);
        for (name, gradient) in gradients {
            let gradient = gradient * added;
            let mean = match self.sum.remove(&name) {
                Some(mean) => mean * kept + gradient,
                None => gradient,
            };
            self.sum.insert(name, mean);
        }
        self.weight = total;
    }

    /// Returns the average and empties the accumulator.
    pub fn take(&mut self) -> ByName {
        self.weight = 0.0;
        std::mem::take(&mut self.sum)
    }
}

/// Clips gradients as `torch.nn.utils.clip_grad_norm_` does: scales all of them by `min(1, max_norm
/// / (norm + 1e-6))`, where `norm` is their global L2 norm. Returns them with the norm before
/// clipping.
///
/// # Errors
/// The device failed.
pub fn clip_by_global_norm(gradients: ByName, max_norm: f64) -> Result<(ByName, f64), TrainError> {
    let mut squares: Option<Tensor<1>> = None;
    for gradient in gradients.values() {
        let square = sum_of_squares(gradient.clone());
        squares = Some(match squares {
            None => square,
            Some(total) => total + square,
        });
    }
    let Some(total) = squares else {
        return Ok((gradients, 0.0));
    };
    let norm = total
        .try_into_scalar::<f32>()
        .map_err(|e| TrainError::Execution(e.to_string()))?;
    let norm = f64::from(norm).sqrt();
    let scale = max_norm / (norm + 1e-6);
    if scale >= 1.0 {
        return Ok((gradients, norm));
    }
    let scaled = gradients
        .into_iter()
        .map(|(name, gradient)| (name, gradient * scale))
        .collect();
    Ok((scaled, norm))
}
