//! Streams and windows of a language model, through the loader as in training.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use std::sync::Arc;
use tinderbox_data::DataError;
use tinderbox_data::loader::{Loader, LoaderConfig, Source};
use tinderbox_data::text::language::{LmBatch, Streams, Tokens, Windows};

const START: u32 = 1_000_000;

/// A corpus whose token at index `i` is `i`, so that batches show where they come from.
fn corpus(len: usize) -> Tokens {
    Tokens::from((0..len as u32).collect::<Vec<_>>())
}

fn batches<S: Source<Batch = LmBatch>>(
    source: &Arc<S>,
    batch_size: usize,
    workers: usize,
    epoch: u64,
    first: usize,
) -> Vec<LmBatch> {
    let config = LoaderConfig::new(batch_size).with_workers(workers);
    let loader = Loader::new(source.clone(), config).unwrap();
    loader
        .epoch(epoch, first)
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The counted targets with their inputs, row by row over all batches.
fn rows(batches: &[LmBatch]) -> Vec<Vec<(u32, u32)>> {
    let mut rows = vec![Vec::new(); batches[0].shape[0]];
    for batch in batches {
        let [height, time] = batch.shape;
        assert_eq!(height, rows.len());
        assert_eq!(batch.inputs.len(), height * time);
        for (row, pairs) in rows.iter_mut().enumerate() {
            for index in row * time..(row + 1) * time {
                if batch.counted[index] {
                    pairs.push((batch.inputs[index], batch.targets[index]));
                }
            }
        }
    }
    rows
}

fn counted(batches: &[LmBatch]) -> Vec<(u32, u32)> {
    batches
        .iter()
        .flat_map(|batch| rows(std::slice::from_ref(batch)))
        .flatten()
        .collect()
}

/// The predictions required of an evaluation: every token from its predecessor, in order.
fn every_token(len: usize, start: Option<u32>) -> Vec<(u32, u32)> {
    let pairs = (1..len as u32).map(|target| (target - 1, target));
    start
        .map(|start| (start, 0))
        .into_iter()
        .chain(pairs)
        .collect()
}

#[test]
fn streams_match_the_documentation() {
    let streams = Arc::new(Streams::training(corpus(13), 2, 2, None).unwrap());
    let batches = batches(&streams, 1, 0, 0, 0);
    assert_eq!(batches.len(), 3);
    assert_eq!(batches[0].shape, [2, 2]);
    assert_eq!(batches[0].inputs, [0, 1, 6, 7]);
    assert_eq!(batches[0].targets, [1, 2, 7, 8]);
    assert_eq!(batches[1].inputs, [2, 3, 8, 9]);
    assert_eq!(batches[2].shape, [2, 1]);
    assert_eq!(batches[2].inputs, [4, 10]);
    assert_eq!(batches[2].targets, [5, 11]);
    assert!(
        batches
            .iter()
            .all(|batch| batch.tokens() == batch.inputs.len())
    );
}

#[test]
fn padding_at_the_end_of_an_evaluation_does_not_count() {
    let streams = Arc::new(Streams::evaluation(corpus(5), 2, 2, Some(9)).unwrap());
    let batches = batches(&streams, 1, 0, 0, 0);
    assert_eq!(batches[0].inputs, [9, 0, 2, 3]);
    assert_eq!(batches[0].targets, [0, 1, 3, 4]);
    assert_eq!(batches[1].inputs, [1, 0]);
    assert_eq!(batches[1].targets, [2, 0]);
    assert_eq!(batches[1].counted, [true, false]);
    assert_eq!(batches[1].tokens(), 1);
}

#[test]
fn windows_repeat_context_that_does_not_count() {
    let windows = Arc::new(Windows::evaluation(corpus(8), 4, Some(2), None).unwrap());
    let batches = batches(&windows, 3, 0, 0, 0);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].shape, [3, 4]);
    assert_eq!(batches[0].inputs, [0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 0]);
    assert_eq!(batches[0].targets, [1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 0]);
    let counted = batches[0].counted.iter().map(|&counted| u8::from(counted));
    assert_eq!(
        counted.collect::<Vec<_>>(),
        [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0]
    );
}

