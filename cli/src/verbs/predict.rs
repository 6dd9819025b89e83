//! `tinderbox predict`

mod encoder;
mod image;

use std::path::PathBuf;

use anyhow::{bail, ensure};
use tinderbox_train::kinds::Kind;

use crate::args::{CheckpointArgs, DeviceArgs, TextArgs, WeightsFileArgs};
use crate::exit::CliResult;
use crate::shell;

/// Classify images or texts, tag words, answer questions.
///
/// A text model does what it was trained for: it gives the class of a text or pair of texts, a tag
/// for each word, or the passage that answers a question. Without --text and --file, texts are read
/// from standard input, one per line.
///
/// An image that cannot be read is reported and the others are still classified; the exit code is
/// then 1.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox predict runs/cnn photo.jpg another.png
  tinderbox predict runs/cnn photo.jpg --top-k 3 --json
  tinderbox predict runs/bert --text \"the film was not bad\"
  tinderbox predict runs/sst2 --file sentences.tsv --json
  tinderbox predict runs/tags --pre-split --text \"The U.N. met in Oslo .\"
  tinderbox predict runs/pairs --file pairs.csv --pair-column second
  tinderbox predict runs/squad --question \"Who wrote it?\" --file book.txt")]
pub(crate) struct Args {
    /// Run directory or, for text, a Hugging Face model folder.
    pub(crate) run: PathBuf,
    /// Image files.
    images: Vec<PathBuf>,
    #[command(flatten)]
    texts: TextArgs,
    /// Second text of a pair; one for each --text.
    #[arg(long, value_name = "TEXT", requires = "text", help_heading = "Input")]
    pair: Vec<String>,
    /// Take the words of a text as given, for tags.
    ///
    /// The words are separated by white space, or the text is a JSON list of them. Without this, a
    /// text is cut as the training data were, and punctuation that they have as words of its own is
    /// cut off.
    #[arg(long, help_heading = "Input")]
    pre_split: bool,
    /// Question about the text.
    #[arg(long, value_name = "TEXT", help_heading = "Input")]
    question: Option<String>,
    /// Text column of a table given with --file.
    ///
    /// Tables are .tsv, .csv, .json and .jsonl files. The default is the column name of the training data.
    #[arg(long, value_name = "NAME", requires = "file", help_heading = "Input")]
    text_column: Option<String>,
    /// Second text's column of a table given with --file.
    #[arg(long, value_name = "NAME", requires = "file", help_heading = "Input")]
    pair_column: Option<String>,
    /// Score margin by which "no answer" must win.
    ///
    /// Allows a question to have no answer. Models trained on unanswerable questions do so anyway,
    /// with their recipe's data.null_threshold.
    #[arg(
        long,
        value_name = "X",
        requires = "question",
        allow_negative_numbers = true,
        help_heading = "Output"
    )]
    null_threshold: Option<f64>,
    /// Classes to list for each image or text.
    #[arg(long, default_value_t = 5, value_name = "K", help_heading = "Output")]
    top_k: usize,
    /// Print one JSON object per line instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    weights_file: WeightsFileArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &Args) -> CliResult {
    ensure!(args.top_k > 0, "--top-k must be at least 1");
    let name = args.run.display();
    match Kind::detect(&args.run)? {
        None | Some(Kind::ImageClassification) => image::run(args),
        Some(Kind::Encoder) => {
            ensure!(
                args.images.is_empty(),
                "{name} is a text model: give it texts with --text or --file"
            );
            args.weights_file.refuse(&args.run)?;
            encoder::run(args)
        }
        Some(Kind::LanguageModeling) => bail!(
            "{name} is a language model, which continues a text: `tinderbox generate {} --prompt \"...\"`",
            shell::path(&args.run)
        ),
    }
}
