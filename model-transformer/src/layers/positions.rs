//! Position encodings: learned or sinusoidal tables added to the embeddings, and rotary position
//! embeddings (RoPE) of queries and keys.

mod scaling;

use burn::module::Module;
use burn::nn::Embedding;
use burn::tensor::{Device, Tensor, TensorData};
use scaling::RopeSizes;
pub use scaling::{Llama3Scaling, RopeScaling, YarnScaling};

/// Rows `start..start + time` of a learned table `[positions, width]`, as `[1, time, width]`.
///
/// A slice, not a lookup: the backward pass need not accumulate gradients token by token.
///
/// # Panics
/// If the table is too short.
pub fn learned(table: &Embedding, start: usize, time: usize) -> Tensor<3> {
    table.weight.val().narrow(0, start, time).unsqueeze()
}

/// Fixed table `[positions, width]` of Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>,
/// section 3.5: `sin(p / 10000^(2i / width))` in even columns `2i`, the cosine in odd ones `2i +
/// 1`.
pub fn sinusoidal(positions: usize, width: usize, device: &Device) -> Tensor<2> {
    let value = |index: usize| {
        let (position, column) = (index / width, index % width);
        let exponent = (column - column % 2) as f64 / width as f64;
        let angle = position as f64 / 10_000_f64.powf(exponent);
        match column % 2 {
            0 => angle.sin() as f32,
            _ => angle.cos() as f32,
        }
    };
    let values: Vec<f32> = (0..positions * width).map(value).collect();
    Tensor::from_data(TensorData::new(values, [positions, width]), device)
}

/// Pairing of the dimensions of a head, which RoPE rotates together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pairs {
    /// `i` and `i + head_dim / 2`: Hugging Face's checkpoints.
    #[default]
    Halves,
    /// `2i` and `2i + 1`: the paper, and Meta's checkpoints.
    Interleaved,
}

/// Rotary position embeddings (RoPE): pair `i` of a head is rotated by
/// `position * theta^(-2i / head_dim)`, so that the product of a query and a key depends on their
/// distance.
///
/// Su et al. 2021, <https://arxiv.org/abs/2104.09864>. Angles are rounded to float32, as in Hugging
/// Face's code: models were trained with the rounding error of large angles.
#[derive(Module, Debug)]
pub struct Rotary {
    /// For texts up to the context length.
    #[module(skip)]
    frequencies: Vec<f32>,
    #[module(skip)]
    scaling: Option<RopeScaling>,
    #[module(skip)]
    sizes: RopeSizes,
    #[module(skip)]
    pairs: Pairs,
}

impl Rotary {
    /// RoPE for heads of an even `head_dim`. `max_positions` is the context length without scaling.
    pub fn new(
        head_dim: usize,
        theta: f64,
        scaling: Option<&RopeScaling>,
        max_positions: usize,
        pairs: Pairs,
    ) -> Self {
        let sizes = RopeSizes {
            head_dim,
            theta,
            max_positions,
        };
        Self {
            frequencies: frequencies(scaling, sizes, 0),
            scaling: scaling.copied(),
            sizes,
            pairs,
        }
    }

    /// Rotations of `time` positions from `start` on, shared by all layers.
    ///
    /// With dynamic scaling, positions beyond the context length have other frequencies. Those that
    /// a KV cache holds keep theirs, as in Hugging Face's code.
    pub fn at(&self, start: usize, time: usize, device: &Device) -> Rotation {
        let half = self.frequencies.len();
        let end = start + time;
        let scaling = self.scaling.as_ref();
        let grown = (end > self.sizes.max_positions
            && scaling.is_some_and(RopeScaling::is_dynamic))
        .then(|| frequencies(scaling, self.sizes, end));
        let frequencies = grown.as_ref().unwrap_or(&self.frequencies);
        let factor = scaling.map_or(1.0, |scaling| scaling.attention_factor(self.sizes)) as f32;
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for position in start..end {
            let angle = |frequency: &f32| f64::from(position as f32 * frequency).sin_cos();
            let rotations: Vec<(f64, f64)> = frequencies.iter().map(angle).collect();
            for column in 0..2 * half {
                // The first of a pair takes its partner with a negative sign.
                let (pair, is_first) = match self.pairs {
                    Pairs::Halves => (column % half, column < half),
                    Pairs::Interleaved => (column / 2, column % 2 == 0),
                };
                let (s, c) = rotations[pair];
                cos.push(c as f32 * factor);
                sin.push(if is_first { -s } else { s } as f32 * factor);
            }
        }
        let shape = [1, time, 1, 2 * half];
        Rotation {
            cos: Tensor::from_data(TensorData::new(cos, shape), device),
            sin: Tensor::from_data(TensorData::new(sin, shape), device),
            pairs: self.pairs,
        }
    }
}

fn frequencies(scaling: Option<&RopeScaling>, sizes: RopeSizes, length: usize) -> Vec<f32> {
    let frequencies = RopeScaling::frequencies(scaling, sizes, length);
    frequencies.into_iter().map(|f| f as f32).collect()
}

/// Rotations of consecutive positions; see [`Rotary::at`].
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `[1, time, 1, head_dim]`
    cos: Tensor<4>,
    /// `[1, time, 1, head_dim]`, negative for the first of each pair.
    sin: Tensor<4>,
    pairs: Pairs,
}

impl Rotation {
    /// Rotates queries or keys `[batch, time, heads * head_dim]`.
    pub fn forward(&self, x: Tensor<3>, head_dim: usize) -> Tensor<3> {
        let [batch, time, width] = x.dims();
        let x = x.reshape([batch, time, width / head_dim, head_dim]);
        let partners = self.partners(x.clone());
        let rotated = x * self.cos.clone() + partners * self.sin.clone();
        rotated.reshape([batch, time, width])
    }

    /// Swaps the partners of each pair. The backward pass of a flip is a flip, which is cheaper
    /// than slicing and concatenating.
    fn partners(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, time, heads, head_dim] = x.dims();
        let half = head_dim / 2;
        let (shape, axis) = match self.pairs {
            Pairs::Halves => ([batch, time, heads, 2, half], 3),
            Pairs::Interleaved => ([batch, time, heads, half, 2], 4),
        };
        let flipped = x.reshape::<5, _>(shape).flip([axis]);
        flipped.reshape([batch, time, heads, head_dim])
    }
}
