//! `tinderbox export`

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use ::train::files::write_atomically;
use ::train::language::{LanguageModel, LanguageModelConfig};
use ::train::run::RunDir;
use anyhow::{Context, bail};
use clap::ValueEnum;
use model_transformer::huggingface;
use weights::StateDict;

use super::Done;
use super::language::open_run;
use super::shared::DeviceArgs;
use super::trained::WeightsArgs;

/// Write a trained model's weights for PyTorch.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox export runs/cnn model.safetensors
  tinderbox export model.pth model.safetensors
  tinderbox export runs/transformer path/to/folder --format huggingface

In PyTorch: model.load_state_dict(safetensors.torch.load_file(\"model.safetensors\")), or of a folder
AutoModelForCausalLM.from_pretrained(\"path/to/folder\")")]
pub(super) struct Args {
    /// The run directory, or a weights file of PyTorch that is to become safetensors.
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    /// The file, or folder, to write.
    output: PathBuf,
    /// What to write.
    #[arg(long, value_enum, default_value_t = Format::Safetensors)]
    format: Format,
    /// Replace what is there.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    weights: WeightsArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The weights, with PyTorch's names and layout.
    Safetensors,
    /// Of a GPT or Llama: a folder with config.json, model.safetensors and tokenizer.json.
    Huggingface,
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
    if args.format == Format::Huggingface {
        return hugging_face(args, &run);
    }
    let (which, live) = args.weights.which();
    let weights = run.weights(which, live)?;
    write(args, weights.as_bytes())?;
    println!("{output}: weights of {}", weights.origin());
    Ok(ExitCode::SUCCESS)
}

fn hugging_face(args: &Args, run: &RunDir) -> Done {
    // Nothing is computed here, so any device does.
    let device = DeviceArgs::default().open()?;
    let (text_model, model, origin) = open_run(run, &args.weights, &device)?;
    let (LanguageModel::Attention(model), LanguageModelConfig::Attention(config)) =
        (&model, &text_model.config)
    else {
        bail!("Hugging Face's library has no recurrent models; leave out --format");
    };
    let output = &args.output;
    fs::create_dir_all(output).with_context(|| output.display().to_string())?;
    huggingface::save(model, config, output)?;
    let path = output.join("tokenizer.json");
    write_atomically(&path, text_model.tokenizer.to_json().as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!(
        "{}: weights of {origin}, with config and tokenizer",
        output.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Args, bytes: &[u8]) -> anyhow::Result<()> {
    write_atomically(&args.output, bytes)
        .with_context(|| format!("cannot write {}", args.output.display()))
}
