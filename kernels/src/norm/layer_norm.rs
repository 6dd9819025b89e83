//! Layer norm and RMS norm: normalisation of each row.

use burn::tensor::Tensor;
use burn::tensor::module::layer_norm as burn_layer_norm;

/// Layer normalisation over the last dimension: `(x - mean) / sqrt(var + eps) * weight + bias`,
/// with the biased variance. Ba et al. 2016, <https://arxiv.org/abs/1607.06450>.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<1>,
    bias: Option<Tensor<1>>,
    eps: f64,
) -> Tensor<D> {
    try_kernel!(kernel::norm(
        &x,
        &weight,
        bias.as_ref(),
        eps,
        kernel::Center::Mean
    ));
    if !x.device().is_autodiff() {
        return burn_layer_norm(x, weight, bias, eps);
    }
    // Burn divides by the deviation, and the backward pass of a division takes twice as many passes
    // over memory as that of a product.
    let centred = x.clone() - x.mean_dim(D - 1);
    let variance = centred.clone().square().mean_dim(D - 1);
    let scaled = centred * inverse_root(variance, eps) * weight.unsqueeze();
    match bias {
        Some(bias) => scaled + bias.unsqueeze(),
        None => scaled,
    }
}

/// Root mean square normalisation over the last dimension: `x / sqrt(mean(x²) + eps) * weight`.
/// Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>.
pub fn rms_norm<const D: usize>(x: Tensor<D>, weight: Tensor<1>, eps: f64) -> Tensor<D> {
    try_kernel!(kernel::norm(&x, &weight, None, eps, kernel::Center::Zero));
    let mean_square = x.clone().square().mean_dim(D - 1);
    x * inverse_root(mean_square, eps) * weight.unsqueeze()
}

/// `1 / sqrt(x + eps)`, one element per row.
fn inverse_root<const D: usize>(x: Tensor<D>, eps: f64) -> Tensor<D> {
    (x + eps).sqrt().recip()
}

#[cfg(feature = "flex")]
mod kernel {
    use burn::tensor::Tensor;
    use multiversion::multiversion;

    use crate::flex::{
        Array, Backward, Buffer, array, for_each_rows_of_two, rows_per_chunk, track, update_rows,
    };
    use crate::simd::reduce;

