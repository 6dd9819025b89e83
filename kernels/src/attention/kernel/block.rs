use super::Inputs;
use super::dropout::{Dropout, DropoutRow};
use super::microkernel::Size;
use crate::flex::Bools;
use crate::simd::LANES;

/// Scores of some queries of one head and some keys: `queries` rows of `keys` numbers, padded so
/// that rows are processed in whole vectors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) position: Position,
    pub(super) queries: usize,
    pub(super) first_key: usize,
    pub(super) keys: usize,
    /// Vectors from one row to the next.
    pitch: usize,
    /// Keys that causality lets the first query see; each later query sees one more.
    visible_first: Option<isize>,
    hidden: Option<&'a Bools>,
    /// Dropout, and the index of the first row among all rows.
    dropout: Option<(&'a Dropout, usize)>,
}

/// Position of the first query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) batch: usize,
    pub(super) head: usize,
    pub(super) first_query: usize,
}

impl Inputs {
    /// The block of `queries` queries and `keys` keys beginning with `first_key`, without keys that
    /// no query may see; `None` if none may be seen.
    pub(super) fn block(
        &self,
        position: Position,
        queries: usize,
        first_key: usize,
        keys: usize,
    ) -> Option<Block<'_>> {
        let sizes = &self.sizes;
        // Causality requires at least as many keys as queries.
        let before = sizes.keys.saturating_sub(sizes.queries) + position.first_query;
        let visible_first = (before + 1) as isize - first_key as isize;
        let is_causal = self.mask.is_causal;
        let visible_last = visible_first + queries as isize - 1;
        let visible = if is_causal {
            keys.min(visible_last.max(0) as usize)
        } else {
            keys
        };
        let first_row =
            (position.batch * sizes.heads() + position.head) * sizes.queries + position.first_query;
        (visible > 0).then_some(Block {
            position,
            queries,
            first_key,
            keys: visible,
            pitch: keys.div_ceil(LANES),
            visible_first: is_causal.then_some(visible_first),
            hidden: self.mask.hidden.as_ref(),
            dropout: self.dropout.as_ref().map(|dropout| (dropout, first_row)),
        })
    }
}

impl Block<'_> {
    /// Size of the scores, sums over `head_dim`.
    pub(super) fn scores(&self, head_dim: usize) -> Size {
        Size {
            rows: self.queries,
            depth: head_dim,
            lanes: self.keys.div_ceil(LANES),
            pitch: self.pitch,
        }
    }

    /// Size of a product with one row per query, summed over the keys.
    pub(super) fn rows_of_queries(&self, lanes: usize) -> Size {
        Size {
            rows: self.queries,
            depth: self.keys,
            lanes,
            pitch: lanes,
        }
    }

    /// Size of a product with one row per key, summed over the queries.
    pub(super) fn rows_of_keys(&self, lanes: usize) -> Size {
        Size {
            rows: self.keys,
            depth: self.queries,
            lanes,
            pitch: lanes,
        }
    }

    /// Floats from one row of scores to the next.
    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.pitch * LANES
    }

    /// Floats of a row that are processed, in whole vectors.
    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.keys.next_multiple_of(LANES)
    }

    /// Keys that a query may see by causality.
    #[inline(always)]
    fn visible(&self, row: usize) -> usize {
        match self.visible_first {
            Some(visible) => self.keys.min((visible + row as isize).max(0) as usize),
            None => self.keys,
        }
    }

    /// Floats of a row that have to be read, in whole vectors.
    #[inline(always)]
    pub(super) fn visible_width(&self, row: usize) -> usize {
        self.visible(row).next_multiple_of(LANES)
    }

    /// Sets the scores of masked keys to `-inf` within the part that has to be read, and returns
    /// that part.
    #[inline(always)]
    pub(super) fn apply_mask<'s>(&self, row: usize, scores: &'s mut [f32]) -> &'s [f32] {
        let (visible, width) = (self.visible(row), self.visible_width(row));
        scores[visible..width].fill(f32::NEG_INFINITY);
        if let Some(hidden) = self.hidden {
            let Position {
                batch,
                head,
                first_query,
            } = self.position;
            let hidden = &hidden.row([batch, head, first_query + row])[self.first_key..];
            for (score, &hidden) in scores[..visible].iter_mut().zip(hidden) {
                let shown = *score;
                *score = if hidden == 0 {
                    shown
                } else {
                    f32::NEG_INFINITY
                };
            }
        }
        &scores[..width]
    }

    /// Dropout of one row.
    #[inline(always)]
    pub(super) fn dropout(&self, row: usize) -> Option<DropoutRow> {
        let (dropout, first_row) = self.dropout?;
        Some(dropout.row(first_row + row))
    }
}
