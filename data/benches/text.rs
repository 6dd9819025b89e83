//! Tokenisation and windows.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use std::sync::Arc;
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::{Tokens, Windows};

fn main() {
    divan::main();
}

/// 90 kB of English words.
fn text() -> String {
    "the quick brown fox jumps over the lazy dog and runs away\n".repeat(1_552)
}

#[divan::bench]
fn encode_words(bencher: Bencher<'_, '_>) {
    let text = text();
    let tokenizer = Tokenizer::words(&[&text], None).unwrap();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| tokenizer.encode(black_box(&text)).unwrap());
}

#[divan::bench]
fn encode_characters(bencher: Bencher<'_, '_>) {
    let text = text();
    let tokenizer = Tokenizer::characters(&[&text]).unwrap();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| tokenizer.encode(black_box(&text)).unwrap());
}

/// An epoch of windows of 256 tokens, in batches of 16.
#[divan::bench]
fn windows(bencher: Bencher<'_, '_>) {
    let tokens = Tokens::from((0..1_000_000).map(|i| i % 1_000).collect::<Vec<u32>>());
    let windows = Windows::training(tokens, 256, 1).unwrap();
    let loader = Loader::new(Arc::new(windows), LoaderConfig::new(16)).unwrap();
    bencher.counter(ItemsCount::new(1_000_000_usize)).bench(|| {
        loader
            .epoch(0, 0)
            .map(|batch| batch.unwrap().tokens())
            .sum::<usize>()
    });
}
