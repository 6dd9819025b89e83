//! Floating-point operations of a step, by formula.
//!
//! A multiply-add counts as two, in convolutions, linear layers and attention; norms, activations,
//! pooling and the optimizer are not counted. A training step counts as three forward passes: output,
//! input gradient and weight gradient are one product each. (The first layer needs no input gradient,
//! so this is slightly too much.) Causal attention counts only the unmasked pairs of tokens.

use super::workload::{Kind, PROMPT, Shape, VOCAB, Workload};

/// Operations of a step; `None` for workloads with next to no arithmetic.
pub(super) fn per_step(workload: Workload, kind: Kind, shape: Shape) -> Option<f64> {
    let Shape { batch, size } = shape;
    let products = match workload {
        Workload::Matmul => size * size * size,
        Workload::ArticleCnn => article_cnn(size),
        Workload::Resnet20 => resnet20(size),
        Workload::Resnet18 => resnet18(size),
        Workload::Vgg11 => vgg11(size),
        Workload::Lstm2x200 => lstm(200, size),
        Workload::Lstm2x650 => lstm(650, size),
        Workload::Gpt6x384 => gpt(size, size),
        Workload::BertSmall => bert(4, 512, size),
        // The last generated token is not read.
        Workload::Generation => gpt(PROMPT + size - 1, size),
        Workload::LoadFolder | Workload::LoadShards => return None,
    };
    let passes = match kind {
        Kind::Train => 3,
        Kind::Infer | Kind::Load => 1,
    };
    Some((2 * passes * batch * products) as f64)
}

/// Multiply-adds of a square convolution with an output of `side` x `side`.
fn conv(side: usize, kernel: usize, from: usize, to: usize) -> usize {
    side * side * kernel * kernel * from * to
}

fn article_cnn(side: usize) -> usize {
    let flat = 64 * (side / 4) * (side / 4);
    conv(side, 3, 3, 32) + conv(side / 2, 3, 32, 64) + flat * 128 + 128 * 10
}

fn resnet20(side: usize) -> usize {
    let mut sum = conv(side, 3, 3, 16) + 64 * 10;
    let (mut side, mut from) = (side, 16);
    for to in [16, 32, 64] {
        if to > from {
            side = side.div_ceil(2);
        }
        sum += conv(side, 3, from, to) + 5 * conv(side, 3, to, to);
        from = to;
    }
    sum
}

fn resnet18(side: usize) -> usize {
    let stem = side.div_ceil(2);
    let mut sum = conv(stem, 7, 3, 64) + 512 * 1000;
    let (mut side, mut from) = (stem.div_ceil(2), 64);
    for to in [64, 128, 256, 512] {
        if to > from {
            side = side.div_ceil(2);
            // The shortcut.
            sum += conv(side, 1, from, to);
        }
        sum += conv(side, 3, from, to) + 3 * conv(side, 3, to, to);
        from = to;
    }
    sum
}

fn vgg11(side: usize) -> usize {
    let mut sum = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000;
    let (mut side, mut from) = (side, 3);
    for (to, convolutions) in [(64, 1), (128, 1), (256, 2), (512, 2), (512, 2)] {
        for _ in 0..convolutions {
            sum += conv(side, 3, from, to);
            from = to;
        }
        side /= 2;
    }
    sum
}

/// Two layers, each with four gates of input and hidden state, and the head.
fn lstm(width: usize, tokens: usize) -> usize {
    tokens * (2 * 4 * width * 2 * width + width * VOCAB)
}

/// Weights of attention, `4 w²`, and of a feed-forward layer four times as wide, `8 w²`.
fn layer(width: usize) -> usize {
    12 * width * width
}

/// A GPT that reads `tokens` and predicts a next token after `heads` of them.
fn gpt(tokens: usize, heads: usize) -> usize {
    let (layers, width) = (6, 384);
    let pairs = tokens * (tokens + 1) / 2;
    layers * (tokens * layer(width) + 2 * pairs * width) + heads * width * VOCAB
}

fn bert(layers: usize, width: usize, tokens: usize) -> usize {
    let classifier = width * width + 2 * width;
    layers * (tokens * layer(width) + 2 * tokens * tokens * width) + classifier
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiply-adds of one image, from torchvision and the papers.
    #[test]
    fn the_formulas_agree_with_published_counts() {
        for (found, published) in [
            (resnet18(224), 1.814e9),
            (vgg11(224), 7.609e9),
            (resnet20(32), 0.0406e9),
        ] {
            let found = found as f64;
            assert!(
                (found / published - 1.0).abs() < 2e-3,
                "{found} {published}"
            );
        }
    }

    #[test]
    fn the_head_is_computed_for_generated_tokens_only() {
        let shape = Workload::Generation.facts().shape;
        let written = per_step(Workload::Generation, Kind::Infer, shape);
        let shape = Shape {
            batch: 1,
            ..Workload::Gpt6x384.facts().shape
        };
        let read = per_step(Workload::Gpt6x384, Kind::Infer, shape);
        assert!(written < read);
    }
}
