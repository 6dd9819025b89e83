//! `tinderbox models`

use std::process::ExitCode;

use serde_json::json;
use tinderbox_model_cnn::registry::MODELS;
use tinderbox_model_cnn::weights::known;
use tinderbox_model_transformer::registry::ENCODERS;
use tinderbox_train::kinds::language_modeling::LanguageModelInfo;
use tinderbox_train::report::plain::thousands;

use crate::exit::CliResult;
use crate::table::{heading, listing};

/// List models and published weights.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox models
  tinderbox models --weights --links
  tinderbox models --json")]
pub(crate) struct Args {
    /// List published weights, which `--weights NAME` downloads.
    #[arg(long, help_heading = "Output")]
    weights: bool,
    /// Show links to papers and files.
    #[arg(long, help_heading = "Output")]
    links: bool,
    /// Print JSON instead of a table.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

pub(crate) fn run(args: &Args) -> CliResult {
    if args.weights {
        return list_weights(args);
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
    print_models(args.links);
    Ok(ExitCode::SUCCESS)
}

/// A row of the list of models.
struct Row {
    name: &'static str,
    parameters: u64,
    input: String,
    summary: &'static str,
    paper: &'static str,
}

fn print_models(links: bool) {
    let images = MODELS.iter().map(|model| Row {
        name: model.name,
        parameters: model.parameters as u64,
        input: format!("{0}x{0}", model.input.crop_size),
        summary: model.summary,
        paper: model.paper,
    });
    let language = LanguageModelInfo::all().into_iter().map(|model| Row {
        name: model.name,
        parameters: model.parameters,
        input: match model.config.context_length() {
            Some(length) => format!("{length} tokens"),
            None => "any length".into(),
        },
        summary: model.summary,
        paper: model.paper,
    });
    let encoders = ENCODERS.iter().map(|model| Row {
        name: model.name,
        parameters: model.parameters as u64,
        input: format!("{} tokens", (model.config)().max_length()),
        summary: model.summary,
        paper: model.paper,
    });
    print_group("Image classifiers", &images.collect::<Vec<_>>(), links);
    println!();
    print_group("Language models", &language.collect::<Vec<_>>(), links);
    println!();
    print_group("Text encoders", &encoders.collect::<Vec<_>>(), links);
}

fn print_group(name: &str, rows: &[Row], links: bool) {
    println!("{}", heading(name));
    let mut table = listing(["name", "parameters", "input", "description"], &[1]);
    for row in rows {
        table.add_row([
            row.name,
            &thousands(row.parameters),
            &row.input,
            row.summary,
        ]);
    }
    println!("{}", table.trim_fmt());
    if links {
        println!();
        print_links(rows.iter().map(|row| (row.name, row.paper)));
    }
}

/// Links stand on lines of their own, whole, so that they can be clicked and copied.
fn print_links<'a>(links: impl Iterator<Item = (&'a str, &'a str)>) {
    let links: Vec<_> = links.collect();
    let width = links.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, link) in links {
        println!(" {name:width$}  {link}");
    }
}

fn list_weights(args: &Args) -> CliResult {
    if args.json {
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
    let header = ["name", "top-1", "top-5", "resize", "crop"];
    let mut table = listing(header, &[1, 2, 3, 4]);
    for weights in known::all() {
        table.add_row([
            weights.name.to_string(),
            format!("{:.3} %", weights.top1),
            format!("{:.3} %", weights.top5),
            weights.resize.to_string(),
            weights.crop.to_string(),
        ]);
    }
    println!("{}\n", table.trim_fmt());
    if args.links {
        print_links(
            known::all()
                .iter()
                .map(|weights| (weights.name, weights.url)),
        );
        println!();
    }
    let mut note = listing([""], &[]);
    note.add_row([format!(
        "accuracy on ImageNet-1k as published by torchvision; {}",
        known::LICENCE
    )]);
    println!("{}", note.trim_fmt());
    Ok(ExitCode::SUCCESS)
}
