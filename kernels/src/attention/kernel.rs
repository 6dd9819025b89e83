//! FlashAttention on the CPU: the scores of a block of queries and a block of keys are computed,
//! normalised by an online softmax and multiplied with the values while they are in the cache. They
//! are never stored.

mod backward;
mod block;
mod decode;
mod dropout;
mod exp;
mod forward;
mod microkernel;
mod pack;
mod softmax;

use burn::tensor::Tensor;

use self::backward::Gradients;
use self::block::Position;
use self::dropout::Dropout;
use super::{Heads, Mask, Sizes, dropout_probability};
use crate::flex::{
    Array, Backward, Bools, Buffer, Columns, StridedRows, bools, split_columns, strided_rows, track,
};

/// Queries per block. Few, because half of a block on the diagonal is masked by causality. Relative
/// time of 8, 16, 64 and 128 (512 tokens, head 64): 1.0 to 1.1, 1.0, 1.0 to 1.1 and 1.0 to 1.1.
const QUERY_BLOCK: usize = 32;
/// Keys per block. The scores of a block, and their gradients, stay in the L1 and L2 caches of a
/// core together with their operands. Relative time of 64, 128, 512 and 1024 (1024 tokens, head
/// 64): 1.1 to 1.2, 1.0 to 1.1, 1.0 and 1.0 to 1.2.
const KEY_BLOCK: usize = 256;

pub(super) fn attention(
    [q, k, v]: [&Tensor<3>; 3],
    sizes: &Sizes,
    mask: &Mask,
    dropout: f64,
) -> Option<Tensor<3>> {
    let inputs = Inputs {
        q: strided_rows(q)?,
        k: strided_rows(k)?,
        v: strided_rows(v)?,
        mask: KeyMask::new(mask)?,
        dropout: Dropout::new(dropout, q),
        sizes: *sizes,
    };
    let saved = Saved::new(inputs);
    let output = saved.output.clone();
    let inputs = [q, k, v].map(|input| Some(input.clone().into_dispatch()));
    Some(track(output, SeparateQkv(saved), inputs))
}

pub(super) fn qkv_packed(
    qkv: &Tensor<3>,
    heads: Heads,
    mask: &Mask,
    dropout: f64,
) -> Option<Tensor<3>> {
    let all = strided_rows(qkv)?;
    let [_, _, width] = all.dims();
    assert!(
        width.is_multiple_of(3),
        "width of packed queries, keys and values"
    );
    let width = width / 3;
    let [q, k, v] = [0, 1, 2].map(|i| all.narrow(i * width..(i + 1) * width));
    let sizes = Sizes::new(q.dims(), k.dims(), v.dims(), heads);
    mask.check(&sizes);
    let dropout = dropout_probability(dropout, qkv.device().is_autodiff());
    let inputs = Inputs {
        q,
        k,
        v,
        mask: KeyMask::new(mask)?,
        dropout: Dropout::new(dropout, qkv),
        sizes,
    };
    let saved = Saved::new(inputs);
    let output = saved.output.clone();
    let inputs = [Some(qkv.clone().into_dispatch())];
    Some(track(output, PackedQkv(saved), inputs))
}

impl Sizes {
    fn is_empty(&self) -> bool {
        self.scores().contains(&0) || self.head_dim == 0
    }
}

/// Inputs of one call.
#[derive(Clone, Debug)]
struct Inputs {
    q: StridedRows,
    k: StridedRows,
    v: StridedRows,
    mask: KeyMask,
    dropout: Option<Dropout>,
    sizes: Sizes,
}

/// Keys that a query may attend to.
#[derive(Clone, Debug)]
struct KeyMask {
    is_causal: bool,
    /// `[batch or 1, heads or 1, queries or 1, keys]`
    hidden: Option<Bools>,
}

impl KeyMask {
    fn new(mask: &Mask) -> Option<Self> {
        let hidden = match mask.hidden() {
            Some(hidden) => Some(bools(hidden)?),
            None => None,
        };
        Some(Self {
            is_causal: mask.is_causal(),
            hidden,
        })
    }

    /// Keys masked for one query, apart from causality; nonzero is masked.
    fn hidden_row(&self, position: Position) -> Option<&[u8]> {
        let index = [position.batch, position.head, position.first_query];
        Some(self.hidden.as_ref()?.row(index))
    }

