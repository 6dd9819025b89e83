//! Pretrained weights of language models.

use tinderbox_weights::LoadOptions;

use super::LanguageModel;
use crate::TrainError;
use crate::pretrained::not_loaded;
use crate::recipe::ModelRecipe;

/// `model` with the weights that the recipe names, if it names any. `note` is told what was loaded and what was not.
///
/// # Errors
/// There is no such file, it cannot be read, or the weights do not fit.
pub(super) fn begin_with(
    model: LanguageModel,
    recipe: &ModelRecipe,
    note: &mut dyn FnMut(&str),
) -> Result<LanguageModel, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    if recipe.strict {
        let model = model.with_weights(name.as_ref())?;
        note(&format!("beginning with the weights of {name}"));
        return Ok(model);
    }
    let options = LoadOptions {
        strict: false,
        head: None,
    };
    let (model, left) = tinderbox_weights::load_with(model, name.as_ref(), &options)?;
    note(&format!("beginning with the weights of {name}"));
    if !left.is_empty() {
        note(&not_loaded(&left));
    }
    Ok(model)
}
