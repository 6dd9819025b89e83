//! Kinds of work, one folder each: its `[data]` section and checks, its data, its task, its files
//! in a run, and the use of a trained model.
//!
//! Nothing below this module knows of a kind, and `each!` is the only place that chooses between
//! them. A kind is added as a folder, a variant of [`Kind`] and an arm of `each!`.

mod classes;
pub mod encoder;
pub mod image_classification;
pub mod language_modeling;

use std::path::Path;

use tinderbox_model_transformer::huggingface::{self, Family};

use crate::TrainError;
use crate::recipe::{DataSection, Recipe, RecipeError, RecipeToml, nearest, sources_of};
use crate::run::RunDir;
use crate::session::{SessionContext, StartMode, Work};
use crate::trainer::Outcome;

pub use classes::{ClassProbability, ranked, read_logits};

/// The kind of work of a recipe or a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Image classification.
    ImageClassification,
    /// Language modelling: the next token.
    LanguageModeling,
    /// Text encoders: sequence and token classification, question answering, masked language
    /// modelling.
    Encoder,
}

/// Evaluates `$body` with `$Work` as the type of the kind `$kind`.
macro_rules! each {
    ($kind:expr, $Work:ident => $body:expr) => {
        match $kind {
            Kind::ImageClassification => {
                type $Work = image_classification::ImageClassification;
                $body
            }
            Kind::LanguageModeling => {
                type $Work = language_modeling::LanguageModeling;
                $body
            }
            Kind::Encoder => {
                type $Work = encoder::Encoder;
                $body
            }
        }
    };
}

impl Kind {
    /// All kinds. A recipe without `data.source` is of the first.
    pub const ALL: [Self; 3] = [
        Self::ImageClassification,
        Self::LanguageModeling,
        Self::Encoder,
    ];

    /// Name, for messages.
    pub fn name(self) -> &'static str {
        each!(self, W => <W as Work>::Data::KIND)
    }

    /// Values of `data.source`.
    pub fn sources(self) -> &'static [&'static str] {
        each!(self, W => sources_of::<<<W as Work>::Data as DataSection>::Source>())
    }

    /// The kind of work of a recipe.
    ///
    /// # Errors
    /// Its `data.source` is unknown.
    pub fn of<D: serde::Serialize>(recipe: &Recipe<D>) -> Result<Self, TrainError> {
        Ok(Self::of_file(&recipe.as_file()?)?)
    }

    /// The kind of work of a run.
    ///
    /// # Errors
    /// The recipe is missing or damaged.
    pub fn of_run(run: &RunDir) -> Result<Self, TrainError> {
        Self::of(&run.recipe(&[])?)
    }

    /// Detects the kind of work of the model at `path`, a run directory or a Hugging Face model
    /// folder. `None` if it is no folder: a weights file, or nothing at all.
    ///
    /// # Errors
    /// The recipe or `config.json` is damaged, of an unknown model, or there is none in the folder.
    pub fn detect(path: &Path) -> Result<Option<Self>, TrainError> {
        if path.join("recipe.toml").is_file() {
            return Self::of_run(&RunDir::open(path)?).map(Some);
        }
        if path.is_dir() {
            return Self::of_folder(path).map(Some);
        }
        Ok(None)
    }

    /// The kind of work of a model folder, by the `model_type` in its `config.json`.
    fn of_folder(path: &Path) -> Result<Self, TrainError> {
        if !is_hugging_face_folder(path) {
            return Err(TrainError::no_model(path));
        }
        Ok(match huggingface::family(path)? {
            Family::Encoder => Self::Encoder,
            Family::CausalLm => Self::LanguageModeling,
        })
    }

    fn of_file(file: &RecipeToml) -> Result<Self, RecipeError> {
        let Some(source) = file.source() else {
            return Ok(Self::ALL[0]);
        };
        let knows = |kind: &Self| kind.sources().contains(&source);
        Self::ALL
            .into_iter()
            .find(knows)
            .ok_or_else(|| file.error(unknown_source(source)))
    }
}

