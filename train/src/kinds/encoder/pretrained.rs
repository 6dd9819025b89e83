//! Pretrained weights of text encoders: a file or a Hugging Face model folder.

use std::path::Path;

use tinderbox_model_transformer::{TextEncoder, huggingface};

use crate::TrainError;
use crate::recipe::ModelRecipe;

/// Loads the pretrained weights of the recipe into `model`, if it names any: a file or a Hugging
/// Face model folder. A head of another kind is newly initialised, and so are labels without one of
/// the `rows` of the published head; without `rows`, a head for another number of labels.
///
/// # Errors
/// The weights are missing or unreadable, or do not fit.
pub(super) fn load(
    model: TextEncoder,
    recipe: &ModelRecipe,
    rows: Option<&[Option<usize>]>,
    note: &mut dyn FnMut(&str),
) -> Result<TextEncoder, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    let path = Path::new(name);
    let (model, left) = match rows {
        Some(rows) => huggingface::load_encoder_rows(model, path, rows)?,
        None => huggingface::load_encoder(model, path, true)?,
    };
    note(&format!("loaded pretrained weights from {name}"));
    if !left.is_empty() {
        note(&format!("newly initialised, or not used: {left}"));
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
            "warning: {} stay at their random initial values; use model.freeze_layers instead to train them",
            idle.join(", ")
        ));
    }
    Ok(model)
}
