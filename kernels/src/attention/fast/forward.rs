use std::ops::Range;

use rayon::prelude::*;

use super::block::{LANES, Place};
use super::product::{ADD, ROWS, SET, product};
use super::softmax::{Running, exponentials};
use super::{KEYS, Problem, QUERIES, arrange, heads};
use crate::flex::{Buffer, Columns};

/// Multiplications in one of the products from which on it pays to wake other threads.
const FOR_ALL_THREADS: usize = 1 << 18;

impl Problem {
    /// Fills `output` `[batch, queries, heads * head_dim]` and `log_sums` `[batch, heads, queries]`.
    pub(super) fn forward(&self, output: &mut [f32], log_sums: &mut [f32]) {
        let sizes = &self.sizes;
        let shape = [sizes.batch, sizes.queries, sizes.heads() * sizes.head_dim];
        let output: Vec<Columns<'_>> = heads(output, shape, sizes.head_dim).flatten().collect();
        output
            .into_par_iter()
            .zip(log_sums.par_chunks_mut(sizes.queries))
            .with_min_len(self.pieces_of_a_task())
            .enumerate()
            .for_each_init(
                || Scratch::new(self),
                |scratch, (i, (output, log_sums))| {
                    let [batch, head] = [i / sizes.heads(), i % sizes.heads()];
                    self.head([batch, head], output, log_sums, scratch);
                },
            );
    }

    /// As an argument to `with_min_len`: everything, if it is too little to share.
    pub(super) fn pieces_of_a_task(&self) -> usize {
        let [batch, heads, queries, keys] = self.sizes.scores();
        match batch * heads * queries * keys * self.sizes.head_dim < FOR_ALL_THREADS {
            true => usize::MAX,
            false => 1,
        }
    }

    fn head(
        &self,
        [batch, head]: [usize; 2],
        mut output: Columns<'_>,
        log_sums: &mut [f32],
        scratch: &mut Scratch,
    ) {
        let (queries, head_dim) = (self.sizes.queries, self.sizes.head_dim);
        let lanes = head_dim.div_ceil(LANES);
        let Scratch {
            q,
            k,
            v,
            scores,
            mixed,
        } = scratch;
        let mut running = Running::new(queries);
        mixed.fill(0.0);
        let panel = self.q.panel(batch, 0, self.q_cols(head));
        arrange::rows(
            panel,
            queries,
            self.sizes.scale() as f32,
            q.as_chunks_mut().0,
        );
        let keys = self.look.keys(batch, self.sizes.keys);
        for first_key in (0..keys).step_by(KEYS) {
            let keys = KEYS.min(keys - first_key);
            let panel = self.k.panel(batch, first_key, self.kv_cols(head));
            arrange::columns(panel, keys, k.as_chunks_mut().0);
            let panel = self.v.panel(batch, first_key, self.kv_cols(head));
            arrange::rows(panel, keys, 1.0, v.as_chunks_mut().0);
            for first_query in (0..queries).step_by(QUERIES) {
                let place = Place {
                    batch,
                    head,
                    first_query,
                };
                let queries = QUERIES.min(queries - first_query);
                let Some(block) = self.block(place, queries, first_key, keys) else {
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
                let mixed = &mut mixed[from..][..queries * stride];
                exponentials(scores, &block, &mut running, mixed);
                let size = block.rows_of_queries(lanes);
                let (mixed, v) = (mixed.as_chunks_mut().0, v.as_chunks().0);
                product::<ADD, ROWS>(mixed, scores, block.stride(), v, size);
            }
        }
        for (query, mixed) in mixed.chunks_exact(lanes * LANES).take(queries).enumerate() {
            let inverse = 1.0 / running.divisor(query);
            for (output, mixed) in output.row(query).iter_mut().zip(mixed) {
                *output = mixed * inverse;
            }
            log_sums[query] = running.log_sum(query);
        }
    }

    /// The columns of a head's queries.
    pub(super) fn q_cols(&self, head: usize) -> Range<usize> {
        head * self.sizes.head_dim..(head + 1) * self.sizes.head_dim
    }

    /// The columns of a query head's keys and values.
    pub(super) fn kv_cols(&self, head: usize) -> Range<usize> {
        self.q_cols(head / self.sizes.group)
    }
}

/// What a thread works in.
struct Scratch {
    /// Queries, `[queries, head_dim]`.
    q: Buffer,
    /// Keys of a block, `[head_dim, keys]`.
    k: Buffer,
    /// Their values, `[keys, head_dim]`.
    v: Buffer,
    /// `[queries of a tile, keys]`
    scores: Buffer,
    /// The sum of the values seen so far, weighted by the exponentials, `[queries, head_dim]`.
    mixed: Buffer,
}

impl Scratch {
    fn new(problem: &Problem) -> Self {
        let sizes = &problem.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        let keys = KEYS.min(sizes.keys).next_multiple_of(LANES);
        Self {
            q: Buffer::new(sizes.queries * width),
            k: Buffer::new(sizes.head_dim * keys),
            v: Buffer::new(keys * width),
            scores: Buffer::new(QUERIES.min(sizes.queries) * keys),
            mixed: Buffer::new(sizes.queries * width),
        }
    }
}
