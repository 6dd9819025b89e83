//! `tinderbox export`

use std::path::PathBuf;
use std::process::ExitCode;

use ::train::files::write_atomically;
use ::train::run::RunDir;
use anyhow::Context;

use super::Done;
use super::shared::WeightsArgs;

/// Write a trained model's weights for PyTorch.
#[derive(clap::Args)]
#[command(after_help = "\
Example: tinderbox export runs/cnn model.safetensors

In PyTorch: model.load_state_dict(safetensors.torch.load_file(\"model.safetensors\"))")]
pub(super) struct Args {
    /// The run directory.
    run: PathBuf,
    /// The file to write, in safetensors format with PyTorch's names and layout.
    output: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    weights: WeightsArgs,
}

pub(super) fn run(args: &Args) -> Done {
    let output = args.output.display();
    anyhow::ensure!(
        args.overwrite || !args.output.exists(),
        "{output} exists; --overwrite replaces it"
    );
    let run = RunDir::open(&args.run)?;
    let (which, live) = args.weights.which();
    let weights = run.weights(which, live)?;
    write_atomically(&args.output, weights.as_bytes())
        .with_context(|| format!("cannot write {output}"))?;
    let average = if weights.averaged {
        ", moving average"
    } else {
        ""
    };
    println!("{output}: weights of step {}{average}", weights.step);
    Ok(ExitCode::SUCCESS)
}
