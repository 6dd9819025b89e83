//! Weights from outside of a run: a file, or a published file by its name.

use std::path::{Path, PathBuf};

use tinderbox_data::download::{Checksum, RemoteFile, fetch};
use tinderbox_model_cnn::ImageClassifier;
use tinderbox_model_cnn::weights::known::{self, KnownWeights};
use tinderbox_model_cnn::weights::{LoadOptions, Mismatch};
use tinderbox_model_transformer::{TextEncoder, huggingface};

use crate::TrainError;
use crate::language::LanguageModel;
use crate::recipe::{ModelRecipe, nearest};
use crate::task::image_data::DataAccess;

/// The file with the weights `name`: a path, or a name of [`known`], which is downloaded if it is not in the cache.
/// `model` is what they are for.
///
/// # Errors
/// There are no such weights, they are of another model, or they cannot be downloaded.
pub fn locate(name: &str, model: &str, access: &mut DataAccess) -> Result<PathBuf, TrainError> {
    if Path::new(name).is_file() {
        return Ok(name.into());
    }
    let Some(found) = known::find(name) else {
        let names = known::all().iter().map(|weights| weights.name);
        return Err(TrainError::NoWeights {
            name: name.into(),
            nearest: nearest(name, names),
        });
    };
    if found.model != model {
        return Err(TrainError::OtherWeights {
            name: name.into(),
            of: found.model.into(),
            model: model.into(),
        });
    }
    download(found, access)
}

fn download(weights: &KnownWeights, access: &mut DataAccess) -> Result<PathBuf, TrainError> {
    let file = RemoteFile {
        url: weights.url,
        name: weights.file_name(),
        checksum: Checksum::Sha256Prefix(weights.sha256),
        // Its length is not published; the server tells it.
        bytes: None,
    };
    Ok(fetch(
        &access.cache.join("weights"),
        &file,
        access.progress,
    )?)
}

/// The network that training begins with: `model` with the weights that the recipe names, if it names any. A head for
/// another number of classes is left as it is. `note` is told what was loaded and what was not.
///
/// # Errors
/// As [`locate`]; the weights cannot be read, or do not fit.
pub fn begin_with(
    model: ImageClassifier,
    recipe: &ModelRecipe,
    access: &mut DataAccess,
    note: &mut dyn FnMut(&str),
) -> Result<ImageClassifier, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    let path = locate(name, &recipe.name, access)?;
    let head = model.head_name().to_string();
    let options = LoadOptions {
        strict: recipe.strict,
        head: Some(head.clone()),
    };
    let (model, left) = tinderbox_weights::load_with(model, &path, &options)?;
    note(&format!("beginning with the weights of {}", path.display()));
    let (of_head, rest) = left.split(&head);
    if !of_head.is_empty() {
        note(&format!(
            "its head `{head}` does not fit and is left new: {of_head}"
        ));
    }
    if !rest.is_empty() {
        note(&not_loaded(&rest));
    }
    Ok(model)
}

/// As [`begin_with`], for a language model, of which no public weights are known by name.
///
/// # Errors
/// There is no such file, it cannot be read, or the weights do not fit.
pub fn begin_language_with(
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

/// As [`begin_with`], for an encoder, whose weights are a file or a folder of Hugging Face's. A head of another kind, or
/// for other labels, is left new.
///
/// # Errors
/// There is nothing there, it cannot be read, or the weights do not fit.
pub fn begin_encoder_with(
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

/// What is said about weights that are not loaded.
pub fn not_loaded(mismatch: &Mismatch) -> String {
    format!("not everything fits, and what does not is left out: {mismatch}")
}