#[test]
fn windows_come_from_everywhere_and_differ_between_epochs_and_seeds() {
    let windows = Arc::new(Windows::training(corpus(104), 4, 3).unwrap());
    assert_eq!(windows.len(), 25);
    let first = |epoch: u64| -> Vec<u32> {
        let batches = batches(&windows, 25, 0, epoch, 0);
        batches[0].inputs.iter().step_by(4).copied().collect()
    };
    assert_ne!(first(0), first(1));
    let mut seen: Vec<u32> = (0..100).flat_map(first).collect();
    let mean = seen.iter().map(|&index| f64::from(index)).sum::<f64>() / seen.len() as f64;
    // Uniform on 0..=99: 49.5, with a standard error of 28.9 / sqrt(2500) = 0.58.
    assert!((mean - 49.5).abs() < 2.0, "{mean}");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..=99).collect::<Vec<_>>());
    let other = Arc::new(Windows::training(corpus(104), 4, 4).unwrap());
    assert_ne!(batches(&other, 25, 0, 0, 0), batches(&windows, 25, 0, 0, 0));
}

#[test]
fn a_corpus_of_one_window_is_enough() {
    let windows = Arc::new(Windows::training(corpus(5), 4, 0).unwrap());
    let batches = batches(&windows, 8, 0, 7, 0);
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].inputs, [0, 1, 2, 3]);
    assert_eq!(batches[0].targets, [1, 2, 3, 4]);
}

#[test]
fn varied_segments_differ_between_epochs_and_their_number_does_not() {
    let streams = Arc::new(Streams::training(corpus(2000), 2, 20, Some(1)).unwrap());
    let widths = |epoch: u64| -> Vec<usize> {
        let batches = batches(&streams, 1, 0, epoch, 0);
        batches.iter().map(|batch| batch.shape[1]).collect()
    };
    assert_ne!(widths(0), widths(1));
    assert_eq!(widths(0), widths(0));
    assert_eq!(widths(0).len(), widths(1).len());
    assert_eq!(widths(0).iter().sum::<usize>(), 999);
    assert_eq!(widths(0).len(), streams.len());
}

/// Collating several segments of [`Streams`] gives the segments of a longer `time`.
#[test]
fn several_segments_join_into_a_longer_one() {
    let short = Arc::new(Streams::training(corpus(100), 3, 4, None).unwrap());
    let long = Arc::new(Streams::training(corpus(100), 3, 8, None).unwrap());
    let segments: Vec<usize> = (0..short.len()).collect();
    let joined = segments.chunks(2).map(|pair| {
        let items = pair.iter().map(|&index| short.item(0, index).unwrap());
        short.collate(0, 0, items.collect())
    });
    let joined: Vec<LmBatch> = joined.collect();
    assert_eq!(joined, batches(&long, 1, 0, 0, 0));
}

#[test]
fn impossible_shapes_are_refused_with_numbers() {
    fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
        result.unwrap_err().to_string()
    }
    let empty = || Tokens::from(Vec::new());
    assert!(message(Streams::training(empty(), 1, 1, None)).contains("corpus: it has no tokens"));
    assert!(message(Streams::evaluation(empty(), 1, 1, Some(0))).contains("it has no tokens"));
    assert!(message(Streams::evaluation(corpus(1), 1, 1, None)).contains("a single token"));
    assert!(Streams::evaluation(corpus(1), 4, 8, Some(0)).is_ok());
    assert!(message(Streams::training(corpus(39), 20, 5, None)).contains("at least 40 tokens"));
    assert!(Streams::training(corpus(40), 20, 5, Some(0)).is_ok());
    assert!(
        message(Streams::training(corpus(9), 0, 5, None)).contains("batch: must be at least 1")
    );
    assert!(message(Streams::training(corpus(9), 1, 0, None)).contains("time: must be at least 1"));
    let short = message(Windows::training(corpus(64), 64, 0));
    assert!(
        short.contains("need 65 tokens") && short.contains("has 64"),
        "{short}"
    );
    assert!(message(Windows::training(empty(), 4, 0)).contains("it has no tokens"));
    assert!(message(Windows::evaluation(empty(), 4, None, Some(0))).contains("it has no tokens"));
    assert!(message(Windows::evaluation(corpus(9), 0, None, None)).contains("time: must be"));
    for stride in [0, 5] {
        let stride = message(Windows::evaluation(corpus(9), 4, Some(stride), None));
        assert!(stride.contains("not in 1 to 4"), "{stride}");
    }
}

