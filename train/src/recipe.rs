//! Recipes: a run as a TOML file.
//!
//! A recipe has five sections, `[model] [data] [optimizer] [schedule] [train]`. Four of them are
//! the structs here. The fifth, `[data]`, belongs to the kind of work: it stays a table until the
//! kind that knows its `source` parses it as its [`DataSection`]. The files under `recipes/` are
//! compiled in and known by name; any other recipe is a path. `--set key=value` changes one entry.

mod builtin;
mod difference;
mod error;
mod model;
mod names;
mod problems;
mod read;
mod sections;
mod validate;

pub use builtin::{builtin, builtin_names};
pub use error::RecipeError;
pub use names::{nearest, sources_of};
pub use problems::Problems;
pub use read::RecipeToml;
pub use sections::{
    DataSection, LoraRecipe, ModelRecipe, OptimizerName, OptimizerRecipe, Recipe, ScheduleName,
    ScheduleRecipe, TrainRecipe,
};
