//! Pretrained weights of image classifiers: a file, or published weights by name.

use std::path::{Path, PathBuf};

use tinderbox_data::download::{Checksum, RemoteFile, fetch};
use tinderbox_model_cnn::ImageClassifier;
use tinderbox_model_cnn::weights::known::{self, KnownWeights};
use tinderbox_model_cnn::weights::{LoadOptions, StateDict, WeightsError, load_dict};

use crate::TrainError;
use crate::pretrained::{DataAccess, not_loaded};
use crate::recipe::{ModelRecipe, nearest};
use crate::session::SessionContext;

/// Locates weights: a file, or published weights by a name of [`known`], which are downloaded if
/// they are not in the cache. `model` is the name of the model.
///
/// # Errors
/// The weights are unknown, belong to another model, or cannot be downloaded.
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
        // Its size is not published.
        bytes: None,
    };
    Ok(fetch(
        &access.cache.join("weights"),
        &file,
        access.progress(),
    )?)
}

/// Reads a weights file; `key` chooses among several sets of weights in it.
pub(super) fn read(path: &Path, key: Option<&str>) -> Result<StateDict, WeightsError> {
    let dict = StateDict::read(path)?;
    match key {
        Some(key) => dict.at(key, path),
        None => Ok(dict),
    }
}

/// Loads the pretrained weights of the recipe into `model`, if it names any. A head for another
/// number of classes stays as it is. `note` receives what was loaded and what was not.
///
/// # Errors
/// As [`locate`]; the weights cannot be read, or do not fit.
pub(super) fn load(
    model: ImageClassifier,
    recipe: &ModelRecipe,
    context: &mut SessionContext,
) -> Result<ImageClassifier, TrainError> {
    let Some(name) = &recipe.weights else {
        return Ok(model);
    };
    let path = locate(name, &recipe.name, &mut context.access)?;
    let head = model.head_name().to_string();
    let options = LoadOptions {
        strict: recipe.strict,
        head: Some(head.clone()),
    };
    let dict = read(&path, recipe.weights_key.as_deref())?;
    let (model, left) = load_dict(model, dict, &options, &path)?;
    context.note(&format!(
        "loaded pretrained weights from {}",
        path.display()
    ));
    let (of_head, rest) = left.split(&head);
    if !of_head.is_empty() {
        context.note(&format!(
            "the head `{head}` does not fit and is newly initialised: {of_head}"
        ));
    }
    if !rest.is_empty() {
        context.note(&not_loaded(&rest));
    }
    Ok(model)
}
