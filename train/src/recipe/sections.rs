//! Sections of a recipe, each a plain struct with its defaults.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problems::Problems;

/// One run, completely described. `D` is the `[data]` section: a table, or the section of one kind of work.
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

/// The `[data]` section of one kind of work. Its field `source` is an enum of unit variants, whose names decide the kind.
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

    /// Reports every value that is out of range: of the section, of the model, and of options that are for other kinds.
    fn check(recipe: &Recipe<Self>, problems: &mut Problems);
}

/// The network: a name from the registry, and any options of that model under their own names (`num_classes`, or
/// `vocab_size`, follows the data unless it is given).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelRecipe {
    /// A name that `tinderbox models` lists; for text to understand also `pretrained`, which is whatever network the folder
    /// `weights` holds.
    pub name: String,
    /// The weights that training begins with: a file, a name that `tinderbox models --weights` lists, or, of an encoder, a
    /// folder of Hugging Face's. Without it they are drawn at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<String>,
    /// All of these weights must fit, except that a head for another number of classes is left new; otherwise whatever
    /// fits is used.
    pub strict: bool,
    /// Only the head learns; everything before it stays as it is, running statistics too.
    pub freeze_backbone: bool,
    /// Encoders: the embeddings and so many layers above them stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freeze_layers: Option<usize>,
    /// Encoders: learn small additions to some matrices, and the head, instead of everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lora: Option<LoraRecipe>,
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
            freeze_layers: None,
            lora: None,
            options: toml::Table::new(),
        }
    }
}

/// Low-rank adaptation: a matrix `W` becomes `W + alpha / rank A B`, and `A` and `B`, with `rank` columns and rows, are
/// what is learnt (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoraRecipe {
    /// Of each addition.
    pub rank: usize,
    /// How much an addition counts: it is multiplied by `alpha / rank`.
    pub alpha: f64,
    /// Which matrices: all whose name ends so. Without it the projections of queries and values, as in the paper.
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
    /// Encoders: the rate of each layer is that of the one above times this, which spares what was learnt before; 1 is the
    /// same rate everywhere.
    pub layer_decay: f64,
    /// Decay biases and the affine parameters of norms too, as PyTorch does unless it is given groups.
    pub decay_all: bool,
    /// Adam's decay of the first and second moment.
    pub betas: [f64; 2],
    /// Adam's epsilon.
    pub eps: f64,
}

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
    /// Multiplied by `gamma` when `plateau_patience` evaluations have brought nothing better.
    Plateau,
    /// Half a cosine from the base rate to `min_learning_rate`.
    Cosine,
    /// A straight line from the base rate to `min_learning_rate`.
    Linear,
}

/// How the learning rate changes. It is a function of the step (and, for a plateau, of the number of drops, which is part
/// of a checkpoint).
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
    /// Step: epochs before the first drop, if they are not as many.
    pub first_step_epochs: Option<f64>,
    /// Multi-step: the epochs after which the rate drops, the warm-up not counted.
    pub milestones: Vec<f64>,
    /// Step, multi-step and plateau: what a drop multiplies by.
    pub gamma: f64,
    /// Plateau: evaluations without a better `train.best_metric` that bring a drop.
    pub plateau_patience: u64,
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

/// How long, how often, how many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainRecipe {
    /// Passes over the training data.
    pub epochs: u64,
    /// Stop after this many optimizer steps instead.
    pub max_steps: Option<u64>,
    /// Images, or sequences of tokens, per batch.
    pub batch_size: usize,
    /// Batches per optimizer step; their gradients are averaged.
    pub gradient_accumulation: usize,
    /// Leave out the last batch of an epoch if it is not full.
    pub drop_last: bool,
    /// Scale gradients down to this global norm.
    pub clip_norm: Option<f64>,
    /// Keep an exponential moving average of the weights with this decay, and evaluate that.
    pub ema_decay: Option<f64>,
    /// Average the weights from the evaluation on that is worse than the best of those more than so many evaluations ago,
    /// and evaluate the average (NT-ASGD; Merity et al. 2018, <https://arxiv.org/abs/1708.02182>).
    pub nt_asgd_window: Option<usize>,
    /// Recurrent models: adds this times the mean square of the last layer's outputs to the loss (AR).
    pub ar_alpha: f64,
    /// Recurrent models: adds this times the mean square of their change from one token to the next (TAR).
    pub tar_beta: f64,
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

tinderbox_model::setters!(TrainRecipe {
    with_epochs => epochs: u64,
    with_batch_size => batch_size: usize,
    with_gradient_accumulation => gradient_accumulation: usize,
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
