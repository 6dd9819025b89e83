//! `tinderbox predict`

mod answer;
mod classes;
mod image;
mod tags;
mod text;

use std::path::PathBuf;

use anyhow::ensure;
use serde::Serialize;

use crate::Done;
use crate::kind::{Kind, kind, no_text};
use crate::shared::DeviceArgs;
use crate::texts::TextArgs;
use crate::trained::{OutsideArgs, WeightsArgs};

pub(super) use answer::{Question, ask};
pub(super) use image::{add_rows, most_probable, see};

/// Say what is on an image, or what a text means.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox predict runs/cnn photo.jpg another.png
  tinderbox predict runs/cnn photo.jpg --top-k 3 --json
  tinderbox predict runs/bert --text \"the film was not bad\"
  tinderbox predict runs/sst2 --file sentences.tsv --json
  tinderbox predict runs/pairs --file pairs.csv --text-column first --pair-column second
  tinderbox predict runs/squad --question \"Who wrote it?\" --file book.txt

RUN is a run directory or, for text, also a folder of Hugging Face's. What is said of a text is what the model was trained \
for: its class, the tag of each word, or the passage that answers a question. Without --text and --file the texts are read \
from standard input, one a line.

An image that cannot be read is reported, the others are still predicted; the exit code is then 1.")]
pub(crate) struct Args {
    /// The run directory.
    run: PathBuf,
    /// Image files.
    images: Vec<PathBuf>,
    #[command(flatten)]
    texts: TextArgs,
    /// The second text, of a model that judges pairs. As many as there are texts.
    #[arg(long, value_name = "TEXT", requires = "text")]
    pair: Vec<String>,
    /// What is asked about the text.
    #[arg(long, value_name = "TEXT")]
    question: Option<String>,
    /// Of a table (.tsv, .csv, .jsonl) given with --file: the column of the text. Without it the training data's names are
    /// looked for.
    #[arg(long, value_name = "NAME", requires = "file")]
    text_column: Option<String>,
    /// Likewise of the second text.
    #[arg(long, value_name = "NAME", requires = "file")]
    pair_column: Option<String>,
    /// Let a question have no answer, if that scores more than X above the best one. A model that was trained on questions
    /// without answers does so anyway [default: its recipe's data.null_threshold].
    #[arg(
        long,
        value_name = "X",
        requires = "question",
        allow_negative_numbers = true
    )]
    null_threshold: Option<f64>,
    /// How many classes to list for each image or text.
    #[arg(long, default_value_t = 5, value_name = "K")]
    top_k: usize,
    /// Print one JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
pub(super) struct ClassProbability {
    pub(super) class: String,
    pub(super) probability: f64,
}

pub(crate) fn run(args: &Args) -> Done {
    ensure!(args.top_k > 0, "--top-k must be at least 1");
    let name = args.run.display();
    match kind(&args.run)? {
        Kind::Image => image::run(args),
        Kind::Encoder => {
            ensure!(
                args.images.is_empty(),
                "{name} is of text: give it with --text or --file"
            );
            args.outside.refuse(&args.run)?;
            text::run(args)
        }
        Kind::Language => anyhow::bail!(
            "{name} is a language model, which goes on from a text: `tinderbox generate {name} --prompt \"...\"`"
        ),
    }
}

impl Args {
    /// Options about text make no sense here.
    fn refuse_text(&self, why: &str) -> anyhow::Result<()> {
        match self.texts.is_given() || self.question.is_some() {
            true => Err(no_text(&self.run, format!("{} {why}", self.run.display()))),
            false => Ok(()),
        }
    }
}
