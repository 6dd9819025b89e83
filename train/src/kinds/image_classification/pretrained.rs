//! Pretrained weights of image classifiers: a file, or published weights by name.

use std::path::{Path, PathBuf};

use tinderbox_data::download::{Checksum, RemoteFile, fetch};
use tinderbox_model_cnn::ImageClassifier;
use tinderbox_model_cnn::weights::LoadOptions;
use tinderbox_model_cnn::weights::known::{self, KnownWeights};

use crate::TrainError;
use crate::pretrained::{DataAccess, not_loaded};
use crate::recipe::{ModelRecipe, nearest};

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
pub(super) fn begin_with(
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
