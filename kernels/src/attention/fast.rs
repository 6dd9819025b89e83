//! Attention block by block: scores are made for some queries and some keys at a time, used, and forgotten.

mod arrange;
mod backward;
mod block;
mod dropped;
mod exponential;
mod forward;
mod one_query;
mod product;
mod softmax;

use burn::tensor::Tensor;

use self::backward::Gradients;
use self::block::Place;
use self::dropped::Dropped;
use super::{Heads, Mask, Sizes, probability};
use crate::flex::{Array, Backward, Bools, Buffer, Columns, Rows, bools, columns, record, rows};

/// Queries that are worked on at a time: few, as causality hides half of what lies on the diagonal.
const QUERIES: usize = 32;
/// Keys that are. The scores of a block, and their gradients, stay in a core's first caches with what they come from.
const KEYS: usize = 256;

pub(super) fn attention(
    [q, k, v]: [&Tensor<3>; 3],
    sizes: &Sizes,
    mask: &Mask,
    dropout: f64,
) -> Option<Tensor<3>> {
    let problem = Problem {
        q: rows(q)?,
        k: rows(k)?,
        v: rows(v)?,
        look: Look::new(mask)?,
        dropped: Dropped::new(dropout, q),
        sizes: *sizes,
    };
    let solved = Solved::new(problem);
    let output = solved.output.clone();
    let inputs = [q, k, v].map(|input| Some(input.clone().into_dispatch()));
    Some(record(output, Separate(solved), inputs))
}

pub(super) fn packed(
    qkv: &Tensor<3>,
    heads: Heads,
    mask: &Mask,
    dropout: f64,
) -> Option<Tensor<3>> {
    let all = rows(qkv)?;
    let [_, _, width] = all.dims();
    assert!(width.is_multiple_of(3), "three equal parts");
    let width = width / 3;
    let [q, k, v] = [0, 1, 2].map(|i| all.narrow(i * width..(i + 1) * width));
    let sizes = Sizes::new(q.dims(), k.dims(), v.dims(), heads);
    mask.check(&sizes);
    let dropout = probability(dropout, qkv.device().is_autodiff());
    let problem = Problem {
        q,
        k,
        v,
        look: Look::new(mask)?,
        dropped: Dropped::new(dropout, qkv),
        sizes,
    };
    let solved = Solved::new(problem);
    let output = solved.output.clone();
    let inputs = [Some(qkv.clone().into_dispatch())];
    Some(record(output, Packed(solved), inputs))
}

/// What attention is to be computed of.
#[derive(Clone, Debug)]
struct Problem {
    q: Rows,
    k: Rows,
    v: Rows,
    look: Look,
    dropped: Option<Dropped>,
    sizes: Sizes,
}

/// Who may look where.
#[derive(Clone, Debug)]
struct Look {
    is_causal: bool,
    /// `[batch or 1, heads or 1, queries or 1, keys]`
    hidden: Option<Bools>,
}

impl Look {
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

    /// Which keys one query may not see, besides by causality.
    fn hidden_row(&self, place: Place) -> Option<&[u8]> {
        let index = [place.batch, place.head, place.first_query];
        Some(self.hidden.as_ref()?.row(index))
    }

    /// Keys of this batch element up to the last one that is not filled up.
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

/// A forward pass, and what the backward pass needs of it.
#[derive(Clone, Debug)]
struct Solved {
    problem: Problem,
    /// `[batch, queries, heads * head_dim]`
    output: Array,
    /// `ln(sum(exp(scores)))`, `[batch, queries, heads]`
    log_sums: Array,
}

impl Solved {
    fn new(problem: Problem) -> Self {
        let Sizes { batch, queries, .. } = problem.sizes;
        let heads = problem.sizes.heads();
        let width = heads * problem.sizes.head_dim;
        let mut output = Buffer::new(batch * queries * width);
        let mut log_sums = Buffer::new(batch * queries * heads);
        match queries {
            _ if problem.sizes.is_empty() => {
                output.fill(0.0);
                log_sums.fill(0.0);
            }
            1 => problem.one_query(&mut output, &mut log_sums),
            _ => problem.forward(&mut output, &mut log_sums),
        }
        Self {
            output: Array::new(output, [batch, queries, width]),
            log_sums: Array::new(log_sums, [batch, heads, queries]),
            problem,
        }
    }
}

/// Queries, keys and values are three tensors.
#[derive(Clone, Debug)]
struct Separate(Solved);

impl Backward<3> for Separate {
    fn backward(self, gradient: Array, _: [bool; 3]) -> [Option<Array>; 3] {
        let Problem { q, k, v, sizes, .. } = &self.0.problem;
        let shapes = [q, k, v].map(Rows::dims);
        let mut buffers = shapes.map(|shape| Buffer::new(shape.iter().product()));
        match sizes.is_empty() {
            true => buffers.iter_mut().for_each(|buffer| buffer.fill(0.0)),
            false => {
                let [q, k, v] = &mut buffers;
                let [q_shape, k_shape, v_shape] = shapes;
                let q = heads(q, q_shape, sizes.head_dim);
                let k = heads(k, k_shape, sizes.head_dim);
                let v = heads(v, v_shape, sizes.head_dim);
                let out = q.zip(k).zip(v).map(|((q, k), v)| Gradients { q, k, v });
                self.0.backward(gradient, out.collect());
            }
        }
        let mut shapes = shapes.into_iter();
        buffers.map(|buffer| Some(Array::new(buffer, shapes.next()?)))
    }
}

/// They are thirds of one.
#[derive(Clone, Debug)]
struct Packed(Solved);

impl Backward<1> for Packed {
    fn backward(self, gradient: Array, _: [bool; 1]) -> [Option<Array>; 1] {
        let sizes = &self.0.problem.sizes;
        let [batch, time, width] = self.0.problem.q.dims();
        let shape = [batch, time, 3 * width];
        let mut buffer = Buffer::new(batch * time * 3 * width);
        // There are as many keys as queries: if they are none, so are their gradients.
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

/// For each batch element, the columns of each head.
fn heads(
    values: &mut [f32],
    [_, time, width]: [usize; 3],
    head_dim: usize,
) -> impl Iterator<Item = Vec<Columns<'_>>> {
    let elements = values.chunks_exact_mut(time * width);
    elements.map(move |element| columns(element, width, head_dim))
}
