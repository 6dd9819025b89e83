//! `tinderbox recipes`

use std::process::ExitCode;

use anyhow::Context;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::{self, Kind};
use tinderbox_train::recipe::{Recipe, builtin, builtin_names};

use crate::exit::CliResult;
use crate::table::{heading, listing};

/// List the built-in recipes, or print one.
///
/// Recipes marked * generate their own data and run as they are. The others need --data FOLDER or,
/// for CIFAR-10 and Imagenette, --download.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tinderbox recipes
  tinderbox recipes cnn > mine.toml")]
pub(crate) struct Args {
    /// Recipe to print.
    name: Option<String>,
}

pub(crate) fn run(args: &Args) -> CliResult {
    if let Some(name) = &args.name {
        let text = builtin(name).with_context(|| {
            let names: Vec<&str> = builtin_names().collect();
            format!(
                "no built-in recipe `{name}`; the recipes are: {}",
                names.join(", ")
            )
        })?;
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let mut tables = Kind::ALL.map(|kind| (kind, listing(["", ""], &[])));
    for name in builtin_names() {
        let recipe = Recipe::load(name, &[]).map_err(TrainError::from)?;
        let kind = Kind::of(&recipe)?;
        let mark = if kinds::is_generated(&recipe)? {
            "*"
        } else {
            " "
        };
        for (_, table) in tables.iter_mut().filter(|(of, _)| *of == kind) {
            table.add_row([&format!("{mark} {name}"), &recipe.description]);
        }
    }
    for (kind, table) in &tables {
        println!(
            "{}\n{}\n",
            heading(&capitalised(kind.name())),
            table.trim_fmt()
        );
    }
    println!("* generates its own data: `tinderbox train NAME` runs as it is");
    Ok(ExitCode::SUCCESS)
}

/// `text` with a capital first letter.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}
