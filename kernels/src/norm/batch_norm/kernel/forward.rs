//! Statistics of channels, and their normalisation.

use std::ops::Range;

use multiversion::multiversion;

use super::sums::{Lanes, add_each, add_halves};
use super::tasks::{Sizes, Task};

/// Count, sum, and sum of squared deviations from the mean.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    pub(super) fn mean(&self) -> f64 {
        self.sum / self.count
    }

    /// Biased variance.
    pub(super) fn variance(&self) -> f64 {
        self.squares / self.count
    }

    /// Combines the moments of two parts (Chan, Golub & LeVeque 1979).
    pub(super) fn merge(self, other: Self) -> Self {
        if self.count == 0.0 {
            return other;
        }
        let count = self.count + other.count;
        let deviation = self.mean() - other.mean();
        let between = deviation * deviation * (self.count * other.count / count);
        Self {
            count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares + between,
        }
    }
}

/// Moments of the task's part of a channel.
#[multiversion(targets = "simd")]
pub(super) fn moments(sizes: Sizes, task: &Task<'_>, channel: usize, x: &[f32]) -> Moments {
    let mut all = Moments::default();
    let [images, numbers] = sizes.piece();
    for image in task.images.clone().step_by(images) {
        let images = image..(image + images).min(task.images.end);
        for start in (0..sizes.plane).step_by(numbers) {
            let numbers = start..(start + numbers).min(sizes.plane);
            all = all.merge(of_piece(sizes, x, channel, images.clone(), numbers));
        }
    }
    all
}

/// Moments of a piece, from sums of deviations and of squared deviations from a pivot, which is the
/// mean of an eighth of the piece. If the pivot is off by `d`, the variance is at least `d^2 / 7`.
/// So the two sums cancel by at most eight times the variance, however far the elements are from
/// zero.
#[inline(always)]
fn of_piece(
    sizes: Sizes,
    x: &[f32],
    channel: usize,
    images: Range<usize>,
    numbers: Range<usize>,
) -> Moments {
    let sample = match images.len() {
        1 => numbers.len().div_ceil(8),
        _ => numbers.len(),
    };
    let mut sums = [Lanes::new(); 2];
    let mut sampled = 0;
    for image in images.clone().take(images.len().div_ceil(8)) {
        let part = &sizes.at(x, image, channel)[numbers.clone()][..sample];
        add_halves(&mut sums, part);
        sampled += sample;
    }
    let pivot = ((sums[0].total() + sums[1].total()) / sampled as f64) as f32;
    let pivot = if pivot.is_finite() { pivot } else { 0.0 };
    let mut sums = [Lanes::new(); 2];
    for image in images.clone() {
        let part = &sizes.at(x, image, channel)[numbers.clone()];
        add_each(&mut sums, part, |value| {
            let deviation = value - pivot;
            [deviation, deviation * deviation]
        });
    }
    let count = (images.len() * numbers.len()) as f64;
    let [deviation, squares] = sums.map(Lanes::total);
    Moments {
        count,
        sum: count * f64::from(pivot) + deviation,
        squares: squares - deviation * deviation / count,
    }
}

/// Normalisation of a channel: `(x - mean) * scale + shift`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) mean: f32,
    pub(super) scale: f32,
    pub(super) shift: f32,
}

impl Affine {
    #[inline(always)]
    pub(super) fn of(&self, x: f32) -> f32 {
        (x - self.mean) * self.scale + self.shift
    }
}

/// Writes the task's part of a channel to its first output: `relu?(affine(x) + residual?)`.
#[multiversion(targets = "simd")]
pub(super) fn apply(
    sizes: Sizes,
    task: &mut Task<'_>,
    channel: usize,
    affine: Affine,
    x: &[f32],
    residual: Option<&[f32]>,
    relu: bool,
) {
    let range = task.range(channel, sizes.plane);
    let images = task.images.clone().zip(&mut task.outputs[0]);
    // In reverse: the end of the channel was measured last and is still in the cache.
    for (image, output) in images.rev() {
        let output = &mut output[range.clone()];
        let x = sizes.at(x, image, channel);
        match (residual, relu) {
            (None, false) => one(output, x, |x| affine.of(x)),
            (None, true) => one(output, x, |x| positive(affine.of(x))),
            (Some(residual), relu) => {
                let residual = sizes.at(residual, image, channel);
                if relu {
                    two(output, x, residual, |x, r| positive(affine.of(x) + r));
                } else {
                    two(output, x, residual, |x, r| affine.of(x) + r);
                }
            }
        }
    }
}

/// ReLU; NaN stays NaN.
#[inline(always)]
fn positive(value: f32) -> f32 {
    if value <= 0.0 { 0.0 } else { value }
}

#[inline(always)]
pub(super) fn one(output: &mut [f32], a: &[f32], f: impl Fn(f32) -> f32) {
    for (output, a) in output.iter_mut().zip(a) {
        *output = f(*a);
    }
}

#[inline(always)]
pub(super) fn two(output: &mut [f32], a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) {
    for ((output, a), b) in output.iter_mut().zip(a).zip(b) {
        *output = f(*a, *b);
    }
}
