//! What a model is of, told from the folder that it lies in.

use std::path::Path;

use tinderbox_model_transformer::huggingface::is_encoder;
use tinderbox_train::kinds;
use tinderbox_train::run::RunDir;

/// Which kind of model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Of images. Also what cannot be told: whoever opens it says what is wrong.
    Image,
    /// A language model.
    Language,
    /// An encoder of text.
    Encoder,
}

/// The kind of the model at `path`: a run directory, or a folder of Hugging Face's.
pub(crate) fn kind(path: &Path) -> anyhow::Result<Kind> {
    if path.join("recipe.toml").is_file() {
        return Ok(match kinds::Kind::of_run(&RunDir::open(path)?)? {
            kinds::Kind::ImageClassification => Kind::Image,
            kinds::Kind::LanguageModeling => Kind::Language,
            kinds::Kind::Encoder => Kind::Encoder,
        });
    }
    Ok(match path.join("config.json").is_file() {
        false => Kind::Image,
        true if is_encoder(path) => Kind::Encoder,
        true => Kind::Language,
    })
}

/// The error of options for text that a model of images is given; where there is no model at all, that.
pub(crate) fn no_text(path: &Path, message: String) -> anyhow::Error {
    match RunDir::open(path) {
        Err(error) if !path.exists() => error.into(),
        _ => anyhow::Error::msg(message),
    }
}