proptest! {
    #[test]
    fn training_streams_are_covered_once(
        len in 2usize..600, batch in 1usize..9, time in 1usize..40, vary in prop::option::of(any::<u64>()), epoch: u64
    ) {
        prop_assume!(len / batch >= 2);
        let streams = Arc::new(Streams::training(corpus(len), batch, time, vary).unwrap());
        let rows = rows(&batches(&streams, 1, 0, epoch, 0));
        let stride = (len / batch) as u32;
        for (row, pairs) in rows.iter().enumerate() {
            let begin = row as u32 * stride;
            let expected: Vec<_> = (begin + 1..begin + stride).map(|target| (target - 1, target)).collect();
            prop_assert_eq!(pairs, &expected);
        }
    }

    #[test]
    fn evaluation_streams_predict_every_token_once_and_in_order(
        len in 2usize..600, batch in 1usize..9, time in 1usize..40, start: bool
    ) {
        let start = start.then_some(START);
        let streams = Arc::new(Streams::evaluation(corpus(len), batch, time, start).unwrap());
        let batches = batches(&streams, 1, 0, 0, 0);
        prop_assert_eq!(rows(&batches).concat(), every_token(len, start));
        prop_assert_eq!(batches.iter().map(LmBatch::tokens).sum::<usize>(), every_token(len, start).len());
        // Padding is at the end of a stream, so that no counted state follows it.
        let first_is_counted = |batch: &LmBatch| batch.counted[0];
        prop_assert!(batches.iter().all(first_is_counted));
    }

    #[test]
    fn evaluation_windows_predict_every_token_once_and_in_order(
        len in 2usize..600, time in 1usize..40, stride in 1usize..40, batch in 1usize..9, start: bool
    ) {
        prop_assume!(stride <= time);
        let start = start.then_some(START);
        let windows = Arc::new(Windows::evaluation(corpus(len), time, Some(stride), start).unwrap());
        let batches = batches(&windows, batch, 0, 0, 0);
        prop_assert_eq!(counted(&batches), every_token(len, start));
        prop_assert!(batches.iter().all(|batch| batch.shape[1] <= time));
    }

    #[test]
    fn training_windows_are_followed_by_the_next_token(
        len in 2usize..600, time in 1usize..40, batch in 1usize..9, seed: u64, epoch: u64
    ) {
        prop_assume!(len > time);
        let windows = Arc::new(Windows::training(corpus(len), time, seed).unwrap());
        prop_assert_eq!(windows.len(), ((len - 1) / time).max(1));
        for batch in batches(&windows, batch, 0, epoch, 0) {
            prop_assert_eq!(batch.shape[1], time);
            for row in rows(std::slice::from_ref(&batch)) {
                prop_assert_eq!(row.len(), time);
                prop_assert!(row.iter().all(|(input, target)| input + 1 == *target));
                prop_assert!(row.windows(2).all(|pair| pair[0].1 == pair[1].0));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The loader's law, for everything that is random here.
    #[test]
    fn batches_depend_neither_on_workers_nor_on_the_first_batch(
        len in 100usize..600, time in 1usize..20, seed: u64, epoch: u64, first in 0usize..6
    ) {
        let streams = Arc::new(Streams::training(corpus(len), 3, time, Some(seed)).unwrap());
        let windows = Arc::new(Windows::training(corpus(len), time, seed).unwrap());
        let streamed = batches(&streams, 1, 0, epoch, 0);
        let windowed = batches(&windows, 2, 0, epoch, 0);
        for workers in [0, 1, 4] {
            let first = first.min(streamed.len());
            prop_assert_eq!(&batches(&streams, 1, workers, epoch, first)[..], &streamed[first..]);
            let first = first.min(windowed.len());
            prop_assert_eq!(&batches(&windows, 2, workers, epoch, first)[..], &windowed[first..]);
        }
    }
}
