use std::ops::Range;

use rayon::prelude::*;

use super::block::Position;
use super::microkernel::{ADD, ROWS, SET, product};
use super::softmax::{OnlineSoftmax, online_softmax_step};
use super::{Inputs, KEY_BLOCK, QUERY_BLOCK, heads, pack};
use crate::flex::{Buffer, Columns};
use crate::simd::LANES;

/// Minimum multiplications of a product for more than one thread to pay. With 1/16 of it 16 tokens
/// (8 heads of 32) take twice as long; with 16 times as many, 32 and 64 tokens take 0.8 to 0.9 of
/// the time (two threads).
const MIN_PARALLEL_WORK: usize = 1 << 18;

impl Inputs {
    /// Fills `output` `[batch, queries, heads * head_dim]` and `log_sum_exps`
    /// `[batch, heads, queries]`.
    pub(super) fn forward(&self, output: &mut [f32], log_sum_exps: &mut [f32]) {
        let sizes = &self.sizes;
        let shape = [sizes.batch, sizes.queries, sizes.heads() * sizes.head_dim];
        let output: Vec<Columns<'_>> = heads(output, shape, sizes.head_dim).flatten().collect();
        output
            .into_par_iter()
            .zip(log_sum_exps.par_chunks_mut(sizes.queries))
            .with_min_len(self.min_heads_per_task())
            .enumerate()
            .for_each_init(
                || Scratch::new(self),
                |scratch, (i, (output, log_sum_exps))| {
                    let [batch, head] = [i / sizes.heads(), i % sizes.heads()];
                    self.head([batch, head], output, log_sum_exps, scratch);
                },
            );
    }

    /// Argument of `with_min_len`: all heads if there is too little work to share, otherwise 1.
    pub(super) fn min_heads_per_task(&self) -> usize {
        let [batch, heads, queries, keys] = self.sizes.scores();
        if batch * heads * queries * keys * self.sizes.head_dim < MIN_PARALLEL_WORK {
            usize::MAX
        } else {
            1
        }
    }

    fn head(
        &self,
        [batch, head]: [usize; 2],
        mut output: Columns<'_>,
        log_sum_exps: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (queries, head_dim) = (self.sizes.queries, self.sizes.head_dim);
        let lanes = head_dim.div_ceil(LANES);
        let Scratch {
            q,
            k,
            v,
            scores,
            accumulator,
        } = scratch;
        let mut running = OnlineSoftmax::new(queries);
        accumulator.fill(0.0);
        let matrix = self.q.submatrix(batch, 0, self.q_cols(head));
        pack::rows(
            matrix,
            queries,
            self.sizes.scale() as f32,
            q.as_chunks_mut().0,
        );
        let keys = self.mask.keys(batch, self.sizes.keys);
        for first_key in (0..keys).step_by(KEY_BLOCK) {
            let keys = KEY_BLOCK.min(keys - first_key);
            let matrix = self.k.submatrix(batch, first_key, self.kv_cols(head));
            pack::columns(matrix, keys, k.as_chunks_mut().0);
            let matrix = self.v.submatrix(batch, first_key, self.kv_cols(head));
            pack::rows(matrix, keys, 1.0, v.as_chunks_mut().0);
            for first_query in (0..queries).step_by(QUERY_BLOCK) {
                let position = Position {
                    batch,
                    head,
                    first_query,
                };
                let queries = QUERY_BLOCK.min(queries - first_query);
                let Some(block) = self.block(position, queries, first_key, keys) else {
                    continue;
                };
                let (from, stride) = (first_query * lanes * LANES, lanes * LANES);
                let size = block.scores(head_dim);
                product::<SET, ROWS>(
                    scores.as_chunks_mut().0,
                    &q[from..],
                    stride,
                    k.as_chunks().0,
                    size,
                );
                let accumulator = &mut accumulator[from..][..queries * stride];
                online_softmax_step(scores, &block, &mut running, accumulator);
                let size = block.rows_of_queries(lanes);
                let (accumulator, v) = (accumulator.as_chunks_mut().0, v.as_chunks().0);
                product::<ADD, ROWS>(accumulator, scores, block.stride(), v, size);
            }
        }
        for (query, accumulator) in accumulator
            .chunks_exact(lanes * LANES)
            .take(queries)
            .enumerate()
        {
            let inverse = 1.0 / running.divisor(query);
            for (output, accumulator) in output.row(query).iter_mut().zip(accumulator) {
                *output = accumulator * inverse;
            }
            log_sum_exps[query] = running.log_sum_exp(query);
        }
    }

    /// Columns of a head in the queries.
    pub(super) fn q_cols(&self, head: usize) -> Range<usize> {
        head * self.sizes.head_dim..(head + 1) * self.sizes.head_dim
    }

    /// Columns of a query head in keys and values.
    pub(super) fn kv_cols(&self, head: usize) -> Range<usize> {
        self.q_cols(head / self.sizes.group)
    }
}

/// Working memory of a thread.
struct Scratch {
    /// Queries, `[queries, head_dim]`.
    q: Buffer,
    /// Keys of a block, transposed: `[head_dim, keys]`.
    k: Buffer,
    /// Values of a block, `[keys, head_dim]`.
    v: Buffer,
    /// `[queries of a block, keys]`
    scores: Buffer,
    /// Sum of the values so far, weighted by the exponentials: `[queries, head_dim]`.
    accumulator: Buffer,
}

impl Scratch {
    fn new(inputs: &Inputs) -> Self {
        let sizes = &inputs.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        let keys = KEY_BLOCK.min(sizes.keys).next_multiple_of(LANES);
        Self {
            q: Buffer::new(sizes.queries * width),
            k: Buffer::new(sizes.head_dim * keys),
            v: Buffer::new(keys * width),
            scores: Buffer::new(QUERY_BLOCK.min(sizes.queries) * keys),
            accumulator: Buffer::new(sizes.queries * width),
        }
    }
}
