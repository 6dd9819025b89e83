use super::Problem;
use super::dropped::{Dropped, DroppedRow};
use super::product::Size;
use crate::flex::Bools;

/// Numbers that are worked on side by side.
pub(super) const LANES: usize = 16;

/// Some queries of one head and some keys, whose scores are made at once: `queries` rows of `keys` numbers, and room behind
/// them, so that rows are worked on in whole lanes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) place: Place,
    pub(super) queries: usize,
    pub(super) first_key: usize,
    pub(super) keys: usize,
    /// Lanes from one row to the next.
    pitch: usize,
    /// How many of the keys causality lets the first query see; each later query sees one more.
    seen_first: Option<isize>,
    hidden: Option<&'a Bools>,
    /// With the number of the first row among all.
    dropped: Option<(&'a Dropped, usize)>,
}

/// Where some queries stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) batch: usize,
    pub(super) head: usize,
    pub(super) first_query: usize,
}

impl Problem {
    /// `queries` queries and the keys from `first_key` on, of which there are `keys`, as far as they may be seen; `None` if
    /// none may.
    pub(super) fn block(
        &self,
        place: Place,
        queries: usize,
        first_key: usize,
        keys: usize,
    ) -> Option<Block<'_>> {
        let sizes = &self.sizes;
        // Causality is only for as many keys as queries or more.
        let before = sizes.keys.saturating_sub(sizes.queries) + place.first_query;
        let seen_first = (before + 1) as isize - first_key as isize;
        let is_causal = self.look.is_causal;
        let seen_last = seen_first + queries as isize - 1;
        let seen = match is_causal {
            true => keys.min(seen_last.max(0) as usize),
            false => keys,
        };
        let first_row =
            (place.batch * sizes.heads() + place.head) * sizes.queries + place.first_query;
        (seen > 0).then_some(Block {
            place,
            queries,
            first_key,
            keys: seen,
            pitch: keys.div_ceil(LANES),
            seen_first: is_causal.then_some(seen_first),
            hidden: self.look.hidden.as_ref(),
            dropped: self.dropped.as_ref().map(|dropped| (dropped, first_row)),
        })
    }
}

impl Block<'_> {
    /// The size of the scores, products of `head_dim` numbers.
    pub(super) fn scores(&self, head_dim: usize) -> Size {
        Size {
            rows: self.queries,
            depth: head_dim,
            lanes: self.keys.div_ceil(LANES),
            pitch: self.pitch,
        }
    }

    /// The size of a row for each query, products of a number for each key.
    pub(super) fn rows_of_queries(&self, lanes: usize) -> Size {
        Size {
            rows: self.queries,
            depth: self.keys,
            lanes,
            pitch: lanes,
        }
    }

    /// The size of a row for each key, products of a number for each query.
    pub(super) fn rows_of_keys(&self, lanes: usize) -> Size {
        Size {
            rows: self.keys,
            depth: self.queries,
            lanes,
            pitch: lanes,
        }
    }

    /// Numbers from one row of scores to the next.
    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.pitch * LANES
    }

    /// Numbers of a row that are worked on, in whole lanes.
    #[inline(always)]
    pub(super) fn width(&self) -> usize {
        self.keys.next_multiple_of(LANES)
    }

    /// How many of the keys a query may see as far as causality goes.
    #[inline(always)]
    fn seen(&self, row: usize) -> usize {
        match self.seen_first {
            Some(seen) => self.keys.min((seen + row as isize).max(0) as usize),
            None => self.keys,
        }
    }

    /// Numbers of one row that need to be looked at, in whole lanes.
    #[inline(always)]
    pub(super) fn seen_width(&self, row: usize) -> usize {
        self.seen(row).next_multiple_of(LANES)
    }

    /// Writes `-inf` to the scores that a query may not see among those that need to be looked at, and returns these.
    #[inline(always)]
    pub(super) fn hide<'s>(&self, row: usize, scores: &'s mut [f32]) -> &'s [f32] {
        let (seen, width) = (self.seen(row), self.seen_width(row));
        scores[seen..width].fill(f32::NEG_INFINITY);
        if let Some(hidden) = self.hidden {
            let Place {
                batch,
                head,
                first_query,
            } = self.place;
            let hidden = &hidden.row([batch, head, first_query + row])[self.first_key..];
            for (score, &hidden) in scores[..seen].iter_mut().zip(hidden) {
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

    /// What is dropped of a row.
    #[inline(always)]
    pub(super) fn dropped(&self, row: usize) -> Option<DroppedRow> {
        let (dropped, first_row) = self.dropped?;
        Some(dropped.row(first_row + row))
    }
}
