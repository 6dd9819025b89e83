//! Cross-entropy fused with log-softmax. The logits are read twice: once for the losses and once
//! for their gradient. No probability is stored.

use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use multiversion::multiversion;

use crate::flex::{
    Array, Backward, Buffer, array, for_each_rows, for_each_rows_of_two, indices, rows_per_chunk,
    track,
};
use crate::simd::{math, reduce};

pub(in crate::loss) fn cross_entropy(
    logits: &Tensor<2>,
    targets: &Tensor<1, Int>,
    label_smoothing: f64,
) -> Option<Tensor<1>> {
    let input = logits.clone().into_dispatch();
    let [count, classes] = logits.dims();
    let (logits, targets) = (array(logits)?, indices(targets)?);
    check(&targets, count, classes);
    let smoothing = label_smoothing.max(0.0) as f32;
    let mut losses = Buffer::new(count);
    let mut stats = Buffer::new(2 * count);
    // Chunks are sized by the logits: the outputs are too small to be split by their own size.
    for_each_rows_of_two(
        rows_per_chunk(classes),
        (&mut losses, 1),
        (&mut stats, 2),
        |row, losses, stats| {
            let logits = logits.values()[row * classes..].chunks_exact(classes.max(1));
            let inputs = logits.zip(&targets[row..]);
            let outputs = losses.iter_mut().zip(stats.as_chunks_mut().0);
            for ((logits, &target), (loss, stats)) in inputs.zip(outputs) {
                (*loss, *stats) = loss_of_row(logits, target, smoothing);
            }
        },
    );
    let saved = CrossEntropy {
        logits,
        targets: targets.into(),
        stats: Array::new(stats, [count, 2]),
        smoothing,
    };
    Some(track(Array::new(losses, [count]), saved, [Some(input)]))
}

fn check(targets: &[usize], count: usize, classes: usize) {
    assert_eq!(targets.len(), count, "one target per row of logits");
    for (row, &target) in targets.iter().enumerate() {
        assert!(
            target < classes,
            "target {} of row {row} is out of range for {classes} classes",
            target.cast_signed()
        );
    }
}

#[derive(Clone, Debug)]
struct CrossEntropy {
    logits: Array,
    targets: Arc<[usize]>,
    /// `[rows, 2]`: the largest logit and the sum of `e^(logit - largest)`. Stored as one number,
    /// their log-sum-exp would lose digits where the logits are large.
    stats: Array,
    smoothing: f32,
}

impl Backward<1> for CrossEntropy {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let [count, classes] = self.logits.dims();
        let mut dx = Buffer::new(count * classes);
        let width = classes.max(1);
        for_each_rows(&mut dx, classes, |row, dx| {
            let logits = self.logits.values()[row * classes..].chunks_exact(width);
            let stats = self.stats.values()[2 * row..].as_chunks().0;
            let d = &gradient.values()[row..];
            let inputs = logits.zip(stats).zip(&self.targets[row..]).zip(d);
            for (dx, (((logits, stats), &target), &d)) in dx.chunks_exact_mut(width).zip(inputs) {
                gradient_of_row(dx, logits, *stats, d, self.smoothing);
                dx[target] -= d * (1.0 - self.smoothing);
            }
        });
        [Some(Array::new(dx, [count, classes]))]
    }
}

/// Returns the loss of a row, and its two numbers of [`CrossEntropy::stats`].
#[multiversion(targets = "simd")]
fn loss_of_row(logits: &[f32], target: usize, smoothing: f32) -> (f32, [f32; 2]) {
    let largest = reduce::max(logits);
    let sum = reduce::sum(logits, |x| math::exp(x - largest));
    let mut loss = sum.ln() - (logits[target] - largest) * (1.0 - smoothing);
    if smoothing > 0.0 {
        let mean = reduce::sum(logits, |x| x - largest) / logits.len() as f32;
        loss -= mean * smoothing;
    }
    (loss, [largest, sum])
}

/// `dx = d (softmax(x) - smoothing / classes)`, where `d` is the gradient of the loss. The caller
/// subtracts the term of the target.
#[multiversion(targets = "simd")]
fn gradient_of_row(
    dx: &mut [f32],
    logits: &[f32],
    [largest, sum]: [f32; 2],
    d: f32,
    smoothing: f32,
) {
    let scale = d / sum;
    let even = d * (smoothing / logits.len() as f32);
    for (dx, x) in dx.iter_mut().zip(logits) {
        *dx = math::exp(x - largest) * scale - even;
    }
}
