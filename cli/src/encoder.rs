//! An encoder to use: of a run, or as published.

use std::path::Path;

use burn::tensor::Device;
use tinderbox_train::kinds::encoder::LoadedEncoder;
use tinderbox_train::run::RunDir;

use crate::trained::WeightsArgs;

/// The encoder at `path`: a run directory, or a folder of Hugging Face's.
pub(crate) fn open(
    path: &Path,
    weights: &WeightsArgs,
    device: &Device,
) -> anyhow::Result<LoadedEncoder> {
    if path.join("config.json").is_file() && !path.join("recipe.toml").is_file() {
        weights.refuse(path)?;
        return Ok(LoadedEncoder::of_folder(path, device)?);
    }
    let (which, live) = weights.which();
    Ok(LoadedEncoder::of_run(
        &RunDir::open(path)?,
        which,
        live,
        device,
    )?)
}
