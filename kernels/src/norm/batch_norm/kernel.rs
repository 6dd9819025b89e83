//! The batch normalisation kernel.

mod backward;
mod forward;
mod sums;
mod tasks;

use burn::backend::DispatchTensor;
use burn::tensor::Tensor;

use super::{BatchNormOutput, Epilogue};
use crate::flex::{Array, Backward, Buffer, array, track};
use backward::{Read, ReluMask, Slope};
use forward::{Affine, Moments};
use tasks::{Sizes, map, measure_and_apply};

pub(super) fn batch_norm_train(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    eps: f64,
    epilogue: &Epilogue,
) -> Option<BatchNormOutput> {
    let read = Inputs::new(x, weight, bias, epilogue)?;
    let mut output = Buffer::new(read.x.values().len());
    let statistics = read.train(eps, &mut output);
    let [mut mean, mut variance] = [0; 2].map(|_| Buffer::new(statistics.len()));
    for (i, of) in statistics.iter().enumerate() {
        (mean[i], variance[i]) = (of.mean, of.variance);
    }
    let output = Array::new(output, x.dims());
    let saved = read.into_saved(statistics, true, &output);
    Some(BatchNormOutput {
        output: track(output, saved, dispatch(x, weight, bias, epilogue)),
        mean: constant(mean, x),
        variance: constant(variance, x),
    })
}

pub(super) fn batch_norm(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    [mean, variance]: [&Tensor<1>; 2],
    eps: f64,
    epilogue: &Epilogue,
) -> Option<Tensor<4>> {
    let read = Inputs::new(x, weight, bias, epilogue)?;
    if mean.dims() != weight.dims() || variance.dims() != weight.dims() {
        return None;
    }
    let (mean, variance) = (array(mean)?, array(variance)?);
    let pairs = mean.values().iter().zip(variance.values());
    let statistics: Vec<Statistics> = pairs
        .map(|(&mean, &variance)| Statistics::new(mean, variance.into(), eps))
        .collect();
    let mut output = Buffer::new(read.x.values().len());
    read.normalise(&statistics, &mut output);
    let output = Array::new(output, x.dims());
    let saved = read.into_saved(statistics, false, &output);
    Some(track(output, saved, dispatch(x, weight, bias, epilogue)))
}

/// A tensor without gradient, on the device of `like`.
fn constant(values: Buffer, like: &Tensor<4>) -> Tensor<1> {
    #[derive(Clone, Debug)]
    struct Nothing;
    impl Backward<1> for Nothing {
        fn backward(self, _: Array, _: [bool; 1]) -> [Option<Array>; 1] {
            [None]
        }
    }
    let shape = [values.len()];
    let like = like.clone().detach().into_dispatch();
    track::<1, 1>(Array::new(values, shape), Nothing, [Some(like)])
}

/// Statistics of a channel.
#[derive(Clone, Copy, Debug)]
struct Statistics {
    mean: f32,
    variance: f32,
    /// `1 / sqrt(variance + eps)`.
    inverse_std: f32,
}

impl Statistics {
    fn new(mean: f32, variance: f64, eps: f64) -> Self {
        Self {
            mean,
            variance: variance as f32,
            inverse_std: (variance + eps).sqrt().recip() as f32,
        }
    }

    fn affine(&self, weight: f32, bias: f32) -> Affine {
        Affine {
            mean: self.mean,
            scale: weight * self.inverse_std,
            shift: bias,
        }
    }
}

/// Inputs of the forward pass.
struct Inputs {
    sizes: Sizes,
    x: Array,
    weight: Array,
    bias: Array,
    residual: Option<Array>,
    relu: bool,
}

impl Inputs {
    /// `None` if there is no kernel for these tensors; the composition reports wrong shapes.
    fn new(
        x: &Tensor<4>,
        weight: &Tensor<1>,
        bias: &Tensor<1>,
        epilogue: &Epilogue,
    ) -> Option<Self> {
        let [batch, channels, height, width] = x.dims();
        let of_channels = weight.dims() == [channels] && bias.dims() == [channels];
        let residual = match &epilogue.residual {
            Some(residual) if residual.dims() == x.dims() => Some(array(residual)?),
            Some(_) => return None,
            None => None,
        };
        if !of_channels || channels == 0 {
            return None;
        }
        Some(Self {
            sizes: Sizes {
                batch,
                channels,
                plane: height * width,
            },
            x: array(x)?,
            weight: array(weight)?,
            bias: array(bias)?,
            residual,
            relu: epilogue.relu,
        })
    }

    /// Normalises with the statistics of the batch, and returns them.
    fn train(&self, eps: f64, output: &mut [f32]) -> Vec<Statistics> {
        let sizes = self.sizes;
        let x = self.x.values();
        let residual = self.residual.as_ref().map(Array::values);
        let (weight, bias) = (self.weight.values(), self.bias.values());
        let conclude =
            |_, moments: Moments| Statistics::new(moments.mean() as f32, moments.variance(), eps);
        measure_and_apply(
            sizes,
            sizes.tasks([Some(output), None]),
            |task, channel| forward::moments(sizes, task, channel, x),
            Moments::merge,
            conclude,
            |task, channel, of| {
                let affine = of.affine(weight[channel], bias[channel]);
                forward::apply(sizes, task, channel, affine, x, residual, self.relu);
            },
        )
    }

