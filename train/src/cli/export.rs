//! `tinderbox export`

use std::path::PathBuf;
use std::process::ExitCode;

use ::train::files::write_atomically;
use ::train::run::RunDir;
use anyhow::Context;
use model_cnn::weights::StateDict;

use super::Done;
use super::trained::WeightsArgs;

/// Write a trained model's weights for PyTorch.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox export runs/cnn model.safetensors
  tinderbox export model.pth model.safetensors

In PyTorch: model.load_state_dict(safetensors.torch.load_file(\"model.safetensors\"))")]
pub(super) struct Args {
    /// The run directory, or a weights file of PyTorch that is to become safetensors.
    #[arg(value_name = "RUN|FILE")]
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
    if args.run.is_file() {
        let dict = StateDict::read(&args.run)?;
        write(args, &dict.to_safetensors()?)?;
        println!(
            "{output}: {} tensors of {}",
            dict.names().count(),
            args.run.display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    let run = RunDir::open(&args.run)?;
    let (which, live) = args.weights.which();
    let weights = run.weights(which, live)?;
    write(args, weights.as_bytes())?;
    let average = if weights.averaged {
        ", moving average"
    } else {
        ""
    };
    println!("{output}: weights of step {}{average}", weights.step);
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Args, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(&args.output, bytes)
        .with_context(|| format!("cannot write {}", args.output.display()))
}
