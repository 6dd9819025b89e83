use rayon::prelude::*;

use super::block::{Block, Position};
use super::microkernel::{ADD, COLUMNS, ROWS, SET, product};
use super::softmax::{RowConstants, dots, gradients};
use super::{Inputs, KEY_BLOCK, QUERY_BLOCK, Saved, pack};
use crate::flex::{Array, Buffer, Columns, StridedRows};
use crate::simd::LANES;

/// Destinations of the gradients of one batch element: the columns of each head.
pub(super) struct Gradients<'a> {
    pub(super) q: Vec<Columns<'a>>,
    pub(super) k: Vec<Columns<'a>>,
    pub(super) v: Vec<Columns<'a>>,
}

/// One key and value head with the query heads that it serves.
struct Task<'a> {
    batch: usize,
    kv_head: usize,
    q: Vec<Columns<'a>>,
    k: Columns<'a>,
    v: Columns<'a>,
}

impl Saved {
    /// Computes the gradients into `out`, one for each batch element, from `gradient`
    /// `[batch, queries, heads * head_dim]`.
    ///
    /// The scores are computed again from queries and keys, block by block (Dao 2023, algorithm 2).
    pub(super) fn backward(&self, gradient: Array, out: Vec<Gradients<'_>>) {
        let group = self.inputs.sizes.group;
        let mut tasks = Vec::new();
        for (batch, Gradients { q, k, v }) in out.into_iter().enumerate() {
            let mut q = q.into_iter();
            for (kv_head, (k, v)) in k.into_iter().zip(v).enumerate() {
                tasks.push(Task {
                    batch,
                    kv_head,
                    q: q.by_ref().take(group).collect(),
                    k,
                    v,
                });
            }
        }
        let gradient = StridedRows::from(gradient);
        tasks
            .into_par_iter()
            .with_min_len(self.inputs.min_heads_per_task())
            .for_each_init(
                || Scratch::new(&self.inputs),
                |scratch, task| self.head(&gradient, task, scratch),
            );
    }

    fn head(&self, gradient: &StridedRows, mut task: Task<'_>, scratch: &mut Scratch) {
        let inputs = &self.inputs;
        let sizes = &inputs.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        self.pack(gradient, &task, scratch);
        scratch.dq.fill(0.0);
        let visible = inputs.mask.keys(task.batch, sizes.keys);
        for first_key in (0..sizes.keys).step_by(KEY_BLOCK) {
            let keys = KEY_BLOCK.min(sizes.keys - first_key);
            scratch.dk.fill(0.0);
            scratch.dv.fill(0.0);
            if first_key < visible {
                self.keys(&task, [first_key, keys.min(visible - first_key)], scratch);
            }
            for (out, numbers) in [(&mut task.k, &scratch.dk), (&mut task.v, &scratch.dv)] {
                for (row, numbers) in numbers.chunks_exact(width).take(keys).enumerate() {
                    let out = out.row(first_key + row);
                    out.copy_from_slice(&numbers[..sizes.head_dim]);
                }
            }
        }
        let scale = sizes.scale() as f32;
        for (i, numbers) in scratch.dq.chunks_exact(width).enumerate() {
            let (head, query) = (i / sizes.queries, i % sizes.queries);
            let out = task.q[head].row(query);
            for (out, number) in out.iter_mut().zip(numbers) {
                *out = number * scale;
            }
        }
    }

    /// Packs the queries of a task and the gradients of their outputs, and computes `delta`, the
    /// products of outputs and their gradients.
    fn pack(&self, gradient: &StridedRows, task: &Task<'_>, scratch: &mut Scratch) {
        let sizes = &self.inputs.sizes;
        let (queries, head_dim) = (sizes.queries, sizes.head_dim);
        let lanes = queries * head_dim.div_ceil(LANES);
        for i in 0..task.q.len() {
            let head = task.kv_head * task.q.len() + i;
            let cols = self.inputs.q_cols(head);
            let q = self.inputs.q.submatrix(task.batch, 0, cols.clone());
            let dy = gradient.submatrix(task.batch, 0, cols.clone());
            let scale = sizes.scale() as f32;
            pack::rows(
                q,
                queries,
                scale,
                &mut scratch.q.as_chunks_mut().0[i * lanes..],
            );
            pack::rows(
                dy,
                queries,
                1.0,
                &mut scratch.dy.as_chunks_mut().0[i * lanes..],
            );
            let first = task.batch * queries * sizes.heads() * head_dim;
            let y = self.output.values()[first..].chunks(sizes.heads() * head_dim);
            let deltas = &mut scratch.deltas[i * queries..][..queries];
            for ((delta, y), dy) in deltas.iter_mut().zip(y).zip(dy.rows()) {
                [*delta] = dots::<1, false>(dy, [&y[cols.clone()]]);
            }
        }
    }

