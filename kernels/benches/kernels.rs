//! Kernels against their composition of Burn's operations, forward pass and training step (forward
//! and backward pass):
//!
//! ```sh
//! cargo bench -p tinderbox-kernels --features flex
//! cargo bench -p tinderbox-kernels --features flex -- conv     # one operation
//! ```

use burn::tensor::{DType, Device, Distribution, Tensor};
use divan::{Bencher, black_box};
use tinderbox_kernels::attention::{Heads, Mask, attention};
use tinderbox_kernels::compose_only;
use tinderbox_kernels::conv::{Conv2dOptions, conv2d_relu};
use tinderbox_kernels::linear::linear;
use tinderbox_kernels::norm::{Epilogue, batch_norm_train};
use tinderbox_kernels::recurrent::{SequenceOptions, Weights, lstm};

fn main() {
    divan::main();
}

#[derive(Clone, Copy, Debug)]
enum Path {
    Kernel,
    Composition,
}

const PATHS: [Path; 2] = [Path::Kernel, Path::Composition];

/// A random trainable tensor.
fn leaf<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let device = Device::flex().autodiff();
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), (&device, DType::F32)).require_grad()
}

/// Measures `operation` by the kernel or its composition.
fn forward<const D: usize>(
    bencher: Bencher<'_, '_>,
    path: Path,
    operation: impl Fn() -> Tensor<D> + Sync,
) {
    compose_only(matches!(path, Path::Composition));
    bencher.bench(|| black_box(operation()));
}

/// Measures `operation` and its backward pass.
fn step<const D: usize>(
    bencher: Bencher<'_, '_>,
    path: Path,
    operation: impl Fn() -> Tensor<D> + Sync,
) {
    compose_only(matches!(path, Path::Composition));
    bencher.bench(|| black_box(operation().sum().backward()));
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod conv {
    use super::*;

    /// Batch, input channels, size, output channels, kernel, stride, groups.
    type Shape = [usize; 7];

    fn operation(
        [batch, inputs, size, outputs, kernel, stride, groups]: Shape,
    ) -> impl Fn() -> Tensor<4> {
        let x = leaf([batch, inputs, size, size]);
        let weight = leaf([outputs, inputs / groups, kernel, kernel]);
        let bias = leaf([outputs]);
        let options = Conv2dOptions::default()
            .with_stride([stride; 2])
            .with_padding([kernel / 2; 2])
            .with_groups(groups);
        move || conv2d_relu(x.clone(), weight.clone(), Some(bias.clone()), options)
    }

    /// A 3 x 3 layer of a ResNet: Winograd.
    #[divan::bench(args = PATHS)]
    fn winograd_3x3(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation([4, 64, 56, 64, 3, 1, 1]));
    }

    /// The first layer of a ResNet: direct.
    #[divan::bench(args = PATHS)]
    fn stem_7x7_stride_2(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation([4, 3, 112, 64, 7, 2, 1]));
    }

    /// A pointwise layer: direct with packing.
    #[divan::bench(args = PATHS)]
    fn pointwise_1x1(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation([4, 256, 14, 512, 1, 1, 1]));
    }

    /// A depthwise layer of a ConvNeXt.
    #[divan::bench(args = PATHS)]
    fn depthwise_7x7(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation([4, 96, 28, 96, 7, 1, 96]));
    }
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod linear_layer {
    use super::*;

    fn operation() -> impl Fn() -> Tensor<3> {
        let (x, weight, bias) = (leaf([8, 128, 256]), leaf([256, 1024]), leaf([1024]));
        move || linear(x.clone(), weight.clone(), Some(bias.clone()))
    }

    #[divan::bench(args = PATHS)]
    fn forward_pass(bencher: Bencher<'_, '_>, path: Path) {
        forward(bencher, path, operation());
    }

    #[divan::bench(args = PATHS)]
    fn training_step(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation());
    }
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod scaled_dot_product_attention {
    use super::*;

    fn operation(queries: usize) -> impl Fn() -> Tensor<3> {
        let q = leaf([4, queries, 8 * 32]);
        let [k, v] = [0, 1].map(|_| leaf([4, 256, 8 * 32]));
        let mask = Mask::causal();
        move || attention(q.clone(), k.clone(), v.clone(), Heads::new(8), &mask, 0.0)
    }

    #[divan::bench(args = PATHS)]
    fn causal_forward_pass(bencher: Bencher<'_, '_>, path: Path) {
        forward(bencher, path, operation(256));
    }

    #[divan::bench(args = PATHS)]
    fn causal_training_step(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation(256));
    }

    /// One query, as in token-by-token generation.
    #[divan::bench(args = PATHS)]
    fn decode(bencher: Bencher<'_, '_>, path: Path) {
        forward(bencher, path, operation(1));
    }
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod batch_norm {
    use super::*;

    /// Batch norm, residual and ReLU: the end of a ResNet block.
    #[divan::bench(args = PATHS)]
    fn add_relu_training_step(bencher: Bencher<'_, '_>, path: Path) {
        let (x, residual) = (leaf([8, 64, 56, 56]), leaf([8, 64, 56, 56]));
        let (weight, bias) = (leaf([64]), leaf([64]));
        step(bencher, path, || {
            let epilogue = Epilogue::default()
                .with_residual(Some(residual.clone()))
                .with_relu(true);
            batch_norm_train(x.clone(), weight.clone(), bias.clone(), 1e-5, epilogue).output
        });
    }
}

#[divan::bench_group(sample_count = 10, sample_size = 1)]
mod lstm_layer {
    use super::*;

    fn operation() -> impl Fn() -> Tensor<3> {
        let x = leaf([35, 20, 200]);
        let weights = Weights {
            ih: leaf([800, 200]),
            hh: leaf([800, 200]),
            bias: Some([leaf([800]), leaf([800])]),
        };
        let state = [leaf([20, 200]), leaf([20, 200])];
        move || {
            lstm(
                x.clone(),
                &weights,
                state.clone(),
                SequenceOptions::default(),
            )
            .output
        }
    }

    #[divan::bench(args = PATHS)]
    fn forward_pass(bencher: Bencher<'_, '_>, path: Path) {
        forward(bencher, path, operation());
    }

    #[divan::bench(args = PATHS)]
    fn training_step(bencher: Bencher<'_, '_>, path: Path) {
        step(bencher, path, operation());
    }
}
