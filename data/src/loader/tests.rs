#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Numbers, of which some are bad, slow or panicking.
#[derive(Default)]
struct Numbers {
    len: usize,
    bad: Vec<usize>,
    panicking: Vec<usize>,
    slow: Vec<usize>,
    batching: Batching,
    /// Number of items decoded so far.
    decoded: AtomicUsize,
}

impl Source for Numbers {
    type Item = (u64, usize);
    type Batch = Vec<(u64, usize)>;

    fn len(&self) -> usize {
        self.len
    }

    fn batching(&self) -> Batching {
        self.batching
    }

    fn name(&self, index: usize) -> String {
        format!("number-{index}")
    }

    fn item(&self, epoch: u64, index: usize) -> Result<Self::Item, DataError> {
        self.decoded.fetch_add(1, Ordering::SeqCst);
        if self.slow.contains(&index) {
            std::thread::sleep(Duration::from_millis(60));
        }
        assert!(!self.panicking.contains(&index), "unlucky {index}");
        if self.bad.contains(&index) {
            return Err(DataError::image(self.name(index), "is bad"));
        }
        Ok((epoch, index))
    }

    fn collate(&self, _epoch: u64, _batch: usize, items: Vec<Self::Item>) -> Self::Batch {
        items
    }
}

fn numbers(len: usize) -> Numbers {
    Numbers {
        len,
        ..Numbers::default()
    }
}

fn config(batch_size: usize, workers: usize) -> LoaderConfig {
    LoaderConfig {
        seed: 7,
        ..LoaderConfig::new(batch_size).with_workers(workers)
    }
}

fn loader(source: Numbers, config: LoaderConfig) -> Loader<Numbers> {
    Loader::new(Arc::new(source), config).unwrap()
}

/// Batches and error messages, as one comparable list.
fn collect(epoch: Epoch<Numbers>) -> Vec<Result<Vec<(u64, usize)>, String>> {
    epoch
        .map(|batch| batch.map_err(|e| e.to_string()))
        .collect()
}

#[test]
fn an_epoch_without_a_batch_is_refused() {
    let refuse = |len, config| {
        let error = Loader::new(Arc::new(numbers(len)), config).err().unwrap();
        error.to_string()
    };
    assert_eq!(refuse(3, config(0, 0)), "batch_size: must be at least 1");
    assert_eq!(refuse(0, config(1, 0)), "data set: it has no items");
    let mut drop_last = config(4, 0);
    drop_last.drop_last = true;
    assert!(refuse(3, drop_last).contains("the 3 items do not fill one batch of 4"));
}

