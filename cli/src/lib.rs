//! The command line of Tinderbox: parses arguments, calls the library, prints answers.
//!
//! It is a library so that the benchmark can share its arguments, tables and exit codes.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod output;

mod encoder;
pub mod exit;
mod kind;
mod language;
pub mod shared;
mod texts;
mod trained;
mod verbs;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::Done;

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
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(verbs::train::Args),
    Eval(verbs::eval::Args),
    Predict(verbs::predict::Args),
    Explain(verbs::explain::Args),
    Embed(verbs::embed::Args),
    Fill(verbs::fill::Args),
    Generate(verbs::generate::Args),
    Export(verbs::export::Args),
    Models(verbs::models::Args),
    Recipes(verbs::recipes::Args),
    Devices(verbs::devices::Args),
    Data(verbs::data::Args),
}

/// Runs the verb that the program's arguments name.
pub fn main() -> ExitCode {
    exit::finish(match &Cli::parse().command {
        Command::Train(args) => verbs::train::run(args),
        Command::Eval(args) => verbs::eval::run(args),
        Command::Predict(args) => verbs::predict::run(args),
        Command::Explain(args) => verbs::explain::run(args),
        Command::Embed(args) => verbs::embed::run(args),
        Command::Fill(args) => verbs::fill::run(args),
        Command::Generate(args) => verbs::generate::run(args),
        Command::Export(args) => verbs::export::run(args),
        Command::Models(args) => verbs::models::run(args),
        Command::Recipes(args) => verbs::recipes::run(args),
        Command::Devices(args) => verbs::devices::run(args),
        Command::Data(args) => verbs::data::run(args),
    })
}
