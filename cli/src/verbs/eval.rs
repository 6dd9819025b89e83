//! `tinderbox eval`

mod encoder;
mod image;
mod language;

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde::Serialize;
use tinderbox_data::Split;
use tinderbox_train::files::write_atomically;
use tinderbox_train::kinds::Kind;
use tinderbox_train::run::RunDir;

use crate::args::{CheckpointArgs, DeviceArgs, WeightsFileArgs};
use crate::exit::CliResult;

/// Measure a model on a split of its data, or on other data.
///
/// Image classifiers: accuracy, precision, recall and F1 per class, the confusion matrix; writes
/// eval-SPLIT.json and confusion-SPLIT.svg into the run directory. Language models: loss and
/// perplexity over every token once; writes eval-SPLIT.json. Text encoders: accuracy, F1 and the
/// other metrics of their task, overall and per class; writes eval-SPLIT.json.
///
/// A published language model (model folder, nanoGPT's or llama2.c's checkpoint) is measured on
/// --text, image weights with --model on the class folders of --data, and the model folder of an
/// encoder with a head on --data, a file or a folder with a file for the split; its labels are
/// matched by name. Nothing is written then.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox eval runs/cnn
  tinderbox eval runs/cnn-folder --split test
  tinderbox eval runs/lstm-ptb-small --split test
  tinderbox eval runs/lstm-ptb-small --text essay.txt
  tinderbox eval runs/sst2 --data path/to/sst-2
  tinderbox eval path/to/gpt2 --text essay.txt
  tinderbox eval path/to/bert-classifier --data reviews.tsv
  tinderbox eval resnet18.pth --model resnet18 --data path/to/images")]
pub(crate) struct Args {
    /// Run directory, or a published model's folder or file.
    #[arg(value_name = "RUN|FOLDER|FILE")]
    run: PathBuf,
    /// Split to measure on.
    #[arg(long, value_enum, default_value_t = Part::Validation, help_heading = "Data")]
    split: Part,
    /// Text file to measure a language model on, instead of a split.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["split", "data"], help_heading = "Data")]
    text: Option<PathBuf>,
    /// Tokens that a published language model reads at once.
    ///
    /// By default the context length, but at most 1024.
    #[arg(long, value_name = "N", requires = "text", help_heading = "Data")]
    sequence_length: Option<usize>,
    /// Tokenizer of a published language model, if not beside it.
    #[arg(long, value_name = "FILE", requires = "text", help_heading = "Model")]
    tokenizer: Option<PathBuf>,
    /// Data folder, if not the one the run was trained on.
    #[arg(long, value_name = "FOLDER", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Published encoders: setting of the data (repeatable).
    ///
    /// Keys are those of recipes, such as --set data.columns.pair=question2.
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Data")]
    sets: Vec<String>,
    /// Print JSON instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    weights_file: WeightsFileArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Args {
    /// Run and data, for errors that name no file.
    pub(crate) fn subject(&self) -> String {
        match &self.data {
            Some(data) => format!("{}, {}", self.run.display(), data.display()),
            None => self.run.display().to_string(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Train,
    Validation,
    Test,
}

impl Part {
    /// Name, as in `eval-validation.json`.
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

pub(crate) fn run(args: &Args) -> CliResult {
    let Ok(run) = RunDir::open(&args.run) else {
        return published(args);
    };
    ensure!(
        args.sequence_length.is_none() && args.tokenizer.is_none(),
        "--sequence-length and --tokenizer are for published models; a run has its own"
    );
    ensure!(
        args.sets.is_empty(),
        "--set is for published encoders; a run has a recipe"
    );
    match Kind::of_run(&run)? {
        Kind::ImageClassification => image::run(args),
        Kind::LanguageModeling => {
            args.weights_file.refuse(&args.run)?;
            language::run(args, &run)
        }
        Kind::Encoder => {
            args.weights_file.refuse(&args.run)?;
            encoder::run(args, &run)
        }
    }
}

/// Measures a published model: a language model on --text, image weights on --data.
fn published(args: &Args) -> CliResult {
    let kind = match Kind::detect(&args.run)? {
        None if args.text.is_some() && args.run.is_file() => Some(Kind::LanguageModeling),
        kind => kind,
    };
    match kind {
        Some(Kind::LanguageModeling) => {
            args.weights_file.refuse(&args.run)?;
            language::published(args)
        }
        Some(Kind::Encoder) => {
            args.weights_file.refuse(&args.run)?;
            encoder::published(args)
        }
        _ => image::run(args),
    }
}

impl Args {
    /// Writes `eval-SPLIT.json` into the run directory; returns its path.
    fn write(&self, run: &Path, json: &str) -> anyhow::Result<PathBuf> {
        let path = run.join(format!("eval-{}.json", self.split.name()));
        write_atomically(&path, json.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn to_json(report: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(report)?)
}
