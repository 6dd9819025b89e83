//! What a run is, as a TOML file.
//!
//! A recipe has five sections, `[model] [data] [optimizer] [schedule] [train]`, each a plain struct here with its
//! defaults. The files under `recipes/` are compiled in and known by name; any other is a path. `--set key=value`
//! changes one entry.

mod difference;
mod read;
mod validate;

use std::path::PathBuf;

use data::image::Transform;
use serde::{Deserialize, Serialize};

pub use read::{RecipeError, builtin, builtin_names, nearest};

/// One run, completely described.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// What the run directory is called.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Everything random in the run is a function of this.
    pub seed: u64,
    /// Which network.
    pub model: ModelRecipe,
    /// Which data, and what is done to them.
    pub data: DataRecipe,
    /// How weights follow gradients.
    pub optimizer: OptimizerRecipe,
    /// How the learning rate changes.
    pub schedule: ScheduleRecipe,
    /// How long, how often, how many.
    pub train: TrainRecipe,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            name: "run".into(),
            description: String::new(),
            seed: 42,
            model: ModelRecipe::default(),
            data: DataRecipe::default(),
            optimizer: OptimizerRecipe::default(),
            schedule: ScheduleRecipe::default(),
            train: TrainRecipe::default(),
        }
    }
}

/// The network: a name from the registry, and any options of that model under their own names (`num_classes` and
/// `in_channels` follow the data unless they are given).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecipe {
    /// A name that `tinderbox models` lists.
    pub name: String,
    /// The weights that training begins with: a file, or a name that `tinderbox models --weights` lists. Without it they
    /// are drawn at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// All of these weights must fit, except that a head for another number of classes is left new; otherwise whatever
    /// fits is used.
    pub strict: bool,
    /// Only the head learns; everything before it stays as it is, running statistics too.
    pub freeze_backbone: bool,
    /// Options of that model.
    #[serde(flatten)]
    pub options: toml::Table,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            name: "simple_cnn".into(),
            weights: None,
            strict: true,
            freeze_backbone: false,
            options: toml::Table::new(),
        }
    }
}

/// Where images come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// Ten classes of drawn shapes, generated from the seed; needs no file.
    Shapes,
    /// CIFAR-10's binary batches.
    Cifar10,
    /// MNIST, as IDX files.
    Mnist,
    /// Fashion-MNIST, as IDX files.
    FashionMnist,
    /// Any data set in MNIST's IDX files, under MNIST's file names.
    Idx,
    /// A folder with `train/CLASS/*.{jpg,jpeg,png}` and `val/CLASS/...`.
    Folder,
    /// ImageNet (ILSVRC 2012) as it is unpacked, or in its archives.
    #[serde(rename = "imagenet")]
    ImageNet,
    /// Tiny-ImageNet as it is unpacked.
    #[serde(rename = "tiny_imagenet")]
    TinyImageNet,
    /// Tar shards, as `tinderbox data shards` and WebDataset's tools write them: `train-*.tar` and `val-*.tar`.
    Shards,
}

/// The data, and what is done to an image before the network sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataRecipe {
    /// Where images come from.
    pub source: DataSource,
    /// The folder they lie in. Without it, downloadable sets are looked for in the cache folder.
    pub path: Option<PathBuf>,
    /// Download the set into the cache folder if it is not there.
    pub download: bool,
    /// Use only the first so many classes.
    pub classes: Option<usize>,
    /// Use only this share of the images of each class, at least one: always the same ones.
    pub fraction: Option<f64>,
    /// The same for validation images, where it is to be another share.
    pub val_fraction: Option<f64>,
    /// Number of training images that `shapes` draws.
    pub train_size: usize,
    /// Number of validation images that `shapes` draws.
    pub val_size: usize,
    /// Height and width of the images that `shapes` draws.
    pub image_size: usize,
    /// Applied to a training image, in this order.
    ///
    /// Without it nothing is random: what validation does is done.
    pub train_transforms: Option<Vec<Transform>>,
    /// Applied to a validation image, in this order; the model's own resize and crop by default.
    pub val_transforms: Option<Vec<Transform>>,
    /// Mix each training image with another of its batch, by shares from Beta(alpha, alpha); 0 does not (mixup).
    pub mixup_alpha: f64,
    /// Replace a rectangle of each training image by that of another, likewise (CutMix). With both, one of them is drawn
    /// for each batch.
    pub cutmix_alpha: f64,
    /// Per-channel mean, of pixels in `[0, 1]`; the model's own by default.
    pub mean: Option<Vec<f32>>,
    /// Per-channel standard deviation; the model's own by default.
    pub std: Option<Vec<f32>>,
}

