//! `tinderbox models`

use std::process::ExitCode;

use serde_json::json;
use tinderbox_model_cnn::registry::MODELS;
use tinderbox_model_cnn::weights::known;
use tinderbox_model_transformer::registry::ENCODERS;
use tinderbox_train::kinds::language_modeling::LanguageModelInfo;
use tinderbox_train::report::plain::thousands;

use crate::Done;
use crate::shared::table;

/// List the models that a recipe can name.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox models --json
  tinderbox models --weights")]
pub(crate) struct Args {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// List public weights instead, which `--weights NAME` downloads.
    #[arg(long)]
    weights: bool,
}

pub(crate) fn run(args: &Args) -> Done {
    if args.weights {
        return list_weights(args.json);
    }
    if args.json {
        let images = MODELS.iter().map(|model| {
            json!({
                "name": model.name, "summary": model.summary, "parameters": model.parameters,
                "image_size": model.input.crop_size, "resize_size": model.input.resize_size,
                "interpolation": format!("{:?}", model.input.interpolation).to_lowercase(),
                "mean": model.input.mean, "std": model.input.std, "paper": model.paper, "options": (model.config)(),
            })
        });
        let text = LanguageModelInfo::all().into_iter().map(|model| {
            json!({
                "name": model.name, "summary": model.summary, "parameters": model.parameters,
                "context_length": model.config.context_length(), "paper": model.paper, "options": model.config,
            })
        });
        let encoders = ENCODERS.iter().map(|model| {
            let config = (model.config)();
            json!({
                "name": model.name, "summary": model.summary, "parameters": model.parameters,
                "context_length": config.max_length(), "paper": model.paper, "options": config,
            })
        });
        let models: Vec<_> = images.chain(text).chain(encoders).collect();
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
    for model in LanguageModelInfo::all() {
        table.add_row([
            model.name.to_string(),
            thousands(model.parameters),
            match model.config.context_length() {
                Some(length) => format!("{length} tokens"),
                None => "text".into(),
            },
            model.summary.to_string(),
            model.paper.to_string(),
        ]);
    }
    for model in ENCODERS {
        table.add_row([
            model.name.to_string(),
            thousands(model.parameters as u64),
            format!("{} tokens", (model.config)().max_length()),
            model.summary.to_string(),
            model.paper.to_string(),
        ]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}

fn list_weights(json: bool) -> Done {
    if json {
        let weights: Vec<_> = known::all()
            .iter()
            .map(|weights| {
                json!({
                    "name": weights.name, "model": weights.model, "url": weights.url,
                    "sha256_prefix": weights.sha256, "parameters": weights.parameters,
                    "top1": weights.top1, "top5": weights.top5,
                    "resize": weights.resize, "crop": weights.crop, "licence": known::LICENCE,
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&weights)?);
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["name", "top-1", "top-5", "resize", "crop", "file"];
    let mut table = table(header, &[1, 2, 3, 4]);
    for weights in known::all() {
        table.add_row([
            weights.name.to_string(),
            format!("{:.3} %", weights.top1),
            format!("{:.3} %", weights.top5),
            weights.resize.to_string(),
            weights.crop.to_string(),
            weights.url.to_string(),
        ]);
    }
    let accuracy = "accuracy on ImageNet-1k as published by torchvision";
    println!("{table}\n\n{accuracy}; {}", known::LICENCE);
    Ok(ExitCode::SUCCESS)
}
