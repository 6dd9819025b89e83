//! Pretrained weights of language models.

use tinderbox_weights::LoadOptions;

use super::model::LanguageModel;
use crate::TrainError;
use crate::pretrained::not_loaded;
use crate::recipe::ModelRecipe;

/// Loads the pretrained weights of the recipe into `model`, if it names any. `note` receives what
/// was loaded and what was not.
///
/// # Errors
/// The file is missing or unreadable, or the weights do not fit.
pub(super) fn load(
    model: LanguageModel,
    recipe: &ModelRecipe,
    note: &mut dyn FnMut(&str),
) -> Result<LanguageModel, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    let options = LoadOptions {
        strict: recipe.strict,
        head: None,
    };
    let (model, left) =
        model.with_weights(name.as_ref(), recipe.weights_key.as_deref(), &options)?;
    note(&format!("loaded pretrained weights from {name}"));
    if !left.is_empty() {
        note(&not_loaded(&left));
    }
    Ok(model)
}