    /// Number of unpadded keys of a batch element: up to the last one that is not masked.
    fn keys(&self, batch: usize, keys: usize) -> usize {
        let Some(hidden) = &self.hidden else {
            return keys;
        };
        let [_, heads, queries, _] = hidden.dims();
        if heads > 1 || queries > 1 {
            return keys;
        }
        let row = hidden.row([batch, 0, 0]);
        row.iter()
            .rposition(|&hidden| hidden == 0)
            .map_or(0, |last| last + 1)
    }
}

/// Inputs and outputs of the forward pass, saved for the backward pass.
#[derive(Clone, Debug)]
struct Saved {
    inputs: Inputs,
    /// `[batch, queries, heads * head_dim]`
    output: Array,
    /// `ln(sum(exp(scores)))`, `[batch, heads, queries]`
    log_sum_exps: Array,
}

impl Saved {
    fn new(inputs: Inputs) -> Self {
        let Sizes { batch, queries, .. } = inputs.sizes;
        let heads = inputs.sizes.heads();
        let width = heads * inputs.sizes.head_dim;
        let mut output = Buffer::new(batch * queries * width);
        let mut log_sum_exps = Buffer::new(batch * queries * heads);
        match queries {
            _ if inputs.sizes.is_empty() => {
                output.fill(0.0);
                log_sum_exps.fill(0.0);
            }
            1 => inputs.decode(&mut output, &mut log_sum_exps),
            _ => inputs.forward(&mut output, &mut log_sum_exps),
        }
        Self {
            output: Array::new(output, [batch, queries, width]),
            log_sum_exps: Array::new(log_sum_exps, [batch, heads, queries]),
            inputs,
        }
    }
}

/// Autodiff node with queries, keys and values as three inputs.
#[derive(Clone, Debug)]
struct SeparateQkv(Saved);

impl Backward<3> for SeparateQkv {
    fn backward(self, gradient: Array, _: [bool; 3]) -> [Option<Array>; 3] {
        let Inputs { q, k, v, sizes, .. } = &self.0.inputs;
        let shapes = [q, k, v].map(StridedRows::dims);
        let mut buffers = shapes.map(|shape| Buffer::new(shape.iter().product()));
        if sizes.is_empty() {
            buffers.iter_mut().for_each(|buffer| buffer.fill(0.0));
        } else {
            let [q, k, v] = &mut buffers;
            let [q_shape, k_shape, v_shape] = shapes;
            let q = heads(q, q_shape, sizes.head_dim);
            let k = heads(k, k_shape, sizes.head_dim);
            let v = heads(v, v_shape, sizes.head_dim);
            let out = q.zip(k).zip(v).map(|((q, k), v)| Gradients { q, k, v });
            self.0.backward(gradient, out.collect());
        }
        let mut shapes = shapes.into_iter();
        buffers.map(|buffer| Some(Array::new(buffer, shapes.next()?)))
    }
}

/// Autodiff node with queries, keys and values packed in one input.
#[derive(Clone, Debug)]
struct PackedQkv(Saved);

impl Backward<1> for PackedQkv {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let sizes = &self.0.inputs.sizes;
        let [batch, time, width] = self.0.inputs.q.dims();
        let shape = [batch, time, 3 * width];
        let mut buffer = Buffer::new(batch * time * 3 * width);
        // There are as many keys as queries: without queries there are no gradients either.
        if !sizes.is_empty() {
            let parts = heads(&mut buffer, shape, sizes.head_dim).map(|mut q| {
                let v = q.split_off(2 * sizes.kv_heads);
                let k = q.split_off(sizes.kv_heads);
                Gradients { q, k, v }
            });
            self.0.backward(gradient, parts.collect());
        }
        [Some(Array::new(buffer, shape))]
    }
}

/// The columns of each head, for each batch element.
fn heads(
    values: &mut [f32],
    [_, time, width]: [usize; 3],
    head_dim: usize,
) -> impl Iterator<Item = Vec<Columns<'_>>> {
    let elements = values.chunks_exact_mut(time * width);
    elements.map(move |element| split_columns(element, width, head_dim))
}
