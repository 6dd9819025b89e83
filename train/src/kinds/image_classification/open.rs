//! Opening a trained image classifier.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use tinderbox_data::files::{MAX_METADATA, read_text_limited};
use tinderbox_model_cnn::ImageClassifier;
use tinderbox_model_cnn::registry::{self, InputInfo};
use tinderbox_model_cnn::weights::known;
use tinderbox_weights::{LoadOptions, Mismatch, parameter_names};

use super::bundle::ImageBundle;
use super::data::preprocess;
use super::pretrained::{locate, read};
use super::recipe::ImageDataRecipe;
use crate::TrainError;
use crate::kinds::classes::class_name;
use crate::pretrained::DataAccess;
use crate::recipe::nearest;
use crate::run::{Bundle, RunDir, Which};

/// Image classifier with its labels and preprocessing, ready for use.
#[derive(Debug)]
pub struct LoadedImageClassifier {
    /// Config, labels and preprocessing.
    pub bundle: ImageBundle,
    /// The network, without gradients.
    pub model: ImageClassifier,
    /// Source of the weights, as in "step 1880 (moving average)" or a path.
    pub origin: String,
    /// Weights that did not match the model, if `strict` was off.
    pub not_loaded: Mismatch,
    pub(super) device: Device,
    run: Option<RunDir>,
}

/// Opens the best checkpoint of a run. [`OpenOptions`] opens other weights.
///
/// ```no_run
/// use burn::tensor::Device;
/// use tinderbox_train::kinds::image_classification;
///
/// let model = image_classification::open("runs/cnn", &Device::flex())?;
/// for class in model.predict("photo.jpg")?.iter().take(5) {
///     println!("{}: {:.3}", class.class, class.probability);
/// }
/// # Ok::<(), tinderbox_train::TrainError>(())
/// ```
///
/// # Errors
/// `path` is not the run directory of an image classifier, or a file of it is missing or damaged.
pub fn open(path: impl AsRef<Path>, device: &Device) -> Result<LoadedImageClassifier, TrainError> {
    let run = RunDir::open(path.as_ref())?;
    OpenOptions::default().open_run(run, device, None)
}

