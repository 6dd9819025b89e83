//! Trains a BPE tokenizer on a generated corpus and reads it as windows of a language model.
//!
//! ```sh
//! cargo run -p tinderbox-data --example language_windows
//! ```
#![allow(clippy::print_stdout)]

use std::sync::Arc;
use tinderbox_data::DataError;
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::generated::grammar::Grammar;
use tinderbox_data::text::language::{Tokens, Windows};
use tinderbox_data::text::tokenizer::Algorithm;

fn main() -> Result<(), DataError> {
    // Text of a grammar, one sentence per line. With a file, use `text::language::plain::open`.
    let grammar = Grammar::english()?;
    let text = grammar.tokenizer()?.decode(&grammar.sample(42, 20_000));

    // No token spans two of the texts that a tokenizer is trained on.
    let lines = text.lines().map(|line| Ok(format!("{line}\n")));
    let tokenizer = Tokenizer::train(Algorithm::Bpe, 400, lines)?;
    let ids = tokenizer.encode(&text)?;
    println!(
        "{} characters are {} tokens of a vocabulary of {}",
        text.chars().count(),
        ids.len(),
        tokenizer.vocab_size()
    );

    // Random windows of 16 tokens, in batches of 4, the same for any number of workers.
    let windows = Windows::training(Tokens::from(ids), 16, 42)?;
    let config = LoaderConfig::new(4).with_workers(2).with_shuffle(42);
    let loader = Loader::new(Arc::new(windows), config)?;
    println!("an epoch has {} batches", loader.batches_per_epoch());
    for batch in loader.epoch(0, 0).take(2) {
        let batch = batch?;
        let [rows, time] = batch.shape;
        println!("batch of {rows} rows of {time} tokens; the first row:");
        println!("  input   {:?}", tokenizer.decode(&batch.inputs[..time]));
        println!("  target  {:?}", tokenizer.decode(&batch.targets[..time]));
    }
    Ok(())
}
