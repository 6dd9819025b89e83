//! `tinderbox eval`

mod encoder;
mod images;
mod text;

use std::path::PathBuf;

use clap::ValueEnum;
use tinderbox_data::Split;
use tinderbox_train::kinds::Kind;
use tinderbox_train::run::RunDir;

use crate::Done;
use crate::shared::DeviceArgs;
use crate::trained::{OutsideArgs, WeightsArgs};

/// Measure a trained model: accuracy, per class, confusion matrix; perplexity; or the scores of a text encoder's task.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox eval runs/cnn
  tinderbox eval runs/lstm-ptb-small --split test
  tinderbox eval runs/lstm-ptb-small --text essay.txt
  tinderbox eval runs/sst2 --data path/to/sst-2

Of an image classifier it prints a table and writes eval-SPLIT.json and confusion-SPLIT.svg into the run directory; of a
language model, perplexity over every token once, and eval-SPLIT.json; of an encoder, accuracy, F1 and what else its task \
is measured by, for each class too, and eval-SPLIT.json.")]
pub(crate) struct Args {
    /// The run directory.
    run: PathBuf,
    /// The part of the data to measure on. Only text has a test part.
    #[arg(long, value_enum, default_value_t = Part::Validation)]
    split: Part,
    /// Language models: measure on the text in this file instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["split", "data"])]
    text: Option<PathBuf>,
    /// Another folder for the data than the one the run was trained with.
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Print the result as JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    /// As in `eval-validation.json`.
    fn name(self) -> &'static str {
        Split::from(self).name()
    }
}

impl From<Part> for Split {
    fn from(part: Part) -> Self {
        match part {
            Part::Train => Self::Train,
            Part::Validation => Self::Validation,
            Part::Test => Self::Test,
        }
    }
}

pub(crate) fn run(args: &Args) -> Done {
    // A folder that is no run is told by whoever opens it.
    match RunDir::open(&args.run) {
        Ok(run) => match Kind::of_run(&run)? {
            Kind::ImageClassification => images::run(args),
            Kind::LanguageModeling => {
                args.outside.refuse(&args.run)?;
                text::run(args, &run)
            }
            Kind::Encoder => {
                args.outside.refuse(&args.run)?;
                encoder::run(args, &run)
            }
        },
        Err(_) => images::run(args),
    }
}