    /// Normalises with these statistics.
    fn normalise(&self, statistics: &[Statistics], output: &mut [f32]) {
        let x = self.x.values();
        let residual = self.residual.as_ref().map(Array::values);
        let (weight, bias) = (self.weight.values(), self.bias.values());
        map(&mut self.sizes.tasks([Some(output), None]), |task| {
            for channel in task.channels.clone() {
                let affine = statistics[channel].affine(weight[channel], bias[channel]);
                forward::apply(self.sizes, task, channel, affine, x, residual, self.relu);
            }
        });
    }

    /// State for the backward pass. The ReLU mask of a sum with a residual is the sign of the
    /// output; without a residual it is computed again.
    fn into_saved(
        self,
        statistics: Vec<Statistics>,
        batch_statistics: bool,
        output: &Array,
    ) -> BatchNorm {
        let keep_output = self.relu && self.residual.is_some();
        BatchNorm {
            sizes: self.sizes,
            x: self.x,
            weight: self.weight,
            bias: self.bias,
            statistics,
            batch_statistics,
            relu: self.relu,
            output: keep_output.then(|| output.clone()),
        }
    }
}

fn dispatch(
    x: &Tensor<4>,
    weight: &Tensor<1>,
    bias: &Tensor<1>,
    epilogue: &Epilogue,
) -> [Option<DispatchTensor>; 4] {
    let residual = epilogue.residual.as_ref();
    [
        Some(x.clone().into_dispatch()),
        Some(weight.clone().into_dispatch()),
        Some(bias.clone().into_dispatch()),
        residual.map(|residual| residual.clone().into_dispatch()),
    ]
}

#[derive(Clone, Debug)]
struct BatchNorm {
    sizes: Sizes,
    x: Array,
    weight: Array,
    bias: Array,
    statistics: Vec<Statistics>,
    /// True if the statistics are functions of `x`.
    batch_statistics: bool,
    relu: bool,
    /// Present if ReLU was applied to a sum with a residual.
    output: Option<Array>,
}

impl BatchNorm {
    fn mask(&self) -> ReluMask<'_> {
        match &self.output {
            Some(output) => ReluMask::FromOutput(output.values()),
            None if self.relu => ReluMask::Recompute,
            None => ReluMask::NoRelu,
        }
    }

    /// Turns `sum(g)` and `sum(g (x - mean))` of a channel into the coefficients of `dx`.
    fn slope(&self, weight: f32, of: &Statistics, [sum, product]: [f64; 2]) -> Slope {
        let count = self.sizes.count() as f64;
        let slope = product / count * f64::from(of.inverse_std) * f64::from(of.inverse_std);
        Slope {
            scale: weight * of.inverse_std,
            statistics: self
                .batch_statistics
                .then_some([(sum / count) as f32, slope as f32]),
        }
    }

    /// Computes the sums of each channel, and `dx` and `kept` if they are wanted.
    fn run_backward(
        &self,
        gradient: &[f32],
        dx: Option<&mut [f32]>,
        kept: Option<&mut [f32]>,
    ) -> Vec<[f64; 2]> {
        let sizes = self.sizes;
        let read = Read {
            gradient,
            x: self.x.values(),
            mask: self.mask(),
        };
        let (weight, bias) = (self.weight.values(), self.bias.values());
        let of = |channel: usize| self.statistics[channel].affine(weight[channel], bias[channel]);
        measure_and_apply(
            sizes,
            sizes.tasks([dx, kept]),
            |task, channel| backward::sums(sizes, task, channel, of(channel), read),
            |a, b| [a[0] + b[0], a[1] + b[1]],
            |_, sums| sums,
            |task, channel, sums| {
                let slope = self.slope(weight[channel], &self.statistics[channel], sums);
                backward::apply(sizes, task, channel, of(channel), slope, read);
            },
        )
    }
}

impl Backward<4> for BatchNorm {
    fn backward(self, gradient: Array, needed: [bool; 4]) -> [Option<Array>; 4] {
        let len = self.x.values().len();
        let mut dx = needed[0].then(|| Buffer::new(len));
        let mut kept = self.output.is_some().then(|| Buffer::new(len));
        let sums = self.run_backward(gradient.values(), dx.as_deref_mut(), kept.as_deref_mut());
        let [mut dweight, mut dbias] = [0; 2].map(|_| Buffer::new(sums.len()));
        for (channel, [sum, product]) in sums.into_iter().enumerate() {
            dbias[channel] = sum as f32;
            dweight[channel] = (product * f64::from(self.statistics[channel].inverse_std)) as f32;
        }
        let shape = gradient.shape();
        let channels = [self.sizes.channels];
        let residual = match kept {
            Some(kept) => Array::new(kept, shape.clone()),
            None => gradient,
        };
        [
            dx.map(|dx| Array::new(dx, shape)),
            Some(Array::new(dweight, channels)),
            Some(Array::new(dbias, channels)),
            needed[3].then_some(residual),
        ]
    }
}
