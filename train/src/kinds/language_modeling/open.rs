//! Opening a trained language model.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_model_transformer::{CausalLm, huggingface, llama2c};

use super::bundle::LanguageBundle;
use super::model::{LanguageModel, LanguageModelConfig};
use crate::TrainError;
use crate::kinds::is_hugging_face_folder;
use crate::run::{Bundle, RunDir, Which};

/// Language model with its tokenizer, ready for use.
#[derive(Debug)]
pub struct LoadedLanguageModel {
    /// The network, without gradients.
    pub model: LanguageModel,
    /// Tokenizer.
    pub tokenizer: Tokenizer,
    /// Configuration of a run's model; `None` for published weights.
    pub config: Option<LanguageModelConfig>,
    /// Source of the weights, as in "step 1880" or a path.
    pub origin: String,
    pub(super) device: Device,
}

/// Opens the best checkpoint of a run, a Hugging Face model folder, or a llama2.c checkpoint with
/// `tokenizer.bin` beside it. [`OpenOptions`] opens other checkpoints.
///
/// ```no_run
/// use burn::tensor::Device;
/// use tinderbox_train::kinds::language_modeling::{self, GenerateOptions};
///
/// let model = language_modeling::open("runs/transformer", &Device::flex())?;
/// let text = model.generate("the old man", &GenerateOptions::default())?;
/// println!("the old man{}", text.text);
/// # Ok::<(), tinderbox_train::TrainError>(())
/// ```
///
/// # Errors
/// `path` is none of them, a file is missing or damaged, or tokenizer and model do not belong
/// together.
pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<LoadedLanguageModel, TrainError> {
    OpenOptions::default().open(path, device)
}

/// Choice of weights and tokenizer for a language model.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Checkpoint of a run. Default: the best.
    pub checkpoint: Which,
    /// Use the raw weights even if the run kept a moving average of them.
    pub live: bool,
    /// Tokenizer of published weights, if not beside them.
    pub tokenizer: Option<PathBuf>,
}

impl OpenOptions {
    /// Sets the checkpoint.
    #[must_use]
    pub fn with_checkpoint(mut self, checkpoint: Which) -> Self {
        self.checkpoint = checkpoint;
        self
    }

    /// Chooses between raw weights and their moving average.
    #[must_use]
    pub fn with_live(mut self, live: bool) -> Self {
        self.live = live;
        self
    }

    /// Sets the tokenizer of published weights: a file, or the folder that it is in.
    #[must_use]
    pub fn with_tokenizer(mut self, tokenizer: impl Into<PathBuf>) -> Self {
        self.tokenizer = Some(tokenizer.into());
        self
    }

    /// Opens a run directory, a Hugging Face model folder, or a llama2.c checkpoint.
    ///
    /// # Errors
    /// As [`open`](open()); a tokenizer is given for a run, which has its own.
    pub fn open(
        &self,
        path: impl AsRef<Path>,
        device: &Device,
    ) -> Result<LoadedLanguageModel, TrainError> {
        let path = path.as_ref();
        if path.is_file() {
            let model = llama2c::open(path, device)?;
            let beside = path.with_file_name("tokenizer.bin");
            return self.published(model, path, &beside, device);
        }
        if is_hugging_face_folder(path) {
            let model = huggingface::open(path, device)?;
            return self.published(model, path, path, device);
        }
        if self.tokenizer.is_some() {
            return Err(TrainError::Usage(
                "--tokenizer is for published weights; a run has its own".into(),
            ));
        }
        self.open_run(&RunDir::open(path)?, device)
    }

    /// Opens a language model of a run.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    pub fn open_run(
        &self,
        run: &RunDir,
        device: &Device,
    ) -> Result<LoadedLanguageModel, TrainError> {
        let LanguageBundle { config, tokenizer } = LanguageBundle::read(run)?;
        let weights = run.weights(self.checkpoint, self.live)?;
        let origin = weights.origin();
        let model = weights.load_into(config.init(device)?)?;
        Ok(LoadedLanguageModel {
            model,
            tokenizer,
            config: Some(config),
            origin,
            device: device.clone(),
        })
    }

    fn published(
        &self,
        model: CausalLm,
        path: &Path,
        beside: &Path,
        device: &Device,
    ) -> Result<LoadedLanguageModel, TrainError> {
        let tokenizer = self.tokenizer.as_deref().unwrap_or(beside);
        let tokenizer = Tokenizer::open(tokenizer).map_err(|source| {
            TrainError::Usage(format!(
                "published weights need their tokenizer; name it with --tokenizer: {source}"
            ))
        })?;
        let (rows, tokens) = (model.vocab_size(), tokenizer.vocab_size());
        if tokens > rows {
            return Err(TrainError::Mismatch(format!(
                "the tokenizer has {tokens} tokens and the model {rows}: they do not belong together"
            )));
        }
        Ok(LoadedLanguageModel {
            model: LanguageModel::Attention(model),
            tokenizer,
            config: None,
            origin: path.display().to_string(),
            device: device.clone(),
        })
    }
}
