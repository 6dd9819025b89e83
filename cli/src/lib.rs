//! The `tinderbox` command: parses arguments, calls the library, prints the answers.
//!
//! A verb is one file in `verbs/`: its arguments, a call, its output. What it computes is done by
//! [`tinderbox_train::kinds`], which any program can call.
//!
//! It is a library so that the benchmark can share its device arguments, tables and exit codes, and
//! so that tests and packagers can use the parser:
//!
//! ```
//! let help = tinderbox_cli::command().render_help().to_string();
//! assert!(help.contains("fill-mask"));
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[macro_use]
pub mod output;

pub mod args;
pub mod download;
pub mod exit;
mod pictures;
mod shell;
pub mod table;
mod usage;
mod verbs;

use std::process::ExitCode;

use clap::{FromArgMatches, Parser, Subcommand};

pub use usage::command;

/// Train, evaluate and use deep-learning models.
#[derive(Parser)]
#[command(name = "tinderbox", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(verbs::train::Args),
    Eval(verbs::eval::Args),
    Recipes(verbs::recipes::Args),
    Predict(verbs::predict::Args),
    Explain(verbs::explain::Args),
    Generate(verbs::generate::Args),
    #[command(visible_alias = "fill")]
    FillMask(verbs::fill_mask::Args),
    Embed(verbs::embed::Args),
    Export(verbs::export::Args),
    Data(verbs::data::Args),
    Models(verbs::models::Args),
    Devices(verbs::devices::Args),
    Completions(verbs::completions::Args),
    Man(verbs::man::Args),
}

/// Runs the verb that the program's arguments name.
pub fn main() -> ExitCode {
    let mut parser = command();
    let cli = match Cli::from_arg_matches(&parser.get_matches_mut()) {
        Ok(cli) => cli,
        Err(error) => error.format(&mut parser).exit(),
    };
    let subject = cli.command.subject();
    let result = match &cli.command {
        Command::Train(args) => verbs::train::run(args),
        Command::Eval(args) => verbs::eval::run(args),
        Command::Recipes(args) => verbs::recipes::run(args),
        Command::Predict(args) => verbs::predict::run(args),
        Command::Explain(args) => verbs::explain::run(args),
        Command::Generate(args) => verbs::generate::run(args),
        Command::FillMask(args) => verbs::fill_mask::run(args),
        Command::Embed(args) => verbs::embed::run(args),
        Command::Export(args) => verbs::export::run(args),
        Command::Data(args) => verbs::data::run(args),
        Command::Models(args) => verbs::models::run(args),
        Command::Devices(args) => verbs::devices::run(args),
        Command::Completions(args) => verbs::completions::run(args),
        Command::Man(args) => verbs::man::run(args),
    };
    exit::finish(match subject {
        Some(subject) => exit::about(&subject, result),
        None => result,
    })
}

impl Command {
    /// The model or recipe that an error is about if it names no file.
    fn subject(&self) -> Option<String> {
        let path = match self {
            Self::Train(args) => return Some(args.subject()),
            Self::Data(args) => return args.subject(),
            Self::Eval(args) => return Some(args.subject()),
            Self::Predict(args) => &args.run,
            Self::Explain(args) => &args.run,
            Self::Export(args) => &args.run,
            Self::Generate(args) => &args.model,
            Self::FillMask(args) => &args.model,
            Self::Embed(args) => &args.model,
            _ => return None,
        };
        Some(path.display().to_string())
    }
}
