//! Gradients. Let `g` be the gradient of `affine(x)`, that is, of the output where ReLU let it
//! through, and `mean` and `std` the statistics of a channel of `n` elements. Then
//!
//! - `dbias = sum(g)` and `dweight = sum(g (x - mean)) / std`,
//! - `dx = weight / std (g - sum(g) / n - (x - mean) sum(g (x - mean)) / (n std^2))`,
//! - `dx = weight / std g` if the statistics are constants.

use multiversion::multiversion;

use super::forward::{Affine, one, two};
use super::sums::{Lanes, add_pairs};
use super::tasks::{Sizes, Task};

/// Relation of `g` to the gradient of the output.
#[derive(Clone, Copy, Debug)]
pub(super) enum ReluMask<'a> {
    /// There was no ReLU: `g` is the gradient of the output.
    NoRelu,
    /// Zero where `affine(x)` is not positive, which is computed again: cheaper than reading the
    /// output.
    Recompute,
    /// Zero where this output is not positive. `g` is stored as the task's second output, because
    /// it is also the gradient of the residual.
    FromOutput(&'a [f32]),
}

/// Inputs of the backward pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) gradient: &'a [f32],
    pub(super) x: &'a [f32],
    pub(super) mask: ReluMask<'a>,
}

/// `sum(g)` and `sum(g (x - mean))` over the task's part of a channel.
#[multiversion(targets = "simd")]
pub(super) fn sums(
    sizes: Sizes,
    task: &mut Task<'_>,
    channel: usize,
    affine: Affine,
    read: Read<'_>,
) -> [f64; 2] {
    let mut all = [0.0; 2];
    let range = task.range(channel, sizes.plane);
    let [images, numbers] = sizes.piece();
    for image in task.images.clone().step_by(images) {
        let images = image..(image + images).min(task.images.end);
        for start in (0..sizes.plane).step_by(numbers) {
            let numbers = start..(start + numbers).min(sizes.plane);
            let mut lanes = [Lanes::new(); 2];
            for image in images.clone() {
                let dy = &sizes.at(read.gradient, image, channel)[numbers.clone()];
                let x = &sizes.at(read.x, image, channel)[numbers.clone()];
                let plain = |g, x| [g, g * (x - affine.mean)];
                match read.mask {
                    ReluMask::NoRelu => add_pairs(&mut lanes, dy, x, plain),
                    ReluMask::Recompute => {
                        add_pairs(&mut lanes, dy, x, |dy, x| {
                            plain(masked(dy, affine.of(x)), x)
                        });
                    }
                    ReluMask::FromOutput(y) => {
                        let y = &sizes.at(y, image, channel)[numbers.clone()];
                        let kept = &mut task.outputs[1][image - task.images.start];
                        let kept = &mut kept[range.clone()][numbers.clone()];
                        two(kept, dy, y, masked);
                        add_pairs(&mut lanes, kept, x, plain);
                    }
                }
            }
            all = [all[0] + lanes[0].total(), all[1] + lanes[1].total()];
        }
    }
    all
}

/// Zero where the output was not positive; NaN passes.
#[inline(always)]
fn masked(gradient: f32, output: f32) -> f32 {
    if output <= 0.0 { 0.0 } else { gradient }
}

/// Coefficients of `dx = scale (g - level - (x - mean) slope)`, or `scale g` if the statistics are
/// constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slope {
    pub(super) scale: f32,
    /// Level and slope.
    pub(super) statistics: Option<[f32; 2]>,
}

/// Writes the task's part of a channel of `dx` to its first output, after [`sums`].
#[multiversion(targets = "simd")]
pub(super) fn apply(
    sizes: Sizes,
    task: &mut Task<'_>,
    channel: usize,
    affine: Affine,
    slope: Slope,
    read: Read<'_>,
) {
    let range = task.range(channel, sizes.plane);
    let [outputs, kept] = &mut task.outputs;
    let images = task.images.clone().zip(outputs).enumerate();
    // In reverse: the end of the channel was read last and is still in the cache.
    for (i, (image, dx)) in images.rev() {
        let dx = &mut dx[range.clone()];
        let x = sizes.at(read.x, image, channel);
        let (g, recompute) = match read.mask {
            ReluMask::NoRelu => (sizes.at(read.gradient, image, channel), false),
            ReluMask::Recompute => (sizes.at(read.gradient, image, channel), true),
            ReluMask::FromOutput(_) => (&kept[i][range.clone()], false),
        };
        let scale = slope.scale;
        match slope.statistics {
            None if recompute => two(dx, g, x, |g, x| scale * masked(g, affine.of(x))),
            None => one(dx, g, |g| scale * g),
            Some([level, slope]) => {
                let dx_of = |g: f32, x: f32| scale * (g - level - (x - affine.mean) * slope);
                if recompute {
                    two(dx, g, x, |g, x| dx_of(masked(g, affine.of(x)), x));
                } else {
                    two(dx, g, x, dx_of);
                }
            }
        }
    }
}
