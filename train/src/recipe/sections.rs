//! Sections of a recipe, each a plain struct with its defaults.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problems::Problems;
use crate::TrainError;

/// One run, completely described. `D` is the `[data]` section: a table, or the section of one kind
/// of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, bound(deserialize = "D: Default + Deserialize<'de>"))]
pub struct Recipe<D = toml::Table> {
    /// Name of the run directory.
    pub name: String,
    /// Description in one line.
    pub description: String,
    /// Seed of all randomness in the run.
    pub seed: u64,
    /// Network and its initial weights.
    pub model: ModelRecipe,
    /// Data and their preprocessing.
    pub data: D,
    /// Optimizer and its hyperparameters.
    pub optimizer: OptimizerRecipe,
    /// Learning rate schedule.
    pub schedule: ScheduleRecipe,
    /// Length, batches, evaluation and checkpoints.
    pub train: TrainRecipe,
}

impl<D: Default> Default for Recipe<D> {
    fn default() -> Self {
        Self {
            name: "run".into(),
            description: String::new(),
            seed: 42,
            model: ModelRecipe::default(),
            data: D::default(),
            optimizer: OptimizerRecipe::default(),
            schedule: ScheduleRecipe::default(),
            train: TrainRecipe::default(),
        }
    }
}

impl<D> Recipe<D> {
    /// The same recipe with another `[data]` section.
    pub fn with_data<E>(&self, data: E) -> Recipe<E> {
        Recipe {
            name: self.name.clone(),
            description: self.description.clone(),
            seed: self.seed,
            model: self.model.clone(),
            data,
            optimizer: self.optimizer.clone(),
            schedule: self.schedule.clone(),
            train: self.train.clone(),
        }
    }
}

/// The `[data]` section of one kind of work. Its field `source` is an enum of unit variants, whose
/// names decide the kind.
pub trait DataSection: Clone + Default + Serialize + DeserializeOwned {
    /// Type of the field `source`.
    type Source: DeserializeOwned;

    /// Name of the kind of work, for messages.
    const KIND: &'static str;

    /// Metric that decides which checkpoint is best, unless the recipe names one.
    fn best_metric(&self) -> &'static str;

    /// True if the data are generated from the seed, so that no file is needed.
    fn is_generated(&self) -> bool;

    /// Paths of files and folders, which a resolved recipe holds as absolute ones.
    fn paths(&mut self) -> Vec<&mut PathBuf>;

    /// Replaces settings that pretrained weights decide, before a run is recorded.
    ///
    /// # Errors
    /// The weights cannot be read, or contradict the recipe.
    fn settle(_recipe: &mut Recipe<Self>) -> Result<(), TrainError> {
        Ok(())
    }

    /// Reports every value that is out of range: of the section, of the model, and of options that
    /// are for other kinds.
    fn check(recipe: &Recipe<Self>, problems: &mut Problems);
}

/// Network and initial weights: a name from the registry, and options of that model under their own
/// names (`num_classes` or `vocab_size` follows the data unless given).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecipe {
    /// Name from `tinderbox models`; for text models also `pretrained`, the network of the folder
    /// `weights`.
    pub name: String,
    /// Initial weights: a file, a name from `tinderbox models --weights`, or, for an encoder or a
    /// transformer language model, a Hugging Face model folder. Random by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// Key of the weights in a file that has several, such as `model_ema`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights_key: Option<String>,
    /// Require that all weights fit, except a head for another number of classes, which stays newly
    /// initialised. Otherwise weights that fit are loaded.
    pub strict: bool,
    /// Train the head only; the backbone is frozen, running statistics included.
    pub freeze_backbone: bool,
    /// Encoders: freeze the embeddings and this many of the lowest layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_layers: Option<usize>,
    /// Encoders: train LoRA adapters and the head only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraRecipe>,
    /// Options of the model.
    #[serde(flatten)]
    pub options: toml::Table,
}

impl Default for ModelRecipe {
    fn default() -> Self {
        Self {
            name: "simple_cnn".into(),
            weights: None,
            weights_key: None,
            strict: true,
            freeze_backbone: false,
            freeze_layers: None,
            lora: None,
            options: toml::Table::new(),
        }
    }
}

