//! Pretrained weights of text encoders: a file or a Hugging Face model folder.

use std::path::Path;

use tinderbox_model_transformer::{TextEncoder, huggingface};

use crate::TrainError;
use crate::recipe::ModelRecipe;

/// `model` with the weights that the recipe names, if it names any: a file or a Hugging Face model folder. A head of another
/// kind, or for other labels, is left new.
///
/// # Errors
/// There is nothing there, it cannot be read, or the weights do not fit.
pub(super) fn begin_with(
    model: TextEncoder,
    recipe: &ModelRecipe,
    note: &mut dyn FnMut(&str),
) -> Result<TextEncoder, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    let (model, left) = huggingface::load_encoder(model, Path::new(name), true)?;
    note(&format!("beginning with the weights of {name}"));
    if !left.is_empty() {
        note(&format!("left new, or not used: {left}"));
    }
    let is_idle = |name: &&String| !model.is_head(name);
    let idle: Vec<&str> = left
        .missing
        .iter()
        .filter(is_idle)
        .map(String::as_str)
        .collect();
    if !idle.is_empty() && (recipe.freeze_backbone || recipe.lora.is_some()) {
        note(&format!(
            "warning: {} stay as they were drawn; model.freeze_layers in place of this lets them learn",
            idle.join(", ")
        ));
    }
    Ok(model)
}