fn unknown_source(source: &str) -> String {
    let all = Kind::ALL.iter().flat_map(|kind| kind.sources());
    let nearest = match nearest(source, all.copied()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => ".".into(),
    };
    let listed = Kind::ALL.map(|kind| format!("{} ({})", kind.sources().join(", "), kind.name()));
    format!(
        "data.source: unknown source `{source}`{nearest} Sources: {}",
        listed.join("; ")
    )
}

impl Recipe {
    /// The recipe called `name`: built in, or a TOML file at that path. Each of `sets` is
    /// `key=value` with a dotted key.
    ///
    /// # Errors
    /// An unknown name, a file that is not TOML, and all unknown keys and values out of
    /// range together.
    pub fn load(name: &str, sets: &[String]) -> Result<Self, RecipeError> {
        checked(RecipeToml::open(name, sets)?)
    }

    /// The recipe in the file at `path`.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn read(path: &Path, sets: &[String]) -> Result<Self, RecipeError> {
        checked(RecipeToml::read(path, sets)?)
    }

    /// The recipe written in `text`; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &str, origin: &str, sets: &[String]) -> Result<Self, RecipeError> {
        checked(RecipeToml::parse(text, origin, sets)?)
    }

    /// The recipe with its `[data]` section parsed.
    ///
    /// # Errors
    /// The recipe is for another kind of work than `D`, or has unknown keys or values out of range.
    pub fn typed<D: DataSection>(&self) -> Result<Recipe<D>, TrainError> {
        let file = self.as_file()?;
        if !file.is_of::<D>() {
            return Err(TrainError::OtherKind {
                name: self.name.clone(),
                source_name: file.source().unwrap_or_default().into(),
                wanted: D::KIND,
            });
        }
        Ok(file.parse_as()?)
    }
}

/// True if the data of `recipe` are generated from the seed, so that no file is needed.
///
/// # Errors
/// The `[data]` section has unknown keys or values out of range.
pub fn is_generated(recipe: &Recipe) -> Result<bool, TrainError> {
    each!(Kind::of(recipe)?, W => {
        let recipe: Recipe<<W as Work>::Data> = recipe.typed()?;
        Ok(recipe.data.is_generated())
    })
}

fn checked(file: RecipeToml) -> Result<Recipe, RecipeError> {
    let kind = Kind::of_file(&file)?;
    each!(kind, W => file.parse_as::<<W as Work>::Data>()?.untyped())
}

impl RunDir {
    /// The recorded recipe, with `sets` put over it.
    ///
    /// # Errors
    /// It is missing or damaged, or a set is wrong.
    pub fn recipe(&self, sets: &[String]) -> Result<Recipe, TrainError> {
        Ok(Recipe::read(&self.recipe_path(), sets)?)
    }
}

/// True for a folder with a Hugging Face `config.json` that is not a run directory.
fn is_hugging_face_folder(path: &Path) -> bool {
    path.join("config.json").is_file() && !path.join("recipe.toml").is_file()
}

/// Trains a model as `recipe` says.
///
/// # Errors
/// Whatever keeps the run from starting or ends it early; data and recipe are checked
/// before anything is written.
pub fn train(
    recipe: &Recipe,
    start: &StartMode,
    context: SessionContext,
) -> Result<Outcome, TrainError> {
    each!(Kind::of(recipe)?, W => {
        let recipe = resolved(recipe.typed()?, start)?;
        W::train(&recipe, start, context)
    })
}

/// The recipe with a dry run's length and with absolute paths, since the next command may run in
/// another folder.
fn resolved<D: DataSection>(
    mut recipe: Recipe<D>,
    start: &StartMode,
) -> Result<Recipe<D>, TrainError> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|e| TrainError::io(path, e));
    if matches!(start, StartMode::DryRun) {
        recipe.train.max_steps = Some(2);
    }
    for path in recipe.data.paths() {
        *path = absolute(path)?;
    }
    if let Some(weights) = &mut recipe.model.weights
        && Path::new(weights).exists()
    {
        *weights = absolute(weights.as_ref())?.display().to_string();
    }
    D::settle(&mut recipe)?;
    Ok(recipe)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