    /// Centre of the elements of a row.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) enum Center {
        Mean,
        Zero,
    }

    pub(super) fn norm<const D: usize>(
        x: &Tensor<D>,
        weight: &Tensor<1>,
        bias: Option<&Tensor<1>>,
        eps: f64,
        center: Center,
    ) -> Option<Tensor<D>> {
        let inputs = [
            Some(x.clone().into_dispatch()),
            Some(weight.clone().into_dispatch()),
            bias.map(|bias| bias.clone().into_dispatch()),
        ];
        let bias = match bias {
            Some(bias) => Some(array(bias)?),
            None => None,
        };
        let (x, weight) = (array(x)?, array(weight)?);
        let width = weight.values().len();
        assert_eq!(x.shape()[D - 1], width, "one weight per element of a row");
        let rows = x.values().len() / width.max(1);
        let mut y = Buffer::new(x.values().len());
        let mut stats = Buffer::new(2 * rows);
        for_each_rows_of_two(
            rows_per_chunk(width),
            (&mut y, width),
            (&mut stats, 2),
            |row, y, stats| {
                let x = x.values()[row * width..].chunks_exact(width.max(1));
                let outputs = y
                    .chunks_exact_mut(width.max(1))
                    .zip(stats.as_chunks_mut().0);
                for (x, (y, stats)) in x.zip(outputs) {
                    *stats = stats_of_row(x, eps as f32, center);
                    normalise(
                        x,
                        *stats,
                        weight.values(),
                        bias.as_ref().map(Array::values),
                        y,
                    );
                }
            },
        );
        let y = Array::new(y, x.shape());
        let stats = Array::new(stats, [rows, 2]);
        let saved = Norm {
            x,
            weight,
            stats,
            center,
        };
        Some(track(y, saved, inputs))
    }

    #[derive(Clone, Debug)]
    struct Norm {
        x: Array,
        weight: Array,
        /// `[rows, 2]`: centre and inverse deviation of each row.
        stats: Array,
        center: Center,
    }

    impl Backward<3> for Norm {
        fn backward(self, gradient: Array, needed: [bool; 3]) -> [Option<Array>; 3] {
            let width = self.weight.values().len();
            let weight = self.weight.values();
            // Each chunk of rows sums its own gradients of weight and bias, one after the other in
            // a vector.
            let (dx, parts) = update_rows(gradient, width, |row, d| {
                let mut sums = vec![0.0; 2 * width];
                let (d_weight, d_bias) = sums.split_at_mut(width);
                let x = self.x.values()[row * width..].chunks_exact(width.max(1));
                let stats = self.stats.values()[2 * row..].as_chunks().0;
                for (d, (x, stats)) in d.chunks_exact_mut(width.max(1)).zip(x.zip(stats)) {
                    backward_of_row(x, *stats, weight, self.center, [d, d_weight, d_bias]);
                }
                sums
            });
            let sums = add_up(&parts, 2 * width);
            let [d_weight, d_bias] = [&sums[..width], &sums[width..]]
                .map(|sums| Array::new(Buffer::copy(sums), [width]));
            [Some(dx), Some(d_weight), needed[2].then_some(d_bias)]
        }
    }

    fn add_up(parts: &[Vec<f32>], len: usize) -> Buffer {
        let mut sums = Buffer::zeros(len);
        for part in parts {
            for (sum, value) in sums.iter_mut().zip(part) {
                *sum += value;
            }
        }
        sums
    }

    #[multiversion(targets = "simd")]
    fn stats_of_row(x: &[f32], eps: f32, center: Center) -> [f32; 2] {
        let width = x.len() as f32;
        let mean = match center {
            Center::Mean => reduce::sum(x, |x| x) / width,
            Center::Zero => 0.0,
        };
        let variance = reduce::sum(x, |x| (x - mean) * (x - mean)) / width;
        [mean, 1.0 / (variance + eps).sqrt()]
    }

    #[multiversion(targets = "simd")]
    fn normalise(
        x: &[f32],
        [mean, scale]: [f32; 2],
        weight: &[f32],
        bias: Option<&[f32]>,
        y: &mut [f32],
    ) {
        let values = y.iter_mut().zip(x).zip(weight);
        match bias {
            Some(bias) => {
                for (((y, x), weight), bias) in values.zip(bias) {
                    *y = (x - mean) * scale * weight + bias;
                }
            }
            None => {
                for ((y, x), weight) in values {
                    *y = (x - mean) * scale * weight;
                }
            }
        }
    }

    /// With the normalised row `x'` and `g = d * weight`:
    /// `dx = scale (g - mean(g) - x' mean(g x'))`, where `mean(g)` is 0 if the centre is zero; `dx`
    /// replaces `d`. Adds `d x'` and `d` to the gradients of weight and bias.
    #[multiversion(targets = "simd")]
    fn backward_of_row(
        x: &[f32],
        [mean, scale]: [f32; 2],
        weight: &[f32],
        center: Center,
        [d, d_weight, d_bias]: [&mut [f32]; 3],
    ) {
        let width = x.len() as f32;
        let [of_center, of_scale] = sums(x, mean, weight, d);
        let of_center = match center {
            Center::Mean => of_center / width,
            Center::Zero => 0.0,
        };
        let of_scale = of_scale * scale * scale / width;
        let sums = d_weight.iter_mut().zip(d_bias);
        for (((d, x), weight), (d_weight, d_bias)) in d.iter_mut().zip(x).zip(weight).zip(sums) {
            let centred = x - mean;
            *d_weight += *d * (centred * scale);
            *d_bias += *d;
            *d = scale * (*d * weight - of_center - centred * of_scale);
        }
    }

    /// Sums of `d weight` and `d weight (x - mean)`.
    #[inline(always)]
    fn sums(x: &[f32], mean: f32, weight: &[f32], d: &[f32]) -> [f32; 2] {
        reduce::sums_of_triples([x, weight, d], |x, weight, d| {
            [d * weight, d * weight * (x - mean)]
        })
    }
}