/// Choice of weights for an image classifier.
///
/// ```no_run
/// use burn::tensor::Device;
/// use tinderbox_train::kinds::image_classification::OpenOptions;
/// use tinderbox_train::pretrained::DataAccess;
///
/// let mut access = DataAccess::new("cache".into());
/// // Published weights, downloaded into the cache folder.
/// let name = "resnet18.imagenet1k_v1";
/// let model = OpenOptions::default().open(name, &Device::flex(), &mut access)?;
/// // A weights file in place of the checkpoint; classes and preprocessing are still the run's.
/// let model = OpenOptions::default()
///     .with_weights("other.safetensors")
///     .open("runs/cnn", &Device::flex(), &mut access)?;
/// # Ok::<(), tinderbox_train::TrainError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenOptions {
    /// Checkpoint of a run. Default: the best.
    pub checkpoint: Which,
    /// Use the raw weights even if the run kept a moving average of them.
    pub live: bool,
    /// Weights to use in place of a run's own: a file, or a name of
    /// [`known`](tinderbox_model_cnn::weights::known).
    pub weights: Option<String>,
    /// Key of the weights in a file that has several, such as `model_ema`.
    pub weights_key: Option<String>,
    /// Require every weight to match the model. Default: true.
    pub strict: bool,
    /// Architecture of a weights file that is opened without a run, by its name in the registry.
    pub model: Option<String>,
    /// Text file with the class names of such a file, one per line.
    pub labels: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            checkpoint: Which::Best,
            live: false,
            weights: None,
            weights_key: None,
            strict: true,
            model: None,
            labels: None,
        }
    }
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

    /// Sets weights to use in place of a run's own.
    #[must_use]
    pub fn with_weights(mut self, weights: impl Into<String>) -> Self {
        self.weights = Some(weights.into());
        self
    }

    /// Sets the key of the weights in a file that has several.
    #[must_use]
    pub fn with_weights_key(mut self, key: Option<String>) -> Self {
        self.weights_key = key;
        self
    }

    /// Sets whether every weight must match.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets the architecture of a weights file without a run.
    #[must_use]
    pub fn with_model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Sets the file with the class names of a weights file without a run.
    #[must_use]
    pub fn with_labels(mut self, labels: impl Into<PathBuf>) -> Self {
        self.labels = Some(labels.into());
        self
    }

    /// Opens a run directory, a weights file, or published weights by name.
    ///
    /// # Errors
    /// There is nothing to open at `path`, a file is missing or damaged, the weights are of another
    /// model, they cannot be downloaded, or options are set that do not apply.
    pub fn open(
        &self,
        path: impl AsRef<Path>,
        device: &Device,
        access: &mut DataAccess,
    ) -> Result<LoadedImageClassifier, TrainError> {
        let path = path.as_ref();
        let name = path.to_string_lossy();
        if self.model.is_some() || path.is_file() || known::find(&name).is_some() {
            return self.open_weights(&name, device, access);
        }
        self.open_run(RunDir::open(path)?, device, Some(access))
    }

    fn open_run(
        &self,
        run: RunDir,
        device: &Device,
        access: Option<&mut DataAccess>,
    ) -> Result<LoadedImageClassifier, TrainError> {
        if self.labels.is_some() {
            return Err(TrainError::Usage(
                "--labels is for a weights file in place of a run; a run has its own".into(),
            ));
        }
        if !self.strict && self.weights.is_none() {
            return Err(TrainError::Usage(
                "--strict false is for weights from elsewhere: give them with --weights".into(),
            ));
        }
        if self.weights_key.is_some() && self.weights.is_none() {
            return Err(TrainError::Usage(
                "--weights-key is for weights from elsewhere: give them with --weights".into(),
            ));
        }
        let bundle = ImageBundle::read(&run)?;
        if let (Some(name), Some(access)) = (&self.weights, access) {
            let file = locate(
                name,
                &run.recipe_as::<ImageDataRecipe>()?.model.name,
                access,
            )?;
            return self.load(Some(run), bundle, &file, device);
        }
        let weights = run.weights(self.checkpoint, self.live)?;
        let origin = weights.origin();
        let model = weights.load_into(bundle.config.init(device)?)?;
        Ok(LoadedImageClassifier {
            bundle,
            model,
            origin,
            not_loaded: Mismatch::default(),
            device: device.clone(),
            run: Some(run),
        })
    }

    /// Opens weights without a run: the architecture's own preprocessing, and as many classes as
    /// the file has.
    fn open_weights(
        &self,
        name: &str,
        device: &Device,
        access: &mut DataAccess,
    ) -> Result<LoadedImageClassifier, TrainError> {
        let known = known::find(name);
        let model = self.model.as_deref().or(known.map(|known| known.model));
        let model = model.ok_or_else(|| {
            TrainError::Usage(format!(
                "{name} is not a run directory; name the architecture of a weights file with --model"
            ))
        })?;
        let info = registry::find(model).ok_or_else(|| unknown_model(model))?;
        let file = locate(name, info.name, access)?;
        let mut config = (info.config)();
        if let Some(classes) = self.num_classes(&file, &config.init(device)?)? {
            config = config.with_num_classes(classes);
        }
        // Published weights were measured with a resize and crop of their own.
        let input = InputInfo {
            resize_size: known.map_or(info.input.resize_size, |known| known.resize),
            crop_size: known.map_or(info.input.crop_size, |known| known.crop),
            ..info.input
        };
        let bundle = ImageBundle {
            labels: self.read_labels(config.num_classes())?,
            preprocess: preprocess(&input, &config),
            config,
        };
        self.load(None, bundle, &file, device)
    }

    fn load(
        &self,
        run: Option<RunDir>,
        bundle: ImageBundle,
        file: &Path,
        device: &Device,
    ) -> Result<LoadedImageClassifier, TrainError> {
        let options = LoadOptions {
            strict: self.strict,
            ..LoadOptions::default()
        };
        let model = bundle.config.init(device)?;
        let dict = read(file, self.weights_key.as_deref())?;
        let (model, not_loaded) = tinderbox_weights::load_dict(model, dict, &options, file)?;
        Ok(LoadedImageClassifier {
            bundle,
            model,
            origin: file.display().to_string(),
            not_loaded,
            device: device.clone(),
            run,
        })
    }

    /// Number of classes of the head of `model` in a weights file.
    fn num_classes(
        &self,
        path: &Path,
        model: &ImageClassifier,
    ) -> Result<Option<usize>, TrainError> {
        let names: BTreeSet<String> = parameter_names(model).into_iter().collect();
        let weights = read(path, self.weights_key.as_deref())?;
        let weights = weights.find(names.len(), |name| names.contains(name), path)?;
        let bias = weights.shape(&format!("{}.bias", model.head_name()));
        Ok(bias.and_then(|shape| shape.first().copied()))
    }

    fn read_labels(&self, classes: usize) -> Result<Vec<String>, TrainError> {
        let Some(path) = &self.labels else {
            return Ok(Vec::new());
        };
        let text = read_text_limited(path, MAX_METADATA).map_err(|e| TrainError::io(path, e))?;
        let labels: Vec<String> = text.lines().map(|line| line.trim().to_string()).collect();
        if labels.len() == classes {
            return Ok(labels);
        }
        let lines = labels.len();
        let reason = format!("{lines} lines for a network of {classes} classes");
        Err(TrainError::corrupt(path, reason))
    }
}

impl LoadedImageClassifier {
    /// The run directory, unless the weights were opened without one.
    pub fn run(&self) -> Option<&RunDir> {
        self.run.as_ref()
    }

    /// Name of a class: its label or, without one, its index.
    pub fn label(&self, class: usize) -> String {
        class_name(&self.bundle.labels, class)
    }
}

fn unknown_model(name: &str) -> TrainError {
    let names = registry::MODELS.iter().map(|model| model.name);
    TrainError::Usage(match nearest(name, names) {
        Some(nearest) => format!("there is no model `{name}`; did you mean `{nearest}`?"),
        None => format!("there is no model `{name}`; `tinderbox models` lists them"),
    })
}
