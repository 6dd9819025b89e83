//! `tinderbox recipes`

use std::process::ExitCode;

use anyhow::Context;
use tinderbox_train::TrainError;
use tinderbox_train::recipe::{Recipe, builtin, builtin_names};

use crate::Done;
use crate::shared::table;

/// List the built-in recipes, or print one.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox recipes
  tinderbox recipes cnn > mine.toml")]
pub(crate) struct Args {
    /// The recipe to print.
    name: Option<String>,
}

pub(crate) fn run(args: &Args) -> Done {
    if let Some(name) = &args.name {
        let text = builtin(name).with_context(|| {
            let names: Vec<&str> = builtin_names().collect();
            format!(
                "no built-in recipe `{name}`; there are: {}",
                names.join(", ")
            )
        })?;
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(["recipe", "what it does"], &[]);
    for name in builtin_names() {
        let recipe = Recipe::load(name, &[]).map_err(TrainError::from)?;
        table.add_row([name, &recipe.description]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