    /// Adds the gradients from the scores of one block of keys.
    fn keys(&self, task: &Task<'_>, [first_key, keys]: [usize; 2], scratch: &mut Scratch) {
        let sizes = &self.inputs.sizes;
        let cols = self.inputs.q_cols(task.kv_head);
        let k = self.inputs.k.submatrix(task.batch, first_key, cols.clone());
        let v = self.inputs.v.submatrix(task.batch, first_key, cols);
        pack::rows(k, keys, 1.0, scratch.k_rows.as_chunks_mut().0);
        pack::columns(k, keys, scratch.k_cols.as_chunks_mut().0);
        pack::columns(v, keys, scratch.v_cols.as_chunks_mut().0);
        for i in 0..task.q.len() {
            let head = task.kv_head * task.q.len() + i;
            for first_query in (0..sizes.queries).step_by(QUERY_BLOCK) {
                let position = Position {
                    batch: task.batch,
                    head,
                    first_query,
                };
                let queries = QUERY_BLOCK.min(sizes.queries - first_query);
                let row = i * sizes.queries + first_query;
                if let Some(block) = self.inputs.block(position, queries, first_key, keys) {
                    self.block(&block, row, scratch);
                }
            }
        }
    }

    /// Adds the gradients from one block; `row` is its first query, counted among those of the
    /// task.
    fn block(&self, block: &Block<'_>, row: usize, scratch: &mut Scratch) {
        let sizes = &self.inputs.sizes;
        let lanes = sizes.head_dim.div_ceil(LANES);
        let (from, width) = (row * lanes * LANES, lanes * LANES);
        let Scratch {
            q,
            dy,
            dq,
            deltas,
            k_cols,
            v_cols,
            k_rows,
            scores,
            dscores,
            dk,
            dv,
        } = scratch;
        let (q, dy) = (&q[from..], &dy[from..]);
        let size = block.scores(sizes.head_dim);
        product::<SET, ROWS>(
            scores.as_chunks_mut().0,
            q,
            width,
            k_cols.as_chunks().0,
            size,
        );
        product::<SET, ROWS>(
            dscores.as_chunks_mut().0,
            dy,
            width,
            v_cols.as_chunks().0,
            size,
        );
        let position = block.position;
        let cell =
            (position.batch * sizes.heads() + position.head) * sizes.queries + position.first_query;
        let constants = RowConstants {
            log_sum_exps: &self.log_sum_exps.values()[cell..],
            deltas: &deltas[row..],
        };
        gradients(scores, dscores, block, constants);
        let (size, stride) = (block.rows_of_keys(lanes), block.stride());
        product::<ADD, COLUMNS>(dv.as_chunks_mut().0, scores, stride, dy.as_chunks().0, size);
        product::<ADD, COLUMNS>(dk.as_chunks_mut().0, dscores, stride, q.as_chunks().0, size);
        let size = block.rows_of_queries(lanes);
        let dq = dq[from..].as_chunks_mut().0;
        product::<ADD, ROWS>(dq, dscores, stride, k_rows.as_chunks().0, size);
    }
}

/// Working memory of a thread.
struct Scratch {
    /// Queries, gradients of the output and gradients of the queries, of all heads of a task:
    /// `[queries, head_dim]`.
    q: Buffer,
    dy: Buffer,
    dq: Buffer,
    /// See [`RowConstants`].
    deltas: Buffer,
    /// Keys and values of a block, transposed: `[head_dim, keys]`.
    k_cols: Buffer,
    v_cols: Buffer,
    /// Keys of a block, and gradients of keys and values: `[keys, head_dim]`.
    k_rows: Buffer,
    dk: Buffer,
    dv: Buffer,
    /// `[queries of a block, keys]`
    scores: Buffer,
    dscores: Buffer,
}

impl Scratch {
    fn new(inputs: &Inputs) -> Self {
        let sizes = &inputs.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        let queries = sizes.group * sizes.queries;
        let keys = KEY_BLOCK.min(sizes.keys).next_multiple_of(LANES);
        let tile = QUERY_BLOCK.min(sizes.queries) * keys;
        Self {
            q: Buffer::new(queries * width),
            dy: Buffer::new(queries * width),
            dq: Buffer::new(queries * width),
            deltas: Buffer::new(queries),
            k_cols: Buffer::new(sizes.head_dim * keys),
            v_cols: Buffer::new(sizes.head_dim * keys),
            k_rows: Buffer::new(keys * width),
            dk: Buffer::new(keys * width),
            dv: Buffer::new(keys * width),
            scores: Buffer::new(tile),
            dscores: Buffer::new(tile),
        }
    }
}
