//! Opening a trained text encoder.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use tinderbox_data::text::Tokenizer;
use tinderbox_data::text::encoder::InputBuilder;
use tinderbox_data::text::encoder::token_classification::WordCut;
use tinderbox_model_transformer::huggingface::{self, OpenedEncoder};
use tinderbox_model_transformer::layers::Activation;
use tinderbox_model_transformer::sentence::CrossEncoder;
use tinderbox_model_transformer::{Head, TextEncoder, TextEncoderConfig};

use super::bundle::EncoderBundle;
use super::fit::max_length;
use super::inputs::check_tokens;
use super::recipe::EncoderDataRecipe;
use crate::TrainError;
use crate::kinds::classes::class_name;
use crate::kinds::is_hugging_face_folder;
use crate::params::adaptation;
use crate::run::{Bundle, RunDir, Which};

/// Text encoder with its tokenizer and labels, ready for use.
#[derive(Clone, Debug)]
pub struct LoadedEncoder {
    /// Configuration of the network, its head included.
    pub config: TextEncoderConfig,
    /// The network, without gradients.
    pub model: TextEncoder,
    /// Tokenizes texts and adds special tokens.
    pub inputs: InputBuilder,
    /// Names of the classes or tags, in the order of the logits; empty for a head without them.
    pub labels: Vec<String>,
    /// True if the model was trained on questions without an answer.
    pub can_be_impossible: bool,
    /// Token classification: how a text is cut into the words of the training data; `None` for a
    /// Hugging Face folder.
    pub word_cut: Option<WordCut>,
    /// Function that makes scores of a classifier's logits, if the folder has its own, as those of
    /// cross-encoders.
    pub activation: Option<Activation>,
    /// Text to put before every text to classify; mostly empty.
    pub prompt: String,
    /// Source of the weights, as in "step 1880" or a path.
    pub origin: String,
    /// The `[data]` section of the run's recipe; the defaults for a Hugging Face folder.
    pub data: EncoderDataRecipe,
    pub(super) device: Device,
}

/// Opens the best checkpoint of a run, or a Hugging Face model folder. [`OpenOptions`] opens other
/// checkpoints.
///
/// ```no_run
/// use burn::tensor::Device;
/// use tinderbox_train::kinds::encoder::{self, TextInput};
///
/// let model = encoder::open("runs/bert", &Device::flex())?;
/// let texts = [TextInput::new("the film was not bad")];
/// for prediction in model.classify(&texts)? {
///     println!("{}", prediction.classes[0].class);
/// }
/// # Ok::<(), tinderbox_train::TrainError>(())
/// ```
///
/// # Errors
/// `path` is neither, a file is missing or damaged, or tokenizer and model do not belong together.
pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<LoadedEncoder, TrainError> {
    OpenOptions::default().open(path, device)
}

/// Choice of weights for a text encoder.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Checkpoint of a run. Default: the best.
    pub checkpoint: Which,
    /// Use the raw weights even if the run kept a moving average of them.
    pub live: bool,
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

    /// Opens a run directory or a Hugging Face model folder.
    ///
    /// # Errors
    /// As [`open`]; a checkpoint is chosen of a folder that has none.
    pub fn open(
        &self,
        path: impl AsRef<Path>,
        device: &Device,
    ) -> Result<LoadedEncoder, TrainError> {
        let path = path.as_ref();
        if is_hugging_face_folder(path) {
            self.refuse_checkpoint(path)?;
            return open_folder(path, device);
        }
        self.open_run(&RunDir::open(path)?, device)
    }

    /// Opens an encoder of a run. LoRA adapters are merged into the weights they adapt.
    ///
    /// # Errors
    /// The run is of another kind; a file is missing or damaged.
    pub fn open_run(&self, run: &RunDir, device: &Device) -> Result<LoadedEncoder, TrainError> {
        let recipe = run.recipe_as::<EncoderDataRecipe>()?;
        let data = recipe.data.clone();
        let EncoderBundle {
            config,
            tokenizer,
            labels,
            can_be_impossible,
            word_cut,
        } = EncoderBundle::read(run)?;
        let weights = run.weights(self.checkpoint, self.live)?;
        let mut model = config.init(device)?;
        if let Some(lora) = &recipe.model.lora {
            model = adaptation::attach(model, lora, recipe.seed, device)?;
        }
        let origin = weights.origin();
        let model = weights.load_into(model)?.materialize();
        let length = max_length(&data, &tokenizer).min(config.max_length());
        Ok(LoadedEncoder {
            model,
            inputs: InputBuilder::new(tokenizer, length)?.with_rows(config.vocab_size()),
            config,
            labels,
            can_be_impossible,
            word_cut,
            activation: None,
            prompt: String::new(),
            origin,
            data,
            device: device.clone(),
        })
    }

    /// Fails if a checkpoint is chosen: the model at `path` has none.
    pub(super) fn refuse_checkpoint(&self, path: &Path) -> Result<(), TrainError> {
        if self.checkpoint == Which::Best && !self.live {
            return Ok(());
        }
        Err(TrainError::NoCheckpoints {
            path: path.to_path_buf(),
        })
    }
}

fn open_folder(folder: &Path, device: &Device) -> Result<LoadedEncoder, TrainError> {
    let OpenedEncoder {
        config,
        model,
        labels,
    } = huggingface::open_encoder(folder, device)?;
    let mut tokenizer = Tokenizer::open(folder)?;
    let mut length = config.max_length();
    let is_classifier = config.head() == Head::SequenceClassification;
    let cross = if is_classifier {
        CrossEncoder::read(folder, config.num_labels())?
    } else {
        None
    };
    if let Some(cross) = &cross {
        length = cross.max_length.map_or(length, |limit| limit.min(length));
        if cross.lower_case {
            tokenizer = tokenizer.with_lower_case(folder)?;
        }
    }
    check_tokens(&tokenizer, &config)?;
    let limit = tokenizer.settings().max_length;
    length = limit.map_or(length, |limit| limit.min(length));
    let (activation, prompt) = match cross {
        Some(cross) => (Some(cross.activation), cross.prompt),
        None => (None, String::new()),
    };
    Ok(LoadedEncoder {
        inputs: InputBuilder::new(tokenizer, length)?.with_rows(config.vocab_size()),
        activation,
        prompt,
        config,
        model,
        labels,
        can_be_impossible: false,
        word_cut: None,
        origin: folder.display().to_string(),
        data: EncoderDataRecipe::default(),
        device: device.clone(),
    })
}

impl LoadedEncoder {
    /// Name of a class or tag: its label or, without one, its index.
    pub fn label(&self, class: usize) -> String {
        class_name(&self.labels, class)
    }

    /// The files of the run beside the weights.
    pub(super) fn bundle(&self) -> EncoderBundle {
        EncoderBundle {
            config: self.config.clone(),
            tokenizer: self.inputs.tokenizer().clone(),
            labels: self.labels.clone(),
            can_be_impossible: self.can_be_impossible,
            word_cut: self.word_cut.clone(),
        }
    }
}
