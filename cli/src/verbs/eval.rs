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

/// Measure a trained model on a split of its data.
///
/// Image classifiers: accuracy, precision, recall and F1 per class, the confusion matrix; writes
/// eval-SPLIT.json and confusion-SPLIT.svg into the run directory. Language models: loss and
/// perplexity over every token once; writes eval-SPLIT.json. Text encoders: accuracy, F1 and the
/// other metrics of their task, overall and per class; writes eval-SPLIT.json.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox eval runs/cnn
  tinderbox eval runs/lstm-ptb-small --split test
  tinderbox eval runs/lstm-ptb-small --text essay.txt
  tinderbox eval runs/sst2 --data path/to/sst-2")]
pub(crate) struct Args {
    /// Run directory.
    run: PathBuf,
    /// Split to measure on; only text has a test split.
    #[arg(long, value_enum, default_value_t = Part::Validation, help_heading = "Data")]
    split: Part,
    /// Text file to measure a language model on, instead of a split.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["split", "data"], help_heading = "Data")]
    text: Option<PathBuf>,
    /// Data folder, if not the one the run was trained on.
    #[arg(long, value_name = "FOLDER", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long, help_heading = "Output")]
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
