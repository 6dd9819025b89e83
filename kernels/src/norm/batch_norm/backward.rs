//! Gradients. With the gradient `g` of `affine(x)`, which is that of the output where ReLU let it through, and the mean and
//! the standard deviation `std` of a channel of `n` numbers:
//!
//! * `dbias = sum(g)` and `dweight = sum(g (x - mean)) / std`,
//! * `dx = weight / std (g - sum(g) / n - (x - mean) sum(g (x - mean)) / (n std^2))`,
//! * `dx = weight / std g` if the statistics are constants.

use multiversion::multiversion;

use super::forward::{Affine, one, two};
use super::lanes::{Lanes, add_pairs};
use super::tasks::{Sizes, Task};

/// How the gradient of the output becomes `g`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gate<'a> {
    /// It is the same: there was no ReLU.
    Open,
    /// Zero where `affine(x)` is not positive: computed again, which is cheaper than reading the output.
    Recomputed,
    /// Zero where this output is not positive. `g` is kept as the task's second output: it is the residual's gradient too.
    Output(&'a [f32]),
}

/// What the backward pass reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) gradient: &'a [f32],
    pub(super) x: &'a [f32],
    pub(super) gate: Gate<'a>,
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
    let within = task.within(channel, sizes.plane);
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
                match read.gate {
                    Gate::Open => add_pairs(&mut lanes, dy, x, plain),
                    Gate::Recomputed => {
                        add_pairs(&mut lanes, dy, x, |dy, x| plain(gated(dy, affine.of(x)), x));
                    }
                    Gate::Output(y) => {
                        let y = &sizes.at(y, image, channel)[numbers.clone()];
                        let kept = &mut task.outputs[1][image - task.images.start];
                        let kept = &mut kept[within.clone()][numbers.clone()];
                        two(kept, dy, y, gated);
                        add_pairs(&mut lanes, kept, x, plain);
                    }
                }
            }
            all = [all[0] + lanes[0].total(), all[1] + lanes[1].total()];
        }
    }
    all
}

/// Nothing where the output was not positive; NaN counts as if it was.
#[inline(always)]
fn gated(gradient: f32, output: f32) -> f32 {
    if output <= 0.0 { 0.0 } else { gradient }
}

/// `dx = scale (g - level - (x - mean) slope)`, or `scale g` if the statistics are constants.
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
    let within = task.within(channel, sizes.plane);
    let [outputs, kept] = &mut task.outputs;
    let images = task.images.clone().zip(outputs).enumerate();
    // Backwards: the end of the channel was read last and is still in the cache.
    for (i, (image, dx)) in images.rev() {
        let dx = &mut dx[within.clone()];
        let x = sizes.at(read.x, image, channel);
        let (g, recompute) = match read.gate {
            Gate::Open => (sizes.at(read.gradient, image, channel), false),
            Gate::Recomputed => (sizes.at(read.gradient, image, channel), true),
            Gate::Output(_) => (&kept[i][within.clone()], false),
        };
        let scale = slope.scale;
        match slope.statistics {
            None if recompute => two(dx, g, x, |g, x| scale * gated(g, affine.of(x))),
            None => one(dx, g, |g| scale * g),
            Some([level, slope]) => {
                let dx_of = |g: f32, x: f32| scale * (g - level - (x - affine.mean) * slope);
                match recompute {
                    true => two(dx, g, x, |g, x| dx_of(gated(g, affine.of(x)), x)),
                    false => two(dx, g, x, dx_of),
                }
            }
        }
    }
}
