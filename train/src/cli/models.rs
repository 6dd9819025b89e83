//! `tinderbox models`

use std::process::ExitCode;

use ::train::report::plain::thousands;
use model_cnn::registry::MODELS;
use serde_json::json;

use super::Done;
use super::shared::table;

/// List the models that a recipe can name.
#[derive(clap::Args)]
#[command(after_help = "Example: tinderbox models --json")]
pub(super) struct Args {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Done {
    if args.json {
        let models: Vec<_> = MODELS
            .iter()
            .map(|model| {
                json!({
                    "name": model.name, "summary": model.summary, "parameters": model.parameters,
                    "image_size": model.input.crop_size, "resize_size": model.input.resize_size,
                    "interpolation": format!("{:?}", model.input.interpolation).to_lowercase(),
                    "mean": model.input.mean, "std": model.input.std, "paper": model.paper, "options": (model.config)(),
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&models)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["name", "parameters", "input", "what it is", "paper"], &[1]);
    for model in MODELS {
        table.add_row([
            model.name.to_string(),
            thousands(model.parameters as u64),
            format!("{0}x{0}", model.input.crop_size),
            model.summary.to_string(),
            model.paper.to_string(),
        ]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
