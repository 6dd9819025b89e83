//! Reads labelled sentences as padded batches of an encoder model.
//!
//! ```sh
//! cargo run -p tinderbox-data --example labelled_sentences
//! cargo run -p tinderbox-data --example labelled_sentences -- sst2/train.tsv
//! ```
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use tinderbox_data::DataError;
use tinderbox_data::loader::{Loader, LoaderConfig};
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::encoder::sequence_classification::{
    Columns, LabelledSource, LabelledText, open_table,
};
use tinderbox_data::text::generated::sentiment;
use tinderbox_data::text::tokenizer::Algorithm;

fn main() -> Result<(), DataError> {
    let (labels, texts, tokenizer) = match std::env::args().nth(1) {
        Some(path) => table(Path::new(&path))?,
        None => generated()?,
    };
    let builder = InputBuilder::new(tokenizer, 128)?;

    // Batches of 16 sentences of similar length. `LabelledSource::evaluation` keeps a fixed order.
    let source = LabelledSource::training(&texts, &builder, 16)?;
    println!("{} texts, {:?}", texts.len(), source.truncated());
    let config = LoaderConfig::new(16).with_shuffle(42);
    let loader = Loader::new(Arc::new(source), config)?;
    for batch in loader.epoch(0, 0).take(3) {
        let batch = batch?;
        let [rows, time] = batch.input.shape;
        let padding = rows * time - batch.input.unpadded_tokens();
        println!("{rows} rows of {time} tokens, {padding} of them padding; the first row:");
        for (label, row) in batch
            .labels
            .iter()
            .zip(batch.input.ids.chunks(time))
            .take(1)
        {
            let tokens = row.iter().filter_map(|&id| builder.tokenizer().token(id));
            let tokens: Vec<String> = tokens.collect();
            println!("  {}: {}", labels[*label as usize], tokens.join(" "));
        }
    }
    Ok(())
}

type Data = (Vec<String>, Vec<LabelledText>, Tokenizer);

/// Generated sentences, with a tokenizer of their words.
fn generated() -> Result<Data, DataError> {
    Ok((
        sentiment::LABELS.map(str::to_owned).to_vec(),
        sentiment::texts(42, "train", 1000),
        sentiment::tokenizer()?,
    ))
}

/// A table with the columns `sentence` and `label`, with a WordPiece tokenizer trained on it.
fn table(path: &Path) -> Result<Data, DataError> {
    let splits = open_table(path, &Columns::default(), 0.1)?;
    let texts = splits.train.iter().map(|text| Ok(text.text.clone()));
    let tokenizer = Tokenizer::train(Algorithm::WordPieceUncased, 8000, texts)?;
    Ok((splits.labels, splits.train, tokenizer))
}
