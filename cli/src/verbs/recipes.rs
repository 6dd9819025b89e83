//! `tinderbox recipes`

use std::process::ExitCode;

use anyhow::Context;
use comfy_table::Table;
use tinderbox_train::TrainError;
use tinderbox_train::kinds::encoder::EncoderDataSource;
use tinderbox_train::kinds::image_classification::ImageDataSource;
use tinderbox_train::kinds::language_modeling::LanguageDataSource;
use tinderbox_train::recipe::{DataRecipe, Recipe, builtin, builtin_names};

use crate::Done;
use crate::shared::{heading, listing};

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

/// Groups of the list, in order.
const KINDS: [&str; 3] = [
    "Image classification",
    "Language modelling",
    "Text encoders",
];

pub(crate) fn run(args: &Args) -> Done {
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
    let mut tables: [Table; 3] = std::array::from_fn(|_| listing(["", ""], &[]));
    for name in builtin_names() {
        let recipe = Recipe::load(name, &[]).map_err(TrainError::from)?;
        let (kind, is_generated) = kind(&recipe.data);
        let mark = if is_generated { "*" } else { " " };
        tables[kind].add_row([&format!("{mark} {name}"), &recipe.description]);
    }
    for (kind, table) in KINDS.iter().zip(&tables) {
        println!("{}\n{}\n", heading(kind), table);
    }
    println!("* generates its own data: `tinderbox train NAME` runs as it is");
    Ok(ExitCode::SUCCESS)
}

/// Index into [`KINDS`], and true if the data are generated.
fn kind(data: &DataRecipe) -> (usize, bool) {
    match data {
        DataRecipe::Image(data) => (0, data.source == ImageDataSource::Shapes),
        DataRecipe::Text(data) => (1, data.source == LanguageDataSource::Grammar),
        DataRecipe::Sequence(data) => (2, data.source == EncoderDataSource::Sentiment),
    }
}
