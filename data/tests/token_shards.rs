//! Token shards: reading what was written, and refusing what is damaged.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tinderbox_data::DataError;
use tinderbox_data::Split;
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::{Streams, TokenShardWriter, TokenShards, Tokens, Windows};

const BLOCK: usize = 32_768;

fn tokenizer(words: usize) -> Tokenizer {
    Tokenizer::from_words((0..words).map(|word| format!("w{word}")).collect()).unwrap()
}

/// Ids without a period that would hide a wrong offset.
fn ids(len: usize, words: usize) -> Vec<u32> {
    (0..len as u64)
        .map(|i| (i * 2_654_435_761 / 65_536 % words as u64) as u32)
        .collect()
}

/// Writes `train` in chunks, as a tokenizer produces them, and a small validation split.
fn write(words: usize, train: &[u32], shard_tokens: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut writer =
        TokenShardWriter::create(folder.path(), &tokenizer(words), shard_tokens).unwrap();
    for part in train.chunks(777) {
        writer.push(Split::Train, part, 3).unwrap();
    }
    writer.push(Split::Validation, &[1, 2, 3], 9).unwrap();
    writer.finish().unwrap();
    folder
}

fn open(folder: &Path) -> Result<TokenShards, DataError> {
    TokenShards::open(folder, Split::Train)
}

