//! A recipe with overrides.

use std::path::PathBuf;

use clap::Args;
use tinderbox_train::TrainError;
use tinderbox_train::recipe::Recipe;

/// `text` as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// A recipe and overrides of its entries.
#[derive(Args)]
pub struct RecipeArgs {
    /// Built-in recipe (see `tinderbox recipes`) or TOML file.
    pub(crate) recipe: String,
    /// Override an entry, as in --set train.epochs=3 (repeatable).
    #[arg(long = "set", value_name = "KEY=VALUE", help_heading = "Recipe")]
    sets: Vec<String>,
    /// Data folder; short for --set data.path=FOLDER.
    #[arg(long, value_name = "FOLDER", help_heading = "Data")]
    data: Option<PathBuf>,
    /// Download the data set into the cache folder if missing.
    #[arg(long, help_heading = "Data")]
    download: bool,
}

impl RecipeArgs {
    /// Recipe and data, for errors that name no file.
    pub(crate) fn subject(&self) -> String {
        match &self.data {
            Some(data) => format!("{}, {}", self.recipe, data.display()),
            None => self.recipe.clone(),
        }
    }

    /// All overrides as `key=value`.
    pub fn sets(&self) -> Vec<String> {
        let mut sets = self.sets.clone();
        if let Some(path) = &self.data {
            sets.push(format!("data.path={}", quoted(&path.to_string_lossy())));
        }
        if self.download {
            sets.push("data.download=true".into());
        }
        sets
    }

    /// Reads the recipe and applies the overrides.
    pub fn load(&self) -> Result<Recipe, TrainError> {
        Ok(Recipe::load(&self.recipe, &self.sets())?)
    }
}