/// LoRA: a matrix `W` becomes `W + alpha / rank * A B`, where only `A` and `B`, with `rank` columns
/// and rows, are trained (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraRecipe {
    /// Rank of the factors.
    pub rank: usize,
    /// Scale: the product of the factors is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Matrices to adapt, by the end of their names; by default the query and value projections, as
    /// in the paper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
}

impl Default for LoraRecipe {
    fn default() -> Self {
        Self {
            rank: 8,
            alpha: 16.0,
            targets: None,
        }
    }
}

/// Optimizer.
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

/// Optimizer and its hyperparameters. The defaults are PyTorch's, except that momentum is on and
/// that weight decay excludes one-dimensional parameters (biases, affine parameters of norms)
/// unless `decay_all` is set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct OptimizerRecipe {
    /// Optimizer.
    pub name: OptimizerName,
    /// Base learning rate, which the schedule scales.
    pub learning_rate: f64,
    /// SGD's momentum.
    pub momentum: f64,
    /// SGD: Nesterov momentum.
    pub nesterov: bool,
    /// Weight decay of parameters with two or more dimensions.
    pub weight_decay: f64,
    /// Encoders: layer-wise learning rate decay. Each layer's rate is that of the layer above times
    /// this; 1 is the same rate everywhere.
    pub layer_decay: f64,
    /// Apply weight decay to biases and affine parameters of norms too, as PyTorch does without
    /// parameter groups.
    pub decay_all: bool,
    /// Adam's decay rates of the first and second moment.
    pub betas: [f64; 2],
    /// Adam's epsilon.
    pub eps: f64,
}

tinderbox_model::setters!(OptimizerRecipe {
    with_learning_rate => learning_rate: f64,
    with_momentum => momentum: f64,
    with_nesterov => nesterov: bool,
    with_weight_decay => weight_decay: f64,
    with_layer_decay => layer_decay: f64,
    with_decay_all => decay_all: bool,
    with_betas => betas: [f64; 2],
    with_eps => eps: f64,
});

impl OptimizerRecipe {
    /// An optimizer with this learning rate and PyTorch's defaults otherwise.
    pub fn new(name: OptimizerName, learning_rate: f64) -> Self {
        Self {
            name,
            learning_rate,
            ..Self::default()
        }
    }
}

impl Default for OptimizerRecipe {
    fn default() -> Self {
        Self {
            name: OptimizerName::Sgd,
            learning_rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.0,
            layer_decay: 1.0,
            decay_all: false,
            betas: [0.9, 0.999],
            eps: 1e-8,
        }
    }
}

/// Shape of the learning rate schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    /// The base rate.
    Constant,
    /// Multiplied by `gamma` every `step_epochs`.
    Step,
    /// Multiplied by `gamma` at each of the `milestones`.
    MultiStep,
    /// Multiplied by `gamma` after `plateau_patience` evaluations without improvement.
    Plateau,
    /// Half a cosine, from the base rate to `min_learning_rate`.
    Cosine,
    /// A straight line, from the base rate to `min_learning_rate`.
    Linear,
}

/// Learning rate schedule: a function of the step and, for a plateau, of the number of drops, which
/// a checkpoint records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScheduleRecipe {
    /// Shape.
    pub name: ScheduleName,
    /// Linear warm-up in optimizer steps, before the shape begins.
    pub warmup_steps: u64,
    /// Linear warm-up in epochs, instead of `warmup_steps`.
    pub warmup_epochs: f64,
    /// Cosine and linear: final learning rate.
    pub min_learning_rate: f64,
    /// Step: epochs between drops.
    pub step_epochs: f64,
    /// Step: epochs before the first drop (default: `step_epochs`).
    pub first_step_epochs: Option<f64>,
    /// Multi-step: epochs after which the rate drops, not counting the warm-up.
    pub milestones: Vec<f64>,
    /// Step, multi-step and plateau: factor of a drop.
    pub gamma: f64,
    /// Plateau: evaluations without a better `train.best_metric` before a drop.
    pub plateau_patience: u64,
}