fn message<T: std::fmt::Debug>(result: Result<T, DataError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn reading_crosses_shards_and_blocks() {
    for words in [1000, 70_000] {
        let train = ids(100_000, words);
        for shard_tokens in [100_000, 40_000, 33_333] {
            let folder = write(words, &train, shard_tokens);
            let shards = open(folder.path()).unwrap();
            assert_eq!(shards.len(), train.len());
            assert!(!shards.is_empty());
            for range in [
                0..100_000,
                39_990..40_010,
                32_760..32_780,
                5..5,
                99_999..100_000,
                33_000..67_000,
            ] {
                assert_eq!(shards.read(range.clone()).unwrap(), train[range]);
            }
            TokenShards::verify_folder(folder.path()).unwrap();
        }
    }
}

#[test]
fn a_shard_is_laid_out_as_documented() {
    for (words, width) in [(65_536, 2), (65_537, 4)] {
        let tokenizer = tokenizer(words);
        let train = [ids(BLOCK + 9, words), vec![words as u32 - 1]].concat();
        let folder = write(words, &train, 1_000_000);
        let bytes = fs::read(folder.path().join("train-00000.tokens")).unwrap();
        let (header, rest) = bytes.split_at(96);
        let (data, table) = rest.split_at(train.len() * width);
        assert_eq!(&header[..8], b"tbtokens");
        assert_eq!(header[8..12], 1_u32.to_le_bytes());
        assert_eq!(header[12..16], (width as u32).to_le_bytes());
        assert_eq!(header[16..24], (train.len() as u64).to_le_bytes());
        assert_eq!(header[24..32], (words as u64).to_le_bytes());
        let json = fs::read(folder.path().join("tokenizer.json")).unwrap();
        assert_eq!(header[32..64], Sha256::digest(json)[..]);
        let checksum = Sha256::new_with_prefix(&header[..64])
            .chain_update(table)
            .finalize();
        assert_eq!(header[64..], checksum[..]);
        let expected: Vec<u8> = train
            .iter()
            .flat_map(|id| id.to_le_bytes()[..width].to_vec())
            .collect();
        assert_eq!(data, expected);
        assert_eq!(table[..32], Sha256::digest(&data[..BLOCK * width])[..]);
        assert_eq!(table[32..], Sha256::digest(&data[BLOCK * width..])[..]);
        let listed = fs::read_to_string(folder.path().join("tokens.json")).unwrap();
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        assert_eq!(listed["dtype"], format!("u{}", 8 * width));
        assert_eq!(listed["vocabulary"], words);
        assert_eq!(listed["tokenizer_sha256"], tokenizer.hash());
        assert_eq!(listed["train"]["shards"][0]["tokens"], train.len());
        let sha256: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(listed["train"]["shards"][0]["sha256"], sha256);
    }
}

#[test]
fn a_corpus_comes_back_with_its_tokenizer_and_is_batched_as_from_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = TokenShardWriter::create(folder.path(), &tokenizer(50), 100).unwrap();
    let train = ids(1050, 50);
    writer.push(Split::Validation, &train[..10], 20).unwrap();
    writer.push(Split::Train, &train[..500], 1000).unwrap();
    writer.push(Split::Test, &train[..7], 5).unwrap();
    writer.push(Split::Train, &train[500..], 1001).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!(
        (written.tokens, written.shards),
        ([1050, 10, 7], [11, 1, 1])
    );

    let corpus = TokenShards::corpus(folder.path()).unwrap();
    assert_eq!(corpus.characters, [2001, 20, 5]);
    assert_eq!(corpus.tokenizer.hash(), tokenizer(50).hash());
    assert_eq!(corpus.validation.read(0..10).unwrap(), train[..10]);
    assert_eq!(corpus.test.unwrap().read(0..7).unwrap(), train[..7]);
    let memory = Tokens::from(train);
    let batches = |tokens: &Tokens, workers| {
        let config = LoaderConfig::new(1).with_workers(workers);
        let streams = Streams::training(tokens.clone(), 4, 9, Some(1)).unwrap();
        let streams = Loader::new(Arc::new(streams), config.clone()).unwrap();
        let windows = Windows::training(tokens.clone(), 130, 1).unwrap();
        let windows = Loader::new(Arc::new(windows), config).unwrap();
        let batches = streams.epoch(0, 0).chain(windows.epoch(0, 0));
        batches.collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(batches(&corpus.train, 3), batches(&memory, 0));
}

/// Anywhere: in the header, the ids or the table.
#[test]
fn a_flipped_bit_is_found() {
    let train = ids(BLOCK + 50, 40);
    let folder = write(40, &train, 1_000_000);
    let path = folder.path().join("train-00000.tokens");
    let good = fs::read(&path).unwrap();
    TokenShards::verify_folder(folder.path()).unwrap();
    let everywhere = (0..96)
        .chain((96..good.len() - 64).step_by(9973))
        .chain(good.len() - 64..good.len());
    for place in everywhere {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&path, &bytes).unwrap();
        let read = open(folder.path()).and_then(|shards| shards.read(0..shards.len()));
        let read = message(read);
        assert!(read.contains("train-00000.tokens"), "{place}: {read}");
        let verified = message(TokenShards::verify_folder(folder.path()));
        assert_eq!(verified, read, "{place}");
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(
        open(folder.path()).unwrap().read(0..train.len()).unwrap(),
        train
    );
}

#[test]
fn damage_is_named_with_its_block_and_only_there() {
    let train = ids(3 * BLOCK, 40);
    let folder = write(40, &train, 2 * BLOCK);
    let path = folder.path().join("train-00000.tokens");
    let mut bytes = fs::read(&path).unwrap();
    bytes[96 + 2 * BLOCK + 1000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let shards = open(folder.path()).unwrap();
    assert_eq!(shards.read(0..BLOCK).unwrap(), train[..BLOCK]);
    assert_eq!(
        shards.read(2 * BLOCK..3 * BLOCK).unwrap(),
        train[2 * BLOCK..]
    );
    for result in [
        shards.read(BLOCK - 1..BLOCK + 1).map(|_| ()),
        shards.verify(),
        TokenShards::verify_folder(folder.path()),
    ] {
        let message = message(result);
        assert!(
            message.contains("train-00000.tokens: block 1 (tokens 32768 to 65535)"),
            "{message}"
        );
    }
    // Through the loader, as in training.
    let windows = Windows::evaluation(Tokens::from(shards), 1000, None, None).unwrap();
    let config = LoaderConfig::new(4).with_workers(2);
    let loader = Loader::new(Arc::new(windows), config).unwrap();
    let batches: Result<Vec<_>, _> = loader.epoch(0, 0).collect();
    let message = message(batches);
    assert!(
        message.contains("item 32 (window 32)") && message.contains("block 1"),
        "{message}"
    );
}

/// A valid shard that is not the one that was written.
#[test]
fn an_exchanged_shard_is_found_by_verifying() {
    let folder = write(40, &ids(100, 40), 1000);
    let other = write(40, &[5; 100], 1000);
    fs::copy(
        other.path().join("train-00000.tokens"),
        folder.path().join("train-00000.tokens"),
    )
    .unwrap();
    let shards = open(folder.path()).unwrap();
    assert_eq!(shards.read(0..100).unwrap(), [5; 100]);
    let message = message(TokenShards::verify_folder(folder.path()));
    assert!(
        message.contains("its SHA-256 is") && message.contains("tokens.json says"),
        "{message}"
    );
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let folder = write(40, &ids(100, 40), 1000);
    let shard = folder.path().join("train-00000.tokens");
    let good = fs::read(&shard).unwrap();
    let replaced = |other: &TempDir| {
        fs::copy(other.path().join("train-00000.tokens"), &shard).unwrap();
        message(open(folder.path()))
    };
    assert!(
        replaced(&write(40, &ids(99, 40), 1000))
            .contains("has 99 tokens, but tokens.json says 100")
    );
    assert!(replaced(&write(41, &ids(100, 40), 1000)).contains("vocabulary of 41"));
    let other = tempfile::tempdir().unwrap();
    let words = (0..40).map(|word| format!("v{word}")).collect();
    let tokenizer = Tokenizer::from_words(words).unwrap();
    let mut writer = TokenShardWriter::create(other.path(), &tokenizer, 1000).unwrap();
    writer.push(Split::Train, &ids(100, 40), 0).unwrap();
    writer.push(Split::Validation, &[0], 0).unwrap();
    writer.finish().unwrap();
    assert!(replaced(&other).contains("made with another tokenizer"));
    fs::write(&shard, good).unwrap();
    assert!(TokenShards::corpus(folder.path()).is_ok());
    fs::copy(
        other.path().join("tokenizer.json"),
        folder.path().join("tokenizer.json"),
    )
    .unwrap();
    let message = message(TokenShards::corpus(folder.path()));
    assert!(
        message.contains("is not the tokenizer that the shards beside it were made with"),
        "{message}"
    );
}

#[test]
fn truncated_files_are_refused() {
    let folder = write(40, &ids(100, 40), 1000);
    let shard = folder.path().join("train-00000.tokens");
    let good = fs::read(&shard).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(&shard, bytes).unwrap();
        message(open(folder.path()))
    };
    assert!(
        with(&good[..good.len() - 1])
            .contains("has 327 bytes, but by its header it should have 328")
    );
    assert!(with(&[&good[..], &[0]].concat()).contains("has 329 bytes"));
    assert!(with(&good[..50]).contains("has 50 bytes, fewer than a header"));
    assert!(with(&[]).contains("has 0 bytes"));
    assert!(with(&[7; 200]).contains("is not a token shard"));
    let mut endless = good.clone();
    endless[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(with(&endless).contains("more than any file has"));
    fs::write(&shard, &good).unwrap();
    // Truncated while it is open.
    let shards = open(folder.path()).unwrap();
    fs::File::options()
        .write(true)
        .open(&shard)
        .unwrap()
        .set_len(120)
        .unwrap();
    assert!(message(shards.read(0..100)).contains("cannot read"));
    fs::remove_file(&shard).unwrap();
    assert!(message(open(folder.path())).contains("train-00000.tokens"));
    assert!(
        message(TokenShards::open(folder.path(), Split::Test))
            .contains("no tokens of the test split")
    );
    let listed = folder.path().join("tokens.json");
    let text = fs::read_to_string(&listed).unwrap();
    fs::write(&listed, text.replace("\"version\": 1", "\"version\": 2")).unwrap();
    assert!(
        message(open(folder.path())).contains("has version 2, but this program reads version 1")
    );
    fs::write(&listed, "{}").unwrap();
    assert!(message(open(folder.path())).contains("is not a list of token shards"));
}

/// The writer never writes such a shard, but another program could.
#[test]
fn an_id_outside_the_vocabulary_is_refused_on_both_sides() {
    let folder = write(40, &[3, 9, 39, 9], 1000);
    let shard = folder.path().join("train-00000.tokens");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[96 + 4] = 40;
    let block = Sha256::digest(&bytes[96..104]);
    bytes[104..].copy_from_slice(&block);
    let checksum = Sha256::new_with_prefix(&bytes[..64])
        .chain_update(&bytes[104..])
        .finalize();
    bytes[64..96].copy_from_slice(&checksum);
    fs::write(&shard, bytes).unwrap();
    let shards = open(folder.path()).unwrap();
    assert_eq!(shards.read(0..2).unwrap(), [3, 9]);
    assert!(message(shards.read(1..4)).contains("token 2 is 40, but the vocabulary has 40"));

    let folder = tempfile::tempdir().unwrap();
    let mut writer = TokenShardWriter::create(folder.path(), &tokenizer(5), 10).unwrap();
    assert!(message(writer.push(Split::Train, &[4, 5], 0)).contains("train: token 5 is outside"));
}

#[test]
fn unfinished_shards_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new");
    let begin = || TokenShardWriter::create(&path, &tokenizer(40), 10).unwrap();
    let mut writer = begin();
    writer.push(Split::Train, &ids(25, 40), 0).unwrap();
    assert!(message(open(&path)).contains("writing them was interrupted"));
    drop(writer);
    assert!(message(open(&path)).contains("has no tokens.json"));
    let mut names: Vec<_> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(
        names,
        ["tokenizer.json", "train-00000.tokens", "train-00001.tokens"]
    );

    let mut writer = begin();
    writer.push(Split::Train, &ids(20, 40), 0).unwrap();
    assert!(message(writer.finish()).contains("validation: has no tokens"));
    let mut writer = begin();
    writer.push(Split::Train, &ids(20, 40), 0).unwrap();
    writer.push(Split::Validation, &[], 0).unwrap();
    writer.push(Split::Validation, &[1], 0).unwrap();
    let written = writer.finish().unwrap();
    assert_eq!((written.tokens, written.shards), ([20, 1, 0], [2, 1, 0]));
    assert!(TokenShards::corpus(&path).unwrap().test.is_none());
    let again = TokenShardWriter::create(&path, &tokenizer(40), 10);
    assert!(message(again).contains("has token shards already"));
    let none = TokenShardWriter::create(folder.path(), &tokenizer(40), 0);
    assert!(message(none).contains("must be at least 1"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_range_equals_memory(
        len in 1usize..400, shard_tokens in 40usize..500, from in 0usize..400, to in 0usize..400
    ) {
        let train = ids(len, 300);
        let folder = write(300, &train, shard_tokens);
        let range = from.min(to).min(len)..from.max(to).min(len);
        let shards = open(folder.path()).unwrap();
        prop_assert_eq!(shards.read(range.clone()).unwrap(), &train[range]);
    }
}
