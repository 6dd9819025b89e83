//! Length-bucketed order: batches have rows of similar length, so there is little padding, in an
//! otherwise random order.

use crate::loader::Batching;
use crate::random;
use rand::seq::SliceRandom;

/// Order of rows that brings similar lengths together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    /// A new order in each epoch, in batches of this size.
    Bucketed { batch_size: usize },
    /// Rows are stored sorted by length and visited in that order.
    Sorted,
}

impl Order {
    pub(super) fn batching(self) -> Batching {
        match self {
            Self::Bucketed { batch_size } => Batching::Bucketed { batch_size },
            Self::Sorted => Batching::InOrder,
        }
    }

    /// Order in which `epoch` visits rows of these lengths
    /// ([`Source::order`](crate::loader::Source::order)).
    pub(super) fn of(
        self,
        lengths: impl Iterator<Item = usize>,
        seed: u64,
        epoch: u64,
    ) -> Vec<usize> {
        let lengths: Vec<usize> = lengths.collect();
        match self {
            Self::Bucketed { batch_size } => bucketed_order(&lengths, batch_size, seed, epoch),
            Self::Sorted => (0..lengths.len()).collect(),
        }
    }
}

/// Maximum batches that are sorted by length at a time: enough for rows to find others of their
/// length, few enough for batches to differ between epochs.
const MAX_POOL: usize = 50;
/// Minimum number of pools per epoch, for the same reason.
const MIN_POOLS: usize = 4;

/// Order in which one epoch visits items of these lengths in batches of `batch_size`: a permutation
/// of `0..lengths.len()`, a pure function of the arguments.
///
/// Items are shuffled, sorted by length within pools of up to 50 batches, cut into batches, and the
/// batches shuffled. An incomplete batch comes last; it is taken from the shuffled items before
/// they are sorted, so that dropping it favours no length.
fn bucketed_order(lengths: &[usize], batch_size: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order = random::permutation(seed, epoch, lengths.len());
    let batch_size = batch_size.max(1);
    let rest = order.split_off(order.len() - order.len() % batch_size);
    let length = |&item: &usize| lengths.get(item).copied().unwrap_or_default();
    let pool = (order.len() / batch_size / MIN_POOLS).clamp(1, MAX_POOL);
    for pool in order.chunks_mut(pool.saturating_mul(batch_size)) {
        pool.sort_by_key(length);
    }
    let mut batches: Vec<&[usize]> = order.chunks(batch_size).collect();
    batches.shuffle(&mut random::rng(seed, "shuffle batches", epoch, 0));
    let mut order = batches.concat();
    order.extend(rest);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_comes_once(
            lengths in prop::collection::vec(1usize..50, 0..400),
            batch_size in 1usize..9,
            seed: u64,
            epoch in 0u64..3,
        ) {
            let mut order = bucketed_order(&lengths, batch_size, seed, epoch);
            prop_assert_eq!(&order, &bucketed_order(&lengths, batch_size, seed, epoch));
            order.sort_unstable();
            prop_assert_eq!(order, (0..lengths.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_have_one_length_where_they_can() {
        let lengths: Vec<usize> = (0..1603).map(|item| item % 8).collect();
        let order = bucketed_order(&lengths, 4, 1, 2);
        let batches = order.chunks_exact(4);
        assert_eq!(batches.remainder().len(), 3);
        let mixed = batches.filter(|batch| batch.iter().any(|&i| lengths[i] != lengths[batch[0]]));
        // Just over 8 pools, each with at most 7 boundaries between lengths.
        assert!(mixed.count() <= 9 * 7);
        assert_ne!(order, bucketed_order(&lengths, 4, 1, 3));
        assert_ne!(order, bucketed_order(&lengths, 4, 2, 2));
    }

    #[test]
    fn short_batches_do_not_come_before_long_ones() {
        let lengths: Vec<usize> = (0..200).collect();
        let order = bucketed_order(&lengths, 4, 7, 0);
        assert!(!order.chunks(4).map(|batch| batch[0]).is_sorted());
    }
}