impl Default for DataRecipe {
    fn default() -> Self {
        Self {
            source: DataSource::Shapes,
            path: None,
            download: false,
            classes: None,
            fraction: None,
            val_fraction: None,
            train_size: 12_000,
            val_size: 2_000,
            image_size: 32,
            train_transforms: None,
            val_transforms: None,
            mixup_alpha: 0.0,
            cutmix_alpha: 0.0,
            mean: None,
            std: None,
        }
    }
}

/// Which optimizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerName {
    /// Stochastic gradient descent with momentum, as `torch.optim.SGD` (dampening 0).
    Sgd,
    /// Adam with L2 regularisation, as `torch.optim.Adam`.
    Adam,
    /// Adam with decoupled weight decay, as `torch.optim.AdamW`.
    #[serde(rename = "adamw")]
    AdamW,
}

/// How weights follow gradients. The defaults are PyTorch's, except that momentum is on, and that weight decay spares
/// everything with one dimension (biases and the affine parameters of norms) unless `decay_all` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OptimizerRecipe {
    /// Which optimizer.
    pub name: OptimizerName,
    /// The base learning rate that the schedule scales.
    pub learning_rate: f64,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD: look ahead along the momentum (Nesterov).
    pub nesterov: bool,
    /// Weight decay of parameters with two or more dimensions.
    pub weight_decay: f64,
    /// Decay biases and the affine parameters of norms too, as PyTorch does unless it is given groups.
    pub decay_all: bool,
    /// Adam's decay of the first and second moment.
    pub betas: [f64; 2],
    /// Adam's epsilon.
    pub eps: f64,
}

impl Default for OptimizerRecipe {
    fn default() -> Self {
        Self {
            name: OptimizerName::Sgd,
            learning_rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            decay_all: false,
            betas: [0.9, 0.999],
            eps: 1e-8,
        }
    }
}

/// The shape of the learning rate over the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// The base rate throughout.
    Constant,
    /// Multiplied by `gamma` every `step_epochs`.
    Step,
    /// Multiplied by `gamma` at each of the `milestones`.
    MultiStep,
    /// Half a cosine from the base rate to `min_learning_rate`.
    Cosine,
    /// A straight line from the base rate to `min_learning_rate`.
    Linear,
}

/// How the learning rate changes. It is a function of the step, so that a resumed run needs no state for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleRecipe {
    /// The shape.
    pub name: ScheduleName,
    /// Linear warm-up over this many optimizer steps, before the shape begins.
    pub warmup_steps: u64,
    /// The same in epochs; only one of the two can be given.
    pub warmup_epochs: f64,
    /// Cosine and linear end here.
    pub min_learning_rate: f64,
    /// Step: epochs between two drops.
    pub step_epochs: f64,
    /// Multi-step: the epochs after which the rate drops, the warm-up not counted.
    pub milestones: Vec<f64>,
    /// Step and multi-step: what a drop multiplies by.
    pub gamma: f64,
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self {
            name: ScheduleName::Constant,
            warmup_steps: 0,
            warmup_epochs: 0.0,
            min_learning_rate: 0.0,
            step_epochs: 30.0,
            milestones: Vec::new(),
            gamma: 0.1,
        }
    }
}

/// How long, how often, how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainRecipe {
    /// Passes over the training data.
    pub epochs: u64,
    /// Stop after this many optimizer steps instead.
    pub max_steps: Option<u64>,
    /// Images per batch.
    pub batch_size: usize,
    /// Batches per optimizer step; their gradients are averaged.
    pub accumulate: usize,
    /// Leave out the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Scale gradients down to this global norm.
    pub clip_norm: Option<f64>,
    /// Keep an exponential moving average of the weights with this decay, and evaluate that.
    pub ema_decay: Option<f64>,
    /// Share of the target spread evenly over all classes.
    pub label_smoothing: f64,
    /// Evaluate every so many optimizer steps; without it, after each epoch.
    pub eval_every: Option<u64>,
    /// Write a checkpoint every so many optimizer steps; without it, after each epoch.
    pub checkpoint_every: Option<u64>,
    /// How many checkpoints to keep, besides the best one.
    pub keep_last: usize,
    /// The validation metric that decides which checkpoint is best.
    pub best_metric: String,
    /// Stop after this many evaluations without a better `best_metric`.
    pub patience: Option<u64>,
    /// Optimizer steps between two training records in `metrics.jsonl`.
    pub log_every: u64,
    /// Threads that decode and augment ahead of the step. The batches are the same for any number.
    pub workers: usize,
    /// How many unreadable images may be left out before the run stops.
    pub skip_bad: usize,
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            epochs: 10,
            max_steps: None,
            batch_size: 64,
            accumulate: 1,
            drop_last: false,
            clip_norm: None,
            ema_decay: None,
            label_smoothing: 0.0,
            eval_every: None,
            checkpoint_every: None,
            keep_last: 3,
            best_metric: "accuracy".into(),
            patience: None,
            log_every: 10,
            workers: 1,
            skip_bad: 0,
        }
    }
}
