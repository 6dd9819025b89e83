use rayon::prelude::*;

use super::block::{Block, LANES, Place};
use super::product::{ADD, COLUMNS, ROWS, SET, product};
use super::softmax::{Constants, dots, gradients};
use super::{KEYS, Problem, QUERIES, Solved, arrange};
use crate::flex::{Array, Buffer, Columns, Rows};

/// Where the gradients of one batch element go: the columns of each head.
pub(super) struct Gradients<'a> {
    pub(super) q: Vec<Columns<'a>>,
    pub(super) k: Vec<Columns<'a>>,
    pub(super) v: Vec<Columns<'a>>,
}

/// Of one head of keys and values, with the heads of queries that it serves.
struct Task<'a> {
    batch: usize,
    kv_head: usize,
    q: Vec<Columns<'a>>,
    k: Columns<'a>,
    v: Columns<'a>,
}

impl Solved {
    /// Fills `out`, one for each batch element, from `gradient` `[batch, queries, heads * head_dim]`.
    pub(super) fn backward(&self, gradient: Array, out: Vec<Gradients<'_>>) {
        let group = self.problem.sizes.group;
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
        let gradient = Rows::from(gradient);
        tasks
            .into_par_iter()
            .with_min_len(self.problem.pieces_of_a_task())
            .for_each_init(
                || Scratch::new(&self.problem),
                |scratch, task| self.head(&gradient, task, scratch),
            );
    }

    fn head(&self, gradient: &Rows, mut task: Task<'_>, scratch: &mut Scratch) {
        let problem = &self.problem;
        let sizes = &problem.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        self.arrange(gradient, &task, scratch);
        scratch.dq.fill(0.0);
        let seen = problem.look.keys(task.batch, sizes.keys);
        for first_key in (0..sizes.keys).step_by(KEYS) {
            let keys = KEYS.min(sizes.keys - first_key);
            scratch.dk.fill(0.0);
            scratch.dv.fill(0.0);
            if first_key < seen {
                self.keys(&task, [first_key, keys.min(seen - first_key)], scratch);
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

    /// What the queries of a task come with, to the scratch.
    fn arrange(&self, gradient: &Rows, task: &Task<'_>, scratch: &mut Scratch) {
        let sizes = &self.problem.sizes;
        let (queries, head_dim) = (sizes.queries, sizes.head_dim);
        let lanes = queries * head_dim.div_ceil(LANES);
        for i in 0..task.q.len() {
            let head = task.kv_head * task.q.len() + i;
            let cols = self.problem.q_cols(head);
            let q = self.problem.q.panel(task.batch, 0, cols.clone());
            let dy = gradient.panel(task.batch, 0, cols.clone());
            let scale = sizes.scale() as f32;
            arrange::rows(
                q,
                queries,
                scale,
                &mut scratch.q.as_chunks_mut().0[i * lanes..],
            );
            arrange::rows(
                dy,
                queries,
                1.0,
                &mut scratch.dy.as_chunks_mut().0[i * lanes..],
            );
            let first = task.batch * queries * sizes.heads() * head_dim;
            let y = self.output.values()[first..].chunks(sizes.heads() * head_dim);
            let means = &mut scratch.means[i * queries..][..queries];
            for ((mean, y), dy) in means.iter_mut().zip(y).zip(dy.rows()) {
                [*mean] = dots::<1, false>(dy, [&y[cols.clone()]]);
            }
        }
    }

    /// Adds the gradients that come from the scores of some keys.
    fn keys(&self, task: &Task<'_>, [first_key, keys]: [usize; 2], scratch: &mut Scratch) {
        let sizes = &self.problem.sizes;
        let cols = self.problem.q_cols(task.kv_head);
        let k = self.problem.k.panel(task.batch, first_key, cols.clone());
        let v = self.problem.v.panel(task.batch, first_key, cols);
        arrange::rows(k, keys, 1.0, scratch.k_rows.as_chunks_mut().0);
        arrange::columns(k, keys, scratch.k_cols.as_chunks_mut().0);
        arrange::columns(v, keys, scratch.v_cols.as_chunks_mut().0);
        for i in 0..task.q.len() {
            let head = task.kv_head * task.q.len() + i;
            for first_query in (0..sizes.queries).step_by(QUERIES) {
                let place = Place {
                    batch: task.batch,
                    head,
                    first_query,
                };
                let queries = QUERIES.min(sizes.queries - first_query);
                let row = i * sizes.queries + first_query;
                if let Some(block) = self.problem.block(place, queries, first_key, keys) {
                    self.block(&block, row, scratch);
                }
            }
        }
    }

    /// `row` is the number of the block's first query among those of the task.
    fn block(&self, block: &Block<'_>, row: usize, scratch: &mut Scratch) {
        let sizes = &self.problem.sizes;
        let lanes = sizes.head_dim.div_ceil(LANES);
        let (from, width) = (row * lanes * LANES, lanes * LANES);
        let Scratch {
            q,
            dy,
            dq,
            means,
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
        let place = block.place;
        let cell = (place.batch * sizes.heads() + place.head) * sizes.queries + place.first_query;
        let constants = Constants {
            log_sums: &self.log_sums.values()[cell..],
            means: &means[row..],
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

/// What a thread works in.
struct Scratch {
    /// Queries, the gradients of the output and those of the queries, of all heads of a task: `[queries, head_dim]`.
    q: Buffer,
    dy: Buffer,
    dq: Buffer,
    /// See [`Constants`].
    means: Buffer,
    /// Keys and values of a block, `[head_dim, keys]`.
    k_cols: Buffer,
    v_cols: Buffer,
    /// The keys once more, and the gradients of keys and values, `[keys, head_dim]`.
    k_rows: Buffer,
    dk: Buffer,
    dv: Buffer,
    /// `[queries of a tile, keys]`
    scores: Buffer,
    dscores: Buffer,
}

impl Scratch {
    fn new(problem: &Problem) -> Self {
        let sizes = &problem.sizes;
        let width = sizes.head_dim.next_multiple_of(LANES);
        let queries = sizes.group * sizes.queries;
        let keys = KEYS.min(sizes.keys).next_multiple_of(LANES);
        let tile = QUERIES.min(sizes.queries) * keys;
        Self {
            q: Buffer::new(queries * width),
            dy: Buffer::new(queries * width),
            dq: Buffer::new(queries * width),
            means: Buffer::new(queries),
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