#[test]
fn a_configuration_that_contradicts_the_source_is_refused() {
    let refusal = |batching, config| {
        let source = Numbers {
            batching,
            ..numbers(8)
        };
        let error = Loader::new(Arc::new(source), config).err()?;
        assert!(matches!(error, DataError::Batching { .. }), "{error}");
        Some(error.to_string())
    };
    let bucketed = Batching::Bucketed { batch_size: 4 };
    for (batching, config, expected) in [
        (Batching::Any, config(3, 0).with_shuffle(1), None),
        (Batching::InOrder, config(3, 0), None),
        (
            Batching::InOrder,
            config(3, 0).with_shuffle(1),
            Some("shuffle is true, but this data set needs false"),
        ),
        (bucketed, config(4, 0).with_shuffle(1), None),
        (
            bucketed,
            config(4, 0),
            Some("shuffle is false, but this data set needs true"),
        ),
        (
            bucketed,
            config(3, 0).with_shuffle(1),
            Some("batch_size is 3, but this data set needs 4"),
        ),
        (Batching::Prebatched, config(1, 0), None),
        (
            Batching::Prebatched,
            config(2, 0),
            Some("batch_size is 2, but this data set needs 1"),
        ),
        (
            Batching::Prebatched,
            config(1, 0).with_shuffle(1),
            Some("shuffle is true, but this data set needs false"),
        ),
    ] {
        let message = refusal(batching, config);
        match (&message, expected) {
            (None, None) => {}
            (Some(message), Some(expected)) => assert!(message.starts_with(expected), "{message}"),
            _ => panic!("{batching:?}: {message:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_panic_names_its_item() {
    for workers in [0, 2] {
        let source = Numbers {
            panicking: vec![5],
            ..numbers(8)
        };
        let batches = collect(loader(source, config(2, workers)).epoch(0, 0));
        assert_eq!(batches.len(), 3);
        let message = batches[2].clone().unwrap_err();
        assert!(
            message.contains("number-5") && message.contains("unlucky 5"),
            "{message}"
        );
    }
}

#[test]
fn without_skipping_the_first_bad_item_ends_the_epoch() {
    for workers in [0, 1, 3] {
        let source = Numbers {
            bad: vec![3],
            ..numbers(9)
        };
        let loader = loader(source, config(2, workers));
        let batches = collect(loader.epoch(0, 0));
        let expected = "item 3 cannot be used: number-3: is bad".to_owned();
        assert_eq!(batches, [Ok(vec![(0, 0), (0, 1)]), Err(expected)]);
        assert!(loader.skipped().is_empty());
    }
}

#[test]
fn bad_items_are_skipped_and_counted_once() {
    for workers in [0, 1, 3] {
        let source = Numbers {
            bad: vec![3, 4],
            panicking: vec![6],
            ..numbers(9)
        };
        let mut config = config(2, workers);
        config.skip_bad = 3;
        let loader = loader(source, config);
        for epoch in 0..2 {
            let lens: Vec<usize> = loader.epoch(epoch, 0).map(|b| b.unwrap().len()).collect();
            assert_eq!(lens, [2, 1, 1, 1, 1]);
        }
        let skipped = loader.skipped();
        assert_eq!(skipped.len(), 3);
        assert_eq!(skipped[0], "item 3: number-3: is bad");
    }
}

#[test]
fn one_bad_item_too_many_is_an_error_that_counts() {
    for workers in [0, 4] {
        let source = Numbers {
            bad: vec![1, 4, 6],
            slow: vec![0],
            ..numbers(9)
        };
        let mut config = config(2, workers);
        config.skip_bad = 2;
        let batches = collect(loader(source, config).epoch(0, 0));
        assert_eq!(batches.len(), 4);
        let message = batches[3].clone().unwrap_err();
        assert!(
            message.starts_with("3 items cannot be used, and only 2 may be left out"),
            "{message}"
        );
        assert!(message.contains("number-6"), "{message}");
    }
}

#[test]
fn a_batch_of_bad_items_is_an_error() {
    let source = Numbers {
        bad: vec![2, 3],
        ..numbers(6)
    };
    let mut config = config(2, 2);
    config.skip_bad = 5;
    let batches = collect(loader(source, config).epoch(4, 0));
    let message = batches[1].clone().unwrap_err();
    assert!(
        message.starts_with("batch 1 of epoch 4 is empty"),
        "{message}"
    );
}

#[test]
fn workers_wait_for_the_consumer_and_for_the_slowest_batch() {
    let workers = 3;
    let source = Numbers {
        slow: vec![0],
        ..numbers(1000)
    };
    let loader = loader(source, config(1, workers));
    let mut epoch = loader.epoch(0, 0);
    // No more than the window is decoded while batch 0 is slow, nor after it while nobody asks.
    for taken in 0..3 {
        std::thread::sleep(Duration::from_millis(30));
        let decoded = loader.source().decoded.load(Ordering::SeqCst);
        assert!(
            decoded <= taken + 2 * workers,
            "{decoded} decoded, {taken} taken"
        );
        epoch.next().unwrap().unwrap();
    }
}

#[test]
fn dropping_midway_joins_the_threads() {
    let source = Numbers {
        slow: (0..4000).collect(),
        ..numbers(4000)
    };
    // A single batch would take a minute.
    let loader = loader(source, config(1000, 2));
    let epoch = loader.epoch(0, 0);
    std::thread::sleep(Duration::from_millis(20));
    let start = Instant::now();
    drop(epoch);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        Arc::strong_count(loader.source()),
        1,
        "a thread still holds the source"
    );
}

#[test]
fn an_epoch_entered_beyond_its_end_is_empty() {
    let loader = loader(numbers(4), config(2, 2));
    assert_eq!(loader.epoch(0, 2).count(), 0);
    assert_eq!(loader.epoch(0, 9).count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_number_of_workers_changes_nothing(
        len in 1usize..60,
        batch_size in 1usize..9,
        workers in 1usize..5,
        first in 0usize..6,
        shuffle: bool,
        drop_last: bool,
        skip_bad in 0usize..3,
        bad in proptest::collection::vec(0usize..60, 0..4),
    ) {
        let make = |workers| {
            let source = Numbers { bad: bad.clone(), ..numbers(len) };
            let config = LoaderConfig { batch_size, workers, shuffle, drop_last, seed: 3, skip_bad };
            Loader::new(Arc::new(source), config)
        };
        if let (Ok(inline), Ok(threaded)) = (make(0), make(workers)) {
            prop_assert_eq!(collect(inline.epoch(2, first)), collect(threaded.epoch(2, first)));
            prop_assert_eq!(inline.skipped(), threaded.skipped());
        }
    }

    #[test]
    fn an_epoch_visits_every_item_once_and_can_be_entered_anywhere(
        len in 1usize..60,
        batch_size in 1usize..9,
        first in 0usize..8,
    ) {
        let mut config = config(batch_size, 2);
        config.shuffle = true;
        let loader = loader(numbers(len), config);
        let whole = collect(loader.epoch(1, 0));
        prop_assert_eq!(whole.len(), loader.batches_per_epoch());
        let mut seen: Vec<usize> = whole.iter().flatten().flatten().map(|(_, index)| *index).collect();
        seen.sort_unstable();
        prop_assert_eq!(seen, (0..len).collect::<Vec<_>>());
        let rest = collect(loader.epoch(1, first));
        prop_assert_eq!(&rest[..], whole.get(first..).unwrap_or(&[]));
    }
}
