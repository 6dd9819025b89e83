//! Weights to use: a checkpoint of a run, or a weights file.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::bail;
use burn::tensor::Device;
use clap::{ArgAction, Args};
use tinderbox_train::kinds::image_classification::{self, LoadedImageClassifier};
use tinderbox_train::kinds::{encoder, language_modeling};
use tinderbox_train::pretrained::{DataAccess, not_loaded};
use tinderbox_train::run::Which;

use crate::download::with_data;

/// Checkpoint of a run.
#[derive(Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct CheckpointArgs {
    /// Checkpoint of the run: best, latest, or a step number.
    #[arg(long, default_value = "best", value_name = "WHICH")]
    checkpoint: Checkpoint,
    /// Use the raw weights instead of their moving average (EMA).
    ///
    /// By default the moving average is used if the run kept one.
    #[arg(long)]
    live: bool,
}

#[derive(Clone, Copy)]
struct Checkpoint(Which);

impl FromStr for Checkpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(Self(Which::Best)),
            "latest" => Ok(Self(Which::Latest)),
            step => match step.parse() {
                Ok(step) => Ok(Self(Which::Step(step))),
                Err(_) => Err("expected best, latest, or a step number".into()),
            },
        }
    }
}

/// Image weights from a file, in place of a run's own or without a run.
#[derive(Args)]
#[command(next_help_heading = "Model")]
pub(crate) struct WeightsFileArgs {
    /// Image weights to use instead of a checkpoint's.
    ///
    /// A file (safetensors or PyTorch) or a name from `tinderbox models --weights`. Model, classes
    /// and preprocessing are still the run's.
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["checkpoint", "live"])]
    weights: Option<String>,
    /// Key of the weights in a file that has several.
    ///
    /// Such as model_ema, or the prefix of a network in a module that has others.
    #[arg(long, value_name = "KEY")]
    weights_key: Option<String>,
    /// Require every weight to match the model.
    ///
    /// With false, weights that do not match are skipped and listed.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    strict: bool,
    /// Architecture of a weights file that is given in place of RUN.
    ///
    /// `tinderbox models` lists the names.
    #[arg(long, value_name = "NAME", conflicts_with = "weights")]
    model: Option<String>,
    /// Class names of such a file: a text file, one name per line.
    #[arg(long, value_name = "FILE", conflicts_with = "weights")]
    labels: Option<PathBuf>,
}

impl CheckpointArgs {
    pub(crate) fn which(&self) -> (Which, bool) {
        (self.checkpoint.0, self.live)
    }

    /// Options for an encoder.
    pub(crate) fn encoder(&self) -> encoder::OpenOptions {
        encoder::OpenOptions::default()
            .with_checkpoint(self.checkpoint.0)
            .with_live(self.live)
    }

    /// Options for a language model.
    pub(crate) fn language_model(&self) -> language_modeling::OpenOptions {
        language_modeling::OpenOptions::default()
            .with_checkpoint(self.checkpoint.0)
            .with_live(self.live)
    }
}

impl WeightsFileArgs {
    /// Opens an image classifier: a run directory, a weights file, or published weights by name.
    /// Reports weights that did not match on standard error.
    pub(crate) fn open(
        &self,
        path: &Path,
        checkpoint: &CheckpointArgs,
        device: &Device,
    ) -> anyhow::Result<LoadedImageClassifier> {
        let mut options = image_classification::OpenOptions::default()
            .with_checkpoint(checkpoint.checkpoint.0)
            .with_live(checkpoint.live)
            .with_strict(self.strict);
        options.weights.clone_from(&self.weights);
        options.weights_key.clone_from(&self.weights_key);
        options.model.clone_from(&self.model);
        options.labels.clone_from(&self.labels);
        // A run needs no cache folder, which a system may not have.
        let is_run = self.weights.is_none() && self.model.is_none() && path.is_dir();
        let loaded = if is_run {
            options.open(path, device, &mut DataAccess::new(PathBuf::new()))?
        } else {
            with_data(|mut access| Ok(options.open(path, device, &mut access)?))?
        };
        if !loaded.not_loaded.is_empty() {
            eprintln!("{}: {}", loaded.origin, not_loaded(&loaded.not_loaded));
        }
        Ok(loaded)
    }

    /// Fails if any of these options is given: the model at `path` is a text model.
    pub(crate) fn refuse(&self, path: &Path) -> anyhow::Result<()> {
        let given = [
            ("weights", self.weights.is_some()),
            ("weights-key", self.weights_key.is_some()),
            ("strict", !self.strict),
            ("model", self.model.is_some()),
            ("labels", self.labels.is_some()),
        ];
        if let Some((option, _)) = given.iter().find(|(_, is_given)| *is_given) {
            bail!(
                "--{option} is for image models, and {} is a text model",
                path.display()
            );
        }
        Ok(())
    }
}
