//! `tinderbox fill-mask`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use serde::Serialize;
use tinderbox_model_transformer::Head;
use tinderbox_train::kinds::encoder::FilledMasks;

use crate::args::text::warn_of_truncation;
use crate::args::{CheckpointArgs, DeviceArgs};
use crate::exit::CliResult;
use crate::table::{percent, table};

/// Predict [MASK] tokens.
///
/// MODEL needs a masked language modelling head. Each [MASK] (or <mask>) is predicted independently
/// of the others.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox fill-mask path/to/bert \"Paris is the [MASK] of France.\"
  tinderbox fill-mask runs/mlm \"the [MASK] was not [MASK]\" --top-k 3 --json")]
pub(crate) struct Args {
    /// Run directory or Hugging Face model folder.
    pub(crate) model: PathBuf,
    /// Text with a [MASK] for each token to predict.
    text: String,
    /// Predictions to list for each mask.
    #[arg(long, default_value_t = 5, value_name = "K", help_heading = "Output")]
    top_k: usize,
    /// Print a JSON object instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Serialize)]
struct Filled<'a> {
    text: &'a str,
    #[serde(flatten)]
    filled: &'a FilledMasks,
}

pub(crate) fn run(args: &Args) -> CliResult {
    ensure!(args.top_k > 0, "--top-k must be at least 1");
    let device = args.device.open()?;
    let model = args.checkpoint.encoder().open(&args.model, &device)?;
    ensure!(
        model.config.head() == Head::MaskedLm,
        "{} has no masked language modelling head; the recipe `mlm` trains one, and published ones are called \
         BertForMaskedLM or the like in config.json",
        args.model.display()
    );
    let filled = &model.fill_mask(&args.text, args.top_k)?;
    warn_of_truncation(&[filled.truncated], model.inputs.max_length());
    if args.json {
        let text = &args.text;
        println!("{}", serde_json::to_string(&Filled { text, filled })?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["mask", "token", "probability", "text"], &[2]);
    for (number, mask) in (1..).zip(&filled.masks) {
        for (rank, prediction) in mask.predictions.iter().enumerate() {
            let number = if rank == 0 {
                number.to_string()
            } else {
                String::new()
            };
            table.add_row([
                &number,
                &prediction.token,
                &percent(prediction.probability),
                &prediction.text,
            ]);
        }
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
