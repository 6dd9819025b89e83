//! `tinderbox data tokens`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tinderbox_data::Split;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::language::TokenShardWriter;
use tinderbox_train::TrainError;
use tinderbox_train::report::plain::thousands;

use super::shards::bar;
use crate::exit::CliResult;

/// Tokenize text files into token shards.
///
/// Token shards are for corpora larger than memory; a recipe reads them with data.source =
/// "tokens". Python opens a shard with numpy.memmap(path, dtype, "r", offset=96, shape=tokens),
/// with dtype (u16 or u32) and token count from tokens.json.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  tinderbox data tokens --tokenizer tokenizer.json --train a.txt b.txt \\
    --validation c.txt --output tokens")]
pub(super) struct Args {
    /// Tokenizer file or its folder.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    tokenizer: PathBuf,
    /// Text files of the training split.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE", help_heading = "Input")]
    train: Vec<PathBuf>,
    /// Text files of the validation split.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE", help_heading = "Input")]
    validation: Vec<PathBuf>,
    /// Text files of the test split.
    #[arg(long, num_args = 1.., value_name = "FILE", help_heading = "Input")]
    test: Vec<PathBuf>,
    /// Folder to write.
    #[arg(long, short, value_name = "FOLDER", help_heading = "Output")]
    output: PathBuf,
    /// Maximum number of tokens per shard.
    #[arg(long, default_value_t = TokenShardWriter::SHARD_TOKENS, value_name = "N", help_heading = "Output")]
    per_shard: usize,
}

pub(super) fn run(args: &Args) -> CliResult {
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
