//! One file per verb. Printing, exit codes and signals live here and nowhere else.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
mod output;

mod bench;
mod data;
mod devices;
mod embed;
mod encoder;
mod eval;
mod explain;
mod export;
mod fill;
mod generate;
mod kind;
mod language;
mod models;
mod predict;
mod recipes;
mod shared;
mod texts;
mod train;
mod trained;

use std::io::Write;
use std::process::ExitCode;

use ::train::TrainError;
use clap::{Parser, Subcommand};

/// Trains, evaluates and uses models, on whichever backend is compiled in.
///
/// Exit codes: 0 done; 1 it failed; 2 the command line or the recipe is wrong; 3 training diverged (the loss is not
/// finite); 130 stopped by Ctrl-C, with a checkpoint written.
#[derive(Parser)]
#[command(
    name = "tinderbox",
    version,
    after_help = "Example: tinderbox train cnn"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Eval(eval::Args),
    Predict(predict::Args),
    Explain(explain::Args),
    Embed(embed::Args),
    Fill(fill::Args),
    Generate(generate::Args),
    Export(export::Args),
    Models(models::Args),
    Recipes(recipes::Args),
    Devices(devices::Args),
    Data(data::Args),
    Bench(bench::Args),
}

/// A verb worked; this is the code to exit with.
type Done = anyhow::Result<ExitCode>;

pub(crate) fn run(cli: &Cli) -> ExitCode {
    let done = match &cli.command {
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Embed(args) => embed::run(args),
        Command::Fill(args) => fill::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Export(args) => export::run(args),
        Command::Models(args) => models::run(args),
        Command::Recipes(args) => recipes::run(args),
        Command::Devices(args) => devices::run(args),
        Command::Data(args) => data::run(args),
        Command::Bench(args) => bench::run(args),
    };
    done.unwrap_or_else(|error| {
        // A reader that went away (`| head`) is no failure worth a message.
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        let _ = writeln!(std::io::stderr(), "error: {}", one_line(&error));
        exit_code(&error)
    })
}

/// The error and its causes on one line. Many of our errors tell their cause themselves; it is not told twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<TrainError>() {
        Some(TrainError::Recipe(_)) => ExitCode::from(2),
        Some(TrainError::NotFinite { .. } | TrainError::WeightsNotFinite { .. }) => {
            ExitCode::from(3)
        }
        _ => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}
