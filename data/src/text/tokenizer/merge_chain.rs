//! BPE merges: a linked list of tokens, and candidate merges by priority.

use std::cmp::Ordering;
use std::ops::Range;

/// A candidate merge of two adjacent tokens.
pub(super) struct Merge {
    pub(super) score: f32,
    pub(super) left: usize,
    /// The pair when the candidate was queued; it may have changed since.
    pub(super) pair: [u32; 2],
    pub(super) id: u32,
}

/// The greatest is merged first.
impl Ord for Merge {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| other.left.cmp(&self.left))
    }
}

impl PartialOrd for Merge {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Merge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Merge {}

/// Ids at the positions where they begin, linked to their neighbours.
pub(super) struct Chain {
    /// `None` if the position was merged into the one before.
    ids: Vec<Option<u32>>,
    /// Position to the right; the length at the end.
    next: Vec<usize>,
    /// One more than the position to the left; 0 at the beginning.
    before: Vec<usize>,
}

impl Chain {
    pub(super) fn new(ids: &[u32]) -> Self {
        Self {
            ids: ids.iter().copied().map(Some).collect(),
            next: (1..=ids.len()).collect(),
            before: (0..ids.len()).collect(),
        }
    }

    fn id(&self, place: usize) -> Option<u32> {
        *self.ids.get(place)?
    }

    pub(super) fn pair(&self, left: usize) -> Option<[u32; 2]> {
        Some([self.id(left)?, self.id(*self.next.get(left)?)?])
    }

    pub(super) fn is_current(&self, merge: &Merge) -> bool {
        self.pair(merge.left) == Some(merge.pair)
    }

    /// Replaces the pair at `left` by `id`; returns the position to its left.
    pub(super) fn join(&mut self, left: usize, id: u32) -> Option<usize> {
        let right = self.next[left];
        self.ids[left] = Some(id);
        self.ids[right] = None;
        self.next[left] = self.next[right];
        if let Some(before) = self.before.get_mut(self.next[right]) {
            *before = left + 1;
        }
        self.before[left].checked_sub(1)
    }

    pub(super) fn ids(self) -> Vec<u32> {
        self.ids.into_iter().flatten().collect()
    }

    /// Remaining ids with the ranges that they were merged from.
    pub(super) fn tokens(&self) -> impl Iterator<Item = (u32, Range<usize>)> {
        let places = self.ids.iter().zip(&self.next).enumerate();
        places.filter_map(|(place, (id, &next))| Some(((*id)?, place..next)))
    }
}
