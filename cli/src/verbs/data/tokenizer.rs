//! `tinderbox data tokenizer`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::ValueEnum;
use tinderbox_data::DataError;
use tinderbox_data::text::tokenizer::Algorithm;
use tinderbox_data::text::{TextChunks, Tokenizer};
use tinderbox_train::TrainError;
use tinderbox_train::files::write_atomically;

use crate::Done;

/// Make a tokenizer from text files; it is written as a Hugging Face tokenizer.json.
#[derive(clap::Args)]
#[command(after_help = "\
Example: tinderbox data tokenizer corpus.txt --kind bpe --vocab-size 8000 --output tokenizer.json")]
pub(super) struct Args {
    /// Text files, UTF-8.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What kind of tokens.
    #[arg(long, value_enum, default_value_t = Kind::Bpe)]
    kind: Kind,
    /// How many tokens at most.
    #[arg(long, default_value_t = 8000, value_name = "N")]
    vocab_size: usize,
    /// The file to write.
    #[arg(long, short, default_value = "tokenizer.json")]
    output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Byte-level byte pairs, as GPT-2's: any text comes back as it was.
    Bpe,
    /// Word pieces as BERT's, in lower case without accents.
    Wordpiece,
    /// Word pieces that keep case and accents.
    WordpieceCased,
    /// The most frequent words, `<eos>` and `<unk>`.
    Words,
    /// Every character that occurs.
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

pub(super) fn run(args: &Args) -> Done {
    let output = args.output.display();
    ensure!(
        args.overwrite || !args.output.exists(),
        "{output} exists; --overwrite replaces it"
    );
    let mut files = Vec::new();
    for path in &args.files {
        files.push(TextChunks::open(path).map_err(TrainError::from)?);
    }
    let texts = files
        .into_iter()
        .flatten()
        .map(|piece| Ok::<_, DataError>(piece?.text));
    let tokenizer = Tokenizer::train(args.kind.into(), args.vocab_size, texts);
    let tokenizer = tokenizer.map_err(TrainError::from)?;
    write_atomically(&args.output, tokenizer.to_json().as_bytes())
        .with_context(|| format!("cannot write {output}"))?;
    println!("{output}: {} tokens", tokenizer.vocab_size());
    Ok(ExitCode::SUCCESS)
}