tinderbox_model::setters!(ScheduleRecipe {
    with_warmup_steps => warmup_steps: u64,
    with_warmup_epochs => warmup_epochs: f64,
    with_min_learning_rate => min_learning_rate: f64,
    with_step_epochs => step_epochs: f64,
    with_first_step_epochs => first_step_epochs: Option<f64>,
    with_milestones => milestones: Vec<f64>,
    with_gamma => gamma: f64,
    with_plateau_patience => plateau_patience: u64,
});

impl ScheduleRecipe {
    /// A schedule of this shape.
    pub fn new(name: ScheduleName) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }
}

impl Default for ScheduleRecipe {
    fn default() -> Self {
        Self {
            name: ScheduleName::Constant,
            warmup_steps: 0,
            warmup_epochs: 0.0,
            min_learning_rate: 0.0,
            step_epochs: 30.0,
            first_step_epochs: None,
            milestones: Vec::new(),
            gamma: 0.1,
            plateau_patience: 1,
        }
    }
}

/// Length of a run, batches, evaluation and checkpoints.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TrainRecipe {
    /// Passes over the training data.
    pub epochs: u64,
    /// Length in optimizer steps, instead of `epochs`.
    pub max_steps: Option<u64>,
    /// Images or token sequences per batch.
    pub batch_size: usize,
    /// Batches per optimizer step, whose gradients are averaged. Former name: `accumulate`.
    pub gradient_accumulation: usize,
    /// Drop the last, incomplete batch of an epoch.
    pub drop_last: bool,
    /// Maximum global norm of the gradients.
    pub clip_norm: Option<f64>,
    /// Decay of an exponential moving average of the weights, which is then evaluated.
    pub ema_decay: Option<f64>,
    /// NT-ASGD: start averaging weights when an evaluation is worse than the best one older than
    /// this many, and evaluate the average (Merity et al. 2017,
    /// <https://arxiv.org/abs/1708.02182>). Former name: `average_after`.
    pub nt_asgd_window: Option<usize>,
    /// Recurrent models: activation regularisation (AR), this times the mean square of the last
    /// layer's outputs. Former name: `activation_decay`.
    pub ar_alpha: f64,
    /// Recurrent models: temporal activation regularisation (TAR), this times the mean square of
    /// their change from one token to the next. Former name: `slowness_decay`.
    pub tar_beta: f64,
    /// Label smoothing: share of the target that is spread evenly over all classes.
    pub label_smoothing: f64,
    /// Optimizer steps between evaluations (default: after each epoch).
    pub eval_every: Option<u64>,
    /// Optimizer steps between checkpoints (default: after each epoch).
    pub checkpoint_every: Option<u64>,
    /// Number of checkpoints to keep, besides the best one.
    pub keep_last: usize,
    /// Validation metric that decides which checkpoint is best.
    pub best_metric: String,
    /// Early stopping: evaluations without a better `best_metric` before the run ends.
    pub patience: Option<u64>,
    /// Optimizer steps between training records in `metrics.jsonl`.
    pub log_every: u64,
    /// Threads that load data ahead of the step. Batches do not depend on it.
    pub workers: usize,
    /// Number of unreadable images that may be skipped before the run stops.
    pub skip_bad: usize,
}

tinderbox_model::setters!(TrainRecipe {
    with_epochs => epochs: u64,
    with_max_steps => max_steps: Option<u64>,
    with_batch_size => batch_size: usize,
    with_gradient_accumulation => gradient_accumulation: usize,
    with_clip_norm => clip_norm: Option<f64>,
    with_ema_decay => ema_decay: Option<f64>,
    with_eval_every => eval_every: Option<u64>,
    with_checkpoint_every => checkpoint_every: Option<u64>,
    with_patience => patience: Option<u64>,
    with_keep_last => keep_last: usize,
    with_log_every => log_every: u64,
});

impl TrainRecipe {
    /// Sets `best_metric`.
    #[must_use]
    pub fn with_best_metric(mut self, name: impl Into<String>) -> Self {
        self.best_metric = name.into();
        self
    }
}

impl Default for TrainRecipe {
    fn default() -> Self {
        Self {
            epochs: 10,
            max_steps: None,
            batch_size: 64,
            gradient_accumulation: 1,
            drop_last: false,
            clip_norm: None,
            ema_decay: None,
            nt_asgd_window: None,
            ar_alpha: 0.0,
            tar_beta: 0.0,
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
