//! Reading of shards: batches, order and the cached index.

use crate::disk::{contents, open, options, sharded};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tinderbox_data::Split;
use tinderbox_data::image::{
    CenterCrop, ImageBatch, ImageDataset, ImageSource, Preprocess, RandomHorizontalFlip, Shards,
    Transform,
};
use tinderbox_data::loader::{Loader, LoaderConfig};

fn batches(shards: &Shards, workers: usize, epoch: u64, first: usize) -> Vec<ImageBatch> {
    let preprocess = Preprocess::new(3, vec![0.5; 3], vec![0.25; 3]).with_transforms(vec![
        Transform::CenterCrop(CenterCrop { size: 16 }),
        Transform::RandomHorizontalFlip(RandomHorizontalFlip { probability: 0.5 }),
    ]);
    let dataset = Arc::new(ImageDataset::Shards(shards.clone()));
    let source = ImageSource::new(dataset, preprocess, 9).unwrap();
    let config = LoaderConfig::new(4).with_workers(workers).with_shuffle(9);
    let loader = Loader::new(Arc::new(source), config).unwrap();
    loader.epoch(epoch, first).map(Result::unwrap).collect()
}

#[test]
fn batches_are_the_same_for_any_workers_and_from_any_batch() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 30, &options(3));
    let shards = open(dir.path(), Split::Train).unwrap();
    let expected = batches(&shards, 0, 2, 0);
    assert_eq!(expected.len(), 8);
    for workers in [0, 1, 4] {
        for first in 0..8 {
            assert!(batches(&shards, workers, 2, first) == expected[first..]);
        }
    }
    assert!(batches(&shards, 0, 3, 0) != expected);
    let items = expected.iter().flat_map(|batch| batch.indices.clone());
    assert_eq!(items.collect::<HashSet<_>>().len(), 30);
}

#[test]
fn an_epoch_is_a_shuffle_that_reads_few_shards_at_a_time() {
    const PER_SHARD: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 60, &options(PER_SHARD));
    let shards = open(dir.path(), Split::Train).unwrap();
    let positions = RefCell::new(HashSet::new());
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(seed: u64, epoch: u64)| {
        let order = shards.order(seed, epoch);
        prop_assert_eq!(&order, &shards.order(seed, epoch));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..60).collect::<Vec<_>>());
        // Ten shards in groups of four, four and two.
        for group in order.chunks(4 * PER_SHARD) {
            let of_group: HashSet<usize> = group.iter().map(|index| index / PER_SHARD).collect();
            prop_assert!(of_group.len() * PER_SHARD == group.len());
        }
        // The images of a shard are spread: about 45 of 59 steps lead to another shard.
        let moves = order.windows(2).filter(|pair| pair[0] / PER_SHARD != pair[1] / PER_SHARD);
        prop_assert!(moves.count() > 25);
        positions.borrow_mut().insert(order.iter().position(|&index| index == 17).unwrap());
    });
    // 256 draws of 60 positions.
    let positions = positions.into_inner().len();
    assert!(positions > 50, "{positions}");
}

/// Sets the modification times of all shards to `seconds` ago.
fn age(folder: &Path, seconds: u64) {
    for name in contents(folder).into_keys() {
        let file = File::options().write(true).open(folder.join(name)).unwrap();
        let time = SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }
}

#[test]
fn the_index_is_cached_until_a_shard_changes() {
    let dir = tempfile::tempdir().unwrap();
    sharded(dir.path(), 6, &options(2));
    let folder = dir.path().join("shards");
    let index = folder.join("train.index.json");
    // Files written a moment ago may change again without a new modification time.
    assert!(!index.exists());
    age(&folder, 100);
    let expected = open(dir.path(), Split::Train).unwrap();
    let kept = fs::read_to_string(&index).unwrap();

    // The cache is used: a name that is only there is found.
    fs::write(&index, kept.replace("a-train-3", "a-train-x")).unwrap();
    let names = |shards: &Shards| (0..6).map(|i| shards.name(i)).collect::<Vec<_>>().join(" ");
    assert!(names(&open(dir.path(), Split::Train).unwrap()).contains("a-train-x"));
    // A shard with another modification time invalidates it.
    age(&folder, 50);
    assert_eq!(
        names(&open(dir.path(), Split::Train).unwrap()),
        names(&expected)
    );

    // An invalid cache is ignored.
    for nonsense in ["", "{}", &kept.replace("\"offset\":", "\"offset\":99")] {
        fs::write(&index, nonsense).unwrap();
        let shards = open(dir.path(), Split::Train).unwrap();
        assert_eq!(shards.image(3).unwrap(), expected.image(3).unwrap());
    }
}
