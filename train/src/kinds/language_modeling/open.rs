//! Opening a trained language model.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_model_transformer::huggingface::GenerationDefaults;
use tinderbox_model_transformer::{CausalLm, CausalLmConfig, huggingface, llama2c, nanogpt};
use tinderbox_weights::{LFS_POINTER, is_lfs_pointer};

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
    /// Configuration of the network.
    pub config: LanguageModelConfig,
    /// Source of the weights, as in "step 1880" or a path.
    pub origin: String,
    /// Tokens that end a text; `None` for the tokenizer's.
    pub(super) ends: Option<Vec<u32>>,
    /// Settings of generation in a model folder.
    pub(super) defaults: Option<GenerationDefaults>,
    pub(super) device: Device,
}

impl LoadedLanguageModel {
    /// True if `token` ends a text.
    pub fn ends_text(&self, token: u32) -> bool {
        match &self.ends {
            Some(ends) => ends.contains(&token),
            None => self.tokenizer.ends_text(token),
        }
    }

    /// Tokens that end a text.
    pub fn ends(&self) -> Vec<u32> {
        match &self.ends {
            Some(ends) => ends.clone(),
            None => {
                let end = self.tokenizer.end_of_text();
                end.into_iter()
                    .filter(|end| self.tokenizer.ends_text(*end))
                    .collect()
            }
        }
    }
}

/// Opens the best checkpoint of a run, a Hugging Face model folder, a llama2.c checkpoint with
/// `tokenizer.bin` beside it, or nanoGPT's `ckpt.pt` with its `meta.pkl` or GPT-2's tokenizer
/// beside it. [`OpenOptions`] opens other checkpoints.
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
/// `path` is none of them, or a file is missing or damaged.
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

    /// Opens a run directory, a Hugging Face model folder, or a checkpoint of llama2.c or nanoGPT.
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
            return self.open_file(path, device);
        }
        if is_hugging_face_folder(path) {
            let model = huggingface::open(path, device)?;
            let defaults = huggingface::read_generation_defaults(path)?;
            let config = huggingface::read_config(path)?;
            let tokenizer = self.tokenizer_of(path, path)?;
            let mut loaded = published(model, config, tokenizer, path, device);
            loaded.ends = Some(defaults.ends.clone());
            loaded.defaults = Some(defaults);
            return Ok(loaded);
        }
        if path.is_dir() && !path.join("recipe.toml").is_file() {
            return Err(TrainError::no_model(path));
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
        let LanguageBundle {
            config,
            tokenizer,
            ends,
        } = LanguageBundle::read(run)?;
        let weights = run.weights(self.checkpoint, self.live)?;
        let origin = weights.origin();
        let model = weights.load_into(config.init(device)?)?;
        Ok(LoadedLanguageModel {
            model,
            tokenizer,
            config,
            origin,
            ends,
            defaults: None,
            device: device.clone(),
        })
    }

    /// Opens a checkpoint of nanoGPT or llama2.c; its first bytes decide.
    fn open_file(&self, path: &Path, device: &Device) -> Result<LoadedLanguageModel, TrainError> {
        let mut start = Vec::new();
        let file = File::open(path).map_err(|e| TrainError::io(path, e))?;
        let read = file.take(START).read_to_end(&mut start);
        read.map_err(|e| TrainError::io(path, e))?;
        let (model, config, beside) = if nanogpt::is_weights_file(&start) {
            let (model, config) = nanogpt::open(path, device)?;
            let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
            let meta = folder.join(META);
            let beside = if meta.is_file() { meta } else { folder };
            (model, config, beside)
        } else if is_lfs_pointer(&start) {
            return Err(TrainError::corrupt(path, LFS_POINTER));
        } else {
            let model = llama2c::open(path, device)?;
            let config = CausalLmConfig::Llama(llama2c::read_config(path)?);
            (model, config, path.with_file_name("tokenizer.bin"))
        };
        let tokenizer = self.tokenizer_of(path, &beside)?;
        Ok(published(model, config, tokenizer, path, device))
    }

    /// The tokenizer that is given, or the one at `beside`.
    fn tokenizer_of(&self, path: &Path, beside: &Path) -> Result<Tokenizer, TrainError> {
        let tokenizer = self.tokenizer.as_deref().unwrap_or(beside);
        read_tokenizer(tokenizer).map_err(|source| {
            TrainError::Usage(format!(
                "{}: published weights need their tokenizer; name it with --tokenizer: {source}",
                path.display()
            ))
        })
    }
}

/// Number of bytes that show the format of a checkpoint.
const START: u64 = 64;
/// Characters of nanoGPT's character-level data sets.
const META: &str = "meta.pkl";

/// Opens a tokenizer, or the characters in nanoGPT's `meta.pkl`.
fn read_tokenizer(path: &Path) -> Result<Tokenizer, TrainError> {
    if path.extension().is_none_or(|extension| extension != "pkl") {
        return Ok(Tokenizer::open(path)?);
    }
    let characters = tinderbox_weights::read_strings(path, "itos")?;
    let is_dense = characters.keys().copied().eq(0..characters.len() as i64);
    if !is_dense {
        return Err(TrainError::corrupt(
            path,
            "`itos` has gaps between its numbers",
        ));
    }
    let list = characters.into_values().collect();
    Tokenizer::from_characters(list).map_err(|e| TrainError::corrupt(path, e))
}

/// Published weights. Their tokenizer may have tokens that the model has no row for, as a padding
/// token that was added to it alone: a text with one is refused.
fn published(
    model: CausalLm,
    config: CausalLmConfig,
    tokenizer: Tokenizer,
    path: &Path,
    device: &Device,
) -> LoadedLanguageModel {
    LoadedLanguageModel {
        model: LanguageModel::Attention(model),
        tokenizer,
        config: LanguageModelConfig::Attention(config),
        origin: path.display().to_string(),
        ends: None,
        defaults: None,
        device: device.clone(),
    }
}
