//! A parallel map over a slice.

use crate::error::DataError;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

/// Minimum items per thread; below this, starting threads costs more than it saves.
const MIN_SHARE: usize = 256;

/// Applies `work` to each of `items` on all cores. Results keep the order of the items, and the
/// first error in that order wins.
pub(super) fn map<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, DataError> + Sync,
) -> Result<Vec<R>, DataError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = items.len().div_ceil(threads).max(MIN_SHARE);
    let work = &work;
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = items
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Result<Vec<R>, _>>()))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join());
        results.collect::<Vec<_>>()
    });
    let mut made = Vec::with_capacity(items.len());
    for part in parts {
        made.extend(part.unwrap_or_else(|panic| resume_unwind(panic))?);
    }
    Ok(made)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays_and_the_first_error_counts() {
        let items: Vec<usize> = (0..1000).collect();
        let doubled = map(&items, |&item| Ok(2 * item)).unwrap();
        assert_eq!(
            doubled,
            items.iter().map(|item| 2 * item).collect::<Vec<_>>()
        );
        let failing = |&item: &usize| match item {
            300 | 900 => Err(DataError::config(item.to_string(), "bad")),
            _ => Ok(()),
        };
        assert_eq!(map(&items, failing).unwrap_err().to_string(), "300: bad");
        assert!(map(&[], failing).unwrap().is_empty());
    }
}
