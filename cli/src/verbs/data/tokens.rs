//! `tinderbox data tokens`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tinderbox_data::Split;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::TokenShardWriter;
use tinderbox_train::TrainError;
use tinderbox_train::report::plain::thousands;

use super::shards::bar;
use crate::Done;

/// Write text as token shards, for corpora larger than memory. A recipe reads them with data.source = "tokens".
#[derive(clap::Args)]
#[command(after_help = "\
Example: tinderbox data tokens --tokenizer tokenizer.json --train a.txt b.txt --validation c.txt --output tokens

A file is read a piece at a time. Python opens a shard with numpy.memmap(path, dtype, \"r\", offset=96, shape=tokens), the
dtype (u16 or u32) and the count from tokens.json.")]
pub(super) struct Args {
    /// The tokenizer: its file, or the folder it lies in.
    #[arg(long, value_name = "FILE")]
    tokenizer: PathBuf,
    /// Text files to learn from.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    train: Vec<PathBuf>,
    /// Text files to measure on while learning.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    validation: Vec<PathBuf>,
    /// Text files to measure on at the end.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    test: Vec<PathBuf>,
    /// The folder to write.
    #[arg(long, short)]
    output: PathBuf,
    /// Tokens in a shard at most.
    #[arg(long, default_value_t = TokenShardWriter::SHARD_TOKENS, value_name = "N")]
    per_shard: usize,
}

pub(super) fn run(args: &Args) -> Done {
    let tokenizer = Tokenizer::open(&args.tokenizer).map_err(TrainError::from)?;
    let writer = TokenShardWriter::create(&args.output, &tokenizer, args.per_shard);
    let mut writer = writer.map_err(TrainError::from)?;
    for (split, files) in [
        (Split::Train, &args.train),
        (Split::Validation, &args.validation),
        (Split::Test, &args.test),
    ] {
        for path in files {
            push_file(&mut writer, &tokenizer, split, path)?;
        }
    }
    let written = writer.finish().map_err(TrainError::from)?;
    let counts = written.tokens.map(thousands);
    println!(
        "{}: {} training, {} validation and {} test tokens in {} shards",
        args.output.display(),
        counts[0],
        counts[1],
        counts[2],
        written.shards.iter().sum::<usize>()
    );
    Ok(ExitCode::SUCCESS)
}

fn push_file(
    writer: &mut TokenShardWriter,
    tokenizer: &Tokenizer,
    split: Split,
    path: &Path,
) -> anyhow::Result<()> {
    let bar = bar("{human_pos} tokens {per_sec}");
    let pushed = tokenizer.encode_file(path, |ids| {
        bar.inc(ids.len() as u64);
        writer.push(split, ids, 0)
    });
    bar.finish_and_clear();
    let characters = pushed.map_err(TrainError::from)?;
    writer
        .push(split, &[], characters)
        .map_err(TrainError::from)?;
    Ok(())
}
