//! `tinderbox data tokenizer`

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use tinderbox_data::DataError;
use tinderbox_data::text::tokenizer::Algorithm;
use tinderbox_data::text::{TextChunks, Tokenizer};
use tinderbox_train::TrainError;
use tinderbox_train::files::write_atomically;

use super::shards::bar;
use crate::exit::CliResult;

/// Time between two updates of the progress.
const TICK: Duration = Duration::from_millis(200);

/// Train a tokenizer on text files.
///
/// It is written as a Hugging Face tokenizer.json.
#[derive(clap::Args)]
#[command(after_help = "\
Example:
  tinderbox data tokenizer corpus.txt --kind bpe --vocab-size 8000")]
pub(super) struct Args {
    /// Text files, UTF-8.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Tokenizer algorithm.
    #[arg(long, value_enum, default_value_t = Kind::Bpe, help_heading = "Tokenizer")]
    kind: Kind,
    /// Maximum vocabulary size.
    #[arg(
        long,
        default_value_t = 8000,
        value_name = "N",
        help_heading = "Tokenizer"
    )]
    vocab_size: usize,
    /// File to write.
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "tokenizer.json",
        help_heading = "Output"
    )]
    output: PathBuf,
    /// Replace an existing file.
    #[arg(long, help_heading = "Output")]
    overwrite: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Byte-level BPE, as GPT-2's; lossless.
    Bpe,
    /// WordPiece, lower case without accents, as BERT uncased.
    Wordpiece,
    /// WordPiece that keeps case and accents.
    WordpieceCased,
    /// The most frequent words, <eos> and <unk>.
    Words,
    /// Every character of the text.
    Characters,
}

impl From<Kind> for Algorithm {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Bpe => Self::Bpe,
            Kind::Wordpiece => Self::WordPieceUncased,
            Kind::WordpieceCased => Self::WordPieceCased,
            Kind::Words => Self::Words,
            Kind::Characters => Self::Characters,
        }
    }
}

pub(super) fn run(args: &Args) -> CliResult {
    let output = args.output.display();
    ensure!(
        args.overwrite || !args.output.exists(),
        "{output} exists; --overwrite replaces it"
    );
    let mut files = Vec::new();
    for path in &args.files {
        files.push(TextChunks::open(path).map_err(TrainError::from)?);
    }
    // Reading shows the bytes; then, while tokens are found, only the time goes on.
    let progress = bar("{bytes} read, {elapsed}");
    progress.enable_steady_tick(TICK);
    let texts = files.into_iter().flatten().map(|piece| {
        let text = piece?.text;
        progress.inc(text.len() as u64);
        Ok::<_, DataError>(text)
    });
    let tokenizer = Tokenizer::train(args.kind.into(), args.vocab_size, texts);
    progress.finish_and_clear();
    let tokenizer = tokenizer.map_err(TrainError::from)?;
    write_atomically(&args.output, tokenizer.to_json().as_bytes())
        .with_context(|| format!("cannot write {output}"))?;
    println!("{output}: {} tokens", tokenizer.vocab_size());
    Ok(ExitCode::SUCCESS)
}
